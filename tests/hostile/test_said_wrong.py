"""What people get wrong in a question, a plan, a model's config, a result or a log: each is one line that
says where, and never an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.measure.test_command import LLAMA
from tests.command import Command
from tests.hostile.test_inputs import code_of, is_refused

DATA = Path(__file__).parents[1] / "data"
OF = ("Qwen3-8B", "-w", "chat", "--gpu", "L40S")
LONG = "9" * 400

OPTIONS: Mapping[str, str] = {
    "--input-tokens": "2,04|1k5|1KB|512 tokens?|1e-3|0.5|100-50|512±-1|{|[5,6]|+-5|"
    "{kind: uniform, min: 9, max: 2}|{kind: empirical, values: []}|{mean: 5, mean: 6}",
    "--rate": "1e-300|1e-12/day|2,5|0,5|5/fortnight|5 per|-5/s|1e-400|5//s|5 tokens/s|1/0|0|0.0/day",
    "--concurrency": "1,5|0,8|0|2.5|8 users|max8",
    "--slo": "ttft_p95_ms=1e-12|ttft=500|ttft_p95_ms=0|ttft_p101_ms=5|ttft_p95=0.5 parsecs|=5|"
    "ttft_p95_ms=5=6|ttft_p95_ms=5,5|tps_p95=40",
    "--goodput": "ttft:-3|ttft|ttft:5 ttft:6|foo:5",
    "--price": "L40S=2,5|L40S=1e300|L40S=-0|L40S=€2|L40S==2|L40S=2/week|=2|L40S|L40S=1,|L40S=1e-300|"
    "L40S=0.0001|L40S=1,L40S=2|L40S=1,l40s=2",
    "--prefix-hit-rate": "0,5|50 percent|100%",
    "--turns": "2-|0-5|9-3|1,5",
    "--system-tokens": "1.5|nan|1,3k",
    "--gpu-memory-utilization": "1e-320|95.5.5|0|9,5",
    "--image-tokens": "-5|1,3k|1e999",
}  # fmt: skip
CHOICES: Mapping[str, str] = {
    "--max-cost-per-hour": "1e-320|0.01/month|1,5|5/fortnight|$|0/month",
    "--min-recovery": "1e-320|0.99%%|99,5%|1.5",
    "--confidence": "100%|0|5",
    "--api-price": "1e-9/1e-9|1e-300|0.2/0.6/0.3/0.1|-0.2/0.6|a/b|/|0,2/0,6",
    "--utilization": "0|140%|-1",
    "--formats": "fp8,|,fp8|fp8,,int4|fp8,zz9|any,fp8",
    "--tasks": "gsm8k,|nope",
    "--tensor-parallel-size": "1,|3|0|1,1,x",
    "--num-gpus": "0|-1|1.5",
    "--pricing": "LIVE|live,spot|1 yr",
    "--region": "eu",
    "--engine": "vllm ٠.١١.٠|vllm 0.11.0.0.0|vllm nightly|vllm 0|sglang 0.5|vllm 99.0|vllm 0.11.0; rm",
    "--gpu": "L40S,|,A100|",
    "--think-time": "5|30 s|10-60",
}
COMMANDS: tuple[tuple[str, ...], ...] = (
    *(("compare", first, "bf16@L40S", "-m", "Qwen3-8B", "-w", "chat") for first in (
        *("fp8@", "@L40S", "fp8@0xL40S", "fp8@3xL40S", "fp8@L40S*0", "fp8@L40S*99999999999", "fp8@２xL40S"),
        *(f"fp8@L40S*{'9' * 39}", "fp8+fp9kv@L40S", "fp8@99999xL40S", "fp8@L40S*٣"),
    )),
    *(("crossover", *OF, "--over", *words.split()) for words in (
        *("users", "concurrency --from 8 --to 4", "concurrency --from 0", "rate --to inf"),
        *("concurrency --from 2.5 --to 2.6", "concurrency --from 4.2 --to 4.9", "input-tokens --to 1e12"),
        *("concurrency --from 4 --to 4", "rate --from nan", "rate --from 1e-320 --to 1"),
    )),
    *(("recommend", "--params", size, "-w", "chat", "--gpu", "L40S") for size in (
        *("0B", "-8B", "8B-A9B", "8", "1e30B", "8,5B", "8BB"),
    )),
    *(("measure-next", *OF, *words.split()) for words in (
        *("--count 0", "--count 11", "-o csv", "--overwrite"),
    )),
    ("measure", "Qwen3-8B", "--dry-run"),
    ("measure", "--dry-run"),
    ("measure", "--model", "", "-w", "chat", "--dry-run"),
    ("import", "x.json", "--out", ""),
    ("fit", "--out="),
    ("crossover", *OF, "--over", "input-tokens", "--from", "1", "--to", "1"),
    ("measure", "--model", "$(touch pwned)", "-w", "chat", "--gpu", "L40S", "--dry-run"),
    ("profiles", "show", ""),
    ("profiles", "show", "../../etc/passwd"),
)  # fmt: skip
MEASURE: Mapping[str, str] = {
    "--concurrency": "²|٣|0|,|1,,8|1e9|2.5|8,",
    "--rates": ",|inf|nan|1_0|2;3|0,",
    "--formats": ",|zz|bf16,",
    "--tp": "0|-1|3|99999999|1,",
    "--gpus": ",|x|0,",
    "--tasks": ",|gsm8k;rm -rf|../../x|gsm8k,",
    "--budget": "0|-1h|2 weeks|0h0m|٣h",
    "--checkpoint": "int4=|=x|zz=x|int4=a/b|bf16=/nope",
    "--algorithm": "int4=magic|int4=awq",
    "--max-model-len": "5|99999999",
    "--revision": "; rm|-x|a b|a/../b",
    "--out": "/dev/null/x||  ",
    "--write-commands": "",
    "--prompts": "nope|.|/dev/zero",
    "--task-folder": "nope|.",
    "--address": "10.0.0.1:6379",
    "--engine-arg": "x|--port 5|--port=5|--model=foo|--tensor-parallel-size=4|--kv_cache_dtype=fp8|-tp|"
    "--enforce-eager --x",
    "--repeats": "1000000",
    "--requests": "99999999999",
    "--calibration-samples": "99999999999",
    "--calibration-length": "99999999999",
    "--seed": "999999999999",
    "--max-num-seqs": "99999999999",
    "--executor": "slurm",
    "--port": "99999999|0|x",
    "--calibration": "nope|nope.json|/dev/null|.|a/b/c|;|a;b/c|a/b:",
}
PLAN = "model: Qwen3-8B\nworkload: chat\ngpu: L40S\n"
PLANS = (
    *("concurrency: 0", "concurrency: [1, two]", "concurrency: {a: 1}", f"concurrency: {LONG}"),
    *("concurrency: true", "rates: [true]", "rates: [.inf]", "rates: []", "formats: []", "formats: 'bf16,'"),
    *("formats: null", "tasks: []", "tasks: [true]", "tasks: 'a b'", "slo_search: maybe", "slo_search: 1"),
    *("tensor_parallel: 2", "tensor_parallel: [0]", "tensor_parallel: []", "gpus: []", "engine_args: --x"),
    *("checkpoints: [a]", "checkpoints: {int4: ''}", "algorithms: {int4: magic}", "calibration: random"),
    *("calibration: {samples: 0}", "steady: 0", "max_repeats: 1\nrepeats: 5", "serve_limit_s: -5"),
    *("serve_limit_s: .inf", "seed: 1.5", "revision: 5", "revision: '; rm'", f"prompts: {'x' * 5_000}"),
    *('prompts: "a\\0"', f"task_folder: {'x' * 5_000}", f"checkpoints: {{int4: {'x' * 5_000}}}"),
)
CONFIGS: Mapping[str, object] = {
    "num_hidden_layers": (0, -3, "32", 10**400, 1.5, True, [32, 31]),
    "num_attention_heads": (33, 10**12),
    "num_key_value_heads": (64, -1),
    "vocab_size": (True, 1.5, "big"),
    "architectures": ("LlamaForCausalLM", [5]),
    "max_position_embeddings": (0, 10**400),
    "quantization_config": (5, {"quant_method": "zip"}, {"quant_method": "awq", "bits": 7}),
    "sliding_window": ("x",),
    "layer_types": (["full_attention"] * 3,),
    "text_config": ([],),
}
RUN = (
    *("--model", "Llama-3.1-8B-Instruct", "--gpu", "H100", "--format", "bf16", "--num-gpus", 1),
    *("--engine-version", "0.11.0"),
)
RESULTS: Mapping[str, tuple[object, ...]] = {
    "mean_ttft_ms": (-1, 1e12, 1e-9),
    "mean_tpot_ms": (1e12, 1e-9),
    "completed": (-5, 10**400, 0),
    "duration": (0, 1e-300, -1),
    "total_input_tokens": (0, 10**30, -1),
    "request_rate": ("fast", -2, [1], True, "1_0", "٣", float("nan")),
    "max_concurrency": ("x", True, [1]),
    "burstiness": (-1, 0, float("nan")),
    "date": ("2999-99-99", "20261301-000000", "20260230-000000"),
    "failed": (10**6,),
    "request_throughput": (1e9, -1),
}
SCORES: Mapping[str, object] = {
    "n-shot": (-5, "five", 1.5, 10**400, True),
    "n-samples": ({"original": -1, "effective": -1},),
    "results": (
        *({"exact_match,strict-match": 70}, {"exact_match,strict-match": -0.1}, 5),
        {"exact_match,strict-match": 0.7, "exact_match_stderr,strict-match": -1},
    ),
}
LOGS = (
    '{"timestamp": 1, "input_length": 1e400, "output_length": 5}\n' * 3,
    '{"timestamp": 1, "input_length": ' + "9" * 5_000 + ', "output_length": 5}\n' * 3,
    '{"timestamp": 1}\n' * 3,
    "INFO 99-99 99:99:99 x] Received request a: max_tokens=5, prompt_token_ids: [1, 2]\n" * 5,
    "INFO 02-30 10:00:00 x] Received request a: max_tokens=5, prompt_token_ids: [1, 2]\n" * 5,
    "INFO 11-24 10:00:00 x] Received request a: max_tokens=" + "9" * 5_000 + ", ignore_eos=True\n" * 5,
)


def each(table: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(key, value) for key, values in table.items() for value in (
        values.split("|") if isinstance(values, str) else values
    )]  # fmt: skip


@pytest.mark.parametrize(("option", "said"), each(OPTIONS))
def test_an_amount_that_is_none(quantadvise: Command, option: str, said: str) -> None:
    is_refused(quantadvise("predict", *OF, option, said), what=f"{option} {said}")


@pytest.mark.parametrize(("option", "said"), each(CHOICES))
def test_a_choice_that_is_none(quantadvise: Command, option: str, said: str) -> None:
    result = quantadvise("recommend", *OF, "--top", 1, option, said)
    is_refused(result, what=f"{option} {said}", code=code_of(option, said))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_that_asks_nothing_possible(
    quantadvise: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    is_refused(quantadvise(*words), what=" ".join(words))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("option", "said"), each(MEASURE))
def test_a_dry_run_refuses_what_no_run_could_do(
    quantadvise: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ("measure", "--model", "Qwen3-8B", "-w", "chat", "--gpu", "L40S", "--dry-run", option, said)
    code = 2 if option == "--port" else 1
    is_refused(quantadvise(*asked), what=f"{option} {said}", code=code)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "name", "content"),
    [
        ("--prompts", "p.json", "[]"),
        ("--prompts", "p.json", "{"),
        ("--prompts", "p.json", '[{"conversations": 5}]'),
        ("--prompts", "p.jsonl", "nonsense"),
        ("--prompts", "p.jsonl", '{"prompt": 5}'),
        ("--prompts", "p.jsonl", "[1]"),
        ("--calibration", "c.jsonl", '{"foo": 1}'),
        ("--calibration", "c.jsonl", '{"text": ""}'),
    ],
)
def test_a_dry_run_refuses_a_file_that_no_run_could_use(
    quantadvise: Command, tmp_path: Path, option: str, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    asked = ("measure", "--model", "Qwen3-8B", "-w", "chat", "--gpu", "L40S", "--dry-run", option, path)
    is_refused(quantadvise(*asked), what=f"{option} {content}")


@pytest.mark.parametrize("option", ["--checkpoint", "--algorithm"])
def test_a_format_has_one_checkpoint_and_one_algorithm(quantadvise: Command, option: str) -> None:
    twice = (option, "int4=awq", option, "int4=gptq")
    asked = ("measure", "--model", "Qwen3-8B", "-w", "chat", "--gpu", "L40S", "--formats", "int4", *twice)
    is_refused(quantadvise(*asked, "--dry-run"), what=option)


@pytest.mark.parametrize("line", PLANS)
def test_a_plan_that_is_none(quantadvise: Command, tmp_path: Path, line: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(f"{PLAN}{line}\n", encoding="utf-8")
    is_refused(quantadvise("measure", path, "--dry-run"), what=line[:80])


@pytest.mark.parametrize(("key", "value"), each(CONFIGS))
def test_a_config_that_no_model_has(quantadvise: Command, tmp_path: Path, key: str, value: object) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**LLAMA, key: value}), encoding="utf-8")
    is_refused(
        quantadvise("recommend", tmp_path, "-w", "chat", "--gpu", "L40S", "--top", 1), what=f"{key} {value!r}"
    )


@pytest.mark.parametrize("version", ["-1", "999", "٣.1", "0.11.0; rm"])
def test_a_release_that_vllm_has_not(quantadvise: Command, tmp_path: Path, version: str) -> None:
    out = tmp_path / "out.csv"
    asked = ("import", DATA / "vllm_bench" / "rate.json", *RUN[:-1], version, "--out", out)
    is_refused(quantadvise(*asked), what=version)
    assert not out.exists()


def test_what_the_tables_spoil_is_answered_as_it_stands(quantadvise: Command, tmp_path: Path) -> None:
    """Else they would be refused for something else."""
    plan, config, log = tmp_path / "plan.yaml", tmp_path / "config.json", tmp_path / "log.jsonl"
    plan.write_text(PLAN, encoding="utf-8")
    config.write_text(json.dumps(LLAMA), encoding="utf-8")
    rows = [{"timestamp": second, "input_length": 9, "output_length": 5} for second in (1, 2, 3)]
    log.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    result = DATA / "vllm_bench" / "rate.json"
    for asked in (
        ("predict", *OF),
        ("recommend", *OF, "--top", 1),
        ("measure", plan, "--dry-run"),
        ("recommend", tmp_path, "-w", "chat", "--gpu", "L40S", "--top", 1),
        ("import", result, *RUN, "--out", tmp_path / "out.csv"),
        ("profiles", "from-trace", log),
    ):
        answer = quantadvise(*asked)
        assert answer.code == 0, f"{asked}: {answer.err}"


@pytest.mark.parametrize(("key", "value"), each(RESULTS))
def test_a_result_that_no_run_has(quantadvise: Command, tmp_path: Path, key: str, value: object) -> None:
    result = json.loads((DATA / "vllm_bench" / "rate.json").read_text(encoding="utf-8"))
    path, out = tmp_path / "result.json", tmp_path / "out.csv"
    path.write_text(json.dumps({**result, key: value}), encoding="utf-8")
    is_refused(quantadvise("import", path, *RUN, "--out", out), what=f"{key} {value!r:.40}")
    assert not out.exists()


@pytest.mark.parametrize(("key", "value"), each(SCORES))
def test_a_score_that_no_task_has(quantadvise: Command, tmp_path: Path, key: str, value: object) -> None:
    scores: dict[str, Any] = {
        "results": {"gsm8k": {"exact_match,strict-match": 0.7}},
        "versions": {"gsm8k": 3.0},
        "n-shot": {"gsm8k": 5},
        "n-samples": {"gsm8k": {"original": 1319, "effective": 1319}},
        "config": {"model": "hf", "model_args": "pretrained=Qwen/Qwen3-8B"},
    }
    scores[key] = {"gsm8k": value}
    path, out = tmp_path / "scores.json", tmp_path / "out.csv"
    path.write_text(json.dumps(scores), encoding="utf-8")
    asked = ("import", path, "--model", "Qwen3-8B", "--format", "bf16", "--out", out)
    is_refused(quantadvise(*asked), what=f"{key} {value!r:.40}")
    assert not out.exists()


@pytest.mark.parametrize("text", LOGS, ids=range(len(LOGS)))
def test_a_log_that_no_server_wrote(quantadvise: Command, tmp_path: Path, text: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(text, encoding="utf-8")
    is_refused(quantadvise("profiles", "from-trace", path), what=text[:80])
