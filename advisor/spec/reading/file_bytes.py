"""The bytes of a foreign file: regular files only, and never more than a bound."""

from __future__ import annotations

import stat
from pathlib import Path

from advisor.errors import InputError
from advisor.units import MB


def is_there(path: Path) -> bool:
    """Whether a file or folder is there; False for what is no possible path."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def read_bytes(path: Path, *, max_bytes: int, what: str, where: str | None = None) -> bytes:
    """The content of `path`. `what` names the file that is expected: `a result file`.

    Raises InputError, one line, for a missing file, a folder, a device or pipe (which may never end), a file
    larger than `max_bytes` (counted while reading: a size on disk may be wrong), or one without read access.
    """
    shown = where or str(path)
    shown = shown if shown.isprintable() else repr(shown)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{shown}: is a folder; name {what} in it")
        if not stat.S_ISREG(mode):
            raise InputError(f"{shown}: is no regular file (a pipe, a socket or a device); name {what}")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise InputError(f"{shown}: no such file; check the path") from error
    except ValueError as error:
        raise InputError(f"{shown}: is no possible path ({error}); check it") from error
    except OSError as error:
        raise InputError(f"{shown}: {error.strerror or error}; check the path") from error
    if len(content) > max_bytes:
        raise InputError(f"{shown}: larger than {max_bytes / MB:,.0f} MB; is it {what}?")
    return content
