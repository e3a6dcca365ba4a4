"""How good a choice of format was, on costs that can be worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.evaluation.format_choice_score import (
    EIGHT_BITS,
    RIGHT_WITHIN,
    RULE_OF_THUMB,
    always,
    blocks,
    by_prediction,
    named_by_another_source,
    score,
    score_choices,
    usd_per_query,
)
from advisor.cost.fitting.observations import Observations
from advisor.record.measurement import SpeedMeasurement
from tests.record import build

PAPER = "the paper"


def observed(*rows: SpeedMeasurement, reference: tuple[str, ...] = (PAPER, "another")) -> Observations:
    """Rows alone: decisions read nothing else."""
    sources = SimpleNamespace(is_reference=lambda source: source in reference)
    return cast(Observations, SimpleNamespace(rows=rows, sources=sources))


def lone(fmt: str, ms: float, **more: Any) -> SpeedMeasurement:
    return build.speed(format=fmt, value=ms, **{"source": PAPER, **more})


def batch(fmt: str, rate: float, **more: Any) -> SpeedMeasurement:
    made = {"load": "maximum", "metric": "requests_per_s", "source": PAPER, **more}
    return build.speed(format=fmt, value=rate, **made)


def test_a_query_costs_the_gpus_for_as_long_as_it_takes() -> None:
    # an A6000 costs 0.80 USD an hour in the paper's list: 3.6 s are 0.0008 USD, one a second 0.80 ÷ 3600
    assert usd_per_query(lone("bf16", 3_600.0), 3_600.0) == pytest.approx(0.0008)
    assert usd_per_query(batch("bf16", 1.0), 1.0) == pytest.approx(0.80 / 3_600)
    two = lone("bf16", 3_600.0, num_gpus=2)
    assert usd_per_query(two, 3_600.0) == pytest.approx(0.0016)


def test_a_gpu_without_a_price_costs_one_unit_for_every_format() -> None:
    here = lone("bf16", 3_600.0, gpu="RTX4090")
    assert usd_per_query(here, 3_600.0) == pytest.approx(1 / 1_000)


def test_a_block_has_one_row_of_each_format_of_one_model_gpu_and_use() -> None:
    seen = observed(
        lone("bf16", 3_000.0),
        lone("int4", 1_500.0),
        lone("int4", 1_500.0, input_tokens=1_024.0),  # another use case, alone
        batch("bf16", 1.0),
        batch("int8", 1.4),
        lone("fp8", 2_000.0, metric="ttft_ms"),  # not what is paid for
        lone("fp8", 2_000.0, source="a blog"),  # not of the reference harness
    )
    found = blocks(seen)
    assert [(b.load, b.formats, b.rows) for b in found] == [
        ("single", ("bf16", "int4"), (0, 1)),
        ("maximum", ("bf16", "int8"), (3, 4)),
    ]


def test_a_choice_is_right_near_or_costs_more() -> None:
    seen = observed(lone("bf16", 3_000.0), lone("int4", 1_000.0), lone("int8", 1_019.0))
    [block] = blocks(seen)
    assert score(seen, [block], lambda _: "int4").regret == 0.0
    near = score(seen, [block], lambda _: "int8")
    assert (near.best, near.near, near.regret) == (0.0, 1.0, pytest.approx(0.019))
    wrong = score(seen, [block], lambda _: "bf16")
    assert (wrong.best, wrong.near, wrong.regret) == (0.0, 0.0, pytest.approx(2.0))


def test_a_score_is_a_mean_over_blocks() -> None:
    seen = observed(lone("bf16", 3_000.0), lone("int4", 1_000.0))
    [block] = blocks(seen)
    half = score_choices(seen, [(block, "int4"), (block, "bf16")])
    assert (half.blocks, half.best, half.near, half.regret) == (2, 0.5, 0.5, pytest.approx(1.0))


@given(st.lists(st.floats(100, 10_000), min_size=3, max_size=3))
def test_who_predicts_the_measured_values_is_never_wrong(values: list[float]) -> None:
    seen = observed(*(lone(f, v) for f, v in zip(("bf16", "int8", "int4"), values, strict=True)))
    found = blocks(seen)
    named = score(seen, found, by_prediction(seen, np.array(values)))
    assert (named.best, named.regret) == (1.0, 0.0)


@given(st.lists(st.floats(100, 10_000), min_size=3, max_size=3), st.integers(0, 2))
def test_regret_is_never_below_none_and_near_never_rarer_than_best(values: list[float], at: int) -> None:
    formats = ("bf16", "int8", "int4")
    seen = observed(*(lone(f, v) for f, v in zip(formats, values, strict=True)))
    made = score(seen, blocks(seen), lambda _: formats[at])
    assert made.regret >= 0.0
    assert made.near >= made.best
    assert (made.near == 1.0) == (made.regret <= RIGHT_WITHIN)


def test_a_faster_format_on_twice_the_gpus_is_not_cheaper() -> None:
    seen = observed(lone("bf16", 1_000.0, num_gpus=2), lone("int4", 1_900.0))
    named = by_prediction(seen, np.array([1_000.0, 1_900.0]))
    assert named(blocks(seen)[0]) == "int4"


def test_rules_of_thumb_name_what_the_block_has() -> None:
    seen = observed(lone("bf16", 3_000.0), lone("int4", 1_000.0), batch("bf16", 1.0), batch("int8", 1.4))
    single, maximum = blocks(seen)
    assert always(RULE_OF_THUMB)(single) == "int4"
    assert always(RULE_OF_THUMB)(maximum) == "int8"
    assert always(EIGHT_BITS)(single) == "bf16"  # no 8-bit format there: the first


def test_another_source_names_its_own_best_among_the_formats_of_both() -> None:
    seen = observed(
        lone("bf16", 3_000.0),
        lone("int4", 1_000.0),
        lone("int8", 900.0),
        lone("bf16", 2_900.0, source="another"),
        lone("int4", 3_100.0, source="another"),
    )
    pairs = named_by_another_source(seen, blocks(seen), ["one shape"] * 5)
    assert [(block.formats, name) for block, name in pairs] == [
        (("bf16", "int4"), "bf16"),  # the other's best, judged on the paper's costs
        (("bf16", "int4"), "int4"),
    ]
    assert score_choices(seen, pairs[:1]).regret == pytest.approx(2.0)


def test_sources_of_other_models_name_nothing() -> None:
    seen = observed(
        lone("bf16", 3_000.0),
        lone("int4", 1_000.0),
        lone("bf16", 2_900.0, source="another"),
        lone("int4", 3_100.0, source="another"),
    )
    assert named_by_another_source(seen, blocks(seen), ["a", "a", "b", "b"]) == []
