"""What binds decode and prefill, with the numbers behind it."""

from __future__ import annotations

from advisor.cost.predict.prediction import Prediction
from advisor.display_text import number
from advisor.units import GB, MS_PER_S, TERA

CLEARLY, MOST = 1.5, 0.5
"""Milliseconds of matrix products ÷ those of reading all weights, from which on it is the kernels that are
slow; and their share of the step, from which on it counts."""


def bottleneck_number_lines(prediction: Prediction) -> list[str]:
    """What holds decode and prefill back, with the numbers behind it."""
    lines = []
    if prediction.regime_decode is not None:
        lines.append(f"Decode is bound by {prediction.regime_decode}: {_decode_numbers(prediction)}")
    if prediction.regime_prefill is not None:
        lines.append(f"Prefill is bound by {prediction.regime_prefill}: {_prefill_numbers(prediction)}")
    return lines


def _decode_numbers(prediction: Prediction) -> str:
    deployment, memory = prediction.deployment, prediction.memory
    gpu = deployment.gpu
    tpot = prediction.latency.get(("tpot", "mean"))
    weights = f"{number(memory.weight_bytes / GB)} GB of weights per GPU"
    if deployment.model.is_moe:
        weights += (
            f" at {number(gpu.memory_bandwidth_gb_s)} GB/s, of which a step reads the experts it touches"
        )
        of_step = "" if tpot is None else f", {number(tpot.value)} ms per token"
    else:
        read_ms = MS_PER_S * memory.weight_bytes / gpu.memory_bytes_per_s
        weights += f" at {number(gpu.memory_bandwidth_gb_s)} GB/s take {number(read_ms)} ms to read"
        of_step = "" if tpot is None else f", of {number(tpot.value)} ms per token"
    shared = prediction.batch is not None and prediction.batch >= 1.5
    batch = f"; {number(prediction.batch or 0.0, digits=2)} sequences share a step" if shared else ""
    if prediction.regime_decode == "KV memory":
        return (
            f"its cache holds {prediction.memory.max_concurrency:,} sequences of this load at once, "
            f"which bounds the batch{batch}"
        )
    if prediction.regime_decode == "overhead":
        return f"launches and scheduling outweigh the work; {weights}{of_step}{batch}"
    if prediction.regime_decode == "communication":
        return f"the GPUs wait for each other's sums; {weights}{of_step}{batch}"
    return f"{weights}{of_step}{batch}{_reached(prediction)}"


def _reached(prediction: Prediction) -> str:
    """What the matrix kernels make of the memory bandwidth, where they take most of the step, and clearly
    longer than reading all weights at its rate; else empty."""
    rate = prediction.deployment.gpu.memory_bytes_per_s
    products = sum(one.ms for one in prediction.decode_kernels if one.name.startswith(("matrix", "lm_head")))
    least = MS_PER_S * prediction.memory.weight_bytes / rate
    if products <= max(CLEARLY * least, MOST * sum(one.ms for one in prediction.decode_kernels)):
        return ""
    return (
        f"; matrix products take {number(products)} ms of the step, reading all weights at that rate "
        f"{number(least)} ms: their kernels are what is slow"
    )


def _prefill_numbers(prediction: Prediction) -> str:
    deployment = prediction.deployment
    gpu = deployment.gpu
    if prediction.regime_prefill == "communication":
        link = gpu.interconnect
        return f"{link.kind} at {number(link.gb_s_per_direction)} GB/s per direction joins the GPUs"
    if prediction.regime_prefill == "overhead":
        return "launches and scheduling outweigh the work"
    if prediction.regime_prefill == "memory bandwidth":
        return f"{number(gpu.memory_bandwidth_gb_s)} GB/s, for prompts too short to use the matrix units"
    execution = deployment.format.execution(gpu)
    rate = None if execution is None else gpu.flop_per_s(execution.compute)
    if execution is None or rate is None:
        return "its dense rate is not known"
    unpacked = f", weights unpacked from {deployment.format.name}" if execution.kind == "weight_only" else ""
    return f"{number(rate / TERA)} dense TFLOPS in {execution.compute}{unpacked}"
