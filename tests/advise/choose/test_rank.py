"""The objective first, then quality among those as good as equal."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.rank import objective_value, pareto, rank, tied
from advisor.cost.estimate import Estimate
from tests.advise.builders import around, assessed, deployment, prediction


def served(fmt: str, requests_per_s: float, recovery: float | None = None, gpu: str = "A6000") -> Assessment:
    return assessed(
        prediction(
            deployment(fmt=fmt, gpu=gpu),
            requests_per_s=requests_per_s,
            recovery=None
            if recovery is None
            else Estimate(value=recovery, low=recovery - 0.01, high=recovery, basis="fitted"),
        )
    )


def names(ranked: tuple[Assessment, ...]) -> list[str]:
    return [a.deployment.format.name for a in ranked]


def test_the_cheapest_comes_first() -> None:
    ranked = rank([served("bf16", 2.0, 1.0), served("int4", 4.0, 0.98), served("int8", 3.0, 0.99)], "cost")
    assert names(ranked) == ["int4", "int8", "bf16"]


def test_of_two_that_cost_alike_the_more_accurate_comes_first() -> None:
    ranked = rank([served("int4", 4.01, 0.97), served("int8", 4.0, 0.995)], "cost")
    assert names(ranked) == ["int8", "int4"]
    assert tied(ranked[0], ranked[1], "cost")


def test_a_real_difference_in_cost_outweighs_accuracy() -> None:
    ranked = rank([served("int4", 4.2, 0.97), served("int8", 4.0, 0.995)], "cost")
    assert names(ranked) == ["int4", "int8"]


def test_what_has_no_price_comes_last_by_cost() -> None:
    ranked = rank([served("int4", 99.0, gpu="L4"), served("bf16", 1.0)], "cost")
    assert names(ranked) == ["bf16", "int4"]


def test_by_accuracy_equal_recoveries_are_ordered_by_cost() -> None:
    ranked = rank([served("int8", 1.0, 1.0), served("bf16", 2.0, 1.0), served("int4", 9.0, 0.96)], "accuracy")
    assert names(ranked) == ["bf16", "int8", "int4"]


def test_by_latency_the_fastest_request_comes_first() -> None:
    slow = assessed(prediction(deployment(fmt="int8"), latency_ms={("e2e", "mean"): around(9_000.0)}))
    fast = assessed(prediction(deployment(fmt="int4"), latency_ms={("e2e", "mean"): around(3_000.0)}))
    assert rank([slow, fast], "latency") == (fast, slow)


def test_by_throughput_the_most_requests_come_first() -> None:
    assert names(rank([served("bf16", 2.0), served("int8", 3.0)], "throughput")) == ["int8", "bf16"]


@given(
    rates=st.lists(st.floats(0.5, 50), min_size=1, max_size=12),
    seed=st.integers(0, 1000),
)
def test_the_order_of_the_input_does_not_matter(rates: list[float], seed: int) -> None:
    formats = ["bf16", "int8", "int4"]
    given_order = [
        assessed(prediction(deployment(fmt=formats[i % 3], tensor_parallel=1 + i // 3), requests_per_s=rate))
        for i, rate in enumerate(rates)
    ]
    shuffled = list(given_order)
    random.Random(seed).shuffle(shuffled)
    assert rank(given_order, "cost") == rank(shuffled, "cost")


@given(rates=st.lists(st.floats(0.5, 50), min_size=2, max_size=12))
def test_nothing_more_than_a_tie_ranks_before_something_cheaper(rates: list[float]) -> None:
    ranked = rank(
        [
            assessed(prediction(deployment(fmt="int8", tensor_parallel=1 + i), requests_per_s=rate))
            for i, rate in enumerate(rates)
        ],
        "cost",
    )
    costs = [objective_value(a, "cost") or 0.0 for a in ranked]
    for earlier, later in pairwise(costs):
        assert earlier <= later * 1.01 + 1e-12


def test_the_pareto_set_keeps_what_is_best_at_something() -> None:
    cheap = assessed(prediction(deployment(fmt="int4"), requests_per_s=4.0, recovery=around(0.97, 0.01)))
    exact = assessed(prediction(deployment(fmt="bf16"), requests_per_s=2.0, recovery=around(1.0, 0.0)))
    beaten = assessed(prediction(deployment(fmt="int8"), requests_per_s=1.5, recovery=around(0.99, 0.01)))
    assert pareto([cheap, exact, beaten]) == (cheap, exact)


@given(points=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(90, 100)), max_size=15))
def test_every_deployment_is_on_the_front_or_beaten_by_one_that_is(
    points: list[tuple[int, int, int]],
) -> None:
    all_of_them = [
        assessed(
            prediction(
                requests_per_s=rate,
                latency_ms={("e2e", "mean"): around(1_000.0 * latency)},
                recovery=around(recovery / 100, 0.0),
            )
        )
        for rate, latency, recovery in points
    ]
    front = pareto(all_of_them)

    def point(a: Assessment) -> tuple[float, ...]:
        return tuple(objective_value(a, objective) or 0.0 for objective in ("cost", "latency", "accuracy"))

    def beats(a: Assessment, b: Assessment) -> bool:
        return point(a) != point(b) and all(x <= y for x, y in zip(point(a), point(b), strict=True))

    assert not any(beats(a, b) for a in front for b in front)
    assert all(a in front or any(beats(b, a) for b in front) for a in all_of_them)
