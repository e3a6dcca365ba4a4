"""A measurement file as lines: its head, its checksums, its lock, and how it is replaced in one piece.

What `store` writes can be checked: the first line counts the rows (`#quantadvise speed 1 rows=16`), and a
last column `crc32` holds the CRC-32 of each row's other cells. A flipped bit names its line, a cut file says
how many rows are gone. Files without either are read as they are; a row written by hand leaves `crc32` empty.
"""

from __future__ import annotations

import csv
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from advisor import atomic_files
from advisor.errors import DataError, nearest
from advisor.record.file_columns import KINDS, MARK, SPEED, VERSION
from advisor.spec.reading.file_bytes import read_bytes
from advisor.units import MIB

CHECKSUM = "crc32"
MAX_BYTES = 512 * MIB
"""No measurement file is larger; a larger one is something else."""
MAX_NAMED_LINES = 5
_ROWS = "rows="


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The first two lines of a file."""

    kind: str
    rows: int | None
    """Rows that were written; None where the file does not count them."""
    columns: tuple[str, ...]
    """Without the checksums' column."""
    has_checksums: bool


def lines_of(path: Path) -> list[str]:
    """The lines of a file. Raises DataError where it is no text, or ends in the middle of a line."""
    lines = _split(path)
    last = lines.pop()
    if last:
        raise DataError(
            f"{path}:{len(lines) + 1}: the last line was cut off while being written; delete that line"
        )
    return lines


def head_of(path: Path, lines: Sequence[str]) -> Head:
    """What a file says it is. Raises DataError where that is no measurement file of this version."""
    words = lines[0].split() if lines else []
    if not 3 <= len(words) <= 4 or words[0] != MARK or (words[3:] and not words[3].startswith(_ROWS)):
        raise DataError(
            f"{path}:1: not a measurement file, its first line must be like '{SPEED.first_line}'; "
            "bring other tools' results in with `quantadvise import`, or move the file away"
        )
    _, kind, version = words[:3]
    if kind not in KINDS:
        close = nearest(kind, KINDS)
        raise DataError(f"{path}:1: unknown kind '{kind}'; one of {', '.join(close or KINDS)}")
    if version != str(VERSION):
        raise DataError(f"{path}:1: version {version}, this program reads {VERSION}; update quantadvise")
    rows = None
    if words[3:]:
        count = words[3].removeprefix(_ROWS)
        if not (count.isascii() and count.isdigit()):
            raise DataError(f"{path}:1: rows='{count}' is not a count; delete '{words[3]}' from the line")
        rows = int(count)
    columns = tuple(next(csv.reader(lines[1:2]), []))
    has_checksums = bool(columns) and columns[-1] == CHECKSUM
    return Head(
        kind=kind, rows=rows, columns=columns[:-1] if has_checksums else columns, has_checksums=has_checksums
    )


def checked_body(path: Path, head: Head, lines: Sequence[str]) -> list[str]:
    """The rows' lines without their checksums. Raises DataError for lines that were changed."""
    body = list(lines[2:])
    if head.rows is not None and len(body) != head.rows:
        raise DataError(
            f"{path}: holds {len(body):,} rows, {head.rows:,} were written; restore the file, or delete "
            f"'{_ROWS}{head.rows}' from its first line if the rows were changed on purpose"
        )
    if not head.has_checksums:
        return body
    bare, wrong = [], []
    for number, line in enumerate(body, start=3):
        content, comma, checksum = line.rpartition(",")
        if not comma or (checksum and checksum != checksum_of(content)):
            wrong.append(number)
        bare.append(content)
    if wrong:
        named = ", ".join(map(str, wrong[:MAX_NAMED_LINES])) + (" …" if len(wrong) > MAX_NAMED_LINES else "")
        raise DataError(
            f"{path}:{wrong[0]}: not as it was written (lines {named}; their checksums differ); restore the "
            f"file, or empty the cell {CHECKSUM} of a line that was changed on purpose"
        )
    return bare


def checksum_of(line: str) -> str:
    """CRC-32 of a row's text, eight hexadecimal digits."""
    return f"{zlib.crc32(line.encode('utf-8')):08x}"


def text_of(first_line: str, columns: Sequence[str], body: Sequence[str]) -> str:
    """A whole file: `body` are the rows' lines without checksums."""
    head = f"{first_line} {_ROWS}{len(body)}\n{','.join((*columns, CHECKSUM))}\n"
    return head + "".join(f"{line},{checksum_of(line)}\n" for line in body)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file for looking and writing; others wait. The kernel frees the lock of a process that died.

    Raises InputError where no file can be made.
    """
    with _lock_file(path) as file:
        try:
            import fcntl
        except ImportError:  # pragma: no cover - Windows
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lock_file(path: Path) -> IO[bytes]:
    with atomic_files.named_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(f".{path.name}.lock").open("a+b")


def is_torn(path: Path) -> bool:
    """Whether a file ends in the middle of a line."""
    if not path.is_file():  # named when it is read
        return False
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        if not file.tell():
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def set_torn_line_aside(path: Path) -> str | None:
    """Move a last line that was cut off while being written to `NAME.torn`; a line that says so, or None."""
    content = path.read_bytes()
    kept = content.rfind(b"\n") + 1
    if kept == len(content):
        return None
    aside = path.with_name(f"{path.name}.torn")
    with aside.open("ab") as file:
        file.write(content[kept:] + b"\n")
        file.flush()
        os.fsync(file.fileno())
    line = content[:kept].count(b"\n") + 1
    # The count of the first line then is that of the rows that are left, if no other row is missing.
    first, after, rest = content[:kept].partition(b"\n")
    first = re.sub(rb"\brows=%d$" % (line - 2), b"rows=%d" % (line - 3), first)
    atomic_files.write(path, first + after + rest)
    return f"{path}:{line}: the last line was cut off while being written; it is set aside in {aside.name}"


def _split(path: Path) -> list[str]:
    """Text between line breaks; the last entry is what follows the last one."""
    content = read_bytes(path, max_bytes=MAX_BYTES, what="a measurement file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8 CSV") from error
    return text.replace("\r\n", "\n").split("\n")
