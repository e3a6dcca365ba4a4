"""KernelTiming: the rate that one kernel reached on one GPU, timed alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

KernelKind = Literal[
    "memory read",
    "memory copy",
    "gemm",
    "attention prefill",
    "attention decode",
    "launch",
    "all-reduce",
]
_COUNTS = (
    "num_gpus",
    "tokens",
    "width",
    "context",
    "batch",
    "size_bytes",
    "depth",
    "heads",
    "kv_heads",
    "head_dim",
    "window",
)
_KINDS: frozenset[str] = frozenset(get_args(KernelKind))


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelTiming:
    """A rate that one kernel reached on one GPU; what a build or GPU cannot do has no row."""

    gpu: str
    """Catalog name, or the driver's own words."""
    num_gpus: int
    """1 but for all-reduce."""
    what: KernelKind
    dtype: str | None
    """Number format of a GEMM: `bf16 fp16 fp8 fp8-block int8 nvfp4`, or `int4 weights` with 16-bit
    activations."""
    tokens: int | None
    """Rows of a GEMM."""
    width: int | None
    """Outputs of a GEMM, and its inputs where `depth` does not say."""
    context: int | None
    """Cached tokens per sequence, of attention."""
    batch: int | None
    size_bytes: int | None
    """Moved by a copy, or reduced."""
    unit: str
    """Unit of `value`: GB/s, TFLOPS, launches/s."""
    value: float
    seconds: float
    """Seconds of one call, the median of blocks."""
    source: str
    licence: str
    date: str | None
    conditions: str = ""
    """Library and its version, threads, driver."""
    depth: int | None = None
    """Inputs of a GEMM; None: `width`."""
    heads: int | None = None
    """Query heads of attention, those of one GPU."""
    kv_heads: int | None = None
    head_dim: int | None = None
    window: int | None = None
    """Tokens that attention looks back; None: all."""
    kv_dtype: str | None = None
    """Type of the KV cache: `bf16` or `fp8`; None: 16 bits."""

    def __post_init__(self) -> None:
        if not (self.gpu and self.unit and self.source and self.licence):
            raise ValueError("gpu, unit, source or licence is empty")
        if self.what not in _KINDS:
            raise ValueError(f"what is '{self.what}'; one of {', '.join(sorted(_KINDS))}")
        if (self.what == "gemm") != (self.dtype is not None):
            raise ValueError(f"dtype is {self.dtype} though what is '{self.what}'")
        for name in ("value", "seconds"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; a finite number above 0")
        for name in _COUNTS:
            count = getattr(self, name)
            if count is not None and count < 1:
                raise ValueError(f"{name} is {count}; 1 or more")
