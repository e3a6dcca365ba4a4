"""The ranking along the load: at the asked load it is the answer itself, for every golden question."""

from __future__ import annotations

from typing import Any

import pytest

from advisor import load_workload
from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.choose.recommendation import Recommendation, choose
from advisor.advise.sensitivity.best_along_load import AlongLoad, along_load, own_axis
from advisor.advise.sensitivity.varied_load_property import load_at
from advisor.spec.workloads.profile_flags import override

PAPER = {"gpus": ["A6000"], "formats": ["bf16", "int8", "int4"]}
LLAMA = "Llama-3.1-8B-Instruct"

QUESTIONS: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "synchronous": (LLAMA, "code-completion", PAPER, {"scenario": "synchronous"}),
    "asynchronous": (LLAMA, "code-completion", {**PAPER, "num_gpus": 1}, {"scenario": "asynchronous"}),
    "open loop": (
        "Llama-3.3-70B-Instruct", "rag", {"gpus": ["A100", "H100", "L40S"]}, {"rate": 20.0, "slo": ["none"]},
    ),
    "any L4": ("13B", "summarization", {"gpus": ["L4"]}, {}),
    "four GPUs": (LLAMA, "chat", {"gpus": ["A6000", "L40S", "A100", "H100"]}, {"rate": 8.0}),
    "clients": (LLAMA, "chat", {"gpus": ["A6000", "L40S"]}, {"concurrency": 37.0}),
    "all at once": (LLAMA, "docstring", {"gpus": ["A6000", "A100"]}, {"maximum": True, "slo": ["none"]}),
    "accuracy": (LLAMA, "rag", {"gpus": ["H100"]}, {"rate": 2.0, "objective": "accuracy"}),
    "any GPU": (LLAMA, "chat", {}, {"rate": 3.0}),
}  # fmt: skip


def answered(name: str) -> tuple[Recommendation, AlongLoad]:
    model, workload, space, flags = QUESTIONS[name]
    if model == "13B":
        from advisor.spec.models.catalog import model_of_size

        choice = choice_of(model_of_size(model), override(load_workload(workload), **flags), **space)
    else:
        choice = choice_of(model, override(load_workload(workload), **flags), **space)
    answer = choose(choice, shipped_predictor(), shipped_quality())
    along = along_load(answer, shipped_predictor(), shipped_quality())
    assert along is not None
    return answer, along


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_band_names_the_winner_at_the_asked_load(name: str) -> None:
    answer, along = answered(name)
    winner, here = answer.winner, along.crossover.here
    assert winner is not None
    assert here is not None
    assert here in along.crossover.axis.levels
    best = along.crossover.at(here).best
    assert best is not None
    assert (best.format.name, best.gpu.name) == (winner.deployment.format.name, winner.deployment.gpu.name)
    assert best in along.crossover.at(here).kinds
    if here == along.crossover.at(here).first:
        assert best.key == winner.deployment.key
    # The curve of the recommended deployment goes through the figures of the answer.
    [point] = [point for point in along.curves[0].points if point.level == here]
    for key, estimate in point.latency.items():
        assert estimate.value == pytest.approx(winner.estimate(*key).value, rel=1e-9)  # type: ignore[union-attr]


def test_the_end_of_what_the_recommended_carries_is_where_it_stops_keeping_the_limits() -> None:
    answer, along = answered("four GPUs")
    assert along.kept_up_to is not None
    choice, deployment = answer.choice, along.curves[0].deployment
    assert choice is not None
    from dataclasses import replace

    from advisor.advise.choose.judge import judge_fixed

    for factor, kept in ((0.99, True), (1.02, False)):
        load = load_at(choice.workload.load, "rate", factor * along.kept_up_to)
        asked = replace(choice, workload=replace(choice.workload, load=load))
        table = judge_fixed(asked, [load], [deployment], shipped_predictor(), shipped_quality())
        assert bool(table.kept[0, 0]) is kept


@pytest.mark.parametrize(
    ("flags", "over", "here"),
    [
        ({"rate": 3.7}, "rate", 3.7),
        ({"concurrency": 37.0}, "concurrency", 37.0),
        ({"single": True}, "input-tokens", 512.0),
    ],
)
def test_the_axis_is_the_questions_own_and_has_its_level(
    flags: dict[str, Any], over: str, here: float
) -> None:
    axis = own_axis(choice_of(LLAMA, override(load_workload("chat"), **flags), gpus=["A6000"]))
    assert axis.over == over
    assert here in axis.levels
    assert axis.levels[0] < here < axis.levels[-1]
    assert list(axis.levels) == sorted(set(axis.levels))


def test_where_nothing_keeps_the_limits_there_is_no_story() -> None:
    workload = override(load_workload("chat"), rate=2.0, slo=["ttft_p95_ms=1"])
    answer = choose(choice_of(LLAMA, workload, gpus=["A6000"]), shipped_predictor(), shipped_quality())
    assert along_load(answer, shipped_predictor(), shipped_quality()) is None


@pytest.mark.parametrize("name", ["four GPUs", "clients", "accuracy"])
def test_what_a_limit_is_held_against_keeps_it_at_the_asked_load(name: str) -> None:
    """All limits at once are kept with the confidence asked for, so each alone is."""
    answer, along = answered(name)
    [point] = [point for point in along.curves[0].points if point.level == along.crossover.here]
    limits = answer.workload.limits
    assert limits
    for limit in limits:
        judged = point.judged[limit.metric, limit.statistic]
        estimate = point.latency[limit.metric, limit.statistic]
        assert estimate.value < judged <= limit.max_ms
        assert judged < estimate.high


def test_simulated_conversations_have_no_story_by_the_closed_form() -> None:
    """At the asked load it might name another deployment than the answer does."""
    workload = override(load_workload("conversation"), rate=6.0)
    choice = choice_of(LLAMA, workload, gpus=["L40S", "A100", "H100", "A6000"])
    answer = choose(choice, shipped_predictor(), shipped_quality())
    assert answer.winner is not None
    assert any("simulated" in note for note in answer.notes)
    assert along_load(answer, shipped_predictor(), shipped_quality()) is None
