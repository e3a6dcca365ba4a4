"""The crossover map: the same as `recommend` at each of its loads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor import load_workload
from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.choose.question import Choice
from advisor.advise.choose.recommendation import Recommendation, choose
from advisor.advise.sensitivity.crossover_map import CONCURRENCIES, format_maps, in_flight
from advisor.spec.workloads.profile_flags import override


@pytest.fixture(scope="module")
def choice() -> Choice:
    workload = override(load_workload("chat"), rate=8.0, min_recovery=0.97)
    return choice_of(
        "Llama-3.1-8B-Instruct", workload, gpus=["L40S", "H100"], formats=["bf16", "fp8", "int4"]
    )


@pytest.fixture(scope="module")
def answer(choice: Choice) -> Recommendation:
    return choose(choice, shipped_predictor(), shipped_quality())


def test_a_cell_is_what_recommend_puts_first(choice: Choice, answer: Recommendation) -> None:
    maps = format_maps(choice, answer, shipped_predictor(), shipped_quality())
    assert [[gpu.label for gpu in one.gpus] for one in maps] == [["L40S", "H100"], ["L40S"], ["H100"]]
    for one in maps[:2]:
        down = one.best.down
        assert down is not None
        for row, column in ((2, 4), (0, 8), (3, 2)):
            workload = override(
                choice.workload,
                concurrency=CONCURRENCIES[column],
                input_tokens=f"{down.levels[row]:.0f}±{down.levels[row] / 4:.0f}",
            )
            # The same shape of prompts: bounds and spread go with the mean.
            lengths = choice.workload.load.input_tokens
            factor = down.levels[row] / lengths.mean
            scaled = replace(
                workload.load.input_tokens,
                mean=down.levels[row],
                std=lengths.std * factor,
                high=None if lengths.high is None else round(lengths.high * factor),
            )
            asked = replace(workload, load=replace(workload.load, input_tokens=scaled))
            alone = replace(choice, workload=asked, space=replace(choice.space, gpus=one.gpus))
            winner = choose(alone, shipped_predictor(), shipped_quality()).winner
            said = one.best.best[row][column]
            assert (None if winner is None else winner.deployment) == said


def test_a_model_with_a_short_context_has_a_short_map(choice: Choice, answer: Recommendation) -> None:
    short = replace(choice.space.model, max_context=4_096)
    narrow = replace(choice, space=replace(choice.space, model=short))
    for one in format_maps(narrow, answer, shipped_predictor(), shipped_quality(), gpus=1):
        assert one.best.down is not None
        assert max(one.best.down.levels) <= 2_048
    tiny = replace(choice, space=replace(choice.space, model=replace(short, max_context=1_400)))
    assert format_maps(tiny, answer, shipped_predictor(), shipped_quality()) == ()


def test_where_the_question_stands_on_it(answer: Recommendation) -> None:
    winner = answer.winner
    assert winner is not None
    e2e = winner.estimate("e2e")
    assert e2e is not None
    assert in_flight(answer) == pytest.approx(8.0 * e2e.value / 1000)
    closed = replace(answer, workload=override(answer.workload, concurrency=20))
    assert in_flight(closed) == 20
    assert in_flight(replace(answer, workload=override(answer.workload, single=True))) == 1
    assert in_flight(replace(answer, ranked=())) is None
