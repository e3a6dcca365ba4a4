"""Lists as people type them: parts between commas."""

from __future__ import annotations

from collections.abc import Iterable


def split(text: str) -> list[str]:
    """The parts between commas, without blanks and empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]


def split_all(texts: Iterable[str] | None) -> list[str]:
    """The parts of every text, one after the other."""
    return [part for text in texts or () for part in split(text)]
