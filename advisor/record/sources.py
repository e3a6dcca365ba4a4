"""Where measurements come from: title, address, licence, what was taken and how they were made."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

from advisor.errors import DataError, InputError
from advisor.shipped_files import shipped
from advisor.spec.engines.engine import SETTINGS
from advisor.spec.reading.file_bytes import is_there
from advisor.spec.reading.given_value import plain
from advisor.spec.reading.located_yaml import read_yaml
from advisor.spec.workloads.load_kind import LoadKind

NAME = "sources.yaml"
Use = Literal["all", "part", "check"]
"""all: every row that is not suspect. part: some kinds of rows. check: for comparison only."""
GpuCount = Literal["one replica", "any arrangement"]
"""What `num_gpus` counts at maximum throughput: GPUs of one replica, or of as many as served best."""
_TEXTS = ("match", "title", "url", "licences", "taken", "fit", "why")
_OPTIONAL = ("family", "reference", "left_out_alone", "engine_version", "engine_settings", "gpu_count")
_NUMBERS = ("requests_per_client", "scatter")
_KEYS = (*_TEXTS, *_OPTIONAL, *_NUMBERS)
_LOADS: tuple[str, ...] = get_args(LoadKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source of measurements."""

    match: str
    """How the `source` of its rows begins."""
    title: str
    url: str
    licences: tuple[str, ...]
    """What its rows may say in `licence`."""
    taken: str
    fit: Use
    why: str
    family: str = ""
    """The harness that made the rows: sources of one family share their habits and err alike. Empty:
    `match`."""
    reference: bool = False
    """Whether its harness is the one that the headline figures are for: it measured formats side by side."""
    left_out_alone: bool = False
    """Whether the held-out report has a fold of its own for the family."""
    engine_version: str | None = None
    """The engine's version in rows that state none."""
    engine_settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings that its runs gave the engine, by `Engine`'s names, where a row does not say otherwise."""
    gpu_count: GpuCount = "one replica"
    requests_per_client: float | None = None
    """Requests of each client of its closed loops, whatever `samples` count; inf: no start of a run shows."""
    scatter: Mapping[str, float] = field(default_factory=dict)
    """Load → scatter of rows about a perfect model in log units, before any fit; a load may be missing."""

    @property
    def name(self) -> str:
        """The family's name."""
        return self.family or self.match.strip()


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources that are known, and which one a row is of: the longest `match`, of equal ones the last."""

    entries: tuple[Source, ...] = ()
    _of: dict[str, Source | None] = field(default_factory=dict, compare=False, repr=False)

    def of(self, source: str) -> Source | None:
        """The entry of rows whose `source` column is this; None when there is none."""
        if source not in self._of:
            found = sorted(
                (e for e in self.entries if source.startswith(e.match)), key=lambda e: len(e.match)
            )
            self._of[source] = found[-1] if found else None
        return self._of[source]

    def family(self, source: str) -> str:
        """The harness that made a row; a source without an entry is a family of its own."""
        entry = self.of(source)
        return source if entry is None else entry.name

    def is_reference(self, source: str) -> bool:
        entry = self.of(source)
        return entry is not None and entry.reference

    def harness(self, source: str) -> str:
        """The family; the families of the reference harness are one."""
        return " and ".join(self.reference_families) if self.is_reference(source) else self.family(source)

    @property
    def reference_families(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(e.name for e in self.entries if e.reference))

    @property
    def left_out_alone(self) -> tuple[str, ...]:
        """Families that the held-out report leaves out one at a time."""
        return tuple(dict.fromkeys(e.name for e in self.entries if e.left_out_alone))


def known_sources(folders: Iterable[Path] = ()) -> Sources:
    """The sources that ship and those of `folders`. Raises DataError for a damaged file."""
    places = dict.fromkeys([shipped("measurements"), *folders])
    return Sources(tuple(entry for folder in places for entry in read_sources(folder)))


def read_sources(folder: Path) -> tuple[Source, ...]:
    """The sources of `folder`/sources.yaml, in its order; none when there is no such file.

    Raises DataError for a file that is not what measurements/README.md describes.
    """
    path = folder / NAME  # of a file that stands for a folder there is none
    if not is_there(path):
        return ()
    try:
        document = read_yaml(path).value
    except InputError as error:
        raise DataError(str(error)) from error
    if not isinstance(document, dict) or document.get("version") != 1:
        raise DataError(f"{path}: no 'version: 1'; update quantadvise or mend the file")
    rows = document.get("sources", [])
    if not isinstance(rows, list):
        raise DataError(f"{path}: sources: expected a list of sources, found {_said(rows)}")
    return tuple(_source(f"{path}: source {number}", row) for number, row in enumerate(rows, start=1))


def _source(where: str, row: Any) -> Source:
    if not isinstance(row, dict):
        raise DataError(f"{where}: not a mapping; give {', '.join(_TEXTS)}")
    for key in _TEXTS:
        if not row.get(key):
            raise DataError(f"{where}: '{key}' is missing; add it")
    for key in (*_TEXTS, "family"):
        value = row.get(key, "")
        is_list = key == "licences" and isinstance(value, list)
        if not all(isinstance(one, (str, date)) for one in (value if is_list else [value])):
            raise DataError(f"{where}: {key} is {_said(value)}; give text")
    for key in row:
        if key not in _KEYS:
            raise DataError(f"{where}: unknown key '{key}'; known are {', '.join(_KEYS)}")
    for key in ("reference", "left_out_alone"):
        if not isinstance(row.get(key, False), bool):
            raise DataError(f"{where}: {key} is {_said(row[key])}; true or false")
    version = row.get("engine_version")
    if version is not None and not isinstance(version, str):
        shown = version if isinstance(version, float) else _said(version)
        raise DataError(f"{where}: engine_version is {shown}; put the number in quotes")
    return Source(
        match=row["match"],
        title=row["title"],
        url=row["url"],
        licences=tuple(row["licences"]),
        taken=row["taken"],
        fit=_one_of(where, "fit", row["fit"], get_args(Use)),
        why=row["why"],
        family=row.get("family", ""),
        reference=row.get("reference", False),
        left_out_alone=row.get("left_out_alone", False),
        engine_version=version,
        engine_settings=_settings(where, row.get("engine_settings", {})),
        gpu_count=_one_of(where, "gpu_count", row.get("gpu_count", "one replica"), get_args(GpuCount)),
        requests_per_client=_requests_per_client(where, row.get("requests_per_client")),
        scatter=_scatter(where, row.get("scatter", {})),
    )


def _said(value: object) -> str:
    """A value in a message: never longer than a line, whatever the file holds."""
    return f"'{plain(str(value))}'" if isinstance(value, (str, int, float)) else reprlib.repr(value)


def _one_of(where: str, key: str, value: Any, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        raise DataError(f"{where}: {key} is {_said(value)}; one of {', '.join(sorted(allowed))}")
    return value


def _requests_per_client(where: str, given: Any) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not given >= 1:
        raise DataError(f"{where}: requests_per_client is {_said(given)}; a number from 1 on, or .inf")
    return float(given)


def _settings(where: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise DataError(
            f"{where}: engine_settings is {_said(given)}; give names and values of engine settings"
        )
    for name in given:
        _one_of(where, "a name of engine_settings", name, SETTINGS)
    return dict(given)


def _scatter(where: str, given: Any) -> dict[str, float]:
    """One number for every load, or a mapping of loads to numbers."""
    values = given if isinstance(given, dict) else dict.fromkeys(_LOADS, given)
    for load, value in values.items():
        _one_of(where, "a load of scatter", load, _LOADS)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 10:
            raise DataError(f"{where}: scatter is {_said(value)}; a number of log units above 0")
    return {load: float(value) for load, value in values.items()}
