"""Many loads at once, told as one load at a time is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.choose.judge import judge
from advisor.advise.choose.question import Choice
from advisor.advise.choose.rank import best
from advisor.advise.choose.recommendation import choose
from advisor.advise.sensitivity.axis import load_at
from advisor.spec.workloads.profile import load_workload
from advisor.spec.workloads.profile_flags import override
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
    # Accuracy is that of the workload's own lengths, and of MXFP4 at 5,000 tokens nothing is known.
    asked = choice_of(MODEL, workload, gpus=["A100"], formats=["bf16", "int8", "int8-w8a16", "int4"])
    same_as_one_by_one(asked, loads)


def test_goodput_is_judged_alike() -> None:
    asked = override(load_workload("chat"), slo=["none"], goodput="ttft:400 tpot:30", min_share=0.9)
    workload, loads = under(asked, OPEN)
    same_as_one_by_one(choice_of(MODEL, workload, gpus=["A100"]), loads)
