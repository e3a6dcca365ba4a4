"""Errors have the shape of Student's t with three degrees of freedom, nine of ten inside the interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from advisor.cost.uncertainty.conformal import Z90
from advisor.cost.uncertainty.error_distribution import T90, error_of_score, normal_score, probability_below


def test_nine_of_ten_errors_are_inside_the_interval_as_with_a_normal_distribution() -> None:
    assert probability_below(np.array([-Z90, 0.0, Z90])) == pytest.approx([0.05, 0.5, 0.95], abs=1e-9)
    assert normal_score(np.array([-Z90, 0.0, Z90])) == pytest.approx([-Z90, 0.0, Z90], abs=2e-4)


@given(st.floats(-30, 30))
def test_the_probability_is_that_of_student_s_t(margin: float) -> None:
    expected = stats.t.cdf(margin * T90 / Z90, df=3)
    assert float(probability_below(np.array(margin))) == pytest.approx(expected, abs=1e-9)


@given(st.floats(-4, 4))
def test_an_error_has_the_score_that_it_was_made_of(score: float) -> None:
    assert float(normal_score(error_of_score(np.array(score)))) == pytest.approx(score, abs=1e-4)


def test_tails_are_heavier_and_the_middle_is_narrower_than_normal() -> None:
    far, near = (float(probability_below(np.array(-z))) for z in (3.0, 0.8))
    assert far > 4 * stats.norm.cdf(-3.0)
    assert near < stats.norm.cdf(-0.8)
    assert normal_score(np.array([-np.inf, np.inf])).tolist() == [-np.inf, np.inf]
