"""Scripts for bash: the one place that quotes what stands in them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from advisor.errors import one_line

HEAD = "#!/usr/bin/env bash\n"
SAFE = "set -euo pipefail\n"
HERE = 'cd "$(dirname "$0")"\n'


class Expanded(str):
    """A word that the shell itself expands, such as `"$MODEL"`: written by us, never taken from outside."""

    __slots__ = ()


def script(*lines: str) -> str:
    """A bash script that stops at the first error and runs in its own folder.

    Whatever a line takes from outside is quoted by `quoted` or `shlex`, or stands behind `comment`.
    """
    return HEAD + SAFE + HERE + "".join(f"{line}\n" for line in lines)


def comment(text: str) -> str:
    """A line that the shell skips, whatever stands in it."""
    return f"# {one_line(text)}"


def quoted(words: Iterable[str]) -> list[str]:
    """Words as a shell takes them literally, but for those it expands."""
    return [str(word) if isinstance(word, Expanded) else shlex.quote(word) for word in words]


def joined(*parts: str) -> Expanded:
    """One word of several parts, of which a shell expands some: `joined("dir=", Expanded('"$DIR"'))`."""
    return Expanded("".join(quoted(parts)))


def wrapped(words: Iterable[str]) -> str:
    """A command with each option on its own line; the words are quoted already."""
    rows: list[str] = []
    for word in words:
        if rows and not word.startswith("--"):
            rows[-1] += f" {word}"
        else:
            rows.append(word)
    return " \\\n  ".join(rows)
