"""Failures a user can mend; each ends as one line: where, what, remedy.

Everything that is not one of these is our bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable


class QuantAdviseError(Exception):
    """A failure the user can mend; `exit_code` is what the command leaves with."""

    exit_code = 1


def one_line(text: str) -> str:
    """`text` without line breaks and control characters, so that a failure stays one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


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


class DiskFullError(QuantAdviseError):
    """No room left; what was done so far is kept, and the same command goes on."""


def disk_full(error: BaseException) -> bool:
    """Whether an error means that a disk or a quota is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NotAllMeasuredError(QuantAdviseError):
    """A run ended, and some steps of its plan have no result; what has one is recorded."""

    exit_code = 4


class NothingMeasuredError(QuantAdviseError):
    """A run ended, and no step of its plan has a result."""

    exit_code = 5


class NothingFitsError(QuantAdviseError):
    """No deployment keeps the limits."""

    exit_code = 3


BEGINNING, SHORTEST_BEGINNING = 0.95, 4
"""What the likeness to the beginning of a name counts, and the letters from which it does."""
NEAR, VERY_NEAR = 0.5, 0.75
"""Likeness (difflib's ratio) from which a name is shown, and from which it is surely the one meant."""


def nearest(name: str, known: Iterable[str], count: int = 3, likeness: float = NEAR) -> tuple[str, ...]:
    """The known names most like `name`, best first; case, '-', '_', '.', ' ' do not count.

    A name may be the beginning of a known one, misspelt: Llama-3.3-70B-Instruct is near to `Lama-3.3-70B`.
    """

    def fold(text: str) -> str:
        return "".join(c for c in text.lower() if c not in "-_. /")

    by_fold: dict[str, str] = {}
    for candidate in known:
        by_fold.setdefault(fold(candidate), candidate)
    asked = fold(name)
    scores = {key: _likeness(asked, key) for key in by_fold}
    close = sorted(
        (key for key in scores if scores[key] >= likeness), key=lambda key: (-scores[key], len(key))
    )
    return tuple(by_fold[key] for key in close[:count])


def _likeness(asked: str, known: str) -> float:
    """difflib's ratio, or a little less than that to as long a beginning of the known name, if very near."""
    matcher = difflib.SequenceMatcher(None, b=asked)

    def ratio(text: str) -> float:
        matcher.set_seq1(text)
        return matcher.ratio()

    lengths = range(len(asked) - 1, len(asked) + 2) if len(asked) >= SHORTEST_BEGINNING else ()
    beginnings = [ratio(known[:length]) for length in lengths if length < len(known)]
    return max([ratio(known), *(BEGINNING * likeness for likeness in beginnings if likeness >= VERY_NEAR)])


MOST_NAMED = 20
"""Known names that an error lists in full; of more, the command that lists them says more."""


def unknown(
    what: str, name: str, known: Iterable[str], *, where: str = "", otherwise: str | None = None
) -> UnknownNameError:
    """The error for a name that stands in no catalog, with the nearest known ones.

    `otherwise` is the remedy where none is near and there are too many to list.
    """
    names = list(known)
    close = nearest(name, names)
    if close:
        remedy = f"did you mean {', '.join(close)}?"
        if otherwise is not None and not nearest(name, names, likeness=VERY_NEAR):
            remedy += f" Else {otherwise}"
    elif otherwise is not None and len(names) > MOST_NAMED:
        remedy = otherwise
    else:
        remedy = f"known: {', '.join(names[:MOST_NAMED])}{', …' if len(names) > MOST_NAMED else ''}"
    return UnknownNameError(f"{where + ': ' if where else ''}unknown {what} '{name}'; {remedy}")
