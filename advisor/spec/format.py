"""QuantFormat: how weights, activations are stored, and how a GPU runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from advisor.spec.gpu import ComputeType, GpuSpec

ExecutionKind = Literal["native", "weight_only"]
"""native: multiplies in its own type. weight_only: unpacks to 16 bits, storage saved, no compute gain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How one GPU runs one format, and in which engine kernel family."""

    kind: ExecutionKind
    compute: ComputeType
    """The type the matrix units multiply in."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """From which capability on a vendor's GPUs run a format, and how; rows from newest to oldest."""

    vendor: Literal["nvidia", "amd"]
    min_capability: float
    max_capability: float
    kind: ExecutionKind
    compute: ComputeType
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantFormat:
    """One way to store a model; lm_head, embeddings, norms and routers stay at 16 bits in all of them."""

    name: str
    """Canonical: bf16 fp8 int8 int4 fp8-w8a16 int8-w8a16 nvfp4 mxfp4 w4a8-fp8."""
    title: str
    """`W8A8-FP (FP8 weights and activations)`."""
    weight_bits: float
    """Payload bits of one weight."""
    group_size: int | None
    """Weights that share a scale; None = one per output channel (its cost is negligible)."""
    scale_bits: float
    """Bits of one scale (and zero point)."""
    activation_bits: int
    supports: tuple[Support, ...]
    aliases: tuple[str, ...] = ()
    hf_suffixes: tuple[str, ...] = ()
    scheme: str | None = None
    """The compressed-tensors preset that makes it; None for 16 bits."""
    sources: tuple[str, ...] = ()

    @property
    def bits_per_weight(self) -> float:
        """Bits of one weight with its share of the scale."""
        return self.weight_bits + (self.scale_bits / self.group_size if self.group_size else 0.0)

    def execution(self, gpu: GpuSpec) -> Execution | None:
        """How `gpu` runs this format; None when it cannot."""
        for row in self.supports:
            if row.vendor == gpu.vendor and row.min_capability <= gpu.capability <= row.max_capability:
                return Execution(kind=row.kind, compute=row.compute, source=row.source)
        return None
