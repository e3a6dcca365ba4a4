"""The closed form of a whole benchmark run says what a benchmark run says."""

from __future__ import annotations

from collections.abc import Sequence
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
V0 = EngineTable.one(**SIZE, generation="v0", chunked_prefill=False, max_num_batched_tokens=32_768)


def run(engine: EngineTable, loads: Sequence[Load], requests_per_client: Sequence[float]) -> SteadyState:
    """What a run of so many requests per client reports of each load."""
    return queue(engine, loads, requests_per_client).run


def queue(engine: EngineTable, loads: Sequence[Load], requests_per_client: Sequence[float]) -> Queue:
    table = replace(table_of_loads(loads), requests_per_client=np.array(requests_per_client))
    return Queue.of_loads(engine, table, with_start=True)


def benchmark(clients: int, prompt: int, output: int) -> Load:
    """Lengths between 80 % and all of what is given, as InferenceX draws them."""
    return Load(
        input_tokens=Lengths.uniform(int(0.8 * prompt), prompt),
        output_tokens=Lengths.uniform(int(0.8 * output), output),
        arrival=Arrival(kind="concurrency", value=clients),
    )


@pytest.mark.parametrize("setup", [V1, V0], ids=["v1", "v0"])
@pytest.mark.parametrize(("prompt", "output"), [(1024, 1024), (8192, 1024), (512, 128)])
@pytest.mark.parametrize("clients", [4, 16, 64, 256])
def test_ten_requests_per_client(setup, prompt, output, clients):
    asked = benchmark(clients, prompt, output)
    runs = [simulate(setup, asked, seed=s, num_requests=10 * clients, window="whole") for s in range(3)]
    found = run(setup, [asked], [10.0])
    seen = {m: np.mean([run.latency_ms[m, "mean"] for run in runs]) for m in ("ttft", "tpot", "e2e")}
    assert found.ttft_s[0] * 1000 == pytest.approx(seen["ttft"], rel=0.17)
    assert found.tpot_s[0] * 1000 == pytest.approx(seen["tpot"], rel=0.04)
    assert found.e2e_s[0] * 1000 == pytest.approx(seen["e2e"], rel=0.04)
    assert found.requests_per_s[0] == pytest.approx(np.mean([r.requests_per_s for r in runs]), rel=0.04)


@pytest.mark.parametrize("clients", [50, 1000])
def test_all_at_once_and_never_again(clients):
    asked = benchmark(clients, 1000, 200)
    seen = simulate(V1, asked, seed=1, num_requests=clients, window="whole")
    found = run(V1, [asked], [1.0])
    assert found.ttft_s[0] * 1000 == pytest.approx(seen.latency_ms["ttft", "mean"], rel=0.15)
    assert found.requests_per_s[0] == pytest.approx(seen.requests_per_s, rel=0.1)


def spread_lengths(mean: int, variation: float) -> Lengths:
    return Lengths.lognormal(mean, variation * mean) if variation else Lengths.constant(mean)


@pytest.mark.parametrize("setup", [V1, V0], ids=["v1", "v0"])
@pytest.mark.parametrize(("prompt", "output"), [(2000, 100), (200, 200), (4000, 30)])
@pytest.mark.parametrize("variation", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("requests", [50, 1000])
def test_answers_of_a_burst_are_slowed_by_its_other_prompts(setup, prompt, output, variation, requests):
    asked = Load(
        input_tokens=spread_lengths(prompt, variation),
        output_tokens=spread_lengths(output, variation),
        arrival=Arrival(kind="concurrency", value=requests),
    )
    runs = [simulate(setup, asked, seed=s, num_requests=requests, window="whole") for s in range(3)]
    seen = np.mean([run.latency_ms["tpot", "mean"] for run in runs])
    found = run(setup, [asked], [1.0])
    assert found.tpot_s[0] * 1000 == pytest.approx(seen, rel=0.12 if setup is V1 else 0.15)
    # a burst of prompts this long is not the long run's few prompts beside many answers
    if prompt >= 2000 and requests == 1000:
        alone = float(setup.step.step_s(*np.atleast_2d([50.0, prompt, 0.0, 0.0]).T)[0])
        assert found.tpot_s[0] > 1.5 * alone


@pytest.mark.parametrize("slots", [256, 1024])
@pytest.mark.parametrize("variation", [0.5, 1.0])
@pytest.mark.parametrize("requests", [100, 1000])
def test_the_longest_answers_end_by_themselves(slots, variation, requests):
    lengths = Lengths.lognormal(200, 200 * variation)
    sent = Arrival(kind="concurrency", value=requests)
    asked = Load(input_tokens=lengths, output_tokens=lengths, arrival=sent)
    setup = replace(V1, max_num_seqs=np.array([float(slots)]))
    runs = [simulate(setup, asked, seed=s, num_requests=requests, window="whole") for s in range(3)]
    found = run(setup, [asked], [1.0]).requests_per_s[0]
    assert found == pytest.approx(np.mean([run.requests_per_s for run in runs]), rel=0.12)
    # without them it were a third more, at least
    assert steady_state(setup, table_of_loads([asked])).requests_per_s[0] > 1.2 * found


def test_endless_runs_and_open_loops_are_the_steady_state():
    loads = (
        benchmark(64, 512, 256),
        replace(benchmark(64, 512, 256), arrival=Arrival(kind="rate", value=10.0)),
        replace(benchmark(64, 512, 256), arrival=Arrival(kind="rate", value=1e6)),
        replace(benchmark(64, 512, 256), arrival=Arrival(kind="maximum")),
    )
    steady = steady_state(V1, table_of_loads(loads))
    found = run(V1, loads, [np.inf, 10.0, np.inf, 10.0])
    for name in ("ttft_s", "tpot_s", "e2e_s", "requests_per_s"):
        np.testing.assert_array_equal(getattr(found, name), getattr(steady, name))


def test_the_burst_weighs_less_the_longer_the_run():
    found = run(V1, [benchmark(64, 1024, 256)] * 4, [1.0, 5.0, 20.0, np.inf]).ttft_s
    assert np.all(np.diff(found) < 0)
    assert found[0] > 10 * found[3]


@pytest.mark.parametrize(("prompt", "output"), [(1024, 256), (256, 256)])
@pytest.mark.parametrize("clients", [16, 64])
@pytest.mark.parametrize("statistic", ["p95", "p99"])
def test_the_tail_of_a_short_run_is_its_first_burst(prompt, output, clients, statistic):
    asked = benchmark(clients, prompt, output)
    runs = [simulate(V1, asked, seed=s, num_requests=5 * clients, window="whole") for s in range(5)]
    seen = np.mean([run.latency_ms["ttft", statistic] for run in runs])
    found = queue(V1, [asked], [5.0]).percentile_s("ttft", statistic)
    assert found[0] * 1000 == pytest.approx(seen, rel=0.3)


@pytest.mark.parametrize("clients", [1, 16, 200])
def test_prompts_that_come_together_are_read_one_after_another(clients):
    asked = benchmark(clients, 1024, 1024)
    reading = replace(V1, request_overhead_s=np.array([0.004]), tokenizing_s=np.array([0.004]))
    [plain], [read] = (run(one, [asked], [1.0]).ttft_s for one in (V1, reading))
    # 4 ms for its own prompt, and for half of those that came with it
    assert read - plain == pytest.approx(0.004 * (1 + (clients - 1) / 2))


def test_the_slowest_first_token_of_a_run_waits_for_all_prompts_to_be_read():
    asked = benchmark(100, 128, 256)  # 100 prompts of 115 tokens are more than one step, by little
    reading = replace(V1, request_overhead_s=np.array([0.004]), tokenizing_s=np.array([0.004]))
    plain, read = (queue(one, [asked], [1.0]).percentile_s("ttft", "p99")[0] for one in (V1, reading))
    assert read - plain == pytest.approx(0.4, rel=0.05)
