"""The door of every command: arguments that no option may take, whatever it is for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from advisor.errors import InputError

_NUMBER = re.compile(r"[+-]?[\d_]*\.?[\d_]+(?:[eE][+-]?[\d_]+)?")
"""What Python reads as a number: digits of any script, and underscores between them."""
NAMES = frozenset(
    {
        *("--out", "--write", "--html", "--records", "--cells", "--name", "--model", "-m", "--workload"),
        *("--profile", "-w", "--task-folder", "--checkpoint", "--prompts", "--calibration", "--gpu-file"),
        *("--revision", "--address", "--engine-arg", "--algorithm", "--recipe", "--licence"),
    }
)
"""Options whose values are names and paths, which may look like any number."""
MAX_DIGITS = 40
"""No quantity here needs more digits."""


def check(arguments: Sequence[str]) -> None:
    """Raise InputError for control characters, and for numbers not written with the digits 0 to 9."""
    before = ""
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if not argument.isprintable():
            where = option if equals or option.startswith("--") else before or "an argument"
            raise InputError(f"{where}: {argument!r} has control characters or line breaks; write plain text")
        if not (argument.startswith("--") and equals):
            option, value = before, argument
        if option.startswith("-") and option not in NAMES:
            for word in re.split(r"[,;\s±:/-]+", value):
                _check_number(option, word)
        before = argument if argument.startswith("-") else ""


def _check_number(option: str, word: str) -> None:
    if not _NUMBER.fullmatch(word):
        return
    if not word.isascii() or "_" in word:
        raise InputError(f"{option}: '{word}' is no number here; write it with the digits 0 to 9 alone")
    if len(word) > MAX_DIGITS:
        raise InputError(f"{option}: a number of {len(word)} digits; it has at most {MAX_DIGITS}")
