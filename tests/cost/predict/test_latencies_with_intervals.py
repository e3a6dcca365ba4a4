"""Percentiles that were measured take the place of multiples of their mean, with no wider an interval."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.predict.gaussian_process import Carried
from advisor.cost.predict.latencies_with_intervals import _judged_as, with_measured
from advisor.cost.predict.nearest_measurements import MeasuredRows
from advisor.cost.predict.prediction_table import PredictionTable, Range
from advisor.cost.uncertainty.conformal import Z90
from advisor.cost.uncertainty.error_class import EngineClass

V1, V0 = EngineClass("v1", False), EngineClass("v0", False)
TAIL = ("ttft", "p95")


def answers(*mean_ms: float) -> PredictionTable:
    """Means alone."""
    return cast(PredictionTable, SimpleNamespace(mean_ms=lambda _: usual(*mean_ms)))


def usual(*ms: float, factor: float = 2.0) -> Range:
    value = np.array(ms)
    return Range(value=value, low=value / factor, high=value * factor)


def rows(at: list[int], log_ratio: float = 0.0, scatter: float = 0.0, count: int = 2) -> Carried:
    """`count` rows, of which those at `at` were measured."""
    ones = np.ones(len(at))
    return Carried.nothing(count).with_rows(MeasuredRows(np.array(at), log_ratio * ones, scatter * ones))


def measured(of: Carried, *, repeat: float = 0.04, factor: float = 2.0, name: str = "ttft p95") -> Range:
    """Two rows with a mean of 100 ms and a p95 three times that, of which some were measured."""
    found = with_measured(
        {TAIL: usual(300.0, 300.0, factor=factor)},
        {name: of},
        answers(100.0, 100.0),
        {TAIL: np.full(2, 3.0)},
        repeat,
    )
    return found[TAIL]


def test_what_was_measured_is_physics_times_what_the_run_showed() -> None:
    made = measured(rows([1], log_ratio=float(np.log(1.2))))
    assert made.value.tolist() == [300.0, pytest.approx(360.0)]


def test_what_nobody_measured_stays_as_it_was() -> None:
    made = measured(rows([1], log_ratio=0.5))
    assert (made.low[0], made.high[0]) == (150.0, 600.0)
    other = measured(rows([1], log_ratio=0.5), name="ttft p99")
    assert other.value.tolist() == [300.0, 300.0]


def test_the_interval_is_that_of_a_repeat_and_of_what_the_run_scatters() -> None:
    made = measured(rows([0], scatter=0.03), repeat=0.04)
    assert np.log(made.high[0] / made.value[0]) == pytest.approx(Z90 * 0.05)  # hypot(3, 4) = 5
    assert np.log(made.value[0] / made.low[0]) == pytest.approx(Z90 * 0.05)


@given(st.floats(0.01, 2.0), st.floats(0.0, 2.0))
def test_a_measured_tail_is_never_known_less_well_than_an_unmeasured_one(
    repeat: float, scatter: float
) -> None:
    made = measured(rows([0], scatter=scatter), repeat=repeat, factor=1.5)
    assert made.high[0] / made.value[0] <= 1.5 + 1e-9
    assert made.value[0] / made.low[0] <= 1.5 + 1e-9


def test_a_median_is_as_wide_as_its_run_says() -> None:
    median = ("ttft", "p50")
    found = with_measured(
        {median: usual(80.0, factor=1.01)},
        {"ttft p50": rows([0], scatter=0.3, count=1)},
        answers(100.0),
        {median: np.array([0.8])},
        0.04,
    )[median]
    assert found.high[0] / found.value[0] > 1.5


def test_the_predictions_given_are_not_changed() -> None:
    given_ = {TAIL: usual(300.0)}
    with_measured(
        given_, {"ttft p95": rows([0], 0.5, count=1)}, answers(100.0), {TAIL: np.array([3.0])}, 0.04
    )
    assert given_[TAIL].value.tolist() == [300.0]


def test_a_lone_request_on_v1_is_judged_as_a_loop_of_one_client() -> None:
    of = _judged_as("tpot", "p95", "single", V1, "model", near_capacity=False)
    assert (of.load, of.part, of.metric) == ("loaded", "mean", "tpot")
    old = _judged_as("tpot", "p95", "single", V0, "model", near_capacity=False)
    assert old.load == "single"
    first = _judged_as("ttft", "mean", "single", V1, "model", near_capacity=False)
    assert first.load == "single"


def test_a_queue_near_the_capacity_has_a_class_of_its_own() -> None:
    near, far = (
        _judged_as("ttft", "p99", "loaded", V1, "seen", near_capacity=crowded) for crowded in (True, False)
    )
    assert (near.part, far.part) == ("tail near capacity", "tail")
    assert _judged_as("tpot", "p99", "loaded", V1, "seen", near_capacity=True).part == "tail"
