"""The bytes of a foreign file: regular files only, gzip unpacked, and never more than a bound."""

from __future__ import annotations

import io
import stat
from pathlib import Path

from advisor.errors import InputError
from advisor.units import MB

_GZIP = b"\x1f\x8b"
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"\xfd7zXZ": "packed with xz",
    b"BZh": "packed with bzip2",
    b"PAR1": "Parquet",
}
"""What files that no reader here takes begin with."""


def is_there(path: Path) -> bool:
    """Whether a file, folder or link is there, a link that leads nowhere too: reading it names it. False for
    what cannot be a path."""
    try:
        return path.exists() or path.is_symlink()
    except (OSError, ValueError):
        return False


def read_bytes(path: Path, *, max_bytes: int, what: str, where: str | None = None) -> bytes:
    """The content of `path`, unpacked if it is gzip. `what` names the file that is expected: `a result file`.

    Raises InputError, one line, for a missing file, a folder, a device or pipe (which may never end), a file
    larger than `max_bytes` (counted while reading: a size on disk may be wrong), one packed otherwise or
    damaged, or one without read access.
    """
    shown = where or str(path)
    shown = shown if shown.isprintable() else repr(shown)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{shown}: is a folder; name {what} in it")
        if not stat.S_ISREG(mode):
            raise InputError(f"{shown}: is not a regular file (a pipe, a socket or a device); name {what}")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise InputError(f"{shown}: no such file; check the path") from error
    except ValueError as error:
        raise InputError(f"{shown}: cannot be a path ({error}); check it") from error
    except OSError as error:
        raise InputError(f"{shown}: {error.strerror or error}; check the path") from error
    if content.startswith(_GZIP):
        content = _unpacked(content, max_bytes, shown)
    kind = next((kind for start, kind in _OTHERS.items() if content.startswith(start)), None)
    if kind is not None:
        raise InputError(f"{shown}: is {kind}; unpack it, or export {what} as text")
    if len(content) > max_bytes:
        raise InputError(f"{shown}: larger than {max_bytes / MB:,.0f} MB; is it {what}?")
    return content


def _unpacked(content: bytes, max_bytes: int, shown: str) -> bytes:
    """What a gzip file holds, one byte more than the bound at most: a small file may hold a large one."""
    import gzip  # few files are packed: no command waits for it at its start
    import zlib

    try:
        return gzip.GzipFile(fileobj=io.BytesIO(content)).read(max_bytes + 1)
    except EOFError as error:
        raise InputError(f"{shown}: damaged gzip (it ends early); copy it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{shown}: damaged gzip ({error}); copy it again") from error
