"""A run of an open loop that sends more than can be served is what a simulation of it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.serving.load_table import table_of_loads
from advisor.cost.serving.percentiles_and_goodput import Queue
from advisor.cost.serving.serving_stats import SteadyState
from advisor.cost.serving.steady_state import steady_state
from advisor.cost.simulation.simulate import simulate
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from tests.cost.standin import Textbook

SIZE: Any = {"step": Textbook(), "kv_tokens": 4e6, "max_num_seqs": 256}
V1 = EngineTable.one(**SIZE, max_num_batched_tokens=8192)


def asked(rate: float, prompt: int = 1000, output: int = 200) -> Load:
    return Load(
        input_tokens=Lengths.lognormal(prompt, 0.5 * prompt),
        output_tokens=Lengths.lognormal(output, 0.5 * output),
        arrival=Arrival(kind="rate", value=rate),
    )


def capacity(prompt: int, output: int) -> float:
    return float(steady_state(V1, table_of_loads([asked(1.0, prompt, output)])).capacity_requests_per_s[0])


def run(load: Load, requests: float) -> SteadyState:
    table = replace(table_of_loads([load]), requests_per_client=np.array([requests]))
    return Queue.of_loads(V1, table, with_start=True).run


@pytest.mark.parametrize(("prompt", "output"), [(1000, 200), (4000, 50)])
@pytest.mark.parametrize("times", [2.0, 5.0])
@pytest.mark.parametrize("requests", [300, 1000])
def test_twice_the_capacity_and_more(prompt: int, output: int, times: float, requests: int):
    load = asked(times * capacity(prompt, output), prompt, output)
    sent = [
        np.cumsum(np.random.default_rng(seed).exponential(1 / load.arrival.value, requests)).tolist()
        for seed in range(3)
    ]
    runs = [simulate(V1, load, seed=seed, window="whole", sent_s=sent[seed]) for seed in range(3)]
    found = run(load, requests)
    for metric, seconds in (("ttft", found.ttft_s), ("tpot", found.tpot_s)):
        seen = np.mean([one.latency_ms[metric, "mean"] for one in runs])
        assert seconds[0] * 1000 == pytest.approx(seen, rel=0.25), metric
    assert found.requests_per_s[0] == pytest.approx(np.mean([r.requests_per_s for r in runs]), rel=0.2)


def test_what_chance_may_pile_up_too_has_no_first_token():
    load = asked(1.02 * capacity(1000, 200))
    found = run(load, 100)
    assert np.isnan(found.ttft_s[0])
    assert np.isfinite(found.tpot_s[0])


def test_the_long_run_and_what_is_served_stay_as_they_are():
    for load, requests in ((asked(2.0 * capacity(1000, 200)), np.inf), (asked(1.0), 300.0)):
        steady = steady_state(V1, table_of_loads([load]))
        np.testing.assert_array_equal(run(load, requests).ttft_s, steady.ttft_s)
        np.testing.assert_array_equal(run(load, requests).tpot_s, steady.tpot_s)
