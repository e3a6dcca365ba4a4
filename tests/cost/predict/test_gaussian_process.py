"""One own run says something of the questions near it, less the farther they are, and never that more load is
faster."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.cost.fitting.measured_deployments import MeasuredCell, deployment_key
from advisor.cost.predict.gaussian_process import Carried, Process
from advisor.cost.predict.load_point_correlation import ANY_LOAD, OTHER_ENGINE, Points, correlation, points_of
from advisor.cost.predict.prediction import Prediction
from advisor.cost.predict.predictor import REPEAT, Z90, Predictor
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.workload import Arrival, Lengths, Load

SERVED = Deployment(
    model=find_model("Llama-3.1-8B-Instruct"),
    format=find_format("bf16"),
    gpu=find_gpu("H100"),
    engine=Engine(version="0.32.0"),
)
TPOT = ("tpot", "mean")


def cell(log_ratio: float, **changed: object) -> MeasuredCell:
    made = MeasuredCell(
        release="0.32",
        input_tokens=1024.0,
        output_tokens=128.0,
        load="rate",
        level=4.0,
        quantity="tpot",
        log_ratio=log_ratio,
        rows=1,
        value=9.0,
    )
    return made._replace(**changed)


@cache
def predictor(*cells: MeasuredCell) -> Predictor:
    """What ships, with these cells of the user's own and none of others."""
    fit = Predictor.shipped().fit
    return Predictor(replace(fit, measured={deployment_key(SERVED): cells} if cells else {}))


def asked(
    *cells: MeasuredCell,
    kind: str = "rate",
    level: float | None = 4.0,
    tokens: tuple[int, int] = (1024, 128),
    of: Deployment = SERVED,
) -> Prediction:
    arrival = Arrival(kind=kind, value=level)  # type: ignore[arg-type]
    load = Load(
        input_tokens=Lengths.constant(tokens[0]), output_tokens=Lengths.constant(tokens[1]), arrival=arrival
    )
    [found] = predictor(*cells).predictions([of], load)
    return found


def carried(*cells: MeasuredCell, **question: object) -> float:
    """log(answer ÷ answer without the cells) of TPOT."""
    with_, without = asked(*cells, **question), asked(**question)  # type: ignore[arg-type]
    return math.log(with_.latency[TPOT].value / without.latency[TPOT].value)


RATIOS = st.floats(-0.6, 0.9)
RATES = st.floats(0.05, 25.0)


@settings(max_examples=60, deadline=None)
@given(RATIOS, RATES, st.sampled_from([4.0, 4.0, 1.0, 12.0]))
def test_an_answer_does_not_jump_with_the_load(ratio: float, rate: float, level: float) -> None:
    own = cell(ratio, level=level)
    for here in (rate, level, level / 1.0025):
        one, next_ = (asked(own, level=at).latency[TPOT] for at in (here, here * 1.0025))
        for part, most in (("value", 0.01), ("low", 0.02), ("high", 0.02)):
            assert abs(math.log(getattr(next_, part) / getattr(one, part))) < most


@settings(max_examples=60, deadline=None)
@given(RATIOS, RATES, st.floats(1.001, 10.0), st.sampled_from(["ttft", "tpot", "e2e"]))
def test_more_load_is_never_faster_by_one_measurement(
    ratio: float, rate: float, factor: float, metric: str
) -> None:
    own = cell(ratio, quantity=metric)
    slow, fast = (asked(own, level=at).latency[metric, "mean"].value for at in (rate, min(rate * factor, 26)))
    assert fast >= slow * (1 - 1e-6)


def test_the_measured_load_has_what_was_measured() -> None:
    found = asked(cell(0.3, scatter=0.02))
    tpot = found.latency[TPOT]
    assert carried(cell(0.3)) == pytest.approx(0.3, abs=1e-6)
    assert (tpot.basis, found.latency["ttft", "mean"].basis) == ("measured", "fitted")
    assert math.log(tpot.high / tpot.value) == pytest.approx(Z90 * math.hypot(REPEAT, 0.02), rel=1e-6)
    # TPOT was measured, and not what the server could serve.
    assert found.capacity_requests_per_s is not None
    assert found.capacity_requests_per_s.basis == "fitted"


def test_a_run_as_predicted_moves_nothing_and_narrows_what_is_near() -> None:
    near, far = asked(cell(0.0), level=5.0), asked(level=5.0)
    assert near.latency[TPOT].value == far.latency[TPOT].value
    assert near.latency[TPOT].high < far.latency[TPOT].high
    assert near.latency[TPOT].low > far.latency[TPOT].low


def test_what_is_carried_is_less_the_farther_it_is() -> None:
    own = cell(0.3)
    by_load = [carried(own, level=at) for at in (4.0, 2.0, 0.5, 0.01)]
    assert by_load == sorted(by_load, reverse=True)
    assert by_load[-1] < 0.6 * 0.3
    by_length = [carried(own, tokens=(prompt, 128), level=0.05) for prompt in (1024, 4096, 30_000, 120_000)]
    assert by_length == sorted(by_length, reverse=True)
    assert by_length[-1] < 0.5 * by_length[0]


def test_a_slower_server_stays_slower_at_higher_loads_and_a_faster_one_at_lower() -> None:
    assert carried(cell(0.3), level=16.0) == pytest.approx(0.3)
    assert carried(cell(-0.3), level=0.5) == pytest.approx(-0.3)
    assert -0.3 < carried(cell(-0.3), level=16.0) < -0.15


def test_between_two_measurements_it_lies_between_them() -> None:
    low, high = cell(0.4, level=2.0), cell(0.1, level=8.0)
    found = [carried(low, high, level=at) for at in (2.0, 3.0, 4.0, 6.0, 8.0)]
    assert found == sorted(found, reverse=True)
    assert (found[0], found[-1]) == (pytest.approx(0.4, abs=1e-6), pytest.approx(0.1, abs=1e-6))


def test_an_interval_far_away_covers_the_jump_to_a_surprise() -> None:
    """60 % slower than predicted is farther than the interval reaches: the model errs more here."""
    own = cell(math.log(1.6))
    for rate in (0.01, 0.5, 3.0):
        found, usual = asked(own, level=rate).latency[TPOT], asked(level=rate).latency[TPOT]
        assert usual.high < 1.6 * usual.value < found.high
        # The nearer, the less is left of what the model expects.
        assert (found.low < usual.value) == (rate < 1.0)


def test_another_kind_of_load_has_half_of_it() -> None:
    own = cell(0.3, load="concurrency", level=16.0)
    assert carried(own, level=4.0) == pytest.approx(ANY_LOAD * 0.3)
    # One client is a lone stream.
    alone = cell(0.3, load="single", level=None)
    assert carried(alone, kind="concurrency", level=1.0) == pytest.approx(0.3, abs=1e-6)
    assert 0.2 < carried(alone, kind="concurrency", level=2.0) <= 0.3


def test_another_deployment_has_nothing_of_it() -> None:
    for other in (
        replace(SERVED, format=find_format("fp8")),
        replace(SERVED, gpu=find_gpu("A100-80GB-SXM")),
        replace(SERVED, tensor_parallel=2),
    ):
        with_, without = asked(cell(0.3), of=other), asked(of=other)
        assert with_.latency == without.latency


def test_each_of_two_replicas_is_the_one_that_was_measured() -> None:
    two = SERVED.times(2)
    assert carried(cell(0.3), level=8.0, of=two) == pytest.approx(0.3, abs=1e-6)
    assert asked(cell(0.3), level=8.0, of=two).latency[TPOT].basis == "measured"
    assert asked(cell(0.3), level=4.0, of=two).latency[TPOT].basis == "fitted"


def test_another_release_s_figure_stands_beside_the_prediction_and_inside_its_interval() -> None:
    usual = asked().latency[TPOT].value
    for factor in (0.5, 1.25, 2.0):
        own = cell(math.log(factor), release="0.11", value=usual * factor)
        found = asked(own)
        [beside] = found.on_other_engines
        assert (beside.metric, beside.statistic, beside.value) == ("tpot", "mean", usual * factor)
        assert beside.engine == "vLLM 0.11"
        tpot = found.latency[TPOT]
        assert tpot.basis == "fitted"
        assert math.log(tpot.value / usual) == pytest.approx(OTHER_ENGINE * math.log(factor), rel=1e-6)
        assert tpot.low <= usual * factor <= tpot.high * (1 + 1e-9)
    # As the older release was predicted: the newer one may not be so much faster as is predicted.
    slow = cell(0.0, release="0.11", value=usual * 1.6)
    assert asked(slow).latency[TPOT].value == pytest.approx(usual)
    assert asked(slow).latency[TPOT].high == pytest.approx(usual * 1.6)
    assert asked(slow, level=3.99).latency[TPOT].high > usual * 1.55


def test_other_settings_are_another_engine() -> None:
    [beside] = asked(cell(0.3, settings="max_num_seqs=16")).on_other_engines
    assert beside.engine == "vLLM 0.32 (max_num_seqs=16)"
    assert asked(cell(0.3)).on_other_engines == ()
    assert asked(cell(0.3, release="0.11"), level=5.0).on_other_engines == ()


def test_lengths_that_a_benchmark_drew_are_those_asked_for() -> None:
    drawn = cell(0.3, input_tokens=1019.7, output_tokens=128.0)
    assert carried(drawn) == pytest.approx(0.3, abs=1e-6)
    # Two draws of one load are one measurement.
    both = Process.of([drawn, cell(0.1, input_tokens=1027.0)], None)
    assert both.log_ratio.tolist() == [pytest.approx(0.2)]


POINT = st.tuples(
    st.sampled_from(["concurrency", "rate", "maximum"]),
    st.floats(0.0, 7.0),
    st.floats(3.0, 11.0),
    st.floats(1.0, 9.0),
    st.sampled_from(["0.11 ", "0.32 "]),
)


@given(st.lists(POINT, min_size=1, max_size=12))
def test_correlations_are_those_of_a_process(points: list[tuple[str, float, float, float, str]]) -> None:
    kind, load, inputs, outputs, engine = (np.array(column) for column in zip(*points, strict=True))
    of = Points(
        kind=kind, load=load, input_tokens=inputs, output_tokens=outputs, cached=0.0 * load, engine=engine
    )
    found = correlation(of, of)
    assert found.diagonal() == pytest.approx(np.ones(len(points)))
    assert np.linalg.eigvalsh(found).min() > -1e-9


def test_prompts_from_the_cache_are_that_much_farther() -> None:
    here = points_of([cell(0.0)])
    half = replace(here, cached=np.array([math.log(2.0)]))
    shorter = replace(here, input_tokens=here.input_tokens - math.log(2.0))
    assert correlation(half, here) == pytest.approx(correlation(shorter, here))


def test_where_nothing_is_known_intervals_stay() -> None:
    low, high = Carried.nothing(2).bounds(np.array([-0.2, -0.1]), np.array([0.3, 0.4]), (np.ones(2),) * 2)
    assert (low.tolist(), high.tolist()) == ([-0.2, -0.1], [0.3, 0.4])
