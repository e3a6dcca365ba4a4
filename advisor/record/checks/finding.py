"""Finding: what is wrong with one line of a measurement file, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from advisor.errors import QuantAdviseError
from advisor.record.store import Located

Severity = Literal["error", "warning", "known"]
"""error: it cannot be true. warning: it is hardly true. known: the row says itself that it is suspect."""

FLAG_IT = "read the source again; if it does print this, say why it is doubtful in the suspect column"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of one file, what is wrong with it, and the remedy."""

    file: Path
    line: int
    severity: Severity
    what: str
    remedy: str = FLAG_IT

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity}: {self.what}; {self.remedy}"


def find(
    row: Located[Any], severity: Severity, what: str, *partners: Located[Any], remedy: str = FLAG_IT
) -> Finding:
    """The finding on `row`; known when it, or a row it is compared with, is flagged already."""
    flagged = any(one.record.suspect for one in (row, *partners))
    return Finding(
        file=row.file, line=row.line, severity="known" if flagged else severity, what=what, remedy=remedy
    )


def unknown_names(row: Located[Any], *look_ups: tuple[Callable[[str], object], str]) -> Iterator[Finding]:
    """A finding for each name that its look-up does not know, with the nearest known names."""
    for look_up, name in look_ups:
        problem = _unknown(look_up, name)
        if problem:
            yield find(row, "error", problem, remedy="correct the name or add it to the catalog")


def _unknown(look_up: Callable[[str], object], name: str) -> str:
    try:
        look_up(name)
    except QuantAdviseError as error:
        return str(error)
    return ""
