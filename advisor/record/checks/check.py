"""Check measurement files: damage, unknown names, and figures that contradict the world or each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from advisor.errors import DataError
from advisor.record.checks.costs import check_costs
from advisor.record.checks.finding import Finding, Severity
from advisor.record.checks.quality import check_quality
from advisor.record.checks.speed import check_speed
from advisor.record.store import (
    Located,
    files,
    read_costs,
    read_failures,
    read_kernels,
    read_located,
    read_quality,
    read_speed,
)
from advisor.record.tables import COSTS, QUALITY, SPEED, Record, Table

__all__ = ["Finding", "Severity", "check_folder", "unflagged"]


def check_folder(folder: Path) -> list[Finding]:
    """Everything wrong with the measurement files of `folder` (or with one file), by file and line.

    Rows that carry a reason in `suspect` are checked like all others; what is found on them, or on a row
    because of them, is `known`. Raises InputError when there is no such folder.
    """
    readable: list[Path] = []
    findings: list[Finding] = []
    for path in files(folder):
        damage = list(_damage(path))
        findings += damage
        if not damage:
            readable.append(path)
    findings += _checked(readable, SPEED, check_speed)
    findings += _checked(readable, COSTS, check_costs)
    findings += _checked(readable, QUALITY, check_quality)
    return sorted(set(findings), key=lambda found: (found.file.name, found.line, found.what))


def unflagged(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that call for action: all but the known ones."""
    return [found for found in findings if found.severity != "known"]


def _damage(path: Path) -> Iterator[Finding]:
    """The first damaged line of a file, whatever its kind."""
    try:
        for read in (read_speed, read_quality, read_costs, read_failures, read_kernels):
            read(path)
    except DataError as error:
        line, text = _placed(str(error).removeprefix(f"{path}:"))
        what, _, remedy = text.partition("; ")
        yield Finding(file=path, line=line, severity="error", what=what, remedy=remedy)


def _placed(text: str) -> tuple[int, str]:
    """The line that a message begins with, and the rest of it; line 1 where it is about the whole file."""
    place, _, rest = text.partition(": ")
    return (int(place), rest) if place.isdigit() else (1, text.strip())


def _checked(
    paths: Sequence[Path],
    table: Table[Record],
    check: Callable[[Sequence[Located[Any]]], Iterator[Finding]],
) -> list[Finding]:
    return list(check([row for path in paths for row in read_located(path, table)]))
