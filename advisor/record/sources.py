"""Where measurements come from: title, address, licence, what was taken and whether the fit uses it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from advisor.errors import DataError

Use = Literal["all", "part", "check"]
"""all: every row that is not suspect. part: some kinds of rows. check: for comparison only."""
_USES: frozenset[str] = frozenset(get_args(Use))
_KEYS = ("match", "title", "url", "licences", "taken", "fit", "why")


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


def read_sources(folder: Path) -> tuple[Source, ...]:
    """The sources of `folder`/sources.yaml, in its order; none when there is no such file.

    Raises DataError for a file that is not what measurements/README.md describes.
    """
    path = folder / "sources.yaml"
    if not path.exists():
        return ()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except yaml.YAMLError as error:
        raise DataError(f"{path}: not YAML; {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or document.get("version") != 1:
        raise DataError(f"{path}: no 'version: 1'; update quantadvise or mend the file")
    return tuple(
        _source(path, number, row) for number, row in enumerate(document.get("sources", ()), start=1)
    )


def source_of(name: str, sources: tuple[Source, ...]) -> Source | None:
    """The entry whose `match` the row's source begins with, the longest one; None when there is none."""
    found = [source for source in sources if name.startswith(source.match)]
    return max(found, key=lambda source: len(source.match), default=None)


def _source(path: Path, number: int, row: Any) -> Source:
    where = f"{path}: source {number}"
    if not isinstance(row, dict):
        raise DataError(f"{where}: not a mapping; give {', '.join(_KEYS)}")
    for key in _KEYS:
        if not row.get(key):
            raise DataError(f"{where}: '{key}' is missing; add it")
    for key in row:
        if key not in _KEYS:
            raise DataError(f"{where}: unknown key '{key}'; known are {', '.join(_KEYS)}")
    if row["fit"] not in _USES:
        raise DataError(f"{where}: fit is '{row['fit']}'; one of {', '.join(sorted(_USES))}")
    return Source(
        match=row["match"],
        title=row["title"],
        url=row["url"],
        licences=tuple(row["licences"]),
        taken=row["taken"],
        fit=row["fit"],
        why=row["why"],
    )
