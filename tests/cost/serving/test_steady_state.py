"""The closed form says what the simulation says, and keeps to what must hold."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from advisor.cost.array_table import Floats
from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.serving.load_table import LoadTable, table_of_loads
from advisor.cost.serving.serving_stats import SteadyState
from advisor.cost.serving.steady_state import steady_state
from advisor.cost.simulation.simulate import simulate
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from tests.cost.standin import Textbook


def engine(**changes: object) -> EngineTable:
    plain = {"step": Textbook(), "kv_tokens": 2e6, "max_num_seqs": 256, "max_num_batched_tokens": 8192}
    return EngineTable.one(**{**plain, **changes})  # type: ignore[arg-type]


def load(arrival: Arrival, prompt: int, output: int, spread: float = 0.4, hit: float = 0.0) -> Load:
    return Load(
        input_tokens=Lengths.uniform(max(1, int(prompt * (1 - spread))), prompt),
        output_tokens=Lengths.uniform(max(1, int(output * (1 - spread))), output),
        arrival=arrival,
        prefix_hit_rate=hit,
    )


def clients(count: int) -> Arrival:
    return Arrival(kind="concurrency", value=count)


def means(setup: EngineTable, *loads: Load) -> SteadyState:
    return steady_state(setup, table_of_loads(loads))


@st.composite
def engines(draw: st.DrawFn, **fixed: object) -> EngineTable:
    v0 = draw(st.booleans())
    speed = draw(st.floats(0.25, 4))
    step = Textbook(
        overhead_s=1e-3 * draw(st.floats(0.5, 3)),
        weights_s=6e-3 * speed,
        token_s=32e-6 * draw(st.floats(0.25, 3)),
        kv_token_s=65e-9 * speed,
    )
    return engine(
        step=step,
        generation="v0" if v0 else "v1",
        chunked_prefill=not v0,
        async_scheduling=not v0 and draw(st.booleans()),
        request_overhead_s=draw(st.sampled_from([0.0, 0.01])),
        **fixed,
    )


PROMPTS, OUTPUTS = st.integers(50, 6000), st.integers(40, 800)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(setup=engines(), prompt=PROMPTS, output=OUTPUTS, count=st.sampled_from([1, 3, 10, 40, 120]))
def test_closed_loops_agree_with_the_simulation(setup, prompt, output, count):
    asked = load(clients(count), prompt, output)
    found, seen = means(setup, asked), simulate(setup, asked, seed=1, num_requests=max(600, 25 * count))
    assert found.tpot_s[0] * 1000 == pytest.approx(seen.latency_ms["tpot", "mean"], rel=0.08)
    assert found.requests_per_s[0] == pytest.approx(seen.requests_per_s, rel=0.08)
    assert found.e2e_s[0] * 1000 == pytest.approx(seen.latency_ms["e2e", "mean"], rel=0.08)
    # A request overhead falls into one step or the next; its phase is averaged here.
    assert found.ttft_s[0] * 1000 == pytest.approx(seen.latency_ms["ttft", "mean"], rel=0.35)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(setup=engines(), prompt=PROMPTS, output=OUTPUTS, share=st.sampled_from([0.1, 0.4, 0.6]))
def test_open_loops_agree_with_the_simulation(setup, prompt, output, share):
    assume(prompt < 20 * output)
    capacity = means(setup, load(Arrival(kind="maximum"), prompt, output)).capacity_requests_per_s[0]
    asked = load(Arrival(kind="rate", value=share * capacity), prompt, output)
    found = means(setup, asked)
    # Short of places, V0 holds itself back in ways that the closed form only overestimates.
    assume(found.batch[0] < 0.85 * found.batch_limit[0])
    seen = simulate(setup, asked, seed=1, num_requests=3000)
    assert seen.status == "stable"
    assert found.tpot_s[0] * 1000 == pytest.approx(seen.latency_ms["tpot", "mean"], rel=0.15)
    assert found.ttft_s[0] * 1000 == pytest.approx(seen.latency_ms["ttft", "mean"], rel=0.30)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    setup=engines(), prompt=PROMPTS, output=OUTPUTS, room=st.floats(4, 60), count=st.sampled_from([80, 300])
)
def test_little_kv_room_agrees_with_the_simulation(setup, prompt, output, room, count):
    """Full caches, greedy admission, preemption, recomputing: throughput all the same."""
    setup = replace(setup, kv_tokens=np.array([room * (prompt + output)]))
    asked = load(clients(count), prompt, output)
    found, seen = means(setup, asked), simulate(setup, asked, seed=1)
    assert found.requests_per_s[0] == pytest.approx(seen.requests_per_s, rel=0.13)
    assert found.decode_batch[0] == pytest.approx(seen.decode_batch, rel=0.13)


def test_a_grid_of_closed_loops_is_within_a_few_percent_of_the_simulation():
    errors = []
    for generation in ("v1", "v0"):
        setup = engine(generation=generation, chunked_prefill=generation == "v1")
        for prompt, output in ((128, 128), (512, 256), (1024, 1024), (4096, 512), (8192, 256)):
            for count in (1, 4, 16, 64, 200):
                asked = load(clients(count), prompt, output)
                seen = simulate(setup, asked, seed=3, num_requests=max(400, 20 * count))
                found = means(setup, asked)
                errors.append(
                    (
                        found.ttft_s[0] * 1000 / seen.latency_ms["ttft", "mean"] - 1,
                        found.tpot_s[0] * 1000 / seen.latency_ms["tpot", "mean"] - 1,
                        found.requests_per_s[0] / seen.requests_per_s - 1,
                    )
                )
    ttft, tpot, served = np.abs(np.array(errors)).T
    assert np.median(ttft) < 0.04
    assert np.quantile(ttft, 0.9) < 0.15
    assert np.median(tpot) < 0.005
    assert np.max(tpot) < 0.05
    assert np.max(served) < 0.04


@settings(deadline=None)
@given(setup=engines(), prompt=PROMPTS, output=OUTPUTS, count=st.integers(1, 600))
def test_more_clients_never_lower_ttft_or_tpot(setup, prompt, output, count):
    found = means(setup, *(load(clients(c), prompt, output) for c in (count, count + 1, 2 * count)))
    # 2 %: V0's prompt steps may be shorter than the decode steps that they come before.
    for latency in (found.ttft_s, found.tpot_s, found.e2e_s):
        assert np.all(np.diff(latency) >= -0.02 * latency[:-1])


@settings(deadline=None)
@given(setup=engines(), prompt=PROMPTS, output=OUTPUTS, share=st.floats(0.01, 0.8))
def test_more_requests_per_second_never_lower_tpot(setup, prompt, output, share):
    capacity = means(setup, load(Arrival(kind="maximum"), prompt, output)).capacity_requests_per_s[0]
    rates = (share * capacity, 1.2 * share * capacity)
    found = means(setup, *(load(Arrival(kind="rate", value=r), prompt, output) for r in rates))
    assume(found.batch[1] < 0.85 * found.batch_limit[1])
    # 1 %: the bisection's grid.
    assert found.tpot_s[1] >= 0.99 * found.tpot_s[0]


@settings(deadline=None)
@given(setup=engines(), prompt=PROMPTS, output=OUTPUTS, count=st.integers(1, 200))
def test_longer_answers_are_never_done_sooner_and_longer_prompts_never_start_sooner(
    setup, prompt, output, count
):
    shorter, longer = means(
        setup, load(clients(count), prompt, output), load(clients(count), prompt, 2 * output)
    ).e2e_s
    assert longer > shorter
    first, later = means(
        setup, load(clients(count), prompt, output), load(clients(count), 2 * prompt, output)
    ).ttft_s
    assert later >= first


@settings(deadline=None)
@given(setup=engines(), prompt=PROMPTS, output=OUTPUTS, count=st.integers(1, 100))
def test_cached_prefixes_never_slow_down(setup, prompt, output, count):
    found = means(setup, *(load(clients(count), prompt, output, hit=hit) for hit in (0.0, 0.5, 0.9)))
    assert np.all(np.diff(found.tpot_s) <= 1e-9)
    assert np.all(np.diff(found.requests_per_s) >= -1e-9)


@settings(deadline=None)
@given(setup=engines(), prompt=PROMPTS, output=OUTPUTS, count=st.integers(1, 1000))
def test_littles_law(setup, prompt, output, count):
    found = means(setup, load(clients(count), prompt, output))
    assert found.requests_per_s[0] * found.e2e_s[0] == pytest.approx(count, rel=0.03)


@settings(deadline=None)
@given(setup=engines(), prompt=PROMPTS, output=OUTPUTS, room=st.floats(1.5, 100))
def test_more_kv_room_never_lowers_capacity(setup, prompt, output, room):
    asked = load(Arrival(kind="maximum"), prompt, output)
    little, more = (
        means(
            replace(setup, kv_tokens=np.array([r * (prompt + output) + 100])), asked
        ).capacity_requests_per_s[0]
        for r in (room, 1.3 * room)
    )
    assert more >= 0.97 * little


def test_beyond_capacity_there_is_no_latency_and_the_capacity_is_given():
    asked = load(Arrival(kind="rate", value=1e4), 512, 256)
    found = means(engine(), asked)
    assert found.backlogged[0]
    assert np.isnan([found.ttft_s[0], found.tpot_s[0], found.e2e_s[0]]).all()
    assert found.requests_per_s[0] == found.capacity_requests_per_s[0]
    seen = simulate(engine(), asked, seed=1)
    assert seen.status == "backlogged"
    assert found.capacity_requests_per_s[0] == pytest.approx(seen.capacity_requests_per_s, rel=0.05)


def test_what_does_not_fit_has_no_capacity():
    found = means(engine(kv_tokens=500.0), load(clients(1), 512, 256))
    assert found.batch_limit[0] == 0
    assert np.isnan([found.capacity_requests_per_s[0], found.requests_per_s[0], found.e2e_s[0]]).all()


def test_all_at_once_has_a_throughput_and_a_tpot_but_no_ttft():
    found = means(engine(), load(Arrival(kind="maximum"), 512, 256))
    assert found.saturated[0]
    assert np.isnan(found.ttft_s[0])
    assert np.isfinite(found.tpot_s[0])
    assert found.requests_per_s[0] == found.capacity_requests_per_s[0] > 0


def test_one_stream_by_hand():
    step = Textbook(overhead_s=1e-3, weights_s=0.0, token_s=10e-6, kv_token_s=0.0, pair_s=0.0)
    asked = Load(
        input_tokens=Lengths.constant(1000),
        output_tokens=Lengths.constant(101),
        arrival=Arrival(kind="single"),
    )
    found = means(engine(step=step), asked)
    assert found.ttft_s[0] == pytest.approx(11.0e-3)
    assert found.tpot_s[0] == pytest.approx(1.01e-3)
    assert found.requests_per_s[0] == pytest.approx(1 / 0.112)
    # Four steps of at most 256 tokens.
    assert means(engine(step=step, max_num_batched_tokens=256), asked).ttft_s[0] == pytest.approx(14.0e-3)


def test_v0_with_answers_of_one_length_goes_in_step():
    """All end together and are prompted together, so that answers wait for no prompt in between."""
    setup = engine(generation="v0", chunked_prefill=False)
    asked = load(clients(64), 1024, 256, spread=0.0)
    found, seen = means(setup, asked), simulate(setup, asked, seed=1)
    assert found.tpot_s[0] * 1000 == pytest.approx(seen.latency_ms["tpot", "mean"], rel=0.02)
    assert found.ttft_s[0] * 1000 == pytest.approx(seen.latency_ms["ttft", "mean"], rel=0.02)


def test_cells_do_not_know_of_each_other():
    rng = np.random.default_rng(1)
    n = 60
    zero = np.zeros(n)
    rate = np.where(rng.random(n) < 0.5, rng.uniform(0.5, 20, n), 0.0)
    many = LoadTable(
        deployment=np.arange(n),
        input_tokens=rng.uniform(50, 4000, n),
        output_tokens=rng.uniform(20, 900, n),
        input_std=zero + 20.0,
        output_std=np.where(rng.random(n) < 0.5, 15.0, 0.0),
        prefix_hit_rate=zero,
        kind=np.where(rate > 0, "rate", "concurrency"),
        level=np.where(rate > 0, rate, rng.integers(1, 500, n)),
        idle_replicas=zero,
        requests_per_client=zero + np.inf,
        burstiness=zero + 1.0,
    )
    on = EngineTable(
        step=Textbook(),
        kv_tokens=rng.uniform(5_000, 500_000, n),
        max_num_seqs=zero + 256,
        max_num_batched_tokens=zero + 8192,
        chunked_prefill=(chunked := rng.random(n) < 0.5),
        prefill_first=~chunked & (v0 := rng.random(n) < 0.5),
        watermark=np.where(v0, 0.01, 0.0),
        async_scheduling=rng.random(n) < 0.5,
        request_overhead_s=zero + 0.01,
        tokenizing_s=zero,
        prefix_caching=zero > -1,
    )

    def part(values: object, i: int) -> object:
        return values[i : i + 1] if isinstance(values, np.ndarray) else values

    together = steady_state(on, many)
    for i in range(n):
        alone = steady_state(
            EngineTable(**{f.name: part(getattr(on, f.name), i) for f in fields(on)}),  # type: ignore[arg-type]
            many.take(np.array([i])),
        )
        for name in ("ttft_s", "tpot_s", "requests_per_s", "capacity_requests_per_s", "kv_use"):
            values: Floats = getattr(together, name)
            np.testing.assert_array_equal(values[i], getattr(alone, name)[0])
