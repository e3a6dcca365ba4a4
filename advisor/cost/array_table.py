"""ArrayTable: the base of tables whose columns are arrays with one entry per row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
"""NaN marks an entry without a value: a latency of a load beyond the capacity, a cell that was not
measured."""
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
Rows = Ints | Bools
"""Which rows of a table: their positions in the order wanted, or a mask."""
T = TypeVar("T")


class ArrayTable:
    """Base of a frozen dataclass whose fields are columns with one entry per row.

    A column is an array (rows along its first axis), a tuple of values, a table or a mapping of columns, or
    None in every table of the kind.
    """

    __slots__ = ()

    def take(self: T, rows: Rows) -> T:
        """The table's rows at `rows`, positions or a mask."""
        return each_column(lambda column: column[rows], self)

    def concatenate(self: T, other: T) -> T:
        """The rows of this table, then the rows of the other."""
        return each_column(lambda one, two: np.concatenate([one, two]), self, other)

    def replace_at(self: T, rows: Rows, other: T) -> T:
        """This table with the rows of `other` in place of those at `rows`."""

        def put(column: np.ndarray, new: np.ndarray) -> np.ndarray:
            made: np.ndarray = column.copy()
            made[rows] = new
            return made

        return each_column(put, self, other)

    def where(self: T, mask: Bools, other: T) -> T:
        """This table's row where `mask` is true, the other's row elsewhere."""
        return each_column(lambda one, two: np.asarray(np.where(mask, one, two)), self, other)


def each_column(make: Callable[..., np.ndarray], first: T, *others: T) -> T:
    """A value like `first` in which each column is `make` of the columns at its place in all the values."""
    return _each(make, first, *others)  # type: ignore[no-any-return]


def _each(make: Callable[..., np.ndarray], first: Any, *others: Any) -> Any:
    if isinstance(first, np.ndarray):
        return make(first, *others)
    if first is None:
        return None
    if isinstance(first, tuple):
        columns = (np.fromiter(column, dtype=object, count=len(column)) for column in (first, *others))
        return tuple(make(*columns).tolist())
    if isinstance(first, Mapping):
        return {name: _each(make, first[name], *(other[name] for other in others)) for name in first}
    if not is_dataclass(first) or isinstance(first, type):
        raise TypeError(f"{type(first).__name__} is no column")
    return type(first)(
        **{
            field.name: _each(make, getattr(first, field.name), *(getattr(o, field.name) for o in others))
            for field in fields(first)
        }
    )


def count_bytes(of: Any) -> int:
    """Bytes of the arrays in a table, its parts included; tuples of values count a pointer each."""
    if isinstance(of, np.ndarray):
        return of.nbytes
    if isinstance(of, tuple):
        return 8 * len(of)
    if isinstance(of, Mapping):
        return sum(count_bytes(column) for column in of.values())
    return sum(count_bytes(getattr(of, field.name)) for field in fields(of)) if is_dataclass(of) else 0
