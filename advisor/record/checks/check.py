"""Check measurement files: damage, unknown names, and figures that contradict the world or each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from advisor.errors import DataError
from advisor.record import sources
from advisor.record.checks.accuracy_scores import check_quality
from advisor.record.checks.finding import Finding, Severity
from advisor.record.checks.printed_costs import check_costs
from advisor.record.checks.speed_figures import check_speed
from advisor.record.file_columns import COSTS, QUALITY, SPEED, Table
from advisor.record.store import Located, files, read_file

_CHECKS: tuple[tuple[Table[Any], Callable[[Sequence[Located[Any]]], Iterator[Finding]]], ...] = (
    (SPEED, check_speed),
    (COSTS, check_costs),
    (QUALITY, check_quality),
)

__all__ = ["Finding", "Severity", "check_folder", "unflagged"]


def check_folder(folder: Path) -> list[Finding]:
    """Everything wrong with the measurement files of `folder` (or with one file), by file and line.

    Rows that carry a reason in `suspect` are checked like all others; what is found on them, or on a row
    because of them, is `known`. Raises InputError when there is no such folder.
    """
    by_kind: dict[str, list[Located[Any]]] = {}
    findings: list[Finding] = []
    for path in files(folder):
        kind, rows, damage = _read(path)
        by_kind.setdefault(kind, []).extend(rows)
        findings += damage
    findings += _of_sources(folder)
    for table, check in _CHECKS:
        findings += check(by_kind.get(table.kind, []))
    return sorted(set(findings), key=lambda found: (found.file.name, found.line, found.what))


def unflagged(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that call for action: all but the known ones."""
    return [found for found in findings if found.severity != "known"]


def _read(path: Path) -> tuple[str, list[Located[Any]], list[Finding]]:
    """What a file holds and its records, or its first damaged line."""
    try:
        return *read_file(path), []
    except DataError as error:
        return "", [], [_damage(path, error)]


def _of_sources(folder: Path) -> Iterator[Finding]:
    """What is wrong with a folder's sources.yaml, which every fit to its records reads."""
    path = folder / sources.NAME
    try:
        sources.read_sources(folder)
    except DataError as error:
        yield _damage(path, error)


def _damage(path: Path, error: DataError) -> Finding:
    """An unreadable file as a finding: `path:line: what; remedy`, taken apart."""
    line, text = _placed(str(error).removeprefix(f"{path}:"))
    what, _, remedy = text.partition("; ")
    return Finding(file=path, line=line, severity="error", what=what, remedy=remedy or "mend the file")


def _placed(text: str) -> tuple[int, str]:
    """The line that a message begins with, and the rest of it; line 1 where it is about the whole file."""
    place, _, rest = text.partition(": ")
    return (int(place), rest) if place.isdigit() else (1, text.strip())
