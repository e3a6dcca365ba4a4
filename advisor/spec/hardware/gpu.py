"""What a GPU can do, in the units its sources print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from advisor.units import GB, MIB, TERA

ComputeType = Literal["fp16", "bf16", "int8", "fp8", "fp4"]
Vendor = Literal["nvidia", "amd", "intel"]
VENDORS: tuple[Vendor, ...] = get_args(Vendor)
LinkKind = Literal["nvlink", "pcie", "xgmi", "xelink"]
LINK_KINDS: tuple[LinkKind, ...] = get_args(LinkKind)
COMPUTE_TYPES: tuple[ComputeType, ...] = ("fp16", "bf16", "int8", "fp8", "fp4")
MIN_USD_PER_GPU_HOUR, MAX_USD_PER_GPU_HOUR = 0.001, 1_000.0
"""Ends of what a GPU-hour can cost; list prices lie from 0.05 to 20 USD."""

DRIVER_BYTES, DRIVER_SHARE = 330 * MIB, 0.002
"""What NVIDIA's driver keeps of a GPU's memory: see `GpuSpec.program_bytes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What `num_gpus` of a kind cost per hour when rented together."""

    provider: str
    num_gpus: int
    usd_per_hour: float
    """For all `num_gpus` together."""
    term: str
    """`on-demand`, `spot`, `3yr`, `ownership` (estimated total cost of owning) …"""
    date: str
    """ISO day or month the price was seen; empty when a user's file states none."""
    source: str
    """Where it was read, with its licence."""
    note: str = ""
    """How it was chosen among several, or what it leaves out."""
    region: str = ""
    machine: str = ""
    """The provider's own name of the machine; empty for a price of GPUs alone."""
    sizes: tuple[tuple[int, float], ...] = ()
    """(GPUs of a machine, USD per hour for all of it) where machines are rented whole, `num_gpus` then being
    those of the machines that hold one replica; empty where GPUs are priced one by one."""

    @property
    def usd_per_gpu_hour(self) -> float:
        return self.usd_per_hour / self.num_gpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Interconnect:
    """How GPUs of one node talk."""

    kind: LinkKind
    gb_s_per_direction: float
    """Per GPU, one direction, decimal GB/s; a data sheet's "bidirectional" figure is twice this."""
    pair_bridge_gb_s_per_direction: float | None = None
    """What an NVLink bridge between two cards would give. Rented PCIe cards rarely have one, so
    `gb_s_per_direction` is PCIe; None where no bridge exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSpec:
    """A GPU as its sources print it; dense rates, never sparse ones."""

    name: str
    """Canonical: `H100-SXM`, `A6000`, `RTX4090`."""
    title: str
    """The full name: `NVIDIA H100 SXM 80 GB`."""
    family: str
    """`H100`, `A100`, …: what people say when the variant does not matter."""
    vendor: Vendor
    architecture: str
    """`turing`, `ampere`, `ada`, `hopper`, `blackwell`, `cdna3`, …"""
    capability: float
    """CUDA compute capability (8.6, 9.0, 10.0); for AMD the gfx version as major.minor-stepping in
    decimal: 9.42 for gfx942, 9.10 for gfx90a (hexadecimal a = 10), 9.50 for gfx950; for Intel the graphics IP
    version: 12.55 for Alchemist (Arc A), 12.60 for Ponte Vecchio (Max), 20.01 for Battlemage (Arc B)."""
    memory_mib: int
    """What the driver reports in all."""
    memory_bandwidth_gb_s: float
    dense_tflops: Mapping[ComputeType, float | None] = field(hash=False)
    """Dense tensor-core rates (16-bit accumulate in 32 bits); None where the type is absent."""
    interconnect: Interconnect
    gpus_per_node: int
    unified_memory: bool = False
    """True: the memory is the CPU's, too; the engine sees what other programs hold of it."""
    devices_per_card: int = 1
    """GPUs that the engine sees on one card; every figure here is of one of them."""
    power_w: float | None
    sms: int | None = None
    """Streaming multiprocessors; compute units on AMD, Xe cores on Intel."""
    aliases: tuple[str, ...] = ()
    prices: tuple[Price, ...] = ()
    """Only of a user's own file; the catalog's are in `advisor.spec.hardware.prices`."""
    sources: tuple[str, ...] = ()
    usual: bool = False
    """The variant meant when people say only `family`."""
    notes: str = ""
    """What a reader of the figures must know: where they were derived or chosen among sources."""

    @property
    def label(self) -> str:
        """The short name: the family's for its usual variant, else the catalog's."""
        return self.family if self.usual else self.name

    @property
    def capability_name(self) -> str:
        """Vendor and capability: `nvidia-8.6`, `amd-9.42`, `intel-20.01`."""
        return f"{self.vendor}-{self.capability:g}"

    @property
    def memory_bytes(self) -> int:
        return self.memory_mib * MIB

    @property
    def program_bytes(self) -> float:
        """Bytes that a program can allocate (`torch.cuda.mem_get_info`): NVIDIA's driver keeps the rest.

        Logs of vLLM print 23.58 GiB for an RTX 3090, 44.42 to 44.52 for an L40S, 79.18 for an H100, 139.72
        for an H20 of 141 GB and 178.35 for a B200: this is within 0.5 % of each.
        """
        kept = DRIVER_BYTES + DRIVER_SHARE * self.memory_bytes if self.vendor == "nvidia" else 0.0
        return self.memory_bytes - kept

    @property
    def memory_bytes_per_s(self) -> float:
        return self.memory_bandwidth_gb_s * GB

    @property
    def size(self) -> float:
        """How large a kind of GPU it is, as prices follow it: memory × bandwidth, bytes² per second."""
        return float(self.memory_bytes) * self.memory_bytes_per_s

    @property
    def link_bytes_per_s(self) -> float:
        return self.interconnect.gb_s_per_direction * GB

    def flop_per_s(self, compute: ComputeType) -> float | None:
        """Dense peak rate for `compute`, FLOP/s (OP/s for int8); None where absent."""
        tflops = self.dense_tflops.get(compute)
        return None if tflops is None else tflops * TERA
