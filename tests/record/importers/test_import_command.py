"""`quantadvise import`: rows at the end of a file, the same result never twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from advisor.cli.app import app_for
from advisor.errors import InputError
from advisor.record.store import read_quality, read_speed
from tests.record.importing import DATA, VLLM

FACTS = ("--model", "Llama-3.2-1B-Instruct", "--format", "int4", "--gpu", "A100", "--num-gpus", "1")
VERSION = ("--engine-version", "0.32.0")
LM_EVAL = DATA / "lm_eval" / "results_full.json"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app_for("import"), ["import", *map(str, arguments)])


def error_of(*arguments: object) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


def test_rows_are_written_once(tmp_path: Path) -> None:
    out = tmp_path / "measurements.csv"
    first = run(VLLM / "concurrency.json", *FACTS, *VERSION, "--out", out)
    assert first.exit_code == 0, first.output
    rows = read_speed(out)
    assert len(rows) == 19
    assert f"{out}: 19 rows added\n" in first.stdout
    again = run(VLLM / "concurrency.json", *FACTS, *VERSION, "--out", out)
    assert f"{out}: 0 rows added, 19 were there already\n" in again.stdout
    assert read_speed(out) == rows


def test_the_same_file_under_another_name_is_the_same(tmp_path: Path) -> None:
    out = tmp_path / "measurements.csv"
    copy = tmp_path / "copy.json"
    shutil.copy(VLLM / "rate.json", copy)
    run(VLLM / "rate.json", *FACTS, *VERSION, "--out", out)
    before = out.read_bytes()
    assert "0 rows added" in run(copy, *FACTS, *VERSION, "--out", out).stdout
    assert out.read_bytes() == before


def test_the_same_file_as_another_deployment_is_a_mistake(tmp_path: Path) -> None:
    out = tmp_path / "measurements.csv"
    run(VLLM / "concurrency.json", *FACTS, *VERSION, "--out", out)
    text = error_of(VLLM / "concurrency.json", *FACTS, *VERSION, "--gpu", "T4", "--out", out)
    assert "is already stored with gpu A100-SXM-80GB, now it is T4" in text


def test_several_files_go_into_one(tmp_path: Path) -> None:
    out = tmp_path / "measurements.csv"
    run(VLLM / "concurrency.json", VLLM / "rate.json", VLLM / "burst.json", *FACTS, *VERSION, "--out", out)
    assert {row.load for row in read_speed(out)} == {"concurrency", "rate", "batch"}


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "measurements.csv"
    result = run(VLLM / "concurrency.json", *FACTS, *VERSION, "--out", out, "--dry-run")
    assert result.exit_code == 0
    assert (
        "Llama-3.2-1B-Instruct int4 1x A100-SXM-80GB, concurrency 2, 64.2/16 tokens: ttft_ms mean 31.2138"
        in result.stdout
    )
    assert "19 rows; nothing written" in result.stderr
    assert not out.exists()


def test_refused_runs_are_named_and_the_others_kept(tmp_path: Path) -> None:
    out = tmp_path / "measurements.csv"
    result = run(VLLM / "overload.json", VLLM / "rate.json", *FACTS, *VERSION, "--out", out)
    assert result.exit_code == 0
    assert "overload.json: saturated" in result.stderr
    assert {row.load_value for row in read_speed(out)} == {10}


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    text = error_of(VLLM / "overload.json", *FACTS, *VERSION, "--out", tmp_path / "m.csv")
    assert text == "nothing imported: every run was refused"


def test_an_unknown_engine_version_may_be_said_so(tmp_path: Path) -> None:
    out = tmp_path / "m.csv"
    run(VLLM / "concurrency.json", *FACTS, "--engine-version", "unknown", "--out", out)
    assert {row.engine_version for row in read_speed(out)} == {None}


def test_accuracy_takes_its_baseline_from_the_unquantized_run(tmp_path: Path) -> None:
    """The same protocol, so 16 bits and int4 compare; here from the same scores."""
    out = tmp_path / "quality.csv"
    model = ("--model", "Llama-3.2-1B-Instruct")
    run(LM_EVAL, *model, "--format", "bf16", "--out", out)
    other = tmp_path / "int4.json"
    other.write_text(LM_EVAL.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    run(other, *model, "--format", "int4", "--algorithm", "gptq", "--out", out)
    rows = read_quality(out)
    assert [row.format for row in rows] == ["bf16", "bf16", "int4", "int4"]
    assert all(row.recovery == 1.0 for row in rows)


def test_speed_and_accuracy_together_need_a_folder(tmp_path: Path) -> None:
    both = (LM_EVAL, VLLM / "rate.json", *FACTS, *VERSION, "--algorithm", "gptq", "--out")
    assert "name a folder" in error_of(*both, tmp_path / "m.csv")
    result = run(*both, tmp_path / "mine")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "mine").glob("*.csv")) == ["quality.csv", "speed.csv"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--rate", "2", "--concurrency", "3"), "a run has one load"),
        (("--rate", "0"), "must be above 0"),
        (("--kv-cache-dtype", "fp9"), "unknown KV cache format"),
        (("--gpu", "H1000X"), "unknown GPU"),
        (("--format", "fp7"), "unknown format"),
    ],
)
def test_wrong_flags(tmp_path: Path, flags: tuple[str, ...], message: str) -> None:
    text = error_of(VLLM / "rate.json", *FACTS, *VERSION, *flags, "--out", tmp_path / "m.csv")
    assert message in text
    assert "\n" not in text


def test_settings_of_the_server_are_kept_with_the_rows(tmp_path: Path) -> None:
    from advisor.spec.engines.settings_from_conditions import stated_settings

    out = tmp_path / "measurements.csv"
    words = "--max-num-seqs 64 --enforce-eager --no-async-scheduling"
    done = run(VLLM / "concurrency.json", *FACTS, *VERSION, "--engine-args", words, "--out", out)
    assert done.exit_code == 0, done.output
    for row in read_speed(out):
        assert stated_settings(row.conditions) == {
            "max_num_seqs": 64, "enforce_eager": True, "async_scheduling": False,
        }  # fmt: skip
    unread = error_of(VLLM / "concurrency.json", *FACTS, *VERSION, "--engine-args", "--fast", "--out", out)
    assert "states no known setting" in unread


def test_a_folder_of_a_sweep_gives_its_runs(tmp_path: Path) -> None:
    """As sweep/serve.py of vLLM 0.33.0 lays it out: run=N.json by combination, summaries beside."""
    for at, name in enumerate(("concurrency.json", "rate.json")):
        folder = tmp_path / "sweep" / "20260504" / f"combination-{at}"
        folder.mkdir(parents=True)
        text = (VLLM / name).read_text(encoding="utf-8")
        (folder / "run=0.json").write_text(text, encoding="utf-8")
        (folder / "run=1.failure.json").write_text(
            '{"error_type": "x", "serve_overrides": {}}', encoding="utf-8"
        )
        (folder / "summary.json").write_text(f"[{text}]", encoding="utf-8")
    alone = run(VLLM / "concurrency.json", VLLM / "rate.json", *FACTS, *VERSION, "--dry-run")
    found = run(tmp_path / "sweep", *FACTS, *VERSION, "--dry-run")
    assert "2 benchmarks failed and have no result" in found.output
    assert found.exit_code == alone.exit_code == 0
    rows = [line for line in found.output.splitlines() if "tokens: " in line]
    assert rows == [line for line in alone.output.splitlines() if "tokens: " in line]
    assert rows
    (tmp_path / "none").mkdir()
    assert "holds no result" in error_of(tmp_path / "none")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        # keys as the tools write them: tensorrt_llm/bench/dataclasses/reporting.py, llama-bench -o json,
        # llmperf's token_benchmark_ray.py, huggingface/inference-benchmarker's writers.rs
        (("engine", "world_info", "request_info", "performance"), "TensorRT-LLM's trtllm-bench: only vLLM"),
        (("build_commit", "model_filename", "n_prompt", "n_gen", "avg_ts"), "llama.cpp's llama-bench"),
        (("num_concurrent_requests", "results_ttft_s_mean"), "LLMPerf, which names no engine"),
        (("config", "results", "start_time", "end_time", "system"), "inference-benchmarker"),
        (("experiments", "version", "service_kind", "endpoint"), "profile_export_genai_perf.json beside it"),
    ],
)
def test_other_tools_are_refused_by_name(tmp_path: Path, keys: tuple[str, ...], words: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(dict.fromkeys(keys, 1)), encoding="utf-8")
    assert words in error_of(path)


def test_a_table_of_aiperf_names_the_json_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "profile_export_aiperf.csv"
    path.write_text("Metric,avg,min,max,p99\nTime to First Token (ms),50,40,70,65\n", encoding="utf-8")
    assert "import the JSON of the same name beside it" in error_of(path)


def test_a_gpu_that_the_catalog_lacks_is_named_as_the_file_calls_it(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    said = json.loads((VLLM / "concurrency.json").read_text(encoding="utf-8"))
    path.write_text(json.dumps(said | {"gpu": "L40SS"}), encoding="utf-8")
    known = (*FACTS[:4], *FACTS[6:], *VERSION)
    text = error_of(path, *known, "--out", tmp_path / "m.csv")
    assert "its GPU 'L40SS' is not in the catalog; correct it, or add --gpu" in text
    assert run(path, *known, "--gpu", "L40S", "--out", tmp_path / "m.csv").exit_code == 0
