"""The table of columns that the step, serving and prediction tables are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.array_table import ArrayTable, Floats, each_column


@dataclass(frozen=True, slots=True)
class Part(ArrayTable):
    value: Floats


@dataclass(frozen=True, slots=True)
class Table(ArrayTable):
    """One column of every kind that a table may have."""

    number: Floats
    matrix: Floats
    name: tuple[str, ...]
    pair: tuple[tuple[str, int], ...]
    part: Part
    by_name: Mapping[str, Part]
    unused: Floats | None = None


def table(rows: int, start: int = 0) -> Table:
    """Row i holds the number i in every column."""
    number = np.arange(start, start + rows, dtype=np.float64)
    return Table(
        number=number,
        matrix=np.stack([number, number], axis=1),
        name=tuple(f"row {i:.0f}" for i in number),
        pair=tuple((f"row {i:.0f}", int(i)) for i in number),
        part=Part(number),
        by_name={"a": Part(number), "b": Part(number)},
    )


def numbers(of: Table) -> list[float]:
    """The rows' numbers, once every column is known to agree on them."""
    found = of.number.tolist()
    assert of.matrix.tolist() == [[i, i] for i in found]
    assert of.name == tuple(f"row {i:.0f}" for i in found)
    assert of.pair == tuple((f"row {i:.0f}", int(i)) for i in found)
    assert of.part.value.tolist() == of.by_name["a"].value.tolist() == of.by_name["b"].value.tolist() == found
    assert of.unused is None
    return found


@given(st.lists(st.integers(0, 6), max_size=9))
def test_take_gives_the_rows_at_the_positions_in_every_column(positions: list[int]) -> None:
    assert numbers(table(7).take(np.array(positions, dtype=np.intp))) == positions


@given(st.lists(st.booleans(), min_size=5, max_size=5))
def test_take_with_a_mask_keeps_the_rows_where_it_is_true(mask: list[bool]) -> None:
    assert numbers(table(5).take(np.array(mask))) == [i for i, kept in enumerate(mask) if kept]


@given(st.integers(0, 5), st.integers(0, 5))
def test_concatenate_puts_the_other_rows_behind(one: int, two: int) -> None:
    assert numbers(table(one).concatenate(table(two, start=one))) == list(range(one + two))


def test_replace_at_changes_the_named_rows_and_leaves_the_first_table_as_it_was() -> None:
    first = table(4)
    assert numbers(first.replace_at(np.array([2, 0]), table(2, start=10))) == [11, 1, 10, 3]
    assert numbers(first) == [0, 1, 2, 3]


def test_where_takes_each_row_from_one_of_two_tables() -> None:
    one, two = Part(np.arange(4.0)), Part(np.arange(10.0, 14.0))
    assert one.where(np.array([True, False, False, True]), two).value.tolist() == [0, 11, 12, 3]


def test_a_field_that_is_no_column_is_refused() -> None:
    with pytest.raises(TypeError, match="str is no column"):
        each_column(lambda column: column, "text")
