"""Tables of text: what is kept where there is no room, and where the columns stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.report.terminal.text_table import Column, fitting_columns, fitting_table

NAME = Column("deployment", ["fp8 on 1× L40S", "bf16 on 2× A6000"], keep=True)
USD = Column("USD/h", ["1.09", "12.5"], right=True)
NOTE = Column("note", ["new", ""])


def test_numbers_stand_under_their_head_at_the_right_and_words_at_the_left() -> None:
    assert fitting_table([NAME, USD, NOTE], 80) == [
        "deployment        USD/h  note",
        "fp8 on 1× L40S     1.09  new",
        "bf16 on 2× A6000   12.5",
    ]


@pytest.mark.parametrize(
    ("width", "heads"),
    [
        (29, ["deployment", "USD/h", "note"]),
        (28, ["deployment", "USD/h"]),
        (22, ["deployment"]),
        (3, ["deployment"]),
    ],
)
def test_the_last_columns_go_first_and_one_that_is_kept_never(width: int, heads: list[str]) -> None:
    assert [column.head for column in fitting_columns([NAME, USD, NOTE], width)] == heads


def test_a_column_that_says_nothing_is_left_out_even_where_there_is_room() -> None:
    silent = Column("basis", ["–", ""])
    assert silent.is_empty
    assert fitting_columns([NAME, silent, USD], 200) == [NAME, USD]
    held = Column("basis", ["–", ""], keep=True)
    assert fitting_columns([NAME, held, USD], 200) == [NAME, held, USD]


def test_without_heads_there_is_no_line_of_heads() -> None:
    assert fitting_table([Column("", ["a", "bb"]), Column("", ["1", "2"], right=True)], 80) == [
        "a   1",
        "bb  2",
    ]


def test_no_columns_are_no_lines() -> None:
    assert fitting_table([], 80) == []


CELLS = st.text(alphabet="abc 1", min_size=0, max_size=12)


@given(
    st.lists(st.tuples(CELLS, st.lists(CELLS, min_size=3, max_size=3), st.booleans()), min_size=1, max_size=6)
)
def test_lines_are_no_wider_than_asked_where_a_column_may_go(
    made: list[tuple[str, list[str], bool]],
) -> None:
    columns = [Column(head, cells, right=right) for head, cells, right in made]
    for width in (0, 10, 25, 80):
        assert all(len(line) <= width for line in fitting_table(columns, width))


@given(st.lists(CELLS, min_size=1, max_size=5))
def test_a_column_is_as_wide_as_its_widest_cell(cells: list[str]) -> None:
    assert Column("head", cells).width == max(4, *map(len, cells))
