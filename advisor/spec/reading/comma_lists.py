"""Lists as people type them: parts between commas."""

from __future__ import annotations

from collections.abc import Iterable

from advisor.errors import InputError
from advisor.spec.reading.given_value import plain


def split(text: str) -> list[str]:
    """The parts between commas, without blanks and empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]


def named(texts: Iterable[str] | None, *, where: str, what: str) -> list[str] | None:
    """The parts of every text; None where the option was not given.

    Raises InputError for an empty list or part: an unset shell variable must not mean everything or nothing.
    """
    if texts is None:
        return None
    texts = list(texts)
    if not split_all(texts):
        raise InputError(f"{where}: is empty; name {what}, or leave it out")
    for text in texts:
        if not all(part.strip() for part in text.split(",")):
            raise InputError(
                f"{where}: '{plain(text)}' has an empty part; name what is missing, or drop the comma"
            )
    return split_all(texts)


def split_all(texts: Iterable[str] | None) -> list[str]:
    """The parts of every text, one after the other."""
    return [part for text in texts or () for part in split(text)]
