"""The only reader and writer of measurement files.

A measurement file is UTF-8 CSV. Its first line says what it holds and in which version of this contract
(`#quantadvise speed 1`), its second line names the columns, every further line is one record. Kinds:

- `speed`: one speed figure a row (`SpeedMeasurement`)
- `quality`: one benchmark score a row (`QualityMeasurement`)
- `failures`: one run a row that ended without a result (`FailedRun`)
- `costs`: one printed queries-per-dollar figure a row (`PrintedCost`)
- `kernels`: one kernel timed alone a row (`KernelTiming`)

The columns stand in `advisor.record.tables`. An empty cell means "not known" in the columns marked `?` there
and "nothing to say" in free text; it is damage everywhere else. A field never holds a line break, so a line
is a record, and a file that does not end in a line break was cut off while being written. A damaged row
stops the read: a fit on what happens to be readable would be a fit on something else.
"""

from __future__ import annotations

import csv
import gc
import io
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from advisor.errors import DataError, InputError, nearest
from advisor.record.kernel import KernelTiming
from advisor.record.measurement import FailedRun, PrintedCost, QualityMeasurement, SpeedMeasurement
from advisor.record.tables import (
    COSTS,
    FAILURES,
    KERNELS,
    KINDS,
    MARK,
    QUALITY,
    READERS,
    SPEED,
    VERSION,
    Cell,
    Record,
    Table,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Located(Generic[Record]):
    """A record and where it stands."""

    record: Record
    file: Path
    line: int


def read_speed(folder: Path) -> list[SpeedMeasurement]:
    """All speed figures of the files in `folder` (or of one file), by file name, then by line.

    Raises InputError when there is no such folder, DataError for damage, with file, line and remedy.
    """
    return _records(folder, SPEED)


def read_quality(folder: Path) -> list[QualityMeasurement]:
    """All benchmark scores of the files in `folder`; order and errors as in `read_speed`."""
    return _records(folder, QUALITY)


def read_failures(folder: Path) -> list[FailedRun]:
    """All failed runs of the files in `folder`; order and errors as in `read_speed`."""
    return _records(folder, FAILURES)


def read_costs(folder: Path) -> list[PrintedCost]:
    """All printed queries-per-dollar figures of the files in `folder`; as `read_speed`."""
    return _records(folder, COSTS)


def read_kernels(folder: Path) -> list[KernelTiming]:
    """All kernel timings of the files in `folder`; as `read_speed`."""
    return _records(folder, KERNELS)


def read_located(folder: Path, table: Table[Record]) -> list[Located[Record]]:
    """The same records, each with its file and line."""
    return [
        Located(record=record, file=path, line=line)
        for path in files(folder)
        for line, record in enumerate(_read_file(path, table), start=3)
    ]


def read_speed_columns(folder: Path, names: Sequence[str]) -> dict[str, list[Any]]:
    """The columns `names` of all speed figures, rows as in `read_speed`, without making records of them.

    A few times faster; what a record would refuse is not noticed. Raises as `read_speed` for other damage.
    """
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for path in files(folder):
        rows, body = _rows(path, SPEED)
        texts = list(zip(*rows, strict=True)) or [()] * len(SPEED.columns)
        for at, (name, cell) in enumerate(SPEED.columns):
            if name in columns:
                try:
                    columns[name] += _cells(texts[at], cell)
                except ValueError:
                    raise _first_damage(path, body, SPEED) from None
    return columns


def write_speed(path: Path, rows: Iterable[SpeedMeasurement]) -> None:
    """Make `path` hold exactly `rows`; a crash leaves the old file or the new one, never a mix."""
    _write(path, SPEED, rows)


def write_quality(path: Path, rows: Iterable[QualityMeasurement]) -> None:
    """As `write_speed`, for benchmark scores."""
    _write(path, QUALITY, rows)


def write_failures(path: Path, rows: Iterable[FailedRun]) -> None:
    """As `write_speed`, for failed runs."""
    _write(path, FAILURES, rows)


def write_costs(path: Path, rows: Iterable[PrintedCost]) -> None:
    """As `write_speed`, for printed costs."""
    _write(path, COSTS, rows)


def write_kernels(path: Path, rows: Iterable[KernelTiming]) -> None:
    """As `write_speed`, for kernel timings."""
    _write(path, KERNELS, rows)


def append_speed(path: Path, rows: Iterable[SpeedMeasurement]) -> None:
    """Add `rows` at the end of `path`, which need not exist; they are on disk when this returns.

    Raises DataError when the file's last line was cut off by a crash (see `drop_torn_line`).
    """
    _append(path, SPEED, rows)


def append_quality(path: Path, rows: Iterable[QualityMeasurement]) -> None:
    """As `append_speed`, for benchmark scores."""
    _append(path, QUALITY, rows)


def append_failures(path: Path, rows: Iterable[FailedRun]) -> None:
    """As `append_speed`, for failed runs."""
    _append(path, FAILURES, rows)


def drop_torn_line(path: Path) -> str | None:
    """Remove a last line that a crash cut off and return it; None when the file is whole."""
    content = path.read_bytes()
    kept = content.rfind(b"\n") + 1
    if kept == len(content):
        return None
    _replace(path, content[:kept])
    return content[kept:].decode("utf-8", errors="replace")


def files(folder: Path) -> list[Path]:
    """The CSV files of `folder` by name, not those of its sub-folders; a file stands for itself."""
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give a folder with measurement files")
    return sorted(folder.glob("*.csv"), key=lambda path: path.name)


def _records(folder: Path, table: Table[Record]) -> list[Record]:
    return [record for path in files(folder) for record in _read_file(path, table)]


def _read_file(path: Path, table: Table[Record]) -> list[Record]:
    """The records of one file; none when the file is of another kind."""
    rows, body = _rows(path, table)
    try:
        return _convert(rows, table)
    except ValueError:
        raise _first_damage(path, body, table) from None


def _rows(path: Path, table: Table[Any]) -> tuple[list[list[str]], list[str]]:
    """The cells and the lines of one file, header apart; none when the file is of another kind."""
    lines = _lines(path)
    if _kind(path, lines) != table.kind:
        return [], []
    lacks = _check_header(path, lines, table)
    body = [line + "," * lacks for line in lines[2:]] if lacks else lines[2:]
    try:
        rows = list(csv.reader(body, strict=True))
    except csv.Error:
        raise _first_damage(path, body, table) from None
    if len(rows) != len(body) or any(len(row) != len(table.columns) for row in rows):
        raise _first_damage(path, body, table)
    return rows, body


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8 CSV") from error
    lines = text.replace("\r\n", "\n").split("\n")
    last = lines.pop()
    if last:
        raise DataError(
            f"{path}:{len(lines) + 1}: the last line was cut off while being written; delete that line"
        )
    return lines


def _kind(path: Path, lines: Sequence[str]) -> str:
    words = lines[0].split() if lines else []
    if len(words) != 3 or words[0] != MARK:
        raise DataError(
            f"{path}:1: not a measurement file, its first line must be like '{SPEED.first_line}'; "
            "bring other tools' results in with `quantadvise import`, or move the file away"
        )
    _, kind, version = words
    if kind not in KINDS:
        close = nearest(kind, KINDS)
        raise DataError(f"{path}:1: unknown kind '{kind}'; one of {', '.join(close or KINDS)}")
    if version != str(VERSION):
        raise DataError(f"{path}:1: version {version}, this program reads {VERSION}; update quantadvise")
    return kind


def _check_header(path: Path, lines: Sequence[str], table: Table[Any]) -> int:
    """How many of the columns that came later the file lacks."""
    found = next(csv.reader(lines[1:2]), [])
    lacks = len(table.names) - len(found)
    if 0 <= lacks <= table.later and tuple(found) == table.names[: len(found)]:
        return lacks
    for name in found:
        if name not in table.names:
            close = nearest(name, table.names, count=1)
            hint = f"did you mean '{close[0]}'?" if close else "remove that column"
            raise DataError(f"{path}:2: unknown column '{name}'; {hint}")
    for name in table.names:
        if name not in found:
            raise DataError(f"{path}:2: column '{name}' is missing; add it")
    raise DataError(f"{path}:2: columns in another order; must be {','.join(table.names)}")


def _convert(rows: Sequence[Sequence[str]], table: Table[Record]) -> list[Record]:
    """Rows of text to records, column by column."""
    columns = [
        _cells(texts, cell)
        for (_, cell), texts in zip(table.columns, zip(*rows, strict=True), strict=bool(rows))
    ]
    names = table.names
    make = table.make
    # No record refers back to another: collecting while thousands are made only costs time.
    paused = gc.isenabled()
    gc.disable()
    try:
        return [make(**dict(zip(names, cells, strict=True))) for cells in zip(*columns, strict=True)]
    finally:
        if paused:
            gc.enable()


def _cells(texts: Sequence[str], cell: Cell) -> list[Any]:
    """The values of one column: most texts repeat, so each distinct one is read once."""
    read = READERS[cell]
    known = {text: read(text) for text in set(texts)}
    return [known[text] for text in texts]


def _first_damage(path: Path, body: Sequence[str], table: Table[Any]) -> DataError:
    """What is wrong with the first line that cannot be read by itself."""
    for number, line in enumerate(body, start=3):
        where = f"{path}:{number}"
        if not line.strip():
            return DataError(f"{where}: empty line; delete it")
        try:
            row = next(csv.reader([line], strict=True))
        except csv.Error as error:
            return DataError(f"{where}: {error}; close the quotes or delete the line")
        if len(row) != len(table.columns):
            return DataError(
                f"{where}: {len(row)} cells, {len(table.columns)} columns; mend or delete the line"
            )
        try:
            table.make(**{name: _read(name, cell, row[at]) for at, (name, cell) in enumerate(table.columns)})
        except ValueError as error:
            return DataError(f"{where}: {error}; correct it or delete the line")
    raise AssertionError(f"{path}: unreadable as a whole, yet no line of it is damaged")


def _read(name: str, cell: Cell, text: str) -> Any:
    try:
        return READERS[cell](text)
    except ValueError as error:
        raise ValueError(f"{name} is '{text}', {error}") from None


def _text(value: object, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        # 256.0 as 256; every other float with as many digits as bring back the same bits
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    text = str(value)
    if any(mark in text for mark in "\r\n\0"):
        raise ValueError(f"{name} holds a line break or a zero byte: {text!r}")
    return text


def _encode(table: Table[Record], rows: Iterable[Record]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in rows:
        writer.writerow([_text(getattr(row, name), name) for name in table.names])
    return buffer.getvalue().encode("utf-8")


def _head(table: Table[Any]) -> bytes:
    return f"{table.first_line}\n{','.join(table.names)}\n".encode()


def _write(path: Path, table: Table[Record], rows: Iterable[Record]) -> None:
    _replace(path, _head(table) + _encode(table, rows))


def _append(path: Path, table: Table[Record], rows: Iterable[Record]) -> None:
    block = _encode(table, rows)
    if not path.exists():
        _replace(path, _head(table) + block)
        return
    lines = _lines(path)
    if _kind(path, lines) != table.kind:
        raise DataError(f"{path}:1: holds {_kind(path, lines)}, not {table.kind}; append to another file")
    if _check_header(path, lines, table):
        raise DataError(f"{path}:2: an older file without {table.names[-1]}; append to another file")
    with path.open("ab") as file:
        file.write(block)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, content: bytes) -> None:
    """Write beside `path`, onto the disk, then rename over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files only their owner may read; measurements are for others too
        os.chmod(name, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
