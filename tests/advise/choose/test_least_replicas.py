"""As many replicas as the limits take, and not one more."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advise.api import choice_of, shipped_predictor
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.least_replicas import SHOWN_SPARE, SPARE, Verdicts, min_replicas
from advisor.advise.choose.recommendation import choose
from advisor.cost.array_table import Floats, Ints
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload

Curve = Callable[[Ints, Ints], Floats]
"""Counts and the least that is enough → by how many standard deviations the limits are kept."""

CURVES: dict[str, Curve] = {
    "logarithm": lambda counts, enough: np.log(counts / (enough - 0.5)),
    "capacity": lambda counts, enough: np.where(counts < enough, -4.8, 0.7),
    "saturating": lambda counts, enough: 1.0 / (enough - 0.5) - 1.0 / counts,
    "steep": lambda counts, enough: np.clip((counts / (enough - 0.5)) ** 8 - 1.0, -4.0, 4.0),
    "unknown": lambda counts, enough: np.full(len(counts), np.nan),
    "wrong": lambda counts, enough: np.log(enough / counts),
}


def verdicts(counts: Ints, surely: Ints, probably: Ints, curve: Curve) -> Verdicts:
    return Verdicts(counts >= surely, counts >= probably, curve(counts, surely), curve(counts, probably))


def least(
    keeps: list[int],
    likely: list[int],
    most: list[int],
    guess: list[int] | None = None,
    curve: Curve = CURVES["logarithm"],
) -> list[int]:
    """What the hunt finds where so many replicas at least keep the limits, and so many likely do."""
    surely, probably = np.array(keeps), np.array(likely)

    def judge(at: Ints, counts: Ints) -> Verdicts:
        return verdicts(counts, surely[at], probably[at], curve)

    everyone = np.arange(len(most))
    first = judge(everyone, np.ones_like(everyone))
    begin = np.minimum(np.ones_like(everyone) if guess is None else np.array(guess), most)
    return [int(n) for n in min_replicas(np.array(most), begin, begin, first, judge)]


hunted = st.tuples(
    st.integers(1, 400), st.integers(1, 400), st.integers(1, 300), st.integers(1, 300)
)  # keeps, likely, most, guess


@given(asked=st.lists(hunted, min_size=1, max_size=40), curve=st.sampled_from(sorted(CURVES)))
def test_the_count_is_the_least_that_keeps_or_the_least_that_likely_does(
    asked: list[tuple[int, int, int, int]], curve: str
) -> None:
    keeps, likely, most, guess = (list(column) for column in zip(*asked, strict=True))
    expected = [
        next((n for n in (sure, probable) if n <= top), min(SHOWN_SPARE * begin, top))
        for sure, probable, top, begin in asked
    ]
    assert least(keeps, likely, most, guess, CURVES[curve]) == expected


@given(rate=st.integers(1, 5_000), capacity=st.integers(1, 50))
def test_the_count_is_the_smallest_that_carries_the_rate(rate: int, capacity: int) -> None:
    needed = ceil(rate / capacity)
    assert least([needed], [needed], [SPARE * needed], [needed]) == [needed]


def test_nothing_is_looked_at_twice_and_all_are_looked_at_together() -> None:
    needed = np.array([143, 72, 36, 18])
    seen: list[tuple[int, int]] = []
    rounds = 0

    def judge(at: Ints, counts: Ints) -> Verdicts:
        nonlocal rounds
        rounds += 1
        seen.extend(zip(at.tolist(), counts.tolist(), strict=True))
        return verdicts(counts, needed[at], needed[at], CURVES["capacity"])

    none = verdicts(np.ones(4, dtype=np.intp), needed, needed, CURVES["capacity"])
    ones = np.ones(4, dtype=np.intp)
    found = min_replicas(SPARE * needed, ones, ones, none, judge)
    assert found.tolist() == needed.tolist()
    assert len(seen) == len(set(seen))
    assert rounds <= 4


def test_where_limits_grow_easier_smoothly_fewer_counts_are_looked_at_than_by_halving() -> None:
    def looked_at(curve: Curve) -> int:
        needed = np.arange(100, 2_100)
        asked = 0

        def judge(at: Ints, counts: Ints) -> Verdicts:
            nonlocal asked
            asked += len(at)
            return verdicts(counts, needed[at], needed[at], curve)

        ones = np.ones_like(needed)
        found = min_replicas(SPARE * needed, ones, ones, verdicts(ones, needed, needed, curve), judge)
        assert found.tolist() == needed.tolist()
        return asked

    by_halving = looked_at(CURVES["unknown"])
    assert looked_at(CURVES["logarithm"]) < 0.8 * by_halving


# H100: nine of one GPU; where the search stopped at four replicas, fp8 on 4 × 8 was the first.
@pytest.mark.parametrize(
    ("gpu", "users", "gpus"), [("H100", 3_000, 9), ("A6000", 300, 7), ("L40S", 1_000, 11)]
)
def test_a_closed_loop_takes_as_many_replicas_as_it_needs(gpu: str, users: int, gpus: int) -> None:
    workload = override(load_workload("chat"), concurrency=float(users))
    found = choose(choice_of("Llama-3.1-8B-Instruct", workload, gpus=[gpu]), shipped_predictor())
    assert found.winner is not None
    first = found.winner.deployment
    fewer = judge_fixed(found.choice, [workload.load], [first.times(first.replicas - 1)], shipped_predictor())
    assert not fewer.kept.any()
    assert gpus / 2 <= first.num_gpus <= 2 * gpus


@pytest.mark.parametrize(
    "load",
    [
        {"rate": 12.0, "slo": ["ttft_p95_ms=500", "tpot_mean_ms=40"]},
        {"concurrency": 60.0, "slo": ["tpot_p95_ms=22"]},
    ],
)
def test_an_answer_takes_the_count_that_trying_them_one_by_one_finds(load: dict[str, object]) -> None:
    workload = override(load_workload("chat"), **load)  # type: ignore[arg-type]
    choice = choice_of("Llama-3.1-8B-Instruct", workload, gpus=["L40S"], formats=["bf16", "fp8"], max_gpus=12)
    answer = choose(choice, shipped_predictor())
    assert len({a.deployment.replicas for a in answer.ranked}) > 1
    for assessment in answer.ranked:
        d = assessment.deployment
        counts = [d.times(n) for n in range(1, d.replicas + 1)]
        tried = judge_fixed(choice, [workload.load], counts, shipped_predictor())
        assert tried.kept[0].tolist() == [False] * (d.replicas - 1) + [True]
