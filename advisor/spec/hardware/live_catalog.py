"""LiveCatalog: offers of many clouds as gpuhunt collects them, kept in the user's cache folder.

The folder holds one CSV for each provider, in gpuhunt's own format, and `index.json` with its release, the
day it was fetched and each provider's version. Reading it needs neither gpuhunt nor a network.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from advisor.errors import InputError
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.hardware.gpuhunt_names import gpu_of
from advisor.spec.reading.file_bytes import is_there, read_bytes
from advisor.spec.reading.given_value import plain
from advisor.units import MB

INDEX = "index.json"
MAX_BYTES = 200 * MB
"""Largest file of one provider; the largest of gpuhunt's, with every region and spot, has some ten MB."""
MAX_PROVIDERS = 64
COLUMNS = ("instance_name", "location", "price", "gpu_count", "gpu_name", "gpu_memory", "spot", "flags")
"""What is read of gpuhunt's columns."""
MARKETPLACES = frozenset({"vastai", "lium"})
"""Providers of other people's machines."""
RESERVED = frozenset({"runpod-cluster", "gcp-dws-calendar-mode"})
"""Flags of machines that cannot be had one by one, or not by the hour."""
MAX_USD_PER_HOUR = 100_000.0
MAX_GPUS = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What one provider asks for one kind of machine in one place."""

    provider: str
    name: str
    """The provider's own: `p5.48xlarge`."""
    region: str
    gpu: str
    """Name of the GPU in our catalog."""
    num_gpus: int
    usd_per_hour: float
    """For the whole machine."""
    is_spot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCatalog:
    """Machines with GPUs that our catalog has, rented by the hour, and when they were collected."""

    machines: tuple[Machine, ...]
    fetched: date
    """The day it was fetched; prices may be a day older."""
    versions: Mapping[str, str]
    """Version of the catalog by provider."""
    gpuhunt: str
    """The release of gpuhunt that fetched it."""
    left_out: int = 0
    """Rows that say no price of such a machine: other accelerators, marketplaces, reservations, errors."""

    def age_days(self, today: date) -> int:
        return max((today - self.fetched).days, 0)

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(sorted({machine.region for machine in self.machines}))


def folder() -> Path:
    """Where the catalog is kept: $XDG_CACHE_HOME/quantadvise/prices, or ~/.cache/quantadvise/prices."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "quantadvise" / "prices"


def read_catalog(path: Path) -> LiveCatalog | None:
    """The catalog that was fetched last; None where there is none.

    Raises InputError, one line, for files that are none of ours or damaged.
    """
    if not is_there(path / INDEX):
        return None
    index = _index(path / INDEX)
    machines: list[Machine] = []
    left_out = 0
    for provider in index.versions:
        found, lost = read_provider(path / f"{provider}.csv", provider)
        machines += found
        left_out += lost
    return LiveCatalog(
        machines=tuple(machines),
        fetched=index.fetched,
        versions=index.versions,
        gpuhunt=index.gpuhunt,
        left_out=left_out,
    )


def read_provider(path: Path, provider: str) -> tuple[list[Machine], int]:
    """The machines of one provider's file, and how many of its rows are none."""
    content = read_bytes(path, max_bytes=MAX_BYTES, what="a catalog of gpuhunt", where=_named(path))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _damaged(path, f"is not UTF-8 text ({error.reason})") from error
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        missing = [column for column in COLUMNS[:7] if column not in (rows.fieldnames or ())]
        if missing:
            raise _damaged(path, f"has no column {missing[0]}")
        made = [_machine(row, provider) for row in rows]
    except csv.Error as error:
        raise _damaged(path, str(error)) from error
    found = [machine for machine in made if machine is not None]
    return found, len(made) - len(found)


def write_catalog(
    path: Path, rows: Mapping[str, Iterable[Mapping[str, str]]], versions: Mapping[str, str], *,
    gpuhunt: str, fetched: date,
) -> None:  # fmt: skip
    """Replace what is kept of these providers, the index last; those not named stay with their versions.

    rows: by provider, with gpuhunt's columns.
    """
    path.mkdir(parents=True, exist_ok=True)
    known = _versions_kept(path)
    for provider, of in rows.items():
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(of)
        _replace(path / f"{provider}.csv", text.getvalue())
    index = {"gpuhunt": gpuhunt, "fetched": fetched.isoformat(), "versions": {**known, **versions}}
    _replace(path / INDEX, json.dumps(index, indent=1) + "\n")


def _versions_kept(path: Path) -> Mapping[str, str]:
    """Versions fetched before; none where the file is damaged, which is then replaced."""
    try:
        kept = _index(path / INDEX) if is_there(path / INDEX) else None
    except InputError:
        kept = None
    return {} if kept is None else kept.versions


def fetched_day(path: Path) -> date | None:
    """The day of the last fetch; None where there is none, or its index is damaged."""
    try:
        return _index(path / INDEX).fetched if is_there(path / INDEX) else None
    except InputError:
        return None


def _replace(path: Path, text: str) -> None:
    """Written beside and moved over, so that a reader meets the old file or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8", newline="")
    beside.replace(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    versions: Mapping[str, str]
    fetched: date
    gpuhunt: str


def _index(path: Path) -> _Index:
    content = read_bytes(path, max_bytes=1 * MB, what="an index of prices", where=_named(path))
    try:
        document = json.loads(content)
        versions, fetched = document["versions"], date.fromisoformat(document["fetched"])
        release = document["gpuhunt"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, "is not an index of prices") from error
    names = list(versions) if isinstance(versions, dict) else []
    if not isinstance(versions, dict) or len(names) > MAX_PROVIDERS or not isinstance(release, str):
        raise _damaged(path, "is not an index of prices")
    for name, version in versions.items():
        if not name.isidentifier() or not isinstance(version, str) or not version.isprintable():
            raise _damaged(path, f"names a provider '{plain(name)}'")
    return _Index(versions=versions, fetched=fetched, gpuhunt=plain(release))


def _machine(row: Mapping[str, str | None], provider: str) -> Machine | None:
    """One row; None where it is no machine that is rented by itself, by the hour, with GPUs that we know."""
    if row.get("gpu_count") == "0":  # most of a catalog: machines without a GPU
        return None
    text = {column: (row.get(column) or "").strip() for column in COLUMNS}
    try:
        count, usd = int(text["gpu_count"] or 0), float(text["price"])
        memory = float(text["gpu_memory"]) if text["gpu_memory"] else None
    except ValueError:
        return None
    if not 1 <= count <= MAX_GPUS or not (math.isfinite(usd) and 0 < usd <= MAX_USD_PER_HOUR):
        return None
    if text["spot"].lower() not in ("true", "false") or RESERVED & set(text["flags"].split()):
        return None
    if provider in MARKETPLACES or _is_community(provider, text["location"]):
        return None
    gpu = gpu_of(text["gpu_name"], memory, text["instance_name"])
    if gpu is None:
        return None
    return Machine(
        provider=provider,
        name=plain(text["instance_name"]),
        region=plain(text["location"]),
        gpu=gpu,
        num_gpus=count * find_gpu(gpu).devices_per_card,  # gpuhunt counts cards
        usd_per_hour=usd,
        is_spot=text["spot"].lower() == "true",
    )


def _is_community(provider: str, region: str) -> bool:
    """RunPod's community cloud is listed by country (`US`), its own data centers by name (`US-KS-2`)."""
    return provider == "runpod" and len(region) == 2


def _named(path: Path) -> str:
    return f"prices kept in {path}"


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{_named(path)}: {what}; fetch them anew: quantadvise prices update")
