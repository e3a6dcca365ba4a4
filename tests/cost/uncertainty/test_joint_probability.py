"""The probability that all limits are kept at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.uncertainty.joint_probability import (
    MEMORY,
    RECOVERY,
    TOKEN_RATE,
    TTFT,
    deviate,
    keeps_all,
    kept_by,
    probability,
)

margins = st.floats(-3, 3)


def joint(slow: float, ttft: float, first_token: float) -> float:
    return float(keeps_all({TOKEN_RATE: np.array([slow]), TTFT: np.array([ttft])}, first_token)[0])


@given(slow=margins, ttft=margins)
def test_errors_that_have_nothing_in_common_multiply(slow: float, ttft: float) -> None:
    assert joint(slow, ttft, 0.0) == pytest.approx(probability(slow) * probability(ttft), abs=0.01)


@given(slow=margins, ttft=margins)
def test_one_error_seen_twice_is_missed_once(slow: float, ttft: float) -> None:
    assert joint(slow, ttft, 1.0) == pytest.approx(probability(min(slow, ttft)), abs=0.01)


def test_half_shared_errors_lie_between() -> None:
    # P(both of two standard normals with correlation r are negative) = 1/4 + asin(r) / (2 pi): Sheppard 1899.
    assert joint(0.0, 0.0, 0.5) == pytest.approx(1 / 4 + np.arcsin(0.5) / (2 * np.pi), abs=0.005)


@given(slow=margins, ttft=margins, more=st.floats(0, 2), first_token=st.floats(0, 1))
def test_a_looser_limit_is_never_kept_less_often(
    slow: float, ttft: float, more: float, first_token: float
) -> None:
    assert joint(slow + more, ttft, first_token) >= joint(slow, ttft, first_token)


def test_accuracy_has_nothing_to_do_with_speed() -> None:
    both = keeps_all({TOKEN_RATE: np.array([0.5]), RECOVERY: np.array([1.0])}, 0.3)
    assert float(both[0]) == pytest.approx(probability(0.5) * probability(1.0), abs=1e-3)


def test_what_cannot_be_kept_is_never_kept() -> None:
    never = keeps_all({TOKEN_RATE: np.array([-np.inf, np.inf]), TTFT: np.array([np.inf, np.inf])}, 0.3)
    assert never.tolist() == [0.0, 1.0]


@given(slow=margins, ttft=margins, first_token=st.floats(0, 1))
def test_all_limits_are_kept_no_more_often_than_one_of_them(
    slow: float, ttft: float, first_token: float
) -> None:
    assert joint(slow, ttft, first_token) <= min(probability(slow), probability(ttft))


@given(slow=margins, confidence=st.floats(0.01, 0.99))
def test_one_limit_alone_is_kept_as_often_as_its_margin_says(slow: float, confidence: float) -> None:
    found = keeps_all({TOKEN_RATE: np.array([slow])}, 0.3)[0]
    assert (found >= confidence) == (probability(slow) >= confidence)


@given(margin=st.floats(-2.5, 2.5), needed=st.floats(0.05, 0.99))
def test_limits_are_kept_by_what_their_margin_is_beyond_that_needed(margin: float, needed: float) -> None:
    by = kept_by(np.array([probability(margin)]), np.array([needed]), np.array([np.nan]))[0]
    assert by == pytest.approx(margin - deviate(needed), abs=1e-6)


def test_beyond_what_draws_tell_limits_are_kept_by_the_least_margin() -> None:
    by = kept_by(np.array([0.0, 1.0]), np.array([0.5, 0.5]), np.array([-7.0, 6.0]))
    assert by == pytest.approx([-7.0, 6.0])


@given(slow=margins, room=margins)
def test_what_is_left_of_the_memory_errs_by_itself(slow: float, room: float) -> None:
    both = keeps_all({TOKEN_RATE: np.array([slow]), MEMORY: np.array([room])}, 0.5)
    assert float(both[0]) == pytest.approx(probability(slow) * probability(room))


def test_ample_memory_changes_no_probability() -> None:
    ample = {TOKEN_RATE: np.array([1.0]), MEMORY: np.array([np.inf])}
    assert keeps_all(ample, 0.5).tolist() == keeps_all({TOKEN_RATE: np.array([1.0])}, 0.5).tolist()
    assert keeps_all({MEMORY: np.array([np.inf, np.inf])}, 0.0).tolist() == [1.0, 1.0]
