"""The table of what starts in vLLM: the rows of `catalog/starts.yaml` that hold for one release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, cast

from advisor.spec.engines.release import holds_at
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.reading.catalog_yaml import read_catalog_lines

Row: TypeAlias = Mapping[str, Any]

FILE = "starts.yaml"
LISTS = (
    "builds",
    "methods",
    "names_gone",
    "platform_names",
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
    platform_names: Sequence[Row]
    parallel: Sequence[Row]
    dtypes: Sequence[Row]
    attention: Sequence[Row]
    kv_auto: Sequence[Row]
    kv_by_model: Sequence[Row]
    kernels: Mapping[str, Sequence[Row]]
    experts: Mapping[str, Sequence[Row]]


def start_document() -> Mapping[str, Any]:
    """The whole file."""
    return cast(Mapping[str, Any], read_catalog_lines(FILE))


@lru_cache(maxsize=64)
def table_at(version: str) -> StartTable:
    """The table of a release."""
    document = start_document()
    lists = {name: _holding(document[name], version) for name in LISTS}
    kernels = {
        name: {family: _holding(rows, version) for family, rows in document[name].items()}
        for name in KERNEL_LISTS
    }
    return StartTable(**lists, **kernels)  # type: ignore[arg-type]


@lru_cache(maxsize=4096)
def methods_of(version: str, packaging: str, scheme: str) -> Sequence[Row]:
    """The rows by which a release loads checkpoints of a packaging and scheme, in its order."""
    rows = table_at(version).methods
    return [row for row in rows if row["packaging"] == packaging and scheme in row["schemes"]]


@lru_cache(maxsize=4096)
def split_rules(version: str, packaging: str, scheme: str) -> Sequence[Row]:
    """The rules of splitting that hold for a packaging and scheme."""
    return [
        row
        for row in table_at(version).parallel
        if scheme in row.get("schemes", (scheme,)) and packaging in row.get("packagings", (packaging,))
    ]


@lru_cache(maxsize=4096)
def kernels_on(
    version: str, family: str, vendor: str, capability: float, *, experts: bool = False
) -> Sequence[Row]:
    """The kernels of a list that a GPU has without an option or a further package, in the order tried."""
    table = table_at(version)
    rows = (table.experts if experts else table.kernels).get(family, ())
    return [row for row in rows if "needs" not in row and _fits(row, vendor, capability)]


def known_releases() -> tuple[str, ...]:
    """The releases whose source was read, newest first."""
    return tuple(start_document()["releases"])


def every_row() -> list[Row]:
    """All rows of all releases, in the file's order."""
    document = start_document()
    rows: list[Row] = [row for name in LISTS for row in document[name]]
    rows += [row for name in KERNEL_LISTS for family in document[name].values() for row in family]
    return rows


def fits_gpu(row: Row, gpu: GpuSpec, *, any_vendor: bool = False) -> bool:
    """Whether a row's vendor and capabilities take in `gpu`; rows are NVIDIA's unless they say otherwise."""
    return _fits(row, row.get("vendor", "nvidia") if any_vendor else gpu.vendor, gpu.capability)


def _fits(row: Row, vendor: str, capability: float) -> bool:
    same = row.get("vendor", "nvidia") == vendor
    return bool(same and row.get("min", 0.0) <= capability <= row.get("max", 99.0))


def cited(row: Row) -> str:
    """Where a row was read: `Q/fp8.py of vLLM 0.33.0`."""
    return f"{row['file']} of vLLM {row['read']}"


def _holding(rows: Iterable[Row], version: str) -> list[Row]:
    return [row for row in rows if holds_at(row, version)]
