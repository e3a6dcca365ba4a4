"""The GPUs of the catalog, found by the names people type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from advisor.errors import InputError, UnknownNameError, unknown
from advisor.spec.hardware.gpu import COMPUTE_TYPES, GpuSpec, Interconnect
from advisor.spec.reading.catalog_yaml import read_catalog_lines
from advisor.spec.reading.name_lookup import NameIndex, fold
from advisor.units import GB

_OWN = "describe yours in YAML: --gpu it.yaml (docs/adding.md)"
_BRANDS = ("nvidia", "amd", "intel", "geforce", "tesla", "radeon", "instinct", "gpu", "graphics")
"""Words that nvidia-smi, rocm-smi and shops put around a name that says it all."""
_SIZE = re.compile(r"0*([1-9][0-9]{0,2})\s*(gi?b?)?", re.IGNORECASE)
"""How many GPUs, or gigabytes of memory, where a name is expected."""
_ROUNDED_SIZE = 0.08
"""Share by which a size as sold differs from what a driver reports: 24 GB are 22.5 to 24 GiB."""
_MARKS = ("(R)", "(r)", "(TM)", "(tm)")
"""Names as Intel's driver writes them: `Intel(R) Arc(TM) Pro B60 Graphics`."""


@lru_cache(maxsize=1)
def known_gpus() -> tuple[GpuSpec, ...]:
    """Every GPU of the catalog, in its order (oldest architecture first)."""
    document = read_catalog_lines("gpus.yaml")
    sheets: Mapping[str, str] = document["sources"]
    return tuple(_spec(row, sheets) for row in document["gpus"])


def catalog_gpu(name: str) -> GpuSpec:
    """The catalog's GPU called `name`, whatever its case, blanks and hyphens.

    A family's name (`H100`, `A100`) is its usual variant. Raises UnknownNameError with
    the nearest known names, UnsupportedError for an accelerator that is known and not predicted, InputError
    for a number and for a size of memory.
    """
    gpu = _index().get(_bare(name)) or _by_end(_bare(name))
    if gpu is None:
        from advisor.spec.hardware.refused_accelerators import named_refusal

        refusal = named_refusal(name, known_gpus()) or _no_name(name)
        if refusal is not None:
            raise refusal
        near = unknown("GPU", name, _suggestions(), otherwise=f"quantadvise gpus lists all, {_OWN}")
        if _OWN in str(near):
            raise near
        raise UnknownNameError(f"{near} Else {_OWN}")
    return gpu


def _no_name(name: str) -> InputError | None:
    """The error for what says how many GPUs, or how large, and not which; None for other words."""
    size = _SIZE.fullmatch(name.strip())
    if size is None:
        return None
    if not size[2]:
        return InputError(
            f"GPU '{name}': a number is how many; say --num-gpus {size[1]}, or {size[1]}xH100 to name the GPU"
        )
    wanted = float(size[1])
    near = [gpu for gpu in known_gpus() if abs(gpu.memory_bytes / GB / wanted - 1.0) <= _ROUNDED_SIZE]
    if not near:
        return InputError(f"GPU '{name}': none has about {size[1]} GB; quantadvise gpus lists all")
    labels = ",".join(dict.fromkeys(gpu.label for gpu in near))
    return InputError(f"GPU '{name}': a size is no name; with about {size[1]} GB there are --gpu {labels}")


@lru_cache(maxsize=1)
def _index() -> NameIndex[GpuSpec]:
    names: list[tuple[str, GpuSpec]] = []
    for gpu in known_gpus():
        own = [gpu.name, gpu.title, *gpu.aliases, *([gpu.family] if gpu.usual else [])]
        names += [(_bare(name), gpu) for name in own]
    return NameIndex(names)


def _by_end(bare: str) -> GpuSpec | None:
    """The one GPU whose name ends so: `4090` is the RTX4090; None where there is none or more than one."""
    if len(bare) < 3:
        return None
    ends = [gpu for gpu in known_gpus() if fold(gpu.name).endswith(bare)]
    return ends[0] if len(ends) == 1 else None


def _bare(name: str) -> str:
    """`name` folded, without brand words: `NVIDIA GeForce RTX 4090` and `rtx4090` are one."""
    for mark in _MARKS:
        name = name.replace(mark, " ")
    bare = fold(name)
    stripped = True
    while stripped:
        stripped = False
        for brand in _BRANDS:
            if bare != brand and (shorter := bare.removeprefix(brand).removesuffix(brand)) != bare:
                bare, stripped = shorter, True
    return bare


def _suggestions() -> list[str]:
    """Names worth offering: what people call each GPU, then its full name."""
    return [name for gpu in known_gpus() for name in dict.fromkeys((gpu.label, gpu.name))]


def _spec(row: Mapping[str, Any], sheets: Mapping[str, str]) -> GpuSpec:
    rates, power = row["dense_tflops"], row["power_w"]
    return GpuSpec(
        name=row["name"],
        title=row["title"],
        family=row["family"],
        usual=row.get("usual", False),
        vendor=row.get("vendor", "nvidia"),
        architecture=row["architecture"],
        capability=float(row["capability"]),
        memory_mib=row["memory_mib"],
        memory_bandwidth_gb_s=float(row["memory_bandwidth_gb_s"]),
        dense_tflops={compute: rates.get(compute) for compute in COMPUTE_TYPES},
        interconnect=Interconnect(**row["interconnect"]),
        gpus_per_node=row["gpus_per_node"],
        unified_memory=row.get("unified_memory", False),
        devices_per_card=row.get("devices_per_card", 1),
        power_w=None if power is None else float(power),
        sms=row["sms"],
        aliases=tuple(row.get("aliases", ())),
        sources=tuple(sheets[key] for key in row["sources"]),
        notes=row.get("notes", ""),
    )
