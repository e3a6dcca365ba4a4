"""The two output streams: what they cannot show becomes ASCII, a full or closed one ends in one line."""

from __future__ import annotations

import codecs
import errno
import os
import signal
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

FAILED, INTERRUPTED = 1, 130
_ASCII = {
    "≤": "<=",
    "≥": ">=",
    "×": "x",
    "±": "+/-",
    "…": "...",
    "→": "->",
    "·": "*",
    "÷": "/",
    "−": "-",
    "–": "-",
    "—": "-",
    "─": "-",
    "│": "|",
    "█": "#",
    "▌": "#",
    "●": "o",
    "✓": "yes",
    "≈": "~",
    "’": "'",
    "‘": "'",
    "“": '"',
    "”": '"',
    "µ": "u",
    "°": " deg",
}
_HANDLER = "quantadvise"


_notes: list[str] = []


def note_with_answer(text: str) -> None:
    """A line on stderr where the command ends with an answer; beside an error it would be a second line."""
    _notes.append(text)


@contextmanager
def notes_with_answer() -> Iterator[None]:
    """Prints the lines of `note_with_answer` at its end, unless an error other than exit code 3 ends it."""
    from advisor.errors import NothingFitsError, QuantAdviseError

    _notes.clear()
    failed = False
    try:
        yield
    except QuantAdviseError as error:
        failed = not isinstance(error, NothingFitsError)
        raise
    finally:
        for text in () if failed else _notes:
            print(f"quantadvise: {text}", file=sys.stderr)
        _notes.clear()


def ascii_of(text: str) -> str:
    """`text` in ASCII that a person can read: `≤` as `<=`, `é` as `e`, what has no likeness as `?`."""
    parts = []
    for character in text:
        if character.isascii():
            parts.append(character)
        elif character in _ASCII:
            parts.append(_ASCII[character])
        else:
            bare = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
            parts.append(bare or "?")
    return "".join(parts)


def _in_ascii(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return ascii_of(error.object[error.start : error.end]), error.end


def prepare() -> bool:
    """Make both streams take any text, whatever their encoding (a redirected Windows console has cp1252).

    False, and one line, where there is no stdout to answer on (`>&-`).
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it lives as long as we do
    if sys.stdout is None:
        complain("stdout is closed; the answer could not be written")
        return False
    codecs.register_error(_HANDLER, _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=_HANDLER)
    return True


def end_by_signals() -> None:
    """End without a word when the reader has gone (`| head`), as programs do; keep Ctrl-C an exception."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def interrupts_end_it() -> None:
    """End at once by Ctrl-C: nothing is left to be tidied up, and the interpreter's end takes time."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def keep_broken_pipes() -> None:
    """Make a reader that has gone an error again: for commands that must outlive one."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)


@contextmanager
def broken_pipes_kept() -> Iterator[None]:
    """`keep_broken_pipes` while a block talks to servers; what is printed after it ends as usual."""
    before = signal.getsignal(signal.SIGPIPE) if hasattr(signal, "SIGPIPE") else None
    keep_broken_pipes()
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGPIPE, before)


def is_stream_failure(error: OSError) -> bool:
    """Whether an error is of a stream that takes no more: a full disk, a closed or broken pipe."""
    return error.filename is None and error.errno in (
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EPIPE, errno.EBADF, errno.EIO, errno.EINVAL),
    )


def flushed(code: int) -> int:
    """Flush both streams; `code`, or 1 and one line where the answer could not be written."""
    try:
        sys.stdout.flush()
    except OSError as error:
        complain(f"stdout: {error.strerror or error}; the answer could not be written")
        _discard(sys.stdout)
        return code or FAILED
    except ValueError:  # closed by whoever ran us in this process
        return code or FAILED
    return code


def complain(line: str) -> None:
    """One line on stderr, where there is one."""
    try:
        print(f"quantadvise: {line}", file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Let what is left unwritten go nowhere: it must not fail again when the interpreter ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
