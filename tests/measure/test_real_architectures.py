"""The loop with other architectures and packagings than the Llama of `tiny_model.py`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from advisor.measure.tools import envs
from advisor.record import store
from tests.measure.test_real_loop import GPU, WORKLOAD, quantadvise

pytestmark = pytest.mark.heavy

MAKER = Path(__file__).with_name("tiny_architectures.py")
KINDS = {"moe": "bf16", "window": "bf16", "gptq": "int4", "awq": "int4"}
"""What `tiny_architectures.py` makes, and the format of its records.

The other packagings that the CPU build of vLLM loads are compressed-tensors in FP8, INT8 and INT4, which
test_real_loop.py makes and serves.
"""


def measured(kind: str, format: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A run of one load on a model of that kind in `folder`."""
    model = folder / "model"
    subprocess.run([envs.require("quantize").python, MAKER, model, kind], check=True, capture_output=True)
    (folder / "workload.yaml").write_text(WORKLOAD)
    (folder / "cpu.yaml").write_text(GPU)
    given = [] if format == "bf16" else ["--checkpoint", f"{format}={model}"]
    return quantadvise(
        *("measure", "--yes", "--out", folder / "run", "--model", model, "--formats", format, *given),
        *("--workload", folder / "workload.yaml", "--gpu-file", folder / "cpu.yaml"),
        *("--concurrency", "4", "--repeats", "1", "--requests", "20"),
        *("--max-model-len", "512", "--max-num-seqs", "8", "--engine-arg=--enforce-eager"),
    )


def test_a_packaging_that_the_build_cannot_load_ends_with_what_it_lacks(tools: Path, tmp_path: Path) -> None:
    done = measured("fp8", "fp8", tmp_path)
    assert done.returncode == 5
    assert (
        "failed: fp8 serve (unsupported): fp8 ×1 serve: RuntimeError: _C::static_scaled_fp8_quant()"
        in done.stdout
    )
    assert "not measured: fp8 ×1 concurrency 4 #1" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_the_loop_with_another_architecture_or_packaging(kind: str, tools: Path, tmp_path: Path) -> None:
    model, format = tmp_path / "model", KINDS[kind]
    done = measured(kind, format, tmp_path)
    assert done.returncode == 0, done.stderr
    rows = store.read_speed(tmp_path / "run" / "records")
    assert {(row.format, row.load_value, row.samples) for row in rows} == {(format, 4.0, 20)}
    assert all(row.value > 0 for row in rows)
    assert "1 of 1 steps of the plan have a result" in done.stdout
    assert "Predicted before, and measured" in done.stdout
    assert "E2E mean, ms" in done.stdout.partition("Predicted before, and measured")[2]
    answer = json.loads(
        quantadvise(
            *("predict", model, "--gpu", tmp_path / "cpu.yaml"),
            *("--workload", tmp_path / "workload.yaml", "--records", tmp_path / "run" / "records"),
            *("--enforce-eager", "--max-num-seqs", 8, "--kv-cache-dtype", "auto", "--output", "json"),
        ).stdout
    )
    seen = next(row.value for row in rows if (row.metric, row.statistic) == ("tpot_ms", "mean"))
    assert answer["prediction"]["deployment"]["format"] == format  # what the folder holds, unnamed
    tpot = answer["prediction"]["estimates"]["tpot_mean_ms"]
    assert tpot["basis"] == "measured"
    assert tpot["low"] <= seen <= tpot["high"]
