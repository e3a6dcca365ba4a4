"""The only reader and writer of measurement files.

A measurement file is UTF-8 CSV. Its first line says what it holds, in which version of this contract, and how
many rows were written (`#quantadvise speed 1 rows=16`); its second line names the columns; every further line
is one record. Kinds:

- `speed`: one speed figure a row (`SpeedMeasurement`)
- `quality`: one benchmark score a row (`QualityMeasurement`)
- `failures`: one run a row that ended without a result (`FailedRun`)
- `costs`: one printed queries-per-dollar figure a row (`PrintedCost`)
- `kernels`: one kernel timed alone a row (`KernelTiming`)

The columns stand in `advisor.record.file_columns`. An empty cell means "not known" in the columns marked `?`
there and "nothing to say" in free text; it is damage everywhere else. A field never holds a line break, so a
line is a record, and a file that does not end in a line break was cut off while being written. A damaged row
stops the read: a fit on what happens to be readable would be a fit on something else. Writers hold a lock
and replace a file as a whole; `checksummed_file` has both, and the checksums.
"""

from __future__ import annotations

import csv
import gc
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from advisor import atomic_files
from advisor.errors import DataError, InputError, nearest
from advisor.record.checksummed_file import (
    Head,
    checked_body,
    head_of,
    is_torn,
    lines_of,
    locked,
    set_torn_line_aside,
    text_of,
)
from advisor.record.file_columns import (
    COSTS,
    FAILURES,
    KERNELS,
    QUALITY,
    READERS,
    SPEED,
    TABLES,
    Cell,
    Record,
    Table,
)
from advisor.record.kernel_timing import KernelTiming
from advisor.record.measurement import FailedRun, PrintedCost, QualityMeasurement, SpeedMeasurement


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


def read_file(path: Path) -> tuple[str, list[Located[Any]]]:
    """What one file holds (`speed`, `quality` …), and its records. Raises DataError for damage."""
    lines = lines_of(path)
    head = head_of(path, lines)
    table = next(table for table in TABLES if table.kind == head.kind)
    records = _records_of(path, lines, head, table)
    return table.kind, [
        Located(record=record, file=path, line=line) for line, record in enumerate(records, start=3)
    ]


def write_speed(path: Path, rows: Iterable[SpeedMeasurement]) -> None:
    """Make `path` hold exactly `rows`; a crash leaves the old file or the new one, never a mix."""
    _write(path, SPEED, rows)


def write_quality(path: Path, rows: Iterable[QualityMeasurement]) -> None:
    """Make `path` hold exactly these benchmark scores; otherwise as `write_speed`."""
    _write(path, QUALITY, rows)


def write_failures(path: Path, rows: Iterable[FailedRun]) -> None:
    """Make `path` hold exactly these failed runs; otherwise as `write_speed`."""
    _write(path, FAILURES, rows)


def write_costs(path: Path, rows: Iterable[PrintedCost]) -> None:
    """Make `path` hold exactly these printed costs; otherwise as `write_speed`."""
    _write(path, COSTS, rows)


def write_kernels(path: Path, rows: Iterable[KernelTiming]) -> None:
    """Make `path` hold exactly these kernel timings; otherwise as `write_speed`."""
    _write(path, KERNELS, rows)


def append_speed(path: Path, rows: Iterable[SpeedMeasurement]) -> None:
    """Add `rows` at the end of `path`, which need not exist; they are on disk when this returns.

    The file holds all of them or none, whatever ends the process. Hold `locked(path)` where the rows follow
    from what the file holds. Raises DataError for a file of another kind.
    """
    _append(path, SPEED, rows)


def append_quality(path: Path, rows: Iterable[QualityMeasurement]) -> None:
    """Add benchmark scores at the end of `path`; otherwise as `append_speed`."""
    _append(path, QUALITY, rows)


def mend(folder: Path) -> list[str]:
    """Set aside last lines of the user's own files that were cut off while being written; a line for each."""
    notes = []
    for path in files(folder):
        if is_torn(path):
            with locked(path):
                note = set_torn_line_aside(path)
            notes += [note] if note else []
    return notes


def files(folder: Path) -> list[Path]:
    """The CSV files of `folder` by name, not those of its sub-folders; a file stands for itself."""
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give a folder with measurement files")
    found = sorted(folder.glob("*.csv"), key=lambda path: path.name)
    for path in found:
        if not path.is_file():
            raise InputError(f"{path}: is not a regular file; move it away, or rename it")
    return found


def _records(folder: Path, table: Table[Record]) -> list[Record]:
    return [record for path in files(folder) for record in _of_kind(path, table)]


def _of_kind(path: Path, table: Table[Record]) -> list[Record]:
    """The records of one file; none when the file is of another kind."""
    lines = lines_of(path)
    head = head_of(path, lines)
    return _records_of(path, lines, head, table) if head.kind == table.kind else []


def _records_of(path: Path, lines: list[str], head: Head, table: Table[Record]) -> list[Record]:
    """The records of a file of the table's kind."""
    rows, body, lacks = _rows(path, lines, head, table)
    try:
        return _convert(rows, table)
    except ValueError:
        raise _first_damage(path, body, table, lacks) from None


def _rows(
    path: Path, lines: list[str], head: Head, table: Table[Any]
) -> tuple[list[list[str]], list[str], int]:
    """(cells, lines, how many of the later columns are missing) of one file, its header not counted."""
    lacks, body = _check_columns(path, head.columns, table), checked_body(path, head, lines)
    whole = [line + "," * lacks for line in body] if lacks else body
    try:
        rows = list(csv.reader(whole, strict=True))
    except csv.Error:
        raise _first_damage(path, body, table, lacks) from None
    if len(rows) != len(body) or any(len(row) != len(table.columns) for row in rows):
        raise _first_damage(path, body, table, lacks)
    return rows, body, lacks


def _check_columns(path: Path, found: tuple[str, ...], table: Table[Any]) -> int:
    """How many of the columns that came later the file lacks."""
    lacks = len(table.names) - len(found)
    if 0 <= lacks <= table.later and found == table.names[: len(found)]:
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


def _first_damage(path: Path, body: Sequence[str], table: Table[Any], lacks: int) -> DataError:
    """What is wrong with the first line that cannot be read by itself."""
    columns = table.columns[: len(table.columns) - lacks]
    for number, line in enumerate(body, start=3):
        where = f"{path}:{number}"
        if not line.strip():
            return DataError(f"{where}: empty line; delete it")
        try:
            row = next(csv.reader([line], strict=True))
        except csv.Error as error:
            return DataError(f"{where}: {error}; close the quotes or delete the line")
        if len(row) != len(columns):
            return DataError(f"{where}: {len(row)} cells, {len(columns)} columns; mend or delete the line")
        try:
            table.make(**{name: _read(name, cell, row[at]) for at, (name, cell) in enumerate(columns)})
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


def _lines(table: Table[Record], rows: Iterable[Record]) -> list[str]:
    """A line of CSV for each row, without its line break."""
    lines = []
    for row in rows:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="").writerow(
            [_text(getattr(row, name), name) for name in table.names]
        )
        lines.append(buffer.getvalue())
    return lines


def _write(path: Path, table: Table[Record], rows: Iterable[Record]) -> None:
    atomic_files.write(path, text_of(table.first_line, table.names, _lines(table, rows)))


def _append(path: Path, table: Table[Record], rows: Iterable[Record]) -> None:
    body: list[str] = []
    fresh: list[str] = _lines(table, rows)
    if path.exists():
        set_torn_line_aside(path)
        lines = lines_of(path)
        head = head_of(path, lines)
        if head.kind != table.kind:
            raise DataError(f"{path}:1: holds {head.kind}, not {table.kind}; append to another file")
        _, older, lacks = _rows(path, lines, head, table)
        body = [line + "," * lacks for line in older]
    atomic_files.write(path, text_of(table.first_line, table.names, [*body, *fresh]))
