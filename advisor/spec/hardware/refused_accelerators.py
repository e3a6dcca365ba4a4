"""Accelerators that are refused by name: vLLM serves them, and nothing was measured on one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from advisor.errors import UnsupportedError
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.reading.catalog_yaml import read_catalog
from advisor.spec.reading.name_lookup import fold
from advisor.units import MIB

GIB = 1024 * MIB
_MAKERS = ("intel", "habana", "google", "cloud", "aws", "amazon", "huawei", "amd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One that people ask with."""

    title: str
    names: str
    """A regular expression over the folded name without its maker."""
    backend: str
    """What of vLLM serves it, in words."""
    memory_gib: float | None = None
    """None for a family of several sizes."""
    source: str = ""
    """Where the memory was read."""


@lru_cache(maxsize=1)
def known_accelerators() -> tuple[Accelerator, ...]:
    """Every row of the catalog, the particular before the general."""
    document = read_catalog("accelerators.yaml")
    says = {name: row["says"] for name, row in document["backends"].items()}
    return tuple(Accelerator(**{**row, "backend": says[row["backend"]]}) for row in document["accelerators"])


def named_refusal(name: str, gpus: Sequence[GpuSpec]) -> UnsupportedError | None:
    """The error for an accelerator that is known and not predicted; None for any other name."""
    folded = fold(name)
    bare = folded
    for maker in _MAKERS:
        bare = bare.removeprefix(maker) or bare
    found = next((one for one in known_accelerators() if re.fullmatch(one.names, bare)), None)
    if found is None:
        return None
    remedy = (
        "run `vllm bench serve` on it and put two results side by side: quantadvise compare A.json B.json"
    )
    if found.memory_gib is not None:
        near = _as_large(found.memory_gib, gpus)
        remedy = f"what fits shows on a GPU with as much memory (--gpu {near.label}); for speed {remedy}"
    return UnsupportedError(
        f"GPU '{name}': {found.title}; {found.backend}, but no measurement on one is known here, so its "
        f"speed would be a guess; {remedy}"
    )


def _as_large(memory_gib: float, gpus: Sequence[GpuSpec]) -> GpuSpec:
    """A GPU with about as much memory: the newest of NVIDIA's within a twentieth, else the nearest of all."""
    wanted = memory_gib * GIB / MIB
    near = [gpu for gpu in gpus if abs(gpu.memory_mib / wanted - 1) < 0.05 and gpu.vendor == "nvidia"]
    return near[-1] if near else min(gpus, key=lambda gpu: abs(gpu.memory_mib - wanted))
