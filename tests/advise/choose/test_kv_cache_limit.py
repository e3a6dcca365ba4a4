"""Whether the KV cache holds the longest request, as little as the room for it is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.choose.limits import Pairs, kv_cache_limit
from advisor.advise.choose.recommendation import choose
from advisor.cost.predict.prediction_table import Range
from advisor.cost.uncertainty.joint_probability import MEMORY
from advisor.report.documents.missed_limit_words import refusal_text
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from tests.advise.builders import answers, prediction, workload


def limit_of(value: float, low: float, *, measured: bool = False, fits: bool = True, confidence: float = 0.8):
    load = workload().load
    longest = Range(value=np.array([value]), low=np.array([low]), high=np.array([2 * value]))
    table = replace(
        answers([prediction()], [("tpot", "mean")]),
        longest=longest,
        measured=np.array([measured]),
        fits=np.array([fits]),
    )
    return kv_cache_limit(Pairs([load], np.array([0]), table, confidence)), float(load.longest_context)


NEEDED = limit_of(1e9, 1e8)[1]


def test_a_request_as_long_as_the_low_end_of_the_interval_fits_nineteen_times_in_twenty() -> None:
    limit, needed = limit_of(2 * NEEDED, NEEDED)
    assert needed == NEEDED
    assert limit.margin_sd[0] == pytest.approx(1.645, abs=0.001)
    assert limit.cause == MEMORY
    assert bool(limit.kept[0])
    assert not limit_of(2 * NEEDED, NEEDED, confidence=0.97)[0].kept[0]


def test_room_that_just_suffices_may_be_too_little_and_says_by_how_much() -> None:
    limit, needed = limit_of(NEEDED, NEEDED / 2)
    assert limit.margin_sd[0] == 0.0
    assert not limit.kept[0]
    assert bool(limit.likely[0])
    assert limit.excess[0] == pytest.approx(needed / (NEEDED / 2) - 1)


@pytest.mark.parametrize(
    ("value", "low", "measured", "fits"),
    [
        (100 * NEEDED, 90 * NEEDED, False, True),  # room for a hundred
        (NEEDED, NEEDED / 2, True, True),  # it served this very load
        (NEEDED / 2, NEEDED / 4, False, True),  # too little by the estimate: `context` says so
        (NEEDED, NEEDED / 2, False, False),
        (np.inf, np.inf, False, True),  # a recurrent state does not grow
    ],
)
def test_where_nothing_is_in_doubt_the_limit_says_nothing(
    value: float, low: float, measured: bool, fits: bool
) -> None:
    limit, _ = limit_of(value, low, measured=measured, fits=fits)
    assert np.isposinf(limit.margin_sd[0])
    assert bool(limit.kept[0])


def test_a_cache_that_barely_holds_the_longest_request_counts_against_the_confidence() -> None:
    # vLLM 0.14 prints 4.45 GiB of KV cache for Qwen3-32B on one H100: 18,000 tokens; 17,500 are asked.
    alone = Load(
        input_tokens=Lengths.constant(17_000),
        output_tokens=Lengths.constant(500),
        arrival=Arrival(kind="single"),
    )
    asked = replace(load_workload("chat"), load=alone, limits=(), confidence=0.9)
    fixed = {"gpus": ["H100"], "num_gpus": 1, "formats": ["bf16"], "kv_formats": ["16bit"]}
    found = choose(
        choice_of("Qwen3-32B", asked, engine="vllm 0.14.0", **fixed), shipped_predictor(), shipped_quality()
    )
    table = found.table
    assert table is not None
    assert table.answers.longest.value[0] == pytest.approx(4.45 * 2**30 / 262_144, rel=0.01)
    assert 0.5 < float(table.keeps_all[0, 0]) < 0.9
    assert found.winner is None
    [assessment] = found.refused
    assert "KV cache holds" in refusal_text(assessment, assessment.refusals[0])
