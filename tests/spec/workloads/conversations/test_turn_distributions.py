"""Turns and think times: their means, their shares, their draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings

from advisor.spec.workloads.conversations.turn_distributions import ThinkTime, Turns, sample_turns
from tests.spec.build_workloads import think_times, turns


@settings(max_examples=60, deadline=None)
@given(turns)
def test_shares_sum_to_one_and_have_the_mean(some: Turns) -> None:
    assert math.isclose(math.fsum(some.shares), 1.0, rel_tol=1e-9)
    mean = math.fsum(n * share for n, share in enumerate(some.shares, start=1))
    assert math.isclose(mean, some.mean, rel_tol=1e-6)
    # E[T] is the sum over n of P(T >= n)
    assert math.isclose(math.fsum(some.lasting), some.mean, rel_tol=1e-6)


def test_a_fraction_is_a_mix_of_its_neighbours() -> None:
    assert Turns.constant(2.25).shares == (0.0, 0.75, 0.25)


def test_the_longest_geometric_conversation_is_one_in_a_thousand() -> None:
    # P(T > n) = (3/4)^n falls below 0.001 at n = 25.
    assert Turns.geometric(4).longest == 25


@settings(max_examples=30, deadline=None)
@given(turns)
def test_drawn_turns_have_the_mean(some: Turns) -> None:
    drawn = sample_turns(some, 20_000, np.random.default_rng(1))
    assert drawn.min() >= 1
    assert drawn.max() <= some.longest
    spread = math.sqrt(sum(s * (n - some.mean) ** 2 for n, s in enumerate(some.shares, start=1)))
    assert abs(drawn.mean() - some.mean) <= 5 * spread / math.sqrt(20_000) + 1e-9


@settings(max_examples=40, deadline=None)
@given(think_times)
def test_points_have_the_mean_of_all_but_wide_tails(think: ThinkTime) -> None:
    points = think.points(2_000)
    assert sorted(points) == list(points)
    if think.std <= 2 * think.mean:
        assert math.isclose(math.fsum(points) / 2_000, think.mean, rel_tol=0.05, abs_tol=1e-9)


@pytest.mark.parametrize(
    "think",
    [
        ThinkTime.constant(30),
        ThinkTime.exponential(30),
        ThinkTime.lognormal(30, 20),
        ThinkTime.uniform(10, 50),
        ThinkTime.empirical([10, 20, 60]),
    ],
    ids=lambda think: think.kind,
)
def test_drawn_pauses_follow_their_quantiles(think: ThinkTime) -> None:
    drawn = think.sample(40_000, np.random.default_rng(2))
    assert drawn.dtype == np.float64
    assert abs(drawn.mean() - 30) < 0.6
    for share in (0.1, 0.5, 0.9):
        assert math.isclose(np.quantile(drawn, share), think.quantile(share), rel_tol=0.05)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Turns.constant(0.5),
        lambda: Turns.constant(math.nan),
        lambda: Turns.geometric(1),
        lambda: Turns.uniform(3, 2),
        lambda: Turns.empirical([]),
        lambda: Turns.empirical([0]),
        lambda: ThinkTime.constant(-1),
        lambda: ThinkTime.exponential(0),
        lambda: ThinkTime.lognormal(10, 0),
        lambda: ThinkTime.uniform(5, 4),
        lambda: ThinkTime.empirical([-1.0]),
        lambda: Turns(kind="constant", mean=2, values=(2,)),
        lambda: Turns(kind="empirical", mean=3, values=(1, 2)),
        lambda: Turns(kind="uniform", mean=3, low=1, high=3),
        lambda: Turns(kind="geometric", mean=3, high=9),
        lambda: ThinkTime(kind="constant", mean=3, std=1),
        lambda: ThinkTime(kind="exponential", mean=3, high=9),
        lambda: ThinkTime(kind="constant", mean=3, values=(3.0,)),
        lambda: ThinkTime(kind="empirical", mean=3, values=(1.0, 2.0)),
    ],
)
def test_what_cannot_be_is_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"turns|mean|think|above|value|std"):
        make()  # type: ignore[operator]
