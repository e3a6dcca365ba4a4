"""Finding: what is wrong with one line of a measurement file, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from advisor.errors import UnknownNameError

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


def unknown_name(look_up: Callable[[str], object], name: str) -> str:
    """Why `look_up` does not know `name`, with the nearest known names; empty when it does."""
    try:
        look_up(name)
    except UnknownNameError as error:
        return str(error)
    return ""
