"""What kernels timed alone (`quantadvise calibrate`) say of one GPU: its ceilings, and how near kernels come.

The fit states each efficiency as a share of the data sheet: a common value, an architecture's deviation and a
GPU's. Kernels timed on the GPU itself move the last. They are evidence, weighed against what serving taught,
and they are ceilings: nothing streams faster than a plain copy, nor multiplies faster than the best product.

Launches and all-reduces are kept in the records and move nothing: within a CUDA graph, and in vLLM's own
all-reduce, they cost something else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from advisor.cost.fit_file import Fit
from advisor.cost.step.parameters import BY_NAME
from advisor.record.kernel_timing import KernelTiming
from advisor.spec.hardware.gpu import ComputeType, GpuSpec
from advisor.units import GB, TERA

SERVED_SD, UNSERVED_SD = 0.10, 0.25
"""How far, in log-odds, an efficiency learnt from serving may be off on another host with the same GPU, and
on a GPU that no one served on. Judged, from what GPUs of one architecture differ by in the fit (0.15)."""
KERNEL_SD, LOOKALIKE_SD = 0.15, 0.50
"""Standard deviation, in log-odds, of an efficiency from a kernel timed alone: one that vLLM calls too, and
one that only does the same work."""
MAX_SHARE = 0.98
"""A share at which log-odds still mean something."""

_TYPES: Mapping[str, tuple[str, float, ComputeType]] = {
    "bf16": ("bf16", 16, "bf16"),
    "fp8": ("fp8", 8, "fp8"),
    "int8": ("int8", 8, "int8"),
    "int4 weights": ("wo4", 4, "bf16"),
}
"""A GEMM's type → kernel family, bits per weight, the rate it is a share of."""
_LOOKALIKES = frozenset({"read_wo4", "multiply_wo4", "kv_read"})
_UNDER_BF16 = frozenset({"multiply_wo4", "multiply_wo8", "prefill_attention"})
"""Efficiencies stated as shares of the 16-bit peak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """What one GPU's kernels reached, as shares of its data sheet, by parameter of the fit."""

    reached: Mapping[str, float]
    ceilings: Mapping[str, float]


def with_ceilings(fit: Fit, rows: Iterable[KernelTiming], gpus: Mapping[str, GpuSpec]) -> Fit:
    """The fit with the efficiencies of the GPUs in `rows` as their kernels say; `gpus` by the rows' names.

    Rows of a GPU that `gpus` lacks say nothing that could be used.
    """
    by_gpu: dict[str, list[KernelTiming]] = {}
    for row in rows:
        if row.gpu in gpus:
            by_gpu.setdefault(row.gpu, []).append(row)
    if not by_gpu:
        return fit
    served = {gpu for gpu, _ in fit.hosts}
    theta = dict(fit.speed.theta)
    for name, timings in sorted(by_gpu.items()):
        gpu = gpus[name]
        theta |= _moved(theta, fit.speed.kernels, gpu, shares(timings, gpu), served=name in served)
    dates = sorted({row.date for found in by_gpu.values() for row in found if row.date})
    said = f"Ceilings of {', '.join(sorted(by_gpu))} by quantadvise calibrate"
    text = f"{fit.summary.get('text', '')} {said}{', ' + dates[-1] if dates else ''}.".strip()
    return replace(fit, speed=replace(fit.speed, theta=theta), summary={**fit.summary, "text": text})


def shares(rows: Sequence[KernelTiming], gpu: GpuSpec) -> Shares:
    """The rates of one GPU over its data sheet's."""
    bandwidth = gpu.memory_bytes_per_s
    reached: dict[str, float] = {}
    ceilings: dict[str, float] = {}
    copies = [row.value * GB / bandwidth for row in rows if row.what in ("memory read", "memory copy")]
    streams = max(copies, default=None)
    for name in BY_NAME:
        if streams is not None and (name.startswith("read_") or name == "kv_read"):
            ceilings[name] = streams
    for dtype, (family, bits, compute) in _TYPES.items():
        gemms = [row for row in rows if row.what == "gemm" and row.dtype == dtype and row.width]
        peak = gpu.flop_per_s(compute)
        if gemms and peak is not None:
            reached[f"multiply_{family}"] = max(row.value for row in gemms) * TERA / peak
        read = [row.width**2 * bits / 8 / row.seconds for row in gemms if row.tokens == 1 and row.width]
        if read and streams is not None:
            # A matrix that fits a cache reads faster than memory: no more than memory gives counts.
            reached[f"read_{family}"] = min(max(read) / bandwidth, streams)
    for what, name, peak in (
        ("attention prefill", "prefill_attention", gpu.flop_per_s("bf16")),
        ("attention decode", "kv_read", bandwidth),
    ):
        rates = [row.value for row in rows if row.what == what]
        if rates and peak is not None:
            reached[name] = max(rates) * (GB if name == "kv_read" else TERA) / peak
    for family in ("bf16", "fp8", "int8"):
        if f"multiply_{family}" in reached:
            ceilings[f"multiply_{family}"] = reached[f"multiply_{family}"]
    if "multiply_bf16" in reached:
        ceilings |= dict.fromkeys(_UNDER_BF16, reached["multiply_bf16"])
    return Shares(reached=reached, ceilings=ceilings)


def _moved(
    theta: Mapping[str, float],
    kernels: Mapping[str, float],
    gpu: GpuSpec,
    found: Shares,
    *,
    served: bool,
) -> dict[str, float]:
    """The GPU's own deviations, by name in Theta, which are distances from what `kernels` says."""
    out = {}
    for name in {**found.reached, **found.ceilings}:
        parameter = BY_NAME.get(name)
        if parameter is None or "gpu" not in parameter.by or not parameter.share:
            continue
        common = theta.get(name, 0.0) + kernels.get(name, 0.0) + kernels.get(f"{name}@{gpu.name}", 0.0)
        if "architecture" in parameter.by:
            key = f"{name}@{gpu.vendor}-{gpu.capability:g}"
            common += theta.get(key, 0.0) + kernels.get(key, 0.0)
        start = _log_odds(parameter.start) + common
        believed = start + theta.get(f"{name}@{gpu.name}", 0.0)
        value = believed
        if name in found.reached:
            prior = (SERVED_SD if served else UNSERVED_SD) ** 2
            noise = (LOOKALIKE_SD if name in _LOOKALIKES else KERNEL_SD) ** 2
            value += prior / (prior + noise) * (_log_odds(found.reached[name]) - believed)
        if name in found.ceilings:
            value = min(value, _log_odds(found.ceilings[name]))
        out[f"{name}@{gpu.name}"] = value - start
    return out


def _log_odds(share: float) -> float:
    share = min(max(share, 1 - MAX_SHARE), MAX_SHARE)
    return math.log(share / (1 - share))
