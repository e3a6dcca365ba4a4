"""Intervals by class: what each is made of, and where a class without errors takes its own from."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.cost.predict.predictor import Predictor
from advisor.cost.uncertainty.error_class import DISTANCES, EngineClass, ErrorClass, error_class
from advisor.cost.uncertainty.intervals import UNKNOWN, HeldOutErrors, Interval, Intervals, build

DENSE, EXPERTS = EngineClass("v1", False), EngineClass("v1", True)


def held(model: np.ndarray, groups: int = 10, **other: np.ndarray) -> HeldOutErrors:
    n = len(model)
    nothing = np.full(n, np.nan)
    labels = [f"group {i % groups}" for i in range(n)]
    return HeldOutErrors(
        row=other.get("row", nothing),
        model=model,
        gpu=other.get("gpu", nothing),
        other_source=other.get("other_source", nothing),
        shapes=labels,
        gpus=labels,
        sources=labels,
    )


def of(metric: str = "tpot", statistic: str = "mean", engine: EngineClass = DENSE) -> ErrorClass:
    return error_class(metric, statistic, "loaded", engine)


def width(interval: Interval) -> float:
    return interval.high - interval.low


def test_an_interval_is_the_central_nine_tenths_and_as_skewed_as_the_errors():
    errors = np.random.default_rng(0).lognormal(0, 0.5, 3_000) - 1.0
    made = build([of()] * 3_000, ["tpot"] * 3_000, held(errors)).of(of().at("model"))
    assert np.mean((made.low <= errors) & (errors <= made.high)) == pytest.approx(0.9, abs=0.01)
    assert made.high > -1.5 * made.low


def test_throughput_is_tpot_upside_down():
    rng = np.random.default_rng(1)
    errors = np.concatenate([rng.normal(0.2, 0.02, 100), rng.normal(-0.2, 0.02, 100)])
    made = build([of()] * 200, ["tpot"] * 100 + ["throughput"] * 100, held(errors))
    tpot, throughput = (made.of_metric(m, of(m).at("model")) for m in ("tpot", "throughput"))
    assert tpot.high > 0.2
    assert tpot.low == pytest.approx(-0.01)
    assert (throughput.low, throughput.high) == (-tpot.high, -tpot.low)


def test_mixtures_of_experts_have_wider_intervals_where_their_errors_are_larger():
    rng = np.random.default_rng(2)
    errors = np.concatenate([rng.normal(0, 0.1, 600), rng.normal(0, 0.3, 600)])
    made = build([of()] * 600 + [of(engine=EXPERTS)] * 600, ["tpot"] * 1_200, held(errors))
    assert width(made.of(of(engine=EXPERTS).at("model"))) > 1.5 * width(made.of(of().at("model")))


def test_a_percentile_has_the_errors_of_percentiles():
    rng = np.random.default_rng(3)
    errors = np.concatenate([rng.normal(0, 0.1, 600), rng.normal(0, 0.4, 600)])
    made = build([of()] * 600 + [of(statistic="p99")] * 600, ["tpot"] * 1_200, held(errors))
    assert width(made.of(of(statistic="p99").at("model"))) > 2 * width(made.of(of().at("model")))


def test_a_deployment_that_one_source_has_is_known_no_better_than_a_new_model():
    rng = np.random.default_rng(4)
    n = 600
    model, row = rng.normal(0, 0.3, n), rng.normal(0, 0.1, n)
    alone = build([of()] * n, ["tpot"] * n, held(model, row=row)).of(of())
    again = build([of()] * n, ["tpot"] * n, held(model, row=row, other_source=row)).of(of())
    new_model = build([of()] * n, ["tpot"] * n, held(model)).of(of().at("model"))
    assert width(alone) == pytest.approx(width(new_model), rel=0.02)
    assert width(again) < 0.7 * width(alone)


def test_what_is_further_from_the_data_has_no_narrower_interval():
    rng = np.random.default_rng(5)
    made = build([of()] * 900, ["tpot"] * 900, held(rng.normal(0, 0.3, 900), gpu=rng.normal(0, 0.1, 900)))
    near, far = (width(made.of(of().at(d))) for d in ("model", "gpu"))
    assert near <= far + 1e-9
    # Neither is the wider of the two: they meet between.
    assert far < width(
        build([of()] * 900, ["tpot"] * 900, held(rng.normal(0, 0.3, 900))).of(of().at("model"))
    )


def test_a_lone_stream_that_few_have_timed_has_the_interval_of_closed_loops():
    rng = np.random.default_rng(6)
    loaded, alone = rng.normal(0, 0.3, 600), rng.normal(0, 0.01, 8)
    lone = error_class("tpot", "mean", "single", DENSE)
    errors = np.concatenate([loaded, alone])
    made = build([of()] * 600 + [lone] * 8, ["tpot"] * 608, held(errors))
    only = build([of()] * 600, ["tpot"] * 600, held(loaded))
    assert width(made.of(lone.at("model"))) == pytest.approx(width(only.of(of().at("model"))), rel=0.03)
    # And the few say nothing of closed loops.
    assert made.of(of().at("model")).rows == 600


def test_a_class_without_errors_takes_the_interval_around_it_then_that_of_another_distance():
    one = Interval(low=-0.2, high=0.2, rows=50, groups=5)
    table = Intervals(table={of(engine=EngineClass()).at("model"): one})
    assert table.of(of(statistic="p99", engine=EXPERTS).at("gpu")) == one
    assert table.of(error_class("ttft", "mean", "loaded", DENSE)) == UNKNOWN


def test_the_shipped_intervals_hold_the_prediction_and_widen_with_distance():
    intervals = Predictor.shipped().fit.intervals
    for one, interval in intervals.table.items():
        assert interval.low < 0 < interval.high
        assert interval.low >= -4, one
    for one in intervals.table:
        known = [intervals.table[one.at(d)] for d in DISTANCES if one.at(d) in intervals.table]
        assert [width(i) for i in known] == sorted(width(i) for i in known), one
