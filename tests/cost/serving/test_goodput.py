"""The closed form's share of requests within their limits is the simulation's."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.serving.load_table import table_of_loads
from advisor.cost.serving.percentiles_and_goodput import Queue, limits_s
from advisor.cost.simulation.simulate import simulate
from advisor.spec.workloads.workload import Arrival, Goodput, Lengths, Load
from tests.cost.standin import Textbook

V1 = EngineTable.one(step=Textbook(), kv_tokens=4_000_000, max_num_seqs=256, max_num_batched_tokens=8192)


def load(arrival: Arrival) -> Load:
    return Load(
        input_tokens=Lengths.uniform(200, 1800), output_tokens=Lengths.uniform(100, 300), arrival=arrival
    )


def queue(asked: Load) -> Queue:
    return Queue.of_loads(V1, table_of_loads([asked]), with_start=False)


def share(asked: Load, goodput: Goodput) -> float:
    limits = {metric: np.array([limit]) for metric, limit in limits_s(goodput).items()}
    return float(queue(asked).share_within(limits)[0])


@pytest.mark.parametrize(
    "arrival",
    [Arrival(kind="rate", value=5.0), Arrival(kind="concurrency", value=32)],
    ids=["open", "closed"],
)
@pytest.mark.parametrize("percentile", ["p50", "p90", "p99"])
@pytest.mark.parametrize("metric", ["ttft", "tpot", "e2e"])
def test_one_limit_at_a_percentile_is_kept_by_so_many(arrival, percentile, metric):
    asked = load(arrival)
    seen = simulate(V1, asked, seed=1, num_requests=2000)
    limit = seen.latency_ms[metric, percentile]
    found = share(asked, Goodput(**{f"{metric}_ms": limit}))
    assert found == pytest.approx(float(percentile[1:]) / 100, abs=0.13)


@pytest.mark.parametrize("rate", [2.0, 5.0, 8.0])
@pytest.mark.parametrize("factor", [0.8, 1.2, 2.0])
def test_goodput_of_all_limits_is_the_simulations(rate, factor):
    asked = load(Arrival(kind="rate", value=rate))
    plain = simulate(V1, asked, seed=1, num_requests=2000).latency_ms
    goodput = Goodput(
        ttft_ms=factor * plain["ttft", "mean"],
        tpot_ms=factor * plain["tpot", "mean"],
        e2e_ms=factor * plain["e2e", "mean"],
    )
    seen = simulate(V1, asked, seed=1, num_requests=2000, goodput=goodput)
    assert seen.goodput_share is not None
    assert share(asked, goodput) == pytest.approx(seen.goodput_share, abs=0.13)


def test_beyond_capacity_no_request_keeps_anything():
    assert share(load(Arrival(kind="rate", value=1e4)), Goodput(ttft_ms=1e6)) == 0.0


def test_looser_limits_are_kept_by_more():
    asked = load(Arrival(kind="rate", value=5.0))
    kept = [share(asked, Goodput(ttft_ms=ms, tpot_ms=50.0)) for ms in (30.0, 60.0, 120.0, 1000.0)]
    assert kept == sorted(kept)
    assert kept[-1] > 0.95
