"""Calibration: rates read back, a GPU file only where it says something new and possible."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from advisor.errors import DataError
from advisor.measure.steps import time_kernels
from advisor.measure.tools.machine import Device
from advisor.spec.hardware.gpu_by_name import find_gpu

CPU = Device(
    index=None, name="cpu", driver_name="AMD EPYC", memory_mib=24_105, in_catalog=False, facts={"cores": "2"}
)
NEW = Device(
    index=0,
    name="NVIDIA Z1",
    driver_name="NVIDIA Z1",
    memory_mib=24_000,
    in_catalog=False,
    facts={"compute_cap": "9.0"},
)
# measured on two cores of an AMD EPYC with torch 2.13.0+cpu
ROWS: list[dict[str, Any]] = [
    {"what": "memory read", "unit": "GB/s", "bytes": 256_000_000, "seconds": 0.025, "rate": 10.24},
    {"what": "memory copy", "unit": "GB/s", "bytes": 256_000_000, "seconds": 0.0456, "rate": 11.22},
    {"what": "gemm", "unit": "TFLOPS", "type": "bf16", "tokens": 1, "seconds": 1e-4, "rate": 0.0092},
    {"what": "gemm", "unit": "TFLOPS", "type": "bf16", "tokens": 16, "seconds": 1e-4, "rate": 0.1303},
    {"what": "gemm", "unit": "TFLOPS", "type": "int8", "tokens": 128, "seconds": 1e-4, "rate": 0.3523},
    {"what": "gemm", "unit": "TFLOPS", "type": "fp16", "tokens": 128, "seconds": 1e-4, "rate": 0.0006},
    {"what": "gemm", "unit": "TFLOPS", "type": "fp8", "tokens": 128, "skipped": "RuntimeError: no kernel"},
]


def parsed(rows: list[dict[str, Any]] = ROWS, device: Device = CPU) -> time_kernels.Calibration:
    text = json.dumps({"torch": "2.13.0+cpu", "threads": 1, "rows": rows})
    return time_kernels.parse(text, device, where="result.json")


def test_the_best_rate_counts():
    found = parsed()
    assert found.memory_gb_s == 11.22
    assert found.best("gemm", type="bf16") == 0.1303
    assert found.best("gemm", type="bf16", tokens=1) == 0.0092


def test_what_could_not_be_done_has_a_reason_and_no_rate():
    assert parsed().best("gemm", type="fp8") is None
    assert parsed().timings[-1].skipped == "RuntimeError: no kernel"


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(rate: float):
    with pytest.raises(DataError, match="memory read has the impossible rate"):
        parsed([ROWS[0] | {"rate": rate}])


@pytest.mark.parametrize("text", ["", "{}", '{"rows": 1}'])
def test_what_is_no_result_is_named(text: str):
    with pytest.raises(DataError, match=r"result\.json: not a result of the calibration worker"):
        time_kernels.parse(text, CPU, where="result.json")


def test_a_gpu_file_of_what_was_measured_is_read_back(tmp_path: Path):
    text = time_kernels.gpu_file(parsed(device=NEW))
    assert text is not None
    path = tmp_path / "gpu.yaml"
    path.write_text(text)
    gpu = find_gpu(str(path))
    assert (gpu.name, gpu.memory_mib, gpu.memory_bandwidth_gb_s) == ("NVIDIA Z1", 24_000, 11.22)
    assert gpu.dense_tflops["bf16"] == 0.13
    assert gpu.dense_tflops["int8"] == 0.352
    assert gpu.dense_tflops["fp16"] is None  # emulated: too slow to be a rate
    assert gpu.dense_tflops["fp8"] is None


def test_a_cpu_says_that_it_only_stands_in(tmp_path: Path):
    text = time_kernels.gpu_file(parsed())
    assert text is not None
    assert "a CPU in a GPU's place" in text


def test_a_gpu_of_the_catalog_keeps_its_data_sheet():
    assert time_kernels.gpu_file(parsed(device=replace(NEW, name="L4", in_catalog=True))) is None


def test_the_keys_of_calibration_json():
    row = time_kernels.to_json(parsed(), "2026-11-23T00:00:00Z")
    assert row["quantadvise"] == "calibration 1"
    assert sorted(row) == [
        "date",
        "driver_name",
        "facts",
        "gpu",
        "memory_mib",
        "quantadvise",
        "threads",
        "timings",
        "torch",
    ]
    assert json.loads(json.dumps(row)) == row
