"""`measure --write-commands` with the real tools: made, served, scored, benchmarked and imported by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.measure.tools import envs
from advisor.record import store
from tests.measure.cpu_file import GPU
from tests.measure.test_real_loop import MAKER, WORKLOAD, quantadvise

pytestmark = pytest.mark.heavy


def test_the_scripts_run_without_quantadvise_and_their_results_come_back(tools: Path, tmp_path: Path) -> None:
    folder = tmp_path
    subprocess.run([envs.require("quantize").python, MAKER, folder], check=True, capture_output=True)
    (folder / "workload.yaml").write_text(WORKLOAD)
    (folder / "cpu.yaml").write_text(GPU)
    written = quantadvise(
        *("measure", "--model", folder / "model", "--workload", folder / "workload.yaml"),
        *("--formats", "bf16,int4", "--concurrency", "4", "--repeats", "1", "--requests", "16"),
        *("--tasks", "tiny_facts", "--task-folder", folder / "tasks", "--gpu", folder / "cpu.yaml"),
        *("--calibration", folder / "calibration.jsonl", "--calibration-length", "256"),
        *("--max-model-len", "1024", "--max-num-seqs", "8", "--engine-arg=--enforce-eager"),
        *("--write-commands", tmp_path / "hand"),
    )
    assert written.returncode == 0, written.stderr
    python = str(envs.require("vllm").python)
    tools = {f"{name}_PYTHON": python for name in ("VLLM", "QUANTIZE", "LM_EVAL")}
    without = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    port = str(20_000 + os.getpid() % 20_000)
    environment = without | tools | {"PORT": port, "HF_HUB_OFFLINE": "1"}

    def by_hand(**more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [tmp_path / "hand" / "run.sh"],
            env=environment | more, capture_output=True, text=True, timeout=2_400, check=False,
        )  # fmt: skip

    first = by_hand()  # so small a model loses a fifth of its score in int4, by lm-eval's own files
    assert first.returncode == 1
    assert "int4: broken by its scores: tiny_facts acc is 0." in first.stderr
    assert {path.parent.name for path in tmp_path.glob("hand/results/*/concurrency-*.json")} == {"bf16-tp1"}
    run = by_hand(QUALITY_GATE="no")
    assert run.returncode == 0, run.stderr[-3_000:]
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m advisor "$@"\n')
    program.chmod(0o755)
    back = subprocess.run(
        [tmp_path / "hand" / "import.sh"],
        env=os.environ | {"QUANTADVISE": str(program), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert back.returncode == 0, back.stderr
    rows = store.read_speed(tmp_path / "hand" / "records")
    assert {(row.format, row.gpu, row.load_value, row.samples) for row in rows} == {
        ("bf16", "cpu", 4.0, 16),
        ("int4", "cpu", 4.0, 16),
    }
    assert all("enforce_eager=true" in row.conditions for row in rows)
    scores = {row.format: row for row in store.read_quality(tmp_path / "hand" / "records")}
    assert scores["int4"].baseline == scores["bf16"].value  # under the very same protocol
    assert scores["int4"].value < scores["bf16"].value
