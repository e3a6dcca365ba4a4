"""Conversations: what an answer rests on is simulated where the closed form may be off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.choose.choice import Choice
from advisor.advise.choose.confirm_by_simulation import FIRST, best_of_kinds, confirmed, unsettled
from advisor.advise.choose.judge import judge, judge_fixed
from advisor.advise.choose.rank import order
from advisor.advise.choose.recommendation import choose
from advisor.advise.compare.deployments import compare
from advisor.advise.sensitivity.change_points import flips
from advisor.cost.serving.load_table import load_table
from advisor.spec.workloads.read_profile import load_workload, parse_workload
from tests.advise.builders import BUSY_TALKS

MODEL = "Llama-3.1-8B-Instruct"
TAIL = (("ttft", "p95"), ("tpot", "p95"))


@pytest.fixture(scope="module")
def choice() -> Choice:
    return choice_of(MODEL, parse_workload(BUSY_TALKS), gpus=["L40S", "H100"])


def test_the_first_of_the_ranking_are_settled(choice: Choice) -> None:
    predictor, quality = shipped_predictor(), shipped_quality()
    plain = judge(choice, [choice.workload.load], predictor, quality)
    assert len(unsettled(plain)), "a load at which the closed form is sure shows nothing"
    table = confirmed(choice, plain, predictor, quality)
    assert not len(unsettled(table))
    turns = table.answers.turns
    assert turns is not None
    assert turns.simulated.any()
    ranked = order(table, 0, np.flatnonzero(table.kept[0]))
    assert table.settled[0][best_of_kinds(table, ranked)[:FIRST]].all()
    # What was not looked at stands as it stood.
    still = ~turns.simulated & (table.replicas[0] == plain.replicas[0])
    assert still.any()
    assert np.array_equal(table.keeps_all[0, still], plain.keeps_all[0, still])


def test_a_simulated_row_is_what_predict_says(choice: Choice) -> None:
    predictor, quality = shipped_predictor(), shipped_quality()
    answer = choose(choice, predictor, quality)
    first = next(a for a in answer.ranked if a.prediction and a.prediction.first_turn_ttft_ms is not None)
    alone = judge_fixed(
        choice, [choice.workload.load], [first.deployment], predictor, quality, simulated=True
    )
    assert first.keeps_all_limits == alone.keeps_all[0, 0]
    mean = first.estimate("ttft", "mean")
    assert mean is not None
    assert mean.value == alone.answers.latency_ms["ttft", "mean"].value[0]
    # Other loads are not simulated, and no match for what is.
    assert any("every request" in note for note in answer.notes)
    found = flips(answer, (), predictor, quality)
    assert not any(flip.assumption.startswith(("prompt", "answer", "concurrency")) for flip in found)


def test_requests_that_stand_alone_are_left_as_they_are() -> None:
    choice = choice_of(MODEL, load_workload("chat"), gpus=["L40S"])
    table = judge(choice, [choice.workload.load], shipped_predictor(), shipped_quality())
    assert confirmed(choice, table, shipped_predictor(), shipped_quality()) is table
    assert table.settled[0].all()


def test_two_deployments_are_compared_by_simulation(choice: Choice) -> None:
    predictor, quality = shipped_predictor(), shipped_quality()
    pair = [
        next(d for d in judge(choice, [choice.workload.load], predictor).deployments if d.format.name == name)
        for name in ("fp8", "int8")
    ]
    first, second = (d.times(5) for d in pair)
    found = compare(first, second, choice.workload, choice.price_of, predictor, quality)
    table = predictor.table([first, second], choice.workload.load, TAIL, simulated=True)
    ttft = next(row for row in found if row.name == "TTFT p95")
    assert (ttft.first, ttft.second) == tuple(table.latency_ms["ttft", "p95"].value)


def test_where_nothing_is_simulated_intervals_are_wider_if_engines_are_busy(choice: Choice) -> None:
    """A table of loads has the values of one load, and beyond the closed form's reach wider intervals."""
    predictor = shipped_predictor()
    load = choice.workload.load
    every = [d.times(n) for d in judge(choice, [load], predictor).deployments[:6] for n in (1, 8)]
    one = predictor.table(every, load, TAIL)
    many = predictor.table(every, load_table(load, every), TAIL)
    assert one.turns is not None
    sure = one.turns.settled
    assert sure.any()
    assert (~sure).any()
    known = np.isfinite(one.latency_ms["ttft", "p95"].value)
    for key in TAIL:
        narrow, wide = one.latency_ms[key], many.latency_ms[key]
        assert np.array_equal(narrow.value[known], wide.value[known])
        assert np.array_equal(narrow.high[sure & known], wide.high[sure & known])
        assert (wide.high[~sure & known] > narrow.high[~sure & known]).all()


def test_the_mean_lies_between_first_and_later_turns() -> None:
    workload = parse_workload(BUSY_TALKS.replace("concurrency: 400", "concurrency: 40"))
    long = replace(workload.load, conversation=replace(workload.load.conversation, system_tokens=0))
    choice = choice_of(MODEL, workload, gpus=["H100"])
    d = judge(choice, [long], shipped_predictor()).deployments[0]
    turns = shipped_predictor().table([d], long, simulated=True).turns
    assert turns is not None
    first, later = turns.first_ttft_ms.value[0], turns.later_ttft_ms.value[0]
    mean = shipped_predictor().table([d], long, simulated=True).latency_ms["ttft", "mean"].value[0]
    assert min(first, later) < mean < max(first, later)
