"""Records with sensible defaults, for tests."""

from __future__ import annotations

import dataclasses

from advisor.record.kernel_timing import KernelTiming
from advisor.record.measurement import FailedRun, PrintedCost, QualityMeasurement, SpeedMeasurement

_SPEED = SpeedMeasurement(
    model="Llama-3.1-8B-Instruct",
    format="bf16",
    kv_format="16bit",
    gpu="A6000",
    num_gpus=1,
    input_tokens=256.0,
    output_tokens=128.0,
    lengths="constant",
    load="single",
    load_value=None,
    engine="vllm",
    engine_version="0.6.4.post1",
    metric="e2e_ms",
    statistic="mean",
    value=3100.0,
    half_width=50.0,
    samples=None,
    stderr=None,
    origin="published",
    source="a table",
    licence="CC-BY-4.0",
    date=None,
)
_QUALITY = QualityMeasurement(
    model="Llama-3.1-8B-Instruct",
    format="int4",
    algorithm="gptq",
    task="GSM8K",
    metric="score",
    protocol="8-shot",
    value=81.2,
    baseline=82.8,
    stderr=None,
    samples=None,
    origin="published",
    source="a table",
    licence="CC-BY-4.0",
    date=None,
)
_FAILURE = FailedRun(
    model="Llama-3.1-8B-Instruct",
    format="bf16",
    kv_format="16bit",
    gpu="L4",
    num_gpus=1,
    max_context=131072,
    engine="vllm",
    engine_version="0.7.2",
    stage="serve",
    reason="out_of_memory",
    detail="No available memory for the cache blocks",
    source="campaign",
    date="2025-03-31",
)
_COST = PrintedCost(
    model="Llama-3.1-8B-Instruct",
    format="bf16",
    gpu="A6000",
    num_gpus=1,
    input_tokens=256.0,
    output_tokens=1024.0,
    load="single",
    metric="e2e_ms",
    value=24500.0,
    half_width=50.0,
    queries_per_usd=183.0,
    queries_half_width=0.5,
    usd_per_hour=0.80,
    source="a table",
    licence="CC-BY-4.0",
)


_KERNEL = KernelTiming(
    gpu="A6000",
    num_gpus=1,
    what="memory copy",
    dtype=None,
    tokens=None,
    width=None,
    context=None,
    batch=None,
    size_bytes=2_000_000_000,
    unit="GB/s",
    value=680.0,
    seconds=0.0058,
    source="quantadvise calibrate",
    licence="own measurement",
    date="2026-11-24",
    conditions="torch 2.13.0",
)


def speed(**changes: object) -> SpeedMeasurement:
    return dataclasses.replace(_SPEED, **changes)  # type: ignore[arg-type]


def quality(**changes: object) -> QualityMeasurement:
    return dataclasses.replace(_QUALITY, **changes)  # type: ignore[arg-type]


def failure(**changes: object) -> FailedRun:
    return dataclasses.replace(_FAILURE, **changes)  # type: ignore[arg-type]


def cost(**changes: object) -> PrintedCost:
    return dataclasses.replace(_COST, **changes)  # type: ignore[arg-type]


def kernel(**changes: object) -> KernelTiming:
    return dataclasses.replace(_KERNEL, **changes)  # type: ignore[arg-type]


def own_run(metric: str, value: float, *, statistic: str = "mean", **more: object) -> SpeedMeasurement:
    """A figure of an own run at 5 requests/s, three repeats of 300 requests."""
    facts: dict[str, object] = {
        "format": "fp8", "gpu": "H100-SXM", "input_tokens": 1024.0, "output_tokens": 128.0, "load": "rate",
        "load_value": 5.0, "engine_version": "0.30.0", "half_width": None, "samples": 900, "repeats": 3,
        "requests": 300, "origin": "measured", "source": "an own run", "stderr": 0.01 * value,
    }  # fmt: skip
    return speed(**{**facts, "metric": metric, "statistic": statistic, "value": value, **more})
