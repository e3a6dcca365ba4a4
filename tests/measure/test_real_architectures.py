"""The loop with other architectures and packagings than the Llama of `tiny_model.py`."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest

from advisor.measure.tools import envs
from advisor.record import store
from tests.measure.cpu_file import GPU
from tests.measure.test_real_loop import WORKLOAD, quantadvise

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
            *("predict", model, "--gpu", tmp_path / "cpu.yaml", "--workload", tmp_path / "workload.yaml"),
            *("--records", tmp_path / "run" / "records", "--output", "json"),
            *("--enforce-eager", "--max-num-seqs", 8, "--kv-cache-dtype", "auto"),
        ).stdout
    )
    assert answer["prediction"]["deployment"]["format"] == format  # what the folder holds, unnamed
    assert answer["prediction"]["estimates"]["tpot_mean_ms"]["basis"] == "measured"
    # The answer is for a load that lasts; what was seen is of twenty requests, which is asked for as a cell.
    (tmp_path / "cells.csv").write_text(
        "model,gpu,num_gpus,format,input_tokens,output_tokens,concurrency,num_prompts,engine,max_num_seqs,"
        f"enforce_eager\n{model},{tmp_path / 'cpu.yaml'},1,{format},64,16,4,20,vllm 0.32.0,8,true\n"
    )
    told = quantadvise(
        *("predict", "--cells", tmp_path / "cells.csv", "--records", tmp_path / "run" / "records"),
        *("--output", "csv"),
    )
    assert "not used" not in told.stderr
    [cell] = csv.DictReader(told.stdout.splitlines())
    seen = next(row.value for row in rows if (row.metric, row.statistic) == ("tpot_ms", "mean"))
    assert cell["basis"] == "measured"
    assert float(cell["tpot_mean_ms_low"]) <= seen <= float(cell["tpot_mean_ms_high"])
