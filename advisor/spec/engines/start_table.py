"""The table of what starts in vLLM: the rows of `catalog/starts.yaml` that hold for one release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from advisor.spec.engines.release import holds_at
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.reading.catalog_yaml import read_catalog

Row: TypeAlias = Mapping[str, Any]

FILE = "starts.yaml"
LISTS = (
    "builds",
    "methods",
    "names_gone",
    "rocm_names",
    "parallel",
    "dtypes",
    "attention",
    "kv_auto",
    "kv_by_model",
)
KERNEL_LISTS = ("kernels", "experts")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTable:
    """The rows that hold for one release, each with the file and the release it was read in."""

    builds: Sequence[Row]
    methods: Sequence[Row]
    names_gone: Sequence[Row]
    rocm_names: Sequence[Row]
    parallel: Sequence[Row]
    dtypes: Sequence[Row]
    attention: Sequence[Row]
    kv_auto: Sequence[Row]
    kv_by_model: Sequence[Row]
    kernels: Mapping[str, Sequence[Row]]
    experts: Mapping[str, Sequence[Row]]


@lru_cache(maxsize=64)
def table_at(version: str) -> StartTable:
    """The table of a release."""
    document = read_catalog(FILE)
    lists = {name: _holding(document[name], version) for name in LISTS}
    kernels = {
        name: {family: _holding(rows, version) for family, rows in document[name].items()}
        for name in KERNEL_LISTS
    }
    return StartTable(**lists, **kernels)  # type: ignore[arg-type]


def known_releases() -> tuple[str, ...]:
    """The releases whose source was read, newest first."""
    return tuple(read_catalog(FILE)["releases"])


def every_row() -> list[Row]:
    """All rows of all releases, in the file's order."""
    document = read_catalog(FILE)
    rows: list[Row] = [row for name in LISTS for row in document[name]]
    rows += [row for name in KERNEL_LISTS for family in document[name].values() for row in family]
    return rows


def fits_gpu(row: Row, gpu: GpuSpec, *, any_vendor: bool = False) -> bool:
    """Whether a row's vendor and capabilities take in `gpu`; rows are NVIDIA's unless they say otherwise."""
    vendor_fits = any_vendor or row.get("vendor", "nvidia") == gpu.vendor
    return bool(vendor_fits and row.get("min", 0.0) <= gpu.capability <= row.get("max", 99.0))


def cited(row: Row) -> str:
    """Where a row was read: `Q/fp8.py of vLLM 0.33.0`."""
    return f"{row['file']} of vLLM {row['read']}"


def _holding(rows: Iterable[Row], version: str) -> list[Row]:
    return [row for row in rows if holds_at(row, version)]
