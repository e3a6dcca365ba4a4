"""Measurements at the command line: checked, learnt from anew, and one's own beside those that ship."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.cost import fit_file
from advisor.record.measurement import SpeedMeasurement
from advisor.record.store import read_quality, read_speed, write_quality, write_speed
from advisor.shipped_files import shipped
from tests.command import Command
from tests.record.build import speed

ASK = ("predict", "Llama-3.1-8B-Instruct", "--gpu", "L40S", "--format", "int4", "-w", "docstring", "--single")


def own(e2e_ms: float, conditions: str = "") -> SpeedMeasurement:
    """A latency that somebody measured on a GPU and in a format that the shipped records lack."""
    return speed(
        format="int4",
        gpu="L40S",
        input_tokens=768,
        output_tokens=128,
        engine_version="0.32.0",
        value=e2e_ms,
        half_width=None,
        samples=100,
        origin="measured",
        source="a test",
        conditions=conditions,
    )


def e2e_ms(quantadvise: Command, *options: object) -> tuple[float, str]:
    result = quantadvise(*ASK, *options, "-o", "json")
    assert result.code == 0, result.err
    estimate = json.loads(result.out)["prediction"]["estimates"]["e2e_mean_ms"]
    return estimate["value"], result.err


def bench(folder: Path, name: str, e2e_ms: float) -> Path:
    """A lone stream as vLLM's bench writes it, with as many tokens as the question has."""
    result = {
        "date": "20261101-101010",
        "backend": "vllm",
        "model_id": "llama",
        "label": None,
        "num_prompts": 40,
        "completed": 40,
        "failed": 0,
        "request_rate": "inf",
        "max_concurrency": 1,
        "duration": 40 * e2e_ms / 1000,
        "total_input_tokens": 40 * 768,
        "total_output_tokens": 40 * 128,
        "request_throughput": 1000 / e2e_ms,
        "output_throughput": 128_000 / e2e_ms,
        "mean_ttft_ms": 0.05 * e2e_ms,
        "median_ttft_ms": 0.05 * e2e_ms,
        "p99_ttft_ms": 0.06 * e2e_ms,
        "mean_tpot_ms": 0.95 * e2e_ms / 127,
        "mean_e2el_ms": e2e_ms,
        "p99_e2el_ms": 1.02 * e2e_ms,
    }
    path = folder / name
    path.write_text(json.dumps(result), encoding="utf-8")
    return path


def test_imported_results_change_the_recommendation(
    quantadvise: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """int4 is expected to be fastest; whoever has seen it slower than fp8 is told fp8."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = "recommend Llama-3.1-8B-Instruct --gpu L40S --tp 1 --formats int4,fp8 --kv-cache-dtype auto"
    ask = (
        f"{words} --workload docstring --single --objective latency --min-recovery 0.5 --output json".split()
    )
    before = json.loads(quantadvise(*ask).out)["ranked"]
    assert [row["deployment"]["format"] for row in before] == ["int4", "fp8"]
    fp8_ms = before[1]["estimates"]["e2e_mean_ms"]["value"]
    mine = tmp_path / "mine"
    facts = "--model Llama-3.1-8B-Instruct --gpu L40S --num-gpus 1 --engine-version 0.32.0 --format"
    for fmt, seen_ms in (("fp8", fp8_ms), ("int4", 1.3 * fp8_ms)):
        result = bench(tmp_path, f"{fmt}.json", seen_ms)
        said = quantadvise("import", result, *facts.split(), fmt, "--out", mine)
        assert said.code == 0, said.err
    answer = quantadvise(*ask, "--records", mine)
    assert "fitting to 16 own measurements" in answer.err
    assert re.search(r"your runs ÷ what was predicted without them, medians: [A-Z].* \d", answer.err)
    assert "loss" not in answer.err  # the solver says nothing to users
    after = json.loads(answer.out)["ranked"]
    assert [row["deployment"]["format"] for row in after] == ["fp8", "int4"]
    for row, seen_ms in zip(after, (fp8_ms, 1.3 * fp8_ms), strict=True):
        found = row["estimates"]["e2e_mean_ms"]
        assert found["basis"] == "measured"
        assert found["low"] <= seen_ms <= found["high"]
    # What was learnt is kept: the second answer fits nothing and is the same.
    again = quantadvise(*ask, "--records", mine)
    assert (again.out, again.err) == (answer.out, "")


def test_a_run_with_other_settings_is_not_this_deployment_measured(
    quantadvise: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Launches one by one are slower than CUDA graphs: a run with the former has not seen the latter."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_speed(tmp_path / "speed.csv", [own(900.0, "vllm serve --enforce-eager --no-enable-prefix-caching")])
    ask = (*ASK, "--kv-cache-dtype", "auto", "--records", tmp_path, "-o", "json")
    found = {}
    for flags in ((), ("--enforce-eager",)):
        answer = quantadvise(*ask, *flags)
        assert answer.code == 0, answer.err
        found[flags] = json.loads(answer.out)["prediction"]["estimates"]["e2e_mean_ms"]
    assert found[()]["basis"] != "measured"
    assert found["--enforce-eager",]["basis"] == "measured"
    assert found["--enforce-eager",]["low"] <= 900.0 <= found["--enforce-eager",]["high"]


def test_a_folder_of_records_that_is_not_there(quantadvise: Command, tmp_path: Path) -> None:
    result = quantadvise(*ASK, "--records", tmp_path / "none")
    assert result.code == 1
    assert "no such file or folder" in result.err


def test_damaged_records_stop_the_answer_with_file_and_line(quantadvise: Command, tmp_path: Path) -> None:
    path = tmp_path / "speed.csv"
    write_speed(path, [own(900.0)])
    path.write_text(path.read_text(encoding="utf-8").replace(",900", ",nine hundred"), encoding="utf-8")
    result = quantadvise(*ASK, "--records", tmp_path)
    assert result.code == 1
    assert "speed.csv:3" in result.err
    assert len(result.err.splitlines()) == 1


def test_a_fit_is_written_where_it_is_told_to(quantadvise: Command, tmp_path: Path) -> None:
    folder, out = tmp_path / "measurements", tmp_path / "fit"
    folder.mkdir()
    paper = [
        row
        for row in read_speed(shipped("measurements"))
        if row.source.startswith("arXiv:2411.02355") and row.load == "single" and row.input_tokens < 2_000
    ]
    write_speed(folder / "speed.csv", paper)
    scores = [
        row for row in read_quality(shipped("measurements")) if row.source.startswith("arXiv:2411.02355")
    ]
    write_quality(folder / "quality.csv", scores)
    result = quantadvise("fit", folder, "--out", out, "--report")
    assert result.code == 0, result.err
    assert "## Held-out error of speed" in result.out
    assert "held_out_model" in result.out
    assert sorted(path.name for path in out.iterdir()) == ["fit.json", "fit_report.json", "quality_fit.json"]
    assert json.loads((out / "fit.json").read_text(encoding="utf-8"))["version"] == fit_file.VERSION
    again = quantadvise("fit", folder, "--out", out, "--dry-run")
    assert again.code == 0, again.err
    assert again.err.count("as it was, bit for bit") == 3


def test_a_fit_to_a_folder_that_is_not_there(quantadvise: Command, tmp_path: Path) -> None:
    result = quantadvise("fit", tmp_path / "none")
    assert (result.code, len(result.err.splitlines())) == (1, 1)
    assert "no such folder" in result.err


def test_the_measurements_that_ship_are_checked(quantadvise: Command) -> None:
    result = quantadvise("check")
    assert result.code == 0, result.out
    assert ": error: " not in result.out
    known = json.loads(quantadvise("check", "--all", "-o", "json").out)["findings"]
    assert {finding["severity"] for finding in known} <= {"known", "warning"}


def test_an_impossible_measurement_is_found(quantadvise: Command, tmp_path: Path) -> None:
    """An 8B model's INT4 weights alone take 5 ms to read on an L40S: 128 tokens in 1 ms cannot be."""
    write_speed(tmp_path / "speed.csv", [own(1.0)])
    result = quantadvise("check", tmp_path)
    assert result.code == 1
    assert "speed.csv:3: error" in result.out
    assert quantadvise("check", tmp_path, "-o", "csv").out.startswith("file,line,severity,what,remedy\n")


def test_what_ships_can_be_read_as_ones_own(tmp_path: Path) -> None:
    rows = read_speed(shipped("measurements"))
    write_speed(tmp_path / "speed.csv", rows[:50])
    assert read_speed(tmp_path) == rows[:50]


def test_fit_without_scikit_learn_ends_in_one_line_that_names_the_extra() -> None:
    blocked = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from advisor.__main__ import main\n"
        "sys.argv = ['quantadvise', 'fit', '--dry-run']; main()"
    )
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].endswith("pip install 'quantadvise[fit]'")
    assert "Traceback" not in done.stderr
