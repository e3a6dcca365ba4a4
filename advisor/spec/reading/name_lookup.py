"""Names people type, found whatever their case, blanks and hyphens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from advisor.errors import InputError

T = TypeVar("T")

MOST_CHARACTERS = 300
"""Of a name; a path may be longer, what it names may not."""


def fold(name: str) -> str:
    """`name` with only its letters and digits, in lower case: `A100_sxm` and `a100-SXM` are one."""
    return "".join(character for character in name.lower() if character.isalnum())


def printable(name: str, *, what: str) -> str:
    """`name`, which goes into commands, scripts and pages. Raises InputError for control characters, and for
    more characters than any name has."""
    if len(name) > MOST_CHARACTERS:
        raise InputError(
            f"{what} '{name[:40]}…': a name of {len(name):,} characters; give at most {MOST_CHARACTERS}"
        )
    if not name.isprintable():
        raise InputError(f"{what} {name!r}: has control characters or line breaks; rename it")
    return name


class NameIndex(Generic[T]):
    """Things by every name they are known under; a name shared by two things is our own mistake."""

    def __init__(self, names: Iterable[tuple[str, T]]) -> None:
        self._by_fold: dict[str, T] = {}
        for name, thing in names:
            known = self._by_fold.setdefault(fold(name), thing)
            if known is not thing:
                raise ValueError(f"two catalog rows are called {name!r}")

    def get(self, name: str) -> T | None:
        return self._by_fold.get(fold(name))
