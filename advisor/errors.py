"""Failures a user can mend; each ends as one line: where, what, remedy.

Everything that is not one of these is our bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class QuantAdviseError(Exception):
    """A failure the user can mend; `exit_code` is what the command leaves with."""

    exit_code = 1


class InputError(QuantAdviseError):
    """What the user gave is wrong: a file, a key, a number, a name."""


class UnknownNameError(InputError):
    """A name that stands in no catalog; the message names the nearest known ones."""


class DataError(QuantAdviseError):
    """A data file is damaged or contradicts the world; the message has file and line."""


class UnsupportedError(QuantAdviseError):
    """What was asked is well-formed, but we know no right answer: refused rather than guessed."""


class MissingToolError(QuantAdviseError):
    """A program or package that this step drives is not installed."""


class ToolFailedError(QuantAdviseError):
    """A program we started ended badly; the message has its last lines and its log's path."""


class NothingFitsError(QuantAdviseError):
    """No deployment keeps the limits."""

    exit_code = 3


def nearest(name: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The known names most like `name`, best first; case, '-', '_', '.', ' ' do not count."""

    def fold(text: str) -> str:
        return "".join(c for c in text.lower() if c not in "-_. /")

    by_fold: dict[str, str] = {}
    for candidate in known:
        by_fold.setdefault(fold(candidate), candidate)
    close = difflib.get_close_matches(fold(name), by_fold, n=count, cutoff=0.5)
    return tuple(by_fold[key] for key in close)


def unknown(what: str, name: str, known: Iterable[str], *, where: str = "") -> UnknownNameError:
    """The error for a name that stands in no catalog, with the nearest known ones."""
    names = list(known)
    close = nearest(name, names)
    remedy = f"did you mean {', '.join(close)}?" if close else f"known: {', '.join(names[:8])}"
    if not close and len(names) > 8:
        remedy += ", …"
    return UnknownNameError(f"{where + ': ' if where else ''}unknown {what} '{name}'; {remedy}")
