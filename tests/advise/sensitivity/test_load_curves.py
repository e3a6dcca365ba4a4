"""Latency against throughput, from the shipped fit."""

from __future__ import annotations

import itertools

import pytest

from advisor import load_workload, recommend
from advisor.advise.api import shipped_predictor
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.sensitivity.load_curves import SHARES, Curve, curve_deployments, curves
from advisor.spec.workloads.profile_flags import override


@pytest.fixture(scope="module")
def answer() -> Recommendation:
    workload = override(load_workload("chat"), rate=8.0, min_recovery=0.97)
    return recommend("Llama-3.1-8B-Instruct", workload, gpus=["A6000", "L40S", "H100"])


@pytest.fixture(scope="module")
def found(answer: Recommendation) -> tuple[Curve, ...]:
    return curves(curve_deployments(answer), answer.workload, shipped_predictor())


def test_formats_of_one_gpu_are_compared_on_equally_many(answer: Recommendation) -> None:
    chosen = curve_deployments(answer)
    assert answer.winner is not None
    assert chosen[0].gpu == answer.winner.deployment.gpu
    for gpu in ("A6000", "L40S", "H100-SXM"):
        own = [d for d in chosen if d.gpu.name == gpu]
        assert len({d.format.name for d in own}) == len(own) > 3
        assert len({(d.tensor_parallel, d.replicas, d.kv_format) for d in own}) == 1


def test_at_most_so_many_gpus(answer: Recommendation) -> None:
    assert {d.gpu.name for d in curve_deployments(answer, gpus=1)} == {"L40S"}


def test_the_point_at_the_load_asked_is_what_recommend_says(
    answer: Recommendation, found: tuple[Curve, ...]
) -> None:
    by_key = {a.deployment.key: a for a in answer.ranked}
    compared = 0
    for curve in found:
        said = by_key.get(curve.deployment.key)
        here = [p for p in curve.points if p.level == 8.0]
        if said is None or said.prediction is None or not here:
            continue
        compared += 1
        for of, estimate in here[0].latency.items():
            assert estimate.value == pytest.approx(said.prediction.latency[of].value, rel=1e-9)
    assert compared >= 3


def test_latency_grows_with_the_rate_up_to_the_capacity(found: tuple[Curve, ...]) -> None:
    for curve in found:
        assert curve.by_rate
        assert curve.capacity_requests_per_s is not None
        tpot = [p.latency["tpot", "mean"].value for p in curve.points]
        assert all(later >= earlier * 0.999 for earlier, later in itertools.pairwise(tpot))
        levels = [p.level for p in curve.points]
        assert levels == sorted(levels)
        assert levels[-1] == pytest.approx(SHARES[-1] * curve.capacity_requests_per_s.value, rel=1e-6)


def test_a_closed_loop_grows_in_requests_in_flight() -> None:
    workload = override(load_workload("chat"), concurrency=20.0, slo=["none"])
    answer = recommend("Llama-3.1-8B-Instruct", workload, gpus=["A6000"], formats=["bf16", "int4"])
    for curve in curves(curve_deployments(answer), workload, shipped_predictor()):
        assert not curve.by_rate
        assert 20.0 in [p.level for p in curve.points]
        served = [p.requests_per_s.value for p in curve.points]
        assert all(later >= earlier * 0.99 for earlier, later in itertools.pairwise(served))


def test_nothing_to_compare_gives_no_curve(answer: Recommendation) -> None:
    assert curves((), answer.workload, shipped_predictor()) == ()
