"""What a GPU can do, in the units its sources print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from advisor.units import GB, MIB, TERA

ComputeType = Literal["fp16", "bf16", "int8", "fp8", "fp4"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one GPU of this kind costs per hour when `num_gpus` are rented together."""

    provider: str
    num_gpus: int
    usd_per_hour: float
    """For all `num_gpus` together."""
    term: str
    """on-demand, spot, 1yr, 3yr, purchase …"""
    date: str
    source: str

    @property
    def usd_per_gpu_hour(self) -> float:
        return self.usd_per_hour / self.num_gpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Interconnect:
    """How GPUs of one node talk."""

    kind: Literal["nvlink", "pcie", "xgmi"]
    gb_s_per_direction: float
    """Per GPU, one direction, decimal GB/s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSpec:
    """A GPU as its sources print it; dense rates, never sparse ones."""

    name: str
    """Canonical: `H100-SXM-80GB`, `A6000`, `RTX4090`."""
    title: str
    """As people print it: `NVIDIA H100 SXM 80 GB`."""
    family: str
    """`H100`, `A100`, …: what people say when the variant does not matter."""
    vendor: Literal["nvidia", "amd"]
    architecture: str
    """`turing`, `ampere`, `ada`, `hopper`, `blackwell`, `cdna3`, …"""
    capability: float
    """CUDA compute capability (8.6, 9.0, 10.0); for AMD the gfx major.minor (9.42 for gfx942)."""
    memory_mib: int
    """What the driver reports in all."""
    memory_bandwidth_gb_s: float
    dense_tflops: Mapping[ComputeType, float | None] = field(hash=False)
    """Dense tensor-core rates (16-bit accumulate in 32 bits); None where the type is absent."""
    interconnect: Interconnect
    gpus_per_node: int
    power_w: float
    sms: int | None = None
    aliases: tuple[str, ...] = ()
    prices: tuple[Price, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def memory_bytes(self) -> int:
        return self.memory_mib * MIB

    @property
    def memory_bytes_per_s(self) -> float:
        return self.memory_bandwidth_gb_s * GB

    @property
    def link_bytes_per_s(self) -> float:
        return self.interconnect.gb_s_per_direction * GB

    def flop_per_s(self, compute: ComputeType) -> float | None:
        """Dense peak rate for `compute`, FLOP/s (OP/s for int8); None where absent."""
        tflops = self.dense_tflops.get(compute)
        return None if tflops is None else tflops * TERA
