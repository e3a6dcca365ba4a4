"""As many replicas as the limits take, and not one more."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advise.judge import judge
from advisor.advise.replicas import replicate
from advisor.cost.prediction import Prediction
from advisor.spec.deployment import Deployment
from advisor.spec.workload import Arrival, LatencyLimit, Workload
from tests.advise.builders import around, deployment, prediction, workload

EXACT = 0.0


def open_loop(rate: float, capacity: float) -> tuple[Workload, list[int]]:
    asked = workload(arrival=Arrival(kind="rate", value=rate))
    assert asked.load.arrival.value is not None
    return asked, []


def served(of: Deployment, asked: Workload, capacity: float) -> Prediction:
    """A law simple enough to check by hand: each replica serves `capacity` requests per second."""
    rate = asked.load.arrival.value or 0.0
    total = capacity * of.replicas
    return prediction(
        of,
        under=asked,
        requests_per_s=min(rate, total) or 1.0,
        capacity=total,
        share=EXACT,
        status="stable" if rate <= total else "backlogged",
    )


def hunt(asked: Workload, capacity: float, *, max_gpus: int | None, tensor_parallel: int = 1) -> Prediction:
    def predict(deployments: Sequence[Deployment]) -> list[Prediction]:
        return [served(d, asked, capacity) for d in deployments]

    [single] = predict([deployment(tensor_parallel=tensor_parallel)])
    [found] = replicate(
        [single],
        arrival=asked.load.arrival,
        max_gpus=max_gpus,
        predict=predict,
        keeps=lambda p: not judge(p, asked),
    )
    return found


@given(rate=st.integers(1, 5_000), capacity=st.integers(1, 50))
def test_the_count_is_the_smallest_that_carries_the_rate(rate: int, capacity: int) -> None:
    asked = workload(arrival=Arrival(kind="rate", value=rate))
    assert hunt(asked, capacity, max_gpus=None).deployment.replicas == ceil(rate / capacity)


def test_a_bound_on_gpus_is_kept_and_the_best_try_is_told() -> None:
    asked = workload(arrival=Arrival(kind="rate", value=100.0))
    found = hunt(asked, 10.0, max_gpus=8, tensor_parallel=2)
    assert found.deployment.replicas == 4
    assert judge(found, asked)[0].kind == "capacity"


def test_one_at_a_time_needs_no_replica() -> None:
    asked = workload(arrival=Arrival(kind="single"))
    assert hunt(asked, 0.001, max_gpus=None).deployment.replicas == 1


@pytest.mark.parametrize(("users", "wanted"), [(32, 4), (31, 4), (8, 1)])
def test_a_closed_loop_is_shared_out_until_latency_keeps(users: int, wanted: int) -> None:
    # 10 ms per token for each request a replica holds at once; 80 ms are allowed.
    asked = workload(
        arrival=Arrival(kind="concurrency", value=users),
        limits=(LatencyLimit(metric="tpot", statistic="mean", max_ms=80.0),),
    )

    def predict(deployments: Sequence[Deployment]) -> list[Prediction]:
        return [
            prediction(
                d,
                under=asked,
                latency_ms={("tpot", "mean"): around(10.0 * ceil(users / d.replicas), EXACT)},
            )
            for d in deployments
        ]

    [found] = replicate(
        predict([deployment()]),
        arrival=asked.load.arrival,
        max_gpus=None,
        predict=predict,
        keeps=lambda p: not judge(p, asked),
    )
    assert found.deployment.replicas == wanted


def test_where_none_keeps_for_sure_the_fewest_that_likely_do_are_taken() -> None:
    # 20 ms per token on one, 10 on two or more, give or take a tenth; 10 are allowed, so 11 is never sure.
    asked = workload(
        arrival=Arrival(kind="concurrency", value=4),
        limits=(LatencyLimit(metric="tpot", statistic="mean", max_ms=10.0),),
    )

    def predict(deployments: Sequence[Deployment]) -> list[Prediction]:
        return [
            prediction(d, under=asked, latency_ms={("tpot", "mean"): around(10.0 * ceil(2 / d.replicas))})
            for d in deployments
        ]

    [found] = replicate(
        predict([deployment()]),
        arrival=asked.load.arrival,
        max_gpus=None,
        predict=predict,
        keeps=lambda p: not judge(p, asked),
        nearly=lambda p: all(refusal.likely_kept for refusal in judge(p, asked)),
    )
    assert found.deployment.replicas == 2


def test_all_are_predicted_together_in_few_rounds() -> None:
    asked = workload(arrival=Arrival(kind="rate", value=1_000.0))
    rounds: list[int] = []

    def predict(deployments: Sequence[Deployment]) -> list[Prediction]:
        rounds.append(len(deployments))
        return [served(d, asked, 7.0 * d.tensor_parallel) for d in deployments]

    singles = predict([deployment(tensor_parallel=n) for n in (1, 2, 4, 8)])
    found = replicate(
        singles,
        arrival=asked.load.arrival,
        max_gpus=None,
        predict=predict,
        keeps=lambda p: not judge(p, asked),
    )
    assert [p.deployment.replicas for p in found] == [143, 72, 36, 18]
    assert len(rounds) <= 10
