"""Percentiles without a simulation, beside those of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.serving.latency_distribution import percentile_s
from advisor.cost.serving.load_table import table_of_loads
from advisor.cost.serving.steady_state import steady_state
from advisor.cost.simulation.simulate import simulate
from advisor.spec.metrics import LatencyMetric
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from tests.cost.standin import Textbook

SETUP = EngineTable.one(step=Textbook(), kv_tokens=4_000_000, max_num_seqs=256, max_num_batched_tokens=8192)
METRICS: tuple[LatencyMetric, ...] = ("ttft", "tpot", "itl", "e2e")


def chat(arrival: Arrival, prompt: int = 500, output: int = 250) -> Load:
    return Load(
        input_tokens=Lengths.lognormal(prompt, 0.6 * prompt),
        output_tokens=Lengths.lognormal(output, 0.6 * output),
        arrival=arrival,
    )


def of(metric: LatencyMetric, percent: float, load: Load) -> float:
    engines, loads = SETUP, table_of_loads([load])
    return float(percentile_s(metric, percent, engines, loads, steady_state(engines, loads))[0]) * 1000


@pytest.mark.parametrize("statistic", ["p50", "p90", "p95", "p99"])
@pytest.mark.parametrize(
    "arrival",
    [Arrival(kind="concurrency", value=c) for c in (8, 32, 128)]
    + [Arrival(kind="rate", value=r) for r in (3.0, 10.0, 18.0)],
    ids=lambda arrival: f"{arrival.kind} {arrival.value:g}",
)
def test_percentiles_are_in_sight_of_the_simulations(arrival, statistic):
    load = chat(arrival)
    seen = simulate(SETUP, load, seed=2, num_requests=4000, statistics=(statistic,))
    wide = {"ttft": 0.35, "tpot": 0.15, "itl": 0.30, "e2e": 0.12}
    for metric in METRICS:
        found = of(metric, float(statistic[1:]), load)
        assert found == pytest.approx(seen.latency_ms[metric, statistic], rel=wide[metric]), metric


@pytest.mark.parametrize("rate", [1.0, 4.0, 6.0])
def test_prompts_of_very_unequal_lengths_are_in_sight_of_the_simulation(rate: float) -> None:
    """The lengths of the profile `conversation`: cut at twelve times their mean."""
    prompt = Lengths.lognormal(1300, 3900, high=16_000)
    load = replace(chat(Arrival(kind="rate", value=rate)), input_tokens=prompt)
    seen = simulate(SETUP, load, seed=3, num_requests=8000, statistics=("mean", "p95"))
    steady = steady_state(SETUP, table_of_loads([load]))
    assert steady.ttft_s[0] * 1000 == pytest.approx(seen.latency_ms["ttft", "mean"], rel=0.12)
    assert of("ttft", 95.0, load) == pytest.approx(seen.latency_ms["ttft", "p95"], rel=0.35)


@given(
    rate=st.floats(0.1, 18),
    prompt=st.integers(50, 800),
    output=st.integers(20, 300),
    low=st.floats(1, 98),
    more=st.floats(0.5, 1.9),
)
def test_percentiles_rise_with_the_percent(rate, prompt, output, low, more):
    load = chat(Arrival(kind="rate", value=rate), prompt, output)
    for metric in METRICS:
        assert of(metric, low, load) <= of(metric, min(low + more, 99.9), load) * (1 + 1e-9)


def test_one_stream_of_one_length_has_no_spread():
    load = Load(
        input_tokens=Lengths.constant(500),
        output_tokens=Lengths.constant(100),
        arrival=Arrival(kind="single"),
    )
    for metric in METRICS:
        assert of(metric, 99, load) == pytest.approx(of(metric, 1, load), rel=1e-3)


def test_where_there_is_no_mean_there_is_no_percentile():
    engines = SETUP
    loads = table_of_loads(
        [chat(Arrival(kind="rate", value=1e5)), chat(Arrival(kind="maximum")), chat(Arrival(kind="single"))]
    )
    steady = steady_state(engines, loads)
    ttft = percentile_s("ttft", 95, engines, loads, steady)
    tpot = percentile_s("tpot", 95, engines, loads, steady)
    assert np.isnan(ttft).tolist() == [True, True, False]
    assert np.isnan(tpot).tolist() == [True, False, False]
    too_small = replace(SETUP, kv_tokens=np.array([100.0]))
    lost = steady_state(too_small, loads)
    assert np.isnan(percentile_s("e2e", 50, too_small, loads, lost)).all()
