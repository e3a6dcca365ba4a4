"""The file of `predict --cells`: its columns, and its rows as they stand."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from advisor.errors import InputError, nearest
from advisor.spec.engines.speculative import NAMES, OFF, refusal
from advisor.spec.reading.file_bytes import read_bytes

NEEDED = ("model", "gpu", "num_gpus", "format", "input_tokens", "output_tokens", "concurrency")
"""`request_rate` may stand in place of `concurrency`, or beside it: each row fills one of them."""

ENGINE_COLUMNS = (
    "engine",
    "kv_cache_dtype",
    "max_num_seqs",
    "max_num_batched_tokens",
    "stream_interval",
    "async_scheduling",
    "enforce_eager",
    "allreduce_fusion",
    "enable_expert_parallel",
    "checkpoint",
)
LOAD_COLUMNS = ("request_rate", "input_std", "output_std", "prefix_hit_rate", "num_prompts")
OPTIONAL = (*ENGINE_COLUMNS, *LOAD_COLUMNS, "task", "recipe")
"""An empty cell is the default: the release's own setting, lengths that do not vary, ten prompts a client."""

MAX_BYTES = 200_000_000


def read_cells(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV with all the columns needed. Raises InputError naming the file and the line."""
    return [row for _, row in numbered_cells(path)]


def numbered_cells(path: Path) -> list[tuple[int, dict[str, str]]]:
    """`read_cells`, each row with the line of the file that it ends in."""
    raw = read_bytes(path, max_bytes=MAX_BYTES, what="a CSV of cells")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file (byte {error.start} is not UTF-8); give a CSV") from error
    if not text.strip():
        raise InputError(f"{path}: is empty; its first line must be {','.join(NEEDED)}")
    if "\0" in text:
        raise InputError(f"{path}: not a text file (it holds a zero byte); give a CSV")
    return _rows(text, path)


def _rows(text: str, path: Path) -> list[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = [name.strip() for name in next(reader)]
        _check_head(head, path)
        rows = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(head):
                raise InputError(
                    f"{path}:{reader.line_num}: {len(cells)} cells where the first line names {len(head)}; "
                    "quote text that holds a comma"
                )
            row = dict(zip(head, cells, strict=True))
            _check_drafts(row, f"{path}:{reader.line_num}")
            rows.append((reader.line_num, row))
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: damaged CSV ({error}); check its quotes") from error
    if not rows:
        raise InputError(f"{path}: has a header and no rows; add one line per cell")
    return rows


def _check_head(head: Sequence[str], path: Path) -> None:
    needed = NEEDED if "request_rate" not in head else NEEDED[:-1]
    for name in needed:
        if name not in head:
            close = nearest(name, [column for column in head if column not in NEEDED], count=1)
            hint = f"; is '{close[0]}' meant?" if close else f"; the columns are {','.join(NEEDED)}"
            raise InputError(f"{path}:1: column '{name}' is missing{hint}")
    twice = {name for name in head if head.count(name) > 1}
    if twice:
        raise InputError(f"{path}:1: column '{min(twice)}' appears twice; keep one")


def _check_drafts(row: Mapping[str, str], where: str) -> None:
    """Refuse a row of a server that drafts tokens: its figures would be those of one that does not."""
    for name in NAMES:
        if row.get(name, "").strip().lower() not in OFF:
            raise refusal(row[name].strip(), where=f"{where}: {name}")


def other_columns(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Columns that are no question of ours: they are copied through."""
    return [name for name in rows[0] if name not in NEEDED and name not in OPTIONAL]
