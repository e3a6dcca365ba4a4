"""Bad input, one by one: one line on stderr (where: what; remedy), an exit code, never a traceback."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import Command, Result

RECOMMEND = (
    "recommend",
    "Llama-3.1-8B-Instruct",
    "--gpu",
    "A100",
    "--input-tokens",
    512,
    "--output-tokens",
    256,
)
PREDICT = ("predict", "Llama-3.1-8B-Instruct", "--gpu", "A100", "--input-tokens", 512, "--output-tokens", 256)


def refused(result: Result, *words: str, code: int = 1) -> str:
    """The one line that a failure ended in; it names each of `words`."""
    lines = result.err.strip().splitlines()
    assert result.code == code, result.err
    assert len(lines) == 1, result.err
    assert lines[0].startswith("quantadvise: ")
    for word in words:
        assert word in lines[0]
    return lines[0]


# Names


def test_an_unknown_model_gets_the_nearest_known(quantadvise: Command) -> None:
    refused(quantadvise("recommend", "Llama-3.1-8B-Instruc", "-w", "chat"), "Llama-3.1-8B-Instruct")


def test_an_unknown_gpu_gets_the_nearest_known(quantadvise: Command) -> None:
    refused(quantadvise(*RECOMMEND, "--gpu", "H1000"), "unknown GPU 'H1000'", "did you mean", "H100")


def test_an_unknown_format_gets_the_nearest_known(quantadvise: Command) -> None:
    refused(quantadvise(*RECOMMEND, "--formats", "int44"), "unknown format 'int44'", "int4")


def test_an_output_taken_for_a_format_is_pointed_out(quantadvise: Command) -> None:
    refused(quantadvise(*RECOMMEND, "--formats", "json"), "say --output json")


def test_an_unknown_workload_gets_the_nearest_known(quantadvise: Command) -> None:
    refused(quantadvise("recommend", "Qwen3-8B", "-w", "chta"), "unknown workload 'chta'", "chat")


def test_no_model_at_all(quantadvise: Command) -> None:
    refused(quantadvise("recommend", "-w", "chat"), "none named", "--params 8B")


def test_a_model_named_twice(quantadvise: Command) -> None:
    refused(quantadvise("recommend", "Qwen3-8B", "--params", "8B", "-w", "chat"), "more than once")


def test_half_a_workload(quantadvise: Command) -> None:
    refused(quantadvise("recommend", "Qwen3-8B", "--input-tokens", 512), "--workload chat", "--output-tokens")


def test_no_gpu_to_predict_for(quantadvise: Command) -> None:
    refused(quantadvise("predict", "Qwen3-8B", "-w", "chat"), "--gpu")


def test_an_unknown_engine(quantadvise: Command) -> None:
    refused(quantadvise(*RECOMMEND, "--engine", "tgi 3.0"), "unknown engine")


def test_a_vllm_too_old_for_a_format(quantadvise: Command) -> None:
    said = (*PREDICT, "--format", "nvfp4", "--engine", "vllm 0.9.0")
    refused(
        quantadvise(*said), "vllm 0.9.0 is too old for it", "vLLM 0.9.1 runs it", "--ignore-engine-version"
    )
    assert quantadvise(*said, "--ignore-engine-version").code == 0
    assert quantadvise(*PREDICT, "--format", "nvfp4", "--engine", "vllm 0.9.1").code == 0


def test_a_vllm_too_old_for_a_model(quantadvise: Command) -> None:
    said = ("predict", "gpt-oss-20b", "-w", "chat", "--gpu", "H100", "--format", "mxfp4")
    old = (*said, "--engine", "vllm 0.10.0")
    refused(quantadvise(*old), "gpt-oss-20b: vllm 0.10.0 is too old for it", "vLLM 0.10.1 runs it")
    assert quantadvise(*old, "--ignore-engine-version").code == 0
    assert quantadvise(*said, "--engine", "vllm 0.10.1").code == 0
    nothing = quantadvise("recommend", "gpt-oss-20b", "-w", "chat", "--gpu", "H100", "--engine", "vllm 0.9.2")
    assert nothing.code == 3
    assert "that this vLLM is too old for: vLLM >= 0.10.1 for gpt-oss-20b" in nothing.out


def test_a_vllm_too_new_for_a_gpu_is_named_with_the_newest_that_starts(quantadvise: Command) -> None:
    asked = ("recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--gpu", "V100")
    new = quantadvise(*asked)
    refused(
        new,
        "2 deployments that this vLLM is too new for, since its published builds need capability 7.5",
        "--engine 'vllm 0.19.0' takes them, 6 that no vLLM known here starts",
        code=3,
    )
    assert "too old" not in new.out
    assert "--ignore-engine-version" not in new.out
    assert quantadvise(*asked, "--engine", "vllm 0.19.0").code == 0


def test_a_model_that_refuses_the_gpus_type_is_no_missing_kernel(quantadvise: Command) -> None:
    nothing = quantadvise("recommend", "gemma-3-4b-it", "-w", "chat", "--gpu", "T4")
    refused(nothing, "vLLM refuses gemma3 models in float16 and the GPU has no bfloat16", code=3)
    assert "without a kernel" not in nothing.out


def test_nothing_is_written_for_a_vllm_that_is_too_old(quantadvise: Command, tmp_path: Path) -> None:
    said = ("recommend", "gpt-oss-20b", "-w", "chat", "--gpu", "H100", "--engine", "vllm 0.9.2")
    assert quantadvise(*said, "--write", tmp_path / "run").code == 3
    assert not (tmp_path / "run").exists()


def test_cells_of_a_vllm_too_old_say_so(quantadvise: Command, tmp_path: Path) -> None:
    cells = tmp_path / "cells.csv"
    cells.write_text(
        "model,gpu,num_gpus,format,input_tokens,output_tokens,concurrency,engine\n"
        "Llama-3.1-8B-Instruct,B200,1,nvfp4,512,256,8,vllm 0.7.3\n"
        "Llama-3.1-8B-Instruct,B200,1,nvfp4,512,256,8,vllm 0.9.1\n"
        "gpt-oss-20b,H100,1,mxfp4,512,256,8,vllm 0.10.0\n",
        encoding="utf-8",
    )
    old, new, model = csv.DictReader(quantadvise("predict", "--cells", cells, "-o", "csv").out.splitlines())
    assert (old["e2e_mean_ms"], model["e2e_mean_ms"], new["why"]) == ("", "", "")
    assert float(new["e2e_mean_ms"]) > 0
    assert "nvfp4 on B200: vllm 0.7.3 is too old for it" in old["why"]
    assert "runs it" in old["why"]
    assert "vLLM 0.10.1 runs it" in model["why"]
    every = quantadvise("predict", "--cells", cells, "--ignore-engine-version", "-o", "csv").out
    assert all(row["e2e_mean_ms"] and not row["why"] for row in csv.DictReader(every.splitlines()))


def test_cells_without_an_answer_are_counted_and_the_first_is_named(
    quantadvise: Command, tmp_path: Path
) -> None:
    cells = tmp_path / "cells.csv"
    head = "model,gpu,num_gpus,format,input_tokens,output_tokens,concurrency"
    good, bad = (f"Llama-3.1-8B-Instruct,L40S,1,{name},512,256,8" for name in ("fp8", "fp88"))
    cells.write_text("\n".join([head, good, "", bad, bad]) + "\n", encoding="utf-8")
    result = quantadvise("predict", "--cells", cells, "-o", "csv")
    refused(
        result,
        "cells.csv: 2 of 3 rows have no answer; the first is line 4: unknown format 'fp88'",
        code=0,
    )
    assert len(result.out.splitlines()) == 4


@pytest.mark.parametrize(
    "asked",
    [
        ("recommend", "Llama-3.1-8B-Instruct", "--gpu", "L40S"),
        ("predict", "Llama-3.1-8B-Instruct", "--gpu", "L40S"),
        ("crossover", "Llama-3.1-8B-Instruct", "--gpu", "L40S"),
        ("compare", "fp8@L40S", "bf16@L40S", "--model", "Llama-3.1-8B-Instruct"),
    ],
)
def test_a_price_of_a_gpu_that_is_not_asked_about_is_named(
    quantadvise: Command, asked: tuple[str, ...]
) -> None:
    idle = quantadvise(*asked, "-w", "chat", "--price", "L40=1", "--price", "L40S=1")
    refused(idle, "--price: L40 is not asked about (--gpu is L40S); that price changes nothing", code=0)


def test_every_price_is_asked_about_where_any_gpu_is(quantadvise: Command) -> None:
    of_any = quantadvise(
        "recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--gpu", "any", "--price", "L40=1"
    )
    assert (of_any.code, of_any.err) == (0, "")


def test_a_folder_without_a_config_is_said_to_be_one(
    quantadvise: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "emptydir").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("emptydir", "./emptydir", tmp_path / "emptydir"):
        refused(
            quantadvise("recommend", name, "-w", "chat"), "emptydir/config.json: no such file, so the folder"
        )


def test_formats_of_a_later_vllm_are_refused_with_its_release(quantadvise: Command) -> None:
    asked = (*RECOMMEND, "--engine", "vllm 0.6.0", "--formats", "bf16,fp8,int8,nvfp4", "--explain")
    refused_part = quantadvise(*asked).out.partition("\nRefused\n")[2]
    assert "that this vLLM is too old for" in refused_part
    assert "for nvfp4" in refused_part
    assert "--ignore-engine-version takes them" in refused_part


def test_an_unknown_kv_cache_type(quantadvise: Command) -> None:
    refused(quantadvise(*RECOMMEND, "--kv-cache-dtype", "int3"), "known: auto", "fp8, any")


def test_an_unknown_objective(quantadvise: Command) -> None:
    refused(quantadvise(*RECOMMEND, "--objective", "costs"), "costs", "cost")


def test_an_unknown_price_list(quantadvise: Command) -> None:
    refused(quantadvise(*RECOMMEND, "--price-list", "paper-2042"), "paper-2024-10")


def test_an_unknown_price_term(quantadvise: Command) -> None:
    refused(quantadvise(*RECOMMEND, "--pricing", "monthly"), "unknown price term", "on-demand")


# Numbers


@pytest.mark.parametrize("value", ["0", "-5", "nan", "inf", "1e30", "abc", ""])
@pytest.mark.parametrize("option", ["--input-tokens", "--output-tokens", "--concurrency"])
def test_counts_that_are_none(quantadvise: Command, option: str, value: str) -> None:
    refused(quantadvise(*RECOMMEND, option, value), option)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e300"])
@pytest.mark.parametrize("option", ["--rate", "--max-cost-per-hour", "--min-recovery"])
def test_amounts_that_are_none(quantadvise: Command, option: str, value: str) -> None:
    refused(quantadvise(*RECOMMEND, option, value))


@pytest.mark.parametrize("value", ["0", "-1", "1000000000000"])
@pytest.mark.parametrize("option", ["--max-gpus", "--num-gpus", "--tensor-parallel-size", "--max-num-seqs"])
def test_counts_of_gpus_and_sequences_that_are_none(quantadvise: Command, option: str, value: str) -> None:
    refused(quantadvise(*RECOMMEND, option, value))


@pytest.mark.parametrize("value", ["0", "-0.5", "1.5", "nan"])
def test_shares_of_memory_that_are_none(quantadvise: Command, value: str) -> None:
    refused(quantadvise(*RECOMMEND, "--gpu-memory-utilization", value), "--gpu-memory-utilization")


@pytest.mark.parametrize(
    "text", ["H100", "H100=", "H100=0", "H100=-1", "H100=nan", "H100=abc", "=2", "H100=1e9"]
)
def test_prices_that_are_none(quantadvise: Command, text: str) -> None:
    refused(
        quantadvise(*RECOMMEND, "--price", text), f"price '{text}'", "; write" if "H100=a" in text else ""
    )


@pytest.mark.parametrize(
    "text", ["ttft=500", "ttft_p95_ms", "ttft_p95_ms=abc", "ttft_p95_ms=-1", "ttft_p950_ms=3"]
)
def test_limits_that_are_none(quantadvise: Command, text: str) -> None:
    refused(quantadvise(*RECOMMEND, "--rate", "1", "--slo", text))


@pytest.mark.parametrize("text", ["ttft", "ttft:abc", "speed:5", "ttft:0"])
def test_goodput_that_is_none(quantadvise: Command, text: str) -> None:
    refused(quantadvise(*RECOMMEND, "--rate", "1", "--goodput", text))


@pytest.mark.parametrize("size", ["0", "-8B", "nan", "8X", "9999999B", ""])
def test_sizes_that_are_none(quantadvise: Command, size: str) -> None:
    refused(quantadvise("recommend", "--params", size, "-w", "chat"))


@pytest.mark.parametrize("value", ["0", "-3"])
def test_numbers_of_rows_that_are_none(quantadvise: Command, value: str) -> None:
    refused(quantadvise(*RECOMMEND, "--top", value), "--top")


def test_tensor_parallelism_that_is_no_number(quantadvise: Command) -> None:
    refused(quantadvise(*RECOMMEND, "--tp", "two"), "1,2,4")


def test_loads_that_contradict_each_other(quantadvise: Command) -> None:
    refused(quantadvise(*RECOMMEND, "--rate", "1", "--concurrency", "4"), "contradict")


def test_a_latency_limit_on_a_queue_of_all_requests(quantadvise: Command) -> None:
    refused(quantadvise(*RECOMMEND, "--concurrency", "max", "--slo", "ttft_p95_ms=500"))


# What cannot be


def test_a_request_longer_than_the_models_context(quantadvise: Command) -> None:
    result = quantadvise(
        "recommend", "Llama-3.1-8B-Instruct", "--input-tokens", 131_072, "--output-tokens", 1
    )
    refused(result, "131,072 input + 1 output", "longer than the 131,072 tokens")


def test_a_model_that_fits_nowhere_names_the_smallest_set_up_that_holds_it(quantadvise: Command) -> None:
    result = quantadvise(
        "recommend", "Llama-3.1-405B-Instruct", "--gpu", "RTX4090", "--max-gpus", 1, "--input-tokens", 512,
        "--output-tokens", 128,
    )  # fmt: skip
    line = refused(result, "fits none", "the smallest that would hold it", "RTX4090", code=3)
    assert "16× RTX4090" in line


def test_limits_that_nothing_keeps_name_the_closest_and_by_how_much(quantadvise: Command) -> None:
    result = quantadvise(*RECOMMEND, "--single", "--slo", "e2e_mean_ms=1")
    refused(result, "nothing keeps the limits", "closest is", "E2E mean <= 1 ms", "-fold", code=3)
    assert "Nothing keeps all limits with 80 %" in result.out


def test_nothing_kept_is_still_an_answer_for_programs(quantadvise: Command) -> None:
    result = quantadvise(*RECOMMEND, "--single", "--slo", "e2e_mean_ms=1", "--output", "json")
    assert result.code == 3
    document = json.loads(result.out)
    assert document["ranked"] == []
    assert document["refused_by_reason"][0]["kind"] == "latency"


def test_a_gpu_that_was_named_is_ranked_without_a_price(quantadvise: Command) -> None:
    result = quantadvise("recommend", "Qwen3-8B", "--gpu", "H800", "--input-tokens", 9, "--output-tokens", 9)
    assert (result.code, "price unknown" in result.out) == (0, True)


def test_a_format_that_the_gpu_cannot_run(quantadvise: Command) -> None:
    refused(quantadvise(*PREDICT, "--format", "w4a8-fp8"), "need capability 9.0", "this GPU runs")


def test_many_kv_types_are_no_one_deployment(quantadvise: Command) -> None:
    refused(quantadvise(*PREDICT, "--kv-cache-dtype", "any"), "auto or fp8")


def test_no_network_is_said(quantadvise: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    refused(quantadvise("recommend", "nobody/a-model-that-is-nowhere", "-w", "chat"), "unknown model")


# Files

YAML = {
    "empty": ("", "empty"),
    "a list": ("- 1\n- 2\n", "found a list"),
    "damaged": ("input_tokens: [1, 2\n", "not readable as YAML"),
    "binary": ("\x00\x01", "control characters"),
    "an unknown key": (
        "input_tokens: 5\noutput_tokens: 5\nload: single\nslo: {ttft_p95: 3}\n",
        "ttft_p95_ms",
    ),
    "a negative length": ("input_tokens: -5\noutput_tokens: 5\nload: single\n", "input_tokens"),
    "a length that is NaN": ("input_tokens: .nan\noutput_tokens: 5\nload: single\n", "input_tokens"),
    "a key twice": ("input_tokens: 5\ninput_tokens: 6\noutput_tokens: 5\nload: single\n", "appears twice"),
}


@pytest.mark.parametrize("kind", YAML)
def test_damaged_profiles(quantadvise: Command, tmp_path: Path, kind: str) -> None:
    text, word = YAML[kind]
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    refused(quantadvise("recommend", "Qwen3-8B", "-w", path), "mine.yaml", word)


def test_a_profile_that_is_not_there(quantadvise: Command) -> None:
    refused(quantadvise("recommend", "Qwen3-8B", "-w", "./nowhere.yaml"), "no such file")


CONFIGS = {
    "empty": ("", "empty"),
    "damaged": ("{", "not JSON"),
    "a list": ("[1]", "holds no keys"),
    "an unknown architecture": ('{"architectures": ["FancyForCausalLM"], "model_type": "fancy"}', "fancy"),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_damaged_configs(quantadvise: Command, tmp_path: Path, kind: str) -> None:
    text, word = CONFIGS[kind]
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    line = refused(quantadvise("recommend", tmp_path, "-w", "chat"))
    assert word.lower() in line.lower()


def test_a_folder_without_a_config(quantadvise: Command, tmp_path: Path) -> None:
    refused(quantadvise("recommend", tmp_path, "-w", "chat"), "config.json")


HEAD = "model,gpu,num_gpus,format,input_tokens,output_tokens,concurrency\n"
CELLS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is empty"),
    "no rows": (HEAD, "no rows"),
    "a column missing": ("model,gpu\na,b\n", "column 'num_gpus' is missing"),
    "a column misspelt": (HEAD.replace("concurrency", "concurency"), "is 'concurency' meant?"),
    "a column twice": (HEAD.strip() + ",gpu\n", "appears twice"),
    "a row too short": (HEAD + "a,b\n", ":2: 2 cells"),
    "a quote left open": (HEAD + 'a,"b,1,bf16,1,1,1\n', "damaged CSV"),
    "binary": (b"\xff\xfe\x00\x01", "not a text file"),
    "a zero byte": (HEAD + "a\0,b,1,bf16,1,1,1\n", "zero byte"),
}


@pytest.mark.parametrize("kind", CELLS)
def test_damaged_tables_of_cells(quantadvise: Command, tmp_path: Path, kind: str) -> None:
    content, word = CELLS[kind]
    path = tmp_path / "cells.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(quantadvise("predict", "--cells", path, "--output", "csv"), "cells.csv", word)


def test_a_table_of_cells_that_is_not_there(quantadvise: Command, tmp_path: Path) -> None:
    refused(quantadvise("predict", "--cells", tmp_path / "no.csv"), "no such file")


def test_a_folder_in_place_of_a_table(quantadvise: Command, tmp_path: Path) -> None:
    refused(quantadvise("predict", "--cells", tmp_path), str(tmp_path))


def test_cells_beside_a_single_question(quantadvise: Command, tmp_path: Path) -> None:
    refused(quantadvise("predict", "Qwen3-8B", "--cells", tmp_path / "a.csv"), "leave out the other options")


def test_gpus_of_ones_own_are_checked(quantadvise: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: Mine\nmemory_gib: -5\n")
    refused(quantadvise(*RECOMMEND, "--gpu", path), "mine.yaml")


def test_measurements_that_are_not_there(quantadvise: Command, tmp_path: Path) -> None:
    refused(quantadvise("check", tmp_path / "none"), "no such file or folder")


def test_a_file_name_with_a_line_break_stays_one_line(quantadvise: Command) -> None:
    refused(quantadvise("recommend", "Qwen3-8B", "-w", "./no\nwhere.yaml"))


# Usage


@pytest.mark.parametrize(
    "arguments",
    [
        ("recommend", "--nonsense"),
        ("recommendd",),
        ("recommend", "Qwen3-8B", "-w", "chat", "--max-gpus", "many"),
        ("recommend", "Qwen3-8B", "-w", "chat", "--output", "xml"),
        ("profiles", "show"),
    ],
)
def test_wrong_usage_ends_with_two(quantadvise: Command, arguments: tuple[str, ...]) -> None:
    result = quantadvise(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert "Traceback" not in result.err


# The edges of a process


def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "advisor", *arguments],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,  # type: ignore[call-overload]
    )


def test_a_reader_that_leaves_early_is_no_failure() -> None:
    process = start("gpus", "--output", "json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.wait(timeout=60)
    assert process.stderr.read() == ""
    process.stderr.close()


def test_the_module_is_the_command() -> None:
    process = start("--version")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.startswith("quantadvise ")


def test_a_choice_that_is_none_names_the_choices_in_our_words(quantadvise: Command) -> None:
    result = quantadvise("fit", "--only", "foo")
    assert result.code == 2
    said = "Error: Invalid value for '--only': 'foo' is not one of 'speed', 'accuracy'."
    assert result.err.splitlines()[-1] == said


# What the message has to name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--max-cost-per-hour", "5/year"), ("--max-cost-per-hour 5/year", "0.000571 USD per hour")),
        (("--price", "H100=2,5"), ("price '5'", "a comma stands between two prices", "H100=2.5")),
    ],
)
def test_a_refused_amount_is_named_as_it_was_typed(
    quantadvise: Command, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(quantadvise(*RECOMMEND, *arguments), *words)


def test_a_prediction_is_of_one_gpu(quantadvise: Command) -> None:
    refused(quantadvise(*PREDICT[:3], "H100,L40S", "-w", "chat"), "--gpu: 'H100,L40S'", "recommend")


def test_a_folder_without_measurements_is_refused(quantadvise: Command, tmp_path: Path) -> None:
    refused(quantadvise(*RECOMMEND, "--records", tmp_path), str(tmp_path), "no measurement file")


def test_what_is_assumed_is_said_beside_an_answer_and_not_beside_an_error(quantadvise: Command) -> None:
    asked = ("recommend", "Llama-3.1-8B-Instruct", "--gpu")
    assert "assumed is chat" in quantadvise(*asked, "A100").err
    refused(quantadvise(*asked, "nonsense"), "unknown GPU 'nonsense'")


def test_a_file_is_written_into_a_folder_that_is_there(quantadvise: Command, tmp_path: Path) -> None:
    log = Path("docs/data/requests.csv")
    there = tmp_path / "none" / "traffic.yaml"
    refused(quantadvise("profiles", "from-trace", log, "--out", there), "--out", "no such folder")
    assert not there.parent.exists()


def test_too_little_memory_is_explained_once(quantadvise: Command) -> None:
    result = quantadvise(*PREDICT[:1], "Llama-3.1-405B-Instruct", *PREDICT[2:], "--format", "bf16")
    line = refused(result, "too little memory", "--tp", code=3)
    assert "weights 8" in result.out.replace("\n", " ")
    assert "weights" not in line


def test_a_term_without_prices_is_named(quantadvise: Command) -> None:
    said = quantadvise(
        "recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--pricing", "1yr", "--gpu", "H100,L40S"
    )
    text = " ".join(said.out.split())
    assert "for want of a 1yr price" in text
    assert "no 1yr price of H100-SXM, L40S is known" in text


def test_a_cache_smaller_than_what_is_estimated_beside_it_gets_a_note(quantadvise: Command) -> None:
    asked = ("recommend", "Qwen3-30B-A3B", "--users", 32, "--slo", "tpot_p95_ms=80", "--formats", "nvfp4")
    lengths = ("--input-tokens", 512, "--output-tokens", 256)
    tight = " ".join(quantadvise(*asked, *lengths, "--gpu", "L4", "--num-gpus", 1).out.split())
    assert "the KV cache is what estimates leave" in tight
    assert "the KV cache is what" not in quantadvise(*asked, *lengths, "--gpu", "H100", "--num-gpus", 1).out


def test_cells_fit_the_terminal_and_name_what_is_left_out(quantadvise: Command, tmp_path: Path) -> None:
    cells = tmp_path / "cells.csv"
    cells.write_text(
        "model,gpu,num_gpus,format,input_tokens,output_tokens,concurrency\n"
        "Llama-3.1-8B-Instruct,H100,1,fp8,512,256,8\n",
        encoding="utf-8",
    )
    shown = quantadvise("predict", "--cells", cells, columns=130).out
    assert max(map(len, shown.splitlines())) <= 130
    assert "tpot_mean_ms" in shown
    assert "--output csv has every column" in shown


def test_slow_kernels_are_named_where_reading_the_weights_is_not_what_takes_the_time(
    quantadvise: Command,
) -> None:
    asked = ("--gpu", "H200", "-w", "chat", "--users")
    mixture = quantadvise("predict", "gpt-oss-120b", *asked, 512, columns=400).out
    assert "reading all weights at that rate 14.4 ms: their kernels are what is slow" in mixture
    assert "their kernels" not in quantadvise("predict", "Llama-3.1-8B-Instruct", *asked, 32, columns=400).out
