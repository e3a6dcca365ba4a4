"""Many loads at once, told as one load at a time is."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.choose.candidate_deployments import deployments
from advisor.advise.choose.choice import Choice
from advisor.advise.choose.judge import judge, judge_fixed
from advisor.advise.choose.rank import best
from advisor.advise.choose.recommendation import choose
from advisor.advise.sensitivity.varied_load_property import load_at
from advisor.cost.uncertainty.joint_probability import probabilities
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Arrival, Load, Objective, Workload

MODEL = "Llama-3.1-8B-Instruct"
CLOSED = [Arrival(kind="concurrency", value=value) for value in (1, 6, 40, 400)]
OPEN = [Arrival(kind="rate", value=value) for value in (0.5, 7.0, 60.0)]


def same_as_one_by_one(choice: Choice, loads: list[Load]) -> None:
    found = judge(choice, loads, shipped_predictor(), shipped_quality())
    first_of = best(found)
    for at, load in enumerate(loads):
        one = replace(choice, workload=replace(choice.workload, load=load))
        answer = choose(one, shipped_predictor(), shipped_quality())
        first = None if first_of[at] < 0 else found.deployment(at, int(first_of[at])).key
        assert first == (None if answer.winner is None else answer.winner.deployment.key), load.arrival
        assert int(found.kept[at].sum()) == len(answer.ranked), load.arrival
        likely = int((found.likely & ~found.kept)[at].sum())
        assert likely == sum(a.likely for a in answer.refused), load.arrival


def under(workload: Workload, arrivals: list[Arrival]) -> tuple[Workload, list[Load]]:
    loads = [replace(workload.load, arrival=arrival) for arrival in arrivals]
    return replace(workload, load=loads[0]), loads


@pytest.mark.parametrize("arrivals", [CLOSED, OPEN, [Arrival(kind="single")], [Arrival(kind="maximum")]])
@pytest.mark.parametrize("objective", ["cost", "latency", "throughput", "accuracy"])
def test_every_load_is_told_as_recommend_tells_it(arrivals: list[Arrival], objective: Objective) -> None:
    asked = override(load_workload("chat"), objective=objective, min_recovery=0.97)
    workload, loads = under(asked, arrivals)
    same_as_one_by_one(choice_of(MODEL, workload, gpus=["A6000", "H100"]), loads)


@pytest.mark.parametrize("bound", [{"max_gpus": 3}, {"num_gpus": 4}, {"max_usd_per_hour": 3.0}])
def test_bounds_are_kept_alike(bound: dict[str, float]) -> None:
    workload, loads = under(load_workload("rag"), OPEN)
    same_as_one_by_one(choice_of(MODEL, workload, gpus=["A100", "L40S"], **bound), loads)  # type: ignore[arg-type]


@pytest.mark.parametrize("scenario", ["synchronous", "asynchronous"])
def test_the_papers_conventions_are_kept_alike(scenario: str) -> None:
    workload = override(load_workload("code-completion"), scenario=scenario)
    same_as_one_by_one(choice_of(MODEL, workload, gpus=["A6000", "A100"]), [workload.load])


def test_lengths_vary_alike() -> None:
    workload = load_workload("chat")
    loads = [load_at(workload.load, "input-tokens", level) for level in (64, 700, 5_000)]
    same_as_one_by_one(choice_of(MODEL, workload, gpus=["A100"]), loads)


def test_goodput_is_judged_alike() -> None:
    asked = override(load_workload("chat"), slo=["none"], goodput="ttft:400 tpot:30", min_share=0.9)
    workload, loads = under(asked, OPEN)
    same_as_one_by_one(choice_of(MODEL, workload, gpus=["A100"]), loads)


@pytest.mark.parametrize(
    "limits", [["ttft_p95_ms=500"], ["ttft_p95_ms=5000", "tpot_p95_ms=200"], ["e2e_p99_ms=60000"]]
)
def test_the_probability_to_keep_all_falls_without_a_jump_through_the_capacity(limits: list[str]) -> None:
    """It never exceeds that of one limit; a rate just beyond the capacity is no better than just below."""
    workload = override(load_workload("chat"), rate=10.0, slo=limits)
    asked = choice_of(MODEL, workload, gpus=["L40S"], formats=["fp8", "bf16"], max_gpus=1)
    of = [d for d in deployments(asked.space) if d.kv_format == "16bit"]
    first = judge_fixed(asked, [workload.load], of, shipped_predictor())
    shares = np.array([*np.arange(0.9, 1.1, 0.002), 1.2, 1.5, 2.0, 4.0])
    for i, d in enumerate(of):
        capacity = float(first.answers.capacity_requests_per_s.value[i])
        loads = [load_at(workload.load, "rate", share * capacity) for share in shares]
        found = judge_fixed(asked, loads, [d], shipped_predictor())
        keeps = found.keeps_all[:, 0]
        for limit in found.uncertain:
            assert (keeps <= probabilities(limit.margin_sd)[:, 0] + 1e-9).all(), limit.key
        assert (np.diff(keeps) <= 0.002).all()
        assert np.abs(np.diff(keeps[shares < 1.1])).max() < 0.06
        assert keeps[0] > 2 * keeps[-1]


@pytest.mark.parametrize(("rate", "limit"), [(10.0, "ttft_p95_ms=300"), (30.0, "tpot_p95_ms=40")])
def test_where_nothing_keeps_the_limits_the_surest_comes_first(rate: float, limit: str) -> None:
    workload = override(load_workload("chat"), rate=rate, slo=[limit], confidence=0.9)
    asked = choice_of("Llama-3.1-70B-Instruct", workload, gpus=["A100", "L40S"], max_gpus=4)
    answer = choose(asked, shipped_predictor(), shipped_quality())
    assert not answer.ranked
    nearest = [round(a.keeps_all_limits, 2) for a in answer.refused if a.excess is not None]
    nearest = [keeps if keeps > 0.02 else 0.0 for keeps in nearest]
    assert nearest == sorted(nearest, reverse=True)
    likely = [round(a.keeps_all_limits, 2) for a in answer.likely]
    assert likely == sorted(likely, reverse=True)


def test_accuracy_counts_at_the_length_of_each_load() -> None:
    asked = override(load_workload("rag"), min_recovery=0.95, slo=["none"], tasks=["OpenLLM v1"])
    loads = [load_at(asked.load, "input-tokens", length) for length in (1_000, 30_000, 100_000)]
    choice = choice_of(MODEL, asked, gpus=["A100"], formats=["int4"], tensor_parallel=[1])
    same_as_one_by_one(choice, loads)
    found = judge(choice, loads, shipped_predictor(), shipped_quality())
    limit = next(limit for limit in found.limits if limit.kind == "recovery")
    assert limit.kept[:, 0].tolist() == [True, True, False]
    assert (found.recovery_low[:-1, 0] > found.recovery_low[1:, 0]).all()
    assert found.take(np.array([2])).recoveries == found.recoveries[-1:]


def test_a_floor_on_recovery_is_kept_as_often_as_true_recoveries_lie_above_it() -> None:
    """Of GSM8K in int4 a single score has far more noise than the true recovery has error."""
    asked = override(load_workload("chat"), min_recovery=0.95, slo=["none"], tasks=["GSM8K"], single=True)
    choice = choice_of("Qwen3-8B", asked, gpus=["A100"], formats=["int4"], tensor_parallel=[1])
    found = judge(choice, [asked.load], shipped_predictor(), shipped_quality())
    [recovery] = found.recoveries
    assert recovery is not None
    assert recovery.new_score is not None
    drawn = recovery.draws(np.random.default_rng(1).standard_normal(200_000))
    assert drawn is not None
    stated = float(found.keeps_all[0, 0])
    assert stated == pytest.approx((drawn >= 0.95).mean(), abs=0.015)
    # A new score, normal in its 90 % interval, would lie above the floor far less often.
    score = recovery.new_score
    of_scores = NormalDist(score.value, (score.value - score.low) / 1.645).cdf(0.95)
    assert stated > (1.0 - of_scores) + 0.03
