"""Beside an answer, the limit that a little looser would save most: asked so, the answer is as said."""

from __future__ import annotations

from dataclasses import replace
from math import isclose

import pytest

from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.choose.choice import Choice
from advisor.advise.choose.recommendation import Recommendation, choose
from advisor.advise.sensitivity.loosened_limit import LOOSER, WORTH, loosened
from advisor.advise.sensitivity.ways_out_if_infeasible import WayOut
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload


def ask(model: str, profile: str, gpus: list[str], **flags: object) -> Choice:
    return choice_of(model, override(load_workload(profile), **flags), gpus=gpus)  # type: ignore[arg-type]


def answered(choice: Choice) -> tuple[Recommendation, WayOut | None]:
    answer = choose(choice, shipped_predictor(), shipped_quality())
    return answer, loosened(answer, shipped_predictor(), shipped_quality())


def near() -> tuple[Choice, Recommendation, WayOut]:
    """A question whose cheaper pick misses one limit by a little: found by tightening its tightest."""
    choice = ask("Llama-3.3-70B-Instruct", "rag", ["A100", "H100", "L40S"], slo=["ttft_p95_ms=500"])
    for e2e_ms in range(3600, 1400, -100):
        tight = replace(choice, workload=override(choice.workload, slo=[f"e2e_p99_ms={e2e_ms}"]))
        answer, way = answered(tight)
        if way is not None:
            return tight, answer, way
    raise AssertionError("no E2E limit stands just below what a cheaper deployment needs")


@pytest.fixture(scope="module")
def found() -> tuple[Choice, Recommendation, WayOut]:
    return near()


def test_asked_with_the_bound_it_says_its_deployment_keeps_all_and_costs_as_said(
    found: tuple[Choice, Recommendation, WayOut],
) -> None:
    choice, _, way = found
    flags = {"min_recovery": way.to} if way.limit == "recovery" else {"slo": [f"{way.limit}={way.to}"]}
    again, _ = answered(replace(choice, workload=override(choice.workload, **flags)))  # type: ignore[arg-type]
    costs = {a.deployment.key: a.cost.usd_per_hour for a in again.ranked if a.cost is not None}
    assert way.usd_per_hour is not None
    assert isclose(costs[way.deployment.key], way.usd_per_hour)


def test_it_is_worth_a_word_and_the_same_question_still(
    found: tuple[Choice, Recommendation, WayOut],
) -> None:
    _, answer, way = found
    assert answer.winner is not None
    assert answer.winner.cost is not None
    assert way.usd_per_hour is not None
    assert way.bound is not None
    assert way.to is not None
    assert way.usd_per_hour <= WORTH * answer.winner.cost.usd_per_hour
    assert way.bound < way.to <= 1.01 * LOOSER * way.bound
    assert way.deployment.key not in [a.deployment.key for a in answer.ranked]


def test_the_accuracy_asked_for_is_a_limit_too() -> None:
    """BF16 takes twice the GPUs of INT8: just above what INT8 keeps, a little less halves the bill."""
    for tenths in range(998, 970, -1):
        floor = tenths / 1000
        _, way = answered(ask("Qwen2.5-32B-Instruct", "chat", ["L40S", "A100"], min_recovery=floor))
        if way is not None and way.limit == "recovery":
            break
    assert way is not None
    assert way.bound == floor
    assert way.to is not None
    assert floor - (LOOSER - 1) * (1 - floor) - 0.001 <= way.to < floor


@pytest.mark.parametrize("flags", [{"slo": ["none"]}, {"objective": "latency"}, {"slo": ["ttft_p95_ms=1"]}])
def test_there_is_none_without_limits_another_aim_or_nothing_ranked(flags: dict[str, object]) -> None:
    assert answered(ask("Llama-3.1-8B-Instruct", "chat", ["A6000", "L40S"], **flags))[1] is None
