"""Kernel timings as arrays: the work that each timed call did, and the family of its kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advisor.cost.array_table import ArrayTable, Bools, Floats
from advisor.record.kernel_timing import KernelTiming
from advisor.spec.hardware.gpu import ComputeType, GpuSpec
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.units import BITS_PER_BYTE

FAMILIES: dict[str, tuple[str, float, ComputeType]] = {
    "bf16": ("bf16", 16.0, "bf16"),
    "fp16": ("bf16", 16.0, "fp16"),
    "fp8": ("fp8", 8.0, "fp8"),
    "int8": ("int8", 8.0, "int8"),
    "nvfp4": ("fp4", 4.5, "fp4"),
}
"""dtype of a GEMM → kernel family, bits per weight, the peak rate it is a share of."""
_LAUNCHED_S = 40e-6
"""Prefill attention of fewer seconds is mostly the launch of the graph that it was timed in."""
_FROM_CACHE_BYTES = 50e6
"""Decode attention over a smaller cache is read from L2, and not from memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedKernels(ArrayTable):
    """One entry per timing; what does not apply is 0."""

    what: tuple[str, ...]
    gpu: tuple[str, ...]
    architecture: tuple[str, ...]
    kernel: tuple[str, ...]
    """Family of a GEMM; empty for other kernels."""
    link: tuple[str, ...]
    gpus: tuple[str, ...]
    flop: Floats
    read_bytes: Floats
    reduced_bytes: Floats
    rate: Floats
    """Data-sheet rate of the family's type, FLOP/s."""
    bandwidth: Floats
    link_bandwidth: Floats
    is_narrow_kv: Bools
    seconds: Floats

    def __len__(self) -> int:
        return len(self.what)


def timed_kernels(rows: Sequence[KernelTiming]) -> TimedKernels:
    """Timings that some family of the step's parameters describes, as arrays."""
    made = [entry for row in rows if (entry := _entry(row, find_gpu(row.gpu))) is not None]
    columns: dict[str, object] = {}
    for name in TimedKernels.__dataclass_fields__:
        values = [entry.get(name, 0.0) for entry in made]
        if name in ("what", "gpu", "architecture", "kernel", "link", "gpus"):
            columns[name] = tuple(values)
        else:
            columns[name] = np.array(values, dtype=bool if name.startswith("is_") else np.float64)
    return TimedKernels(**columns)  # type: ignore[arg-type]


def _entry(row: KernelTiming, gpu: GpuSpec) -> dict[str, object] | None:
    entry: dict[str, object] = {
        "what": row.what,
        "gpu": gpu.name,
        "architecture": gpu.capability_name,
        "kernel": "",
        "link": gpu.interconnect.kind if row.num_gpus > 1 else "none",
        "gpus": str(row.num_gpus),
        "bandwidth": gpu.memory_bytes_per_s,
        "link_bandwidth": gpu.link_bytes_per_s,
        "seconds": row.seconds,
    }
    work = {
        "gemm": _gemm,
        "attention decode": _decode,
        "attention prefill": _prefill,
        "all-reduce": _all_reduce,
    }.get(row.what)
    found = None if work is None else work(row, gpu)
    return None if found is None else entry | found


def _gemm(row: KernelTiming, gpu: GpuSpec) -> dict[str, object] | None:
    if row.dtype not in FAMILIES or row.tokens is None or row.width is None:
        return None
    family, bits, compute = FAMILIES[row.dtype]
    rate = gpu.flop_per_s(compute)
    if rate is None:
        return None
    m, n, k = row.tokens, row.width, row.depth or row.width
    return {
        "kernel": family,
        "flop": 2.0 * m * n * k,
        "read_bytes": n * k * bits / BITS_PER_BYTE + 2.0 * m * (n + k),
        "rate": rate,
    }


def _decode(row: KernelTiming, gpu: GpuSpec) -> dict[str, object] | None:
    if row.kv_heads is None or row.head_dim is None or row.batch is None or row.context is None:
        return None
    narrow = row.kv_dtype == "fp8"
    reach = min(row.context, row.window or row.context)
    size = row.batch * reach * 2 * row.kv_heads * row.head_dim * (1 if narrow else 2)
    if size < _FROM_CACHE_BYTES:
        return None
    return {"read_bytes": float(size), "is_narrow_kv": narrow}


def _prefill(row: KernelTiming, gpu: GpuSpec) -> dict[str, object] | None:
    rate = gpu.flop_per_s("bf16")
    if rate is None or row.heads is None or row.head_dim is None or row.context is None:
        return None
    if row.seconds < _LAUNCHED_S or row.window is not None:
        return None
    return {
        "flop": 2.0 * (row.batch or 1) * row.context**2 * row.heads * row.head_dim,
        "rate": rate,
        "is_narrow_kv": row.kv_dtype == "fp8",
    }


def _all_reduce(row: KernelTiming, gpu: GpuSpec) -> dict[str, object] | None:
    return None if row.size_bytes is None else {"reduced_bytes": float(row.size_bytes)}
