"""A GPU of one's own, described in a YAML file.

The least a file says, when the GPU resembles one of the catalog; whatever is not said is inherited:

    name: My-H100
    like: H100-SXM
    memory_bandwidth_gb_s: 3000

Without `like`, name, capability, memory_mib (or memory_gib), memory_bandwidth_gb_s and dense_tflops with
bf16 or fp16 are needed; the link is then PCIe of the architecture's time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from advisor.errors import UnknownNameError
from advisor.spec.hardware.catalog import catalog_gpu
from advisor.spec.hardware.gpu import (
    COMPUTE_TYPES,
    LINK_KINDS,
    MAX_USD_PER_GPU_HOUR,
    MIN_USD_PER_GPU_HOUR,
    VENDORS,
    ComputeType,
    GpuSpec,
    Interconnect,
    LinkKind,
    Price,
    Vendor,
)
from advisor.spec.reading.given_value import Given
from advisor.spec.reading.located_yaml import read_yaml

KEYS = (
    "name",
    "like",
    "title",
    "vendor",
    "architecture",
    "capability",
    "memory_mib",
    "memory_gib",
    "memory_bandwidth_gb_s",
    "dense_tflops",
    "interconnect",
    "gpus_per_node",
    "power_w",
    "sms",
    "usd_per_hour",
    "notes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """What a figure of a GPU can be: from the smallest card in use to ten times the largest known."""

    low: float
    high: float
    unit: str


_MEMORY = _Bounds(low=1_024, high=4_000_000, unit="MiB")
_BANDWIDTH = _Bounds(low=10, high=200_000, unit="GB/s")
_RATE = _Bounds(low=0.1, high=1_000_000, unit="TFLOPS")
_LINK = _Bounds(low=0.1, high=20_000, unit="GB/s")
_POWER = _Bounds(low=1, high=20_000, unit="W")
_PRICE = _Bounds(low=MIN_USD_PER_GPU_HOUR, high=MAX_USD_PER_GPU_HOUR, unit="USD per hour")
_ARCHITECTURES = ((7.0, "volta"), (7.5, "turing"), (8.0, "ampere"), (8.9, "ada"), (9.0, "hopper"))


def load_gpu_file(path: str | Path) -> GpuSpec:
    """The GPU that a file of one's own describes.

    Raises InputError in one line with file, line, key and remedy: unreadable file, unknown key, missing
    key, a figure that is no number, not positive, not finite or absurd.
    """
    given = read_yaml(Path(path))
    entries = given.keys(KEYS)
    name = _needed(given, entries, "name").text()
    base = _base(given, entries, name)
    changes: dict[str, Any] = {"name": name, "family": name, "usual": True, "aliases": (), "prices": ()}
    changes["title"] = entries["title"].text() if "title" in entries else name
    changes["sources"] = (f"own file {Path(path).name}", *base.sources)
    changes["notes"] = entries["notes"].text() if "notes" in entries else ""
    if "memory_mib" in entries and "memory_gib" in entries:
        raise entries["memory_gib"].error("stands beside memory_mib; keep one")
    if "memory_mib" in entries:
        changes["memory_mib"] = round(_figure(entries["memory_mib"], _MEMORY))
    if "memory_gib" in entries:
        gib = _Bounds(low=_MEMORY.low / 1024, high=_MEMORY.high / 1024, unit="GiB")
        changes["memory_mib"] = round(1024 * _figure(entries["memory_gib"], gib))
    if "memory_bandwidth_gb_s" in entries:
        changes["memory_bandwidth_gb_s"] = _figure(entries["memory_bandwidth_gb_s"], _BANDWIDTH)
    if "dense_tflops" in entries:
        changes["dense_tflops"] = {**base.dense_tflops, **_rates(entries["dense_tflops"])}
    if "interconnect" in entries:
        changes["interconnect"] = _interconnect(entries["interconnect"])
    if "gpus_per_node" in entries:
        changes["gpus_per_node"] = entries["gpus_per_node"].whole(low=1, high=1_024)
    if "power_w" in entries:
        changes["power_w"] = _figure(entries["power_w"], _POWER)
    if "sms" in entries:
        changes["sms"] = entries["sms"].whole(low=1, high=10_000)
    if "usd_per_hour" in entries:
        changes["prices"] = (_price(entries["usd_per_hour"], Path(path).name),)
    if "like" in entries:
        for key in ("vendor", "architecture", "capability"):
            if key in entries:
                raise entries[key].error(
                    f"cannot differ from that of {base.name}; leave it out or leave out 'like'"
                )
    return replace(base, **changes)


def _base(given: Given, entries: dict[str, Given], name: str) -> GpuSpec:
    """What the file's figures are laid over: the GPU it is like, or an empty one with the needed keys."""
    if "like" in entries:
        like = entries["like"]
        try:
            return catalog_gpu(like.text())
        except UnknownNameError as error:
            raise like.error(str(error)) from error
    for key in ("capability", "memory_bandwidth_gb_s", "dense_tflops"):
        _needed(given, entries, key)
    if "memory_mib" not in entries and "memory_gib" not in entries:
        _needed(given, entries, "memory_mib")
    rates = _rates(entries["dense_tflops"])
    if rates.get("bf16") is None and rates.get("fp16") is None:
        raise entries["dense_tflops"].error("needs bf16 or fp16")
    vendor = cast(Vendor, entries["vendor"].choice(VENDORS)) if "vendor" in entries else "nvidia"
    capability = entries["capability"].number(low=7.0, high=40.0)
    architecture = entries["architecture"].text() if "architecture" in entries else _architecture(capability)
    return GpuSpec(
        name=name,
        title=name,
        family=name,
        vendor=vendor,
        architecture=architecture,
        capability=capability,
        memory_mib=0,
        memory_bandwidth_gb_s=0.0,
        dense_tflops=dict.fromkeys(COMPUTE_TYPES),
        interconnect=Interconnect(kind="pcie", gb_s_per_direction=_pcie_gb_s(capability)),
        gpus_per_node=8,
        power_w=None,
    )


def _needed(given: Given, entries: dict[str, Given], key: str) -> Given:
    if key not in entries:
        raise given.error(f"'{key}' is missing; a file without 'like: <known GPU>' needs it")
    return entries[key]


def _figure(entry: Given, bounds: _Bounds) -> float:
    return entry.number(low=bounds.low, high=bounds.high, unit=bounds.unit)


def _rates(entry: Given) -> dict[ComputeType, float | None]:
    """Dense rates; `fp8: null` says that the GPU has none."""
    rates: dict[ComputeType, float | None] = {}
    for key, rate in entry.keys(COMPUTE_TYPES).items():
        rates[cast(ComputeType, key)] = None if rate.value is None else _figure(rate, _RATE)
    return rates


def _interconnect(entry: Given) -> Interconnect:
    parts = entry.keys(("kind", "gb_s_per_direction"))
    for key in ("kind", "gb_s_per_direction"):
        if key not in parts:
            raise entry.error(f"'{key}' is missing; write kind: pcie and gb_s_per_direction: 32")
    kind = cast(LinkKind, parts["kind"].choice(LINK_KINDS))
    return Interconnect(kind=kind, gb_s_per_direction=_figure(parts["gb_s_per_direction"], _LINK))


def _price(entry: Given, file: str) -> Price:
    return Price(
        provider="own",
        num_gpus=1,
        usd_per_hour=_figure(entry, _PRICE),
        term="on-demand",
        date="",
        source=f"own file {file}",
    )


def _architecture(capability: float) -> str:
    older = [name for start, name in _ARCHITECTURES if start <= capability < 10]
    return older[-1] if older else "blackwell"


def _pcie_gb_s(capability: float) -> float:
    """PCIe x16 of the time, one direction: Gen3 before Ampere, Gen5 from Hopper on, Gen4 between."""
    return 16.0 if capability < 8 else 64.0 if capability >= 9 else 32.0
