"""A table of text that fits a width: columns are dropped, the last first, and no cell ever breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head, and one cell a row."""

    head: str
    cells: Sequence[str]
    right: bool = False
    """Aligned to the right, as numbers are."""
    keep: bool = False
    """Never dropped."""

    @property
    def width(self) -> int:
        return max(map(len, (self.head, *self.cells)), default=0)

    @property
    def is_empty(self) -> bool:
        """Whether no row has anything in it."""
        return all(cell in ("", "–") for cell in self.cells)


def fitting_columns(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns that fit, in their order; those with nothing in them are left out first."""
    chosen = [column for column in columns if column.keep or not column.is_empty]
    while _width(chosen) > width and any(not column.keep for column in chosen):
        last = max(index for index, column in enumerate(chosen) if not column.keep)
        del chosen[last]
    return chosen


def fitting_table(columns: Sequence[Column], width: int) -> list[str]:
    """The lines, the head first where one column has one; of the columns as many as fit, in their order."""
    chosen = fitting_columns(columns, width)
    count = len(columns[0].cells) if columns else 0
    rows = [[column.cells[row] for column in chosen] for row in range(count)]
    if any(column.head for column in chosen):
        rows.insert(0, [column.head for column in chosen])
    return [_line(row, chosen) for row in rows]


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + GAP * max(len(columns) - 1, 0)


def _line(cells: Sequence[str], columns: Sequence[Column]) -> str:
    parts = [
        cell.rjust(column.width) if column.right else cell.ljust(column.width)
        for cell, column in zip(cells, columns, strict=True)
    ]
    return (" " * GAP).join(parts).rstrip()
