"""Figures of held-out errors, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.evaluation.error_metrics import errors_of, interval_score, intervals_of
from advisor.cost.evaluation.interval_coverage import Judged


def test_errors_are_those_of_predicted_over_measured():
    # measured ÷ predicted of 2, 1 and 1/2: the predictions are half, equal and double, off by 0.5, 0 and 1.
    found = errors_of(np.log([2.0, 1.0, 0.5]))
    assert (found.rows, found.mean, found.median) == (3, 0.5, 0.5)
    assert found.p90 == pytest.approx(0.9)


def test_a_row_without_an_answer_is_not_counted():
    assert errors_of(np.array([0.0, np.nan, np.inf])).rows == 1


def test_coverage_and_width_of_intervals():
    errors = np.array([0.0, 0.1, 0.3, -0.3])
    found = intervals_of(errors, np.full(4, -0.2), np.full(4, 0.2))
    assert found.coverage == 0.5
    assert found.width == pytest.approx(np.exp(0.4), abs=0.001)


def test_the_interval_score_is_width_plus_twenty_times_what_lies_outside():
    # One of four errors lies 0.1 above its interval of width 0.4: 0.4 + 20 × 0.1 / 4.
    errors = np.array([0.0, 0.1, -0.1, 0.3])
    assert interval_score(errors, np.full(4, -0.2), np.full(4, 0.2)) == pytest.approx(0.4 + 20 * 0.1 / 4)


@given(st.lists(st.floats(-1, 1), min_size=5, max_size=40), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_wider_interval_never_covers_less(errors: list[float], half: float, more: float):
    log_errors, one = np.array(errors), np.ones(len(errors))
    narrow = intervals_of(log_errors, -half * one, half * one)
    wide = intervals_of(log_errors, -(half + more) * one, (half + more) * one)
    assert wide.coverage >= narrow.coverage
    assert wide.width > narrow.width


def test_too_few_rows_have_no_coverage():
    inside = Judged(np.zeros(6), np.full(6, -1.0), np.ones(6))
    assert inside.of(np.array([True] * 4 + [False] * 2)) is None
    whole = inside.of(np.ones(6, dtype=bool))
    assert whole is not None
    assert whole.coverage == 1.0
    # Rows that no other group gives an interval count neither way.
    unknown = Judged(np.zeros(6), np.array([-1.0] * 4 + [np.nan] * 2), np.ones(6))
    assert unknown.of(np.ones(6, dtype=bool)) is None
