"""QuantFormat: how weights, activations are stored, and how a GPU runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from advisor.spec.hardware.gpu import ComputeType, GpuSpec, Vendor

ExecutionKind = Literal["native", "weight_only"]
"""native: multiplies in its own type. weight_only: unpacks to 16 bits, storage saved, no compute gain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How one GPU runs one format, and in which engine kernel family."""

    kind: ExecutionKind
    compute: ComputeType
    """The type the matrix units multiply in."""
    source: str
    since: str | None = None
    """The engine's first release that does so; None = every release known, or not looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """From which capability to which on a vendor's GPUs run a format, and how."""

    vendor: Vendor
    min_capability: float
    max_capability: float
    """Both ends included, as `GpuSpec.capability` counts."""
    kind: ExecutionKind
    compute: ComputeType
    source: str
    since: str | None = None
    """First release that runs it, as in `Execution`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantFormat:
    """One way to store a model; lm_head, embeddings, norms and routers stay at 16 bits in all of them."""

    name: str
    """Canonical: bf16 fp16 fp8 int8 int4 fp8-w8a16 int8-w8a16 nvfp4 mxfp4 w4a8-fp8."""
    title: str
    """`W8A8-FP (FP8 weights and activations)`."""
    weight_bits: float
    """Payload bits of one weight."""
    group_size: int | None
    """Weights that share a scale; None = one per output channel (its cost is negligible)."""
    scale_bits: float
    """Bits of one scale (and zero point) in GPU memory."""
    activation_bits: int
    supports: tuple[Support, ...]
    """The first row that fits a GPU says how it runs the format."""
    aliases: tuple[str, ...] = ()
    hf_suffixes: tuple[str, ...] = ()
    """Ends of checkpoint names on the Hub."""
    scheme: str | None = None
    """The compressed-tensors preset that makes it; None for 16 bits."""
    kept_16bit: tuple[str, ...] = ()
    """Parts of a model that stay at 16 bits."""
    recipe: str = ""
    """How a good checkpoint is made: algorithm, scales, calibration data, with its source; one line."""
    notes: str = ""
    sources: tuple[str, ...] = ()

    @property
    def bits_per_weight(self) -> float:
        """Bits of one weight with its share of the scale."""
        return self.weight_bits + (self.scale_bits / self.group_size if self.group_size else 0.0)

    def execution(self, gpu: GpuSpec) -> Execution | None:
        """How `gpu` runs this format; None when it cannot."""
        return _execution(self.supports, gpu)


@dataclass(frozen=True, slots=True, kw_only=True)
class KvCacheFormat:
    """One way to store keys and values."""

    name: Literal["16bit", "fp8"]
    title: str
    bits: int
    supports: tuple[Support, ...]
    """native: attention multiplies in FP8 too. weight_only: stored narrow, read as 16 bits."""
    aliases: tuple[str, ...] = ()

    def execution(self, gpu: GpuSpec) -> Execution | None:
        """How attention on `gpu` reads this cache; None when it cannot."""
        return _execution(self.supports, gpu)


def _execution(supports: tuple[Support, ...], gpu: GpuSpec) -> Execution | None:
    for row in supports:
        if row.vendor == gpu.vendor and row.min_capability <= gpu.capability <= row.max_capability:
            return Execution(kind=row.kind, compute=row.compute, source=row.source, since=row.since)
    return None
