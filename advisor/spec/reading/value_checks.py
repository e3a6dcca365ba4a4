"""The checks by which facts, such as those of a workload, refuse what cannot be."""

from __future__ import annotations

import math


def require(holds: bool, message: str) -> None:
    """Raises ValueError with the message unless it holds."""
    if not holds:
        raise ValueError(message)


def require_line(text: str, what: str) -> None:
    """One printable line without space around it: what a file can carry and a table can show."""
    require(text == text.strip() and text.isprintable(), f"{what} {text!r} is not one line of plain text")


def within(value: float, low: float, high: float) -> bool:
    """Whether a value is from `low` to `high`; False for NaN and infinities too."""
    return math.isfinite(value) and low <= value <= high
