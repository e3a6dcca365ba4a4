"""What a load meets when every request is simulated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.simulation.simulate import capacity_requests_per_s, draw, simulate
from advisor.errors import UnsupportedError
from advisor.spec.workloads.workload import Arrival, Goodput, Lengths, Load
from tests.cost.standin import Textbook

LINEAR = Textbook(overhead_s=1e-3, weights_s=0.0, token_s=10e-6, kv_token_s=0.0, pair_s=0.0)
"""1 ms, and 10 µs per token."""


def engine(**changes: object) -> EngineTable:
    plain = {"step": Textbook(), "kv_tokens": 400_000, "max_num_seqs": 256, "max_num_batched_tokens": 8192}
    return EngineTable.one(**{**plain, **changes})  # type: ignore[arg-type]


def load(
    arrival: Arrival, prompt: int = 512, output: int = 256, spread: float = 0.2, hit: float = 0.0
) -> Load:
    return Load(
        input_tokens=Lengths.uniform(int(prompt * (1 - spread)), prompt),
        output_tokens=Lengths.uniform(int(output * (1 - spread)), output),
        arrival=arrival,
        prefix_hit_rate=hit,
    )


def constant(arrival: Arrival, prompt: int, output: int) -> Load:
    return Load(
        input_tokens=Lengths.constant(prompt), output_tokens=Lengths.constant(output), arrival=arrival
    )


def clients(count: int) -> Arrival:
    return Arrival(kind="concurrency", value=count)


def per_second(rate: float, burstiness: float = 1.0) -> Arrival:
    return Arrival(kind="rate", value=rate, burstiness=burstiness)


SINGLE = Arrival(kind="single")
MAXIMUM = Arrival(kind="maximum")


def test_one_stream_by_hand():
    # Prompt: 1 ms + 1000 × 10 µs. Each further token: 1 ms + 10 µs.
    found = simulate(engine(step=LINEAR), constant(SINGLE, 1000, 101), seed=1)
    assert found.status == "stable"
    assert found.latency_ms["ttft", "mean"] == pytest.approx(11.0)
    assert found.latency_ms["tpot", "p99"] == pytest.approx(1.01)
    assert found.latency_ms["itl", "p50"] == pytest.approx(1.01)
    assert found.latency_ms["e2e", "mean"] == pytest.approx(11.0 + 100 * 1.01)
    assert found.requests_per_s == pytest.approx(1 / 0.112)
    assert found.decode_batch == 1.0


def test_a_prompt_beyond_the_budget_takes_several_steps():
    # 1000 tokens by 256: four steps, of 1 ms each besides the tokens.
    found = simulate(engine(step=LINEAR, max_num_batched_tokens=256), constant(SINGLE, 1000, 2), seed=1)
    assert found.latency_ms["ttft", "mean"] == pytest.approx(4 * 1.0 + 10.0)


def test_a_cached_prefix_is_not_computed():
    found = simulate(engine(step=LINEAR), replace(constant(SINGLE, 1000, 2), prefix_hit_rate=0.75), seed=1)
    assert found.latency_ms["ttft", "mean"] == pytest.approx(1.0 + 2.5)


def test_request_overhead_counts_in_ttft():
    found = simulate(engine(step=LINEAR, request_overhead_s=0.02), constant(SINGLE, 1000, 2), seed=1)
    assert found.latency_ms["ttft", "mean"] == pytest.approx(31.0)


def test_the_next_request_of_a_closed_loop_waits_for_the_step_that_has_begun():
    # Two clients, out of step: one's answer ends while the other decodes.
    asked = load(clients(2), prompt=1000, output=100)
    plain = simulate(engine(step=LINEAR), asked, seed=1).latency_ms["ttft", "p50"]
    ahead = simulate(engine(step=LINEAR, async_scheduling=True), asked, seed=1).latency_ms["ttft", "p50"]
    # One decode step, then the prompt's own beside a decoding sequence; ahead: one step more.
    assert plain == pytest.approx(1.01 + 1.0 + 9.0 + 0.01, abs=1.0)
    assert ahead - plain == pytest.approx(1.01, abs=0.05)


def test_v0_lets_answers_wait_for_prompts_and_v1_mixes_them():
    asked = load(per_second(4), prompt=4000, output=200)
    v1 = simulate(engine(max_num_batched_tokens=2048), asked, seed=1)
    v0 = simulate(engine(max_num_batched_tokens=16384, generation="v0", chunked_prefill=False), asked, seed=1)
    assert v0.latency_ms["itl", "p99"] > 1.5 * v1.latency_ms["itl", "p99"]
    assert v0.latency_ms["ttft", "p50"] < v1.latency_ms["ttft", "p50"]


def test_a_smaller_budget_shortens_the_longest_gaps():
    asked = load(per_second(2), prompt=6000, output=200)
    gaps = [
        simulate(engine(max_num_batched_tokens=budget), asked, seed=1).latency_ms["itl", "p99"]
        for budget in (512, 2048, 8192)
    ]
    assert gaps == sorted(gaps)
    assert gaps[0] < 0.5 * gaps[2]


def test_beyond_capacity_there_is_a_capacity_and_no_latency():
    capacity = capacity_requests_per_s(engine(), load(MAXIMUM), seed=1)
    below = simulate(engine(), load(per_second(0.8 * capacity)), seed=1)
    above = simulate(engine(), load(per_second(1.3 * capacity)), seed=1)
    assert below.status == "stable"
    assert below.requests_per_s == pytest.approx(0.8 * capacity, rel=0.06)
    assert above.status == "backlogged"
    assert not above.latency_ms
    assert above.requests_per_s == pytest.approx(capacity, rel=0.05)
    assert above.capacity_requests_per_s == pytest.approx(capacity)


def test_more_clients_than_places_queue_and_are_called_saturated():
    few = engine(max_num_seqs=16)
    full, queued = (simulate(few, load(clients(count)), seed=1) for count in (16, 64))
    assert full.status == "stable"
    assert queued.status == "saturated"
    assert queued.requests_per_s == pytest.approx(full.requests_per_s, rel=0.05)
    assert queued.queue == pytest.approx(48, rel=0.05)
    # The 48 before it leave at the pace of the engine.
    assert queued.latency_ms["ttft", "mean"] == pytest.approx(1000 * 48 / queued.requests_per_s, rel=0.05)


def test_all_at_once_has_no_steady_time_to_first_token():
    found = simulate(engine(), load(MAXIMUM), seed=1, num_requests=2000)
    assert ("tpot", "mean") in found.latency_ms
    assert ("ttft", "mean") not in found.latency_ms
    whole = simulate(engine(), load(MAXIMUM), seed=1, num_requests=2000, window="whole")
    assert whole.latency_ms["ttft", "mean"] > 10_000
    assert whole.requests_per_s == pytest.approx(found.requests_per_s, rel=0.05)


def test_the_whole_run_shows_the_burst_it_began_with():
    steady = simulate(engine(), load(clients(64)), seed=1, num_requests=640)
    whole = simulate(engine(), load(clients(64)), seed=1, num_requests=640, window="whole")
    assert (steady.window, whole.window) == ("steady", "whole")
    assert whole.requests == 640
    assert whole.latency_ms["ttft", "mean"] > 1.8 * steady.latency_ms["ttft", "mean"]
    assert whole.latency_ms["ttft", "p50"] == pytest.approx(steady.latency_ms["ttft", "p50"], rel=0.25)
    assert whole.latency_ms["tpot", "mean"] == pytest.approx(steady.latency_ms["tpot", "mean"], rel=0.05)


def test_a_run_too_short_to_be_steady_says_so():
    assert simulate(engine(), load(clients(64)), seed=1, num_requests=100).window == "whole"


def test_little_kv_room_is_used_to_the_last_and_costs_recomputing():
    found = simulate(engine(kv_tokens=20_000), load(clients(128)), seed=1)
    assert found.status == "saturated"
    assert found.kv_use > 0.95
    assert found.preemptions > 0.1
    # 20000 tokens ÷ (460 of the prompt + half of 230 + half a block)
    assert found.decode_batch == pytest.approx(20_000 / (460 + 115 + 8), rel=0.05)


def test_a_request_larger_than_the_cache_is_refused():
    with pytest.raises(UnsupportedError, match="a request of 768 tokens exceeds the KV cache of 752"):
        simulate(engine(kv_tokens=767), constant(SINGLE, 512, 256), seed=1)


def test_bursts_lengthen_the_tail():
    smooth, poisson, bursts = (
        simulate(engine(), load(per_second(15, burstiness)), seed=1, num_requests=3000)
        for burstiness in (100.0, 1.0, 0.1)
    )
    tails = [found.latency_ms["ttft", "p99"] for found in (smooth, poisson, bursts)]
    assert tails == sorted(tails)
    assert tails[2] > 2 * tails[0]


def test_a_run_has_the_rate_that_was_asked_for():
    for seed in range(5):
        requests = draw(load(per_second(7.5, 0.3)), 500, np.random.default_rng(seed))
        assert requests.sent_s is not None
        assert requests.sent_s[-1] == pytest.approx(500 / 7.5)


def test_a_trace_of_arrivals_takes_the_place_of_the_loads_own():
    # Ten requests at once, an hour apart: each ten meet an idle engine.
    times = [3600.0 * (i // 10) for i in range(50)]
    found = simulate(engine(step=LINEAR), constant(SINGLE, 400, 11), seed=1, sent_s=times, window="whole")
    assert found.requests == 50
    assert found.status == "stable"
    assert found.latency_ms["ttft", "p99"] == pytest.approx(1.0 + 10 * 4.0)


def test_goodput_counts_the_requests_that_keep_every_limit():
    asked = load(per_second(20))
    share = [
        simulate(engine(), asked, seed=1, goodput=Goodput(ttft_ms=ms, tpot_ms=1000)).goodput_share
        for ms in (1, 35, 10_000)
    ]
    assert share[0] == 0.0
    assert share[1] is not None
    assert 0.1 < share[1] < 0.9
    assert share[2] == 1.0
    assert simulate(engine(), asked, seed=1).goodput_share is None


def test_the_same_seed_gives_the_same_result_to_the_last_digit():
    asked = load(per_second(20))
    assert simulate(engine(), asked, seed=4) == simulate(engine(), asked, seed=4)
    assert simulate(engine(), asked, seed=4) != simulate(engine(), asked, seed=5)


def test_another_statistic_is_there_when_asked_for_and_nonsense_is_refused():
    found = simulate(engine(), load(SINGLE), seed=1, num_requests=50, statistics=("p99.9",))
    assert set(found.latency_ms) == {(m, "p99.9") for m in ("ttft", "tpot", "itl", "e2e")}
    with pytest.raises(ValueError, match="statistic 'median'"):
        simulate(engine(), load(SINGLE), seed=1, statistics=("median",))


@settings(max_examples=15, deadline=None)
@given(count=st.sampled_from([1, 3, 10, 40, 150]), seed=st.integers(0, 1000))
def test_littles_law(count, seed):
    """Clients = requests per second × (time in the system), in the steady part."""
    found = simulate(engine(), load(clients(count)), seed=seed)
    assert found.requests_per_s * found.latency_ms["e2e", "mean"] / 1000 == pytest.approx(count, rel=0.06)


@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 120), seed=st.integers(0, 1000), prompt=st.sampled_from([100, 1000, 5000]))
def test_more_clients_never_shorten_the_wait(count, seed, prompt):
    few = simulate(engine(), load(clients(count), prompt=prompt), seed=seed)
    many = simulate(engine(), load(clients(2 * count), prompt=prompt), seed=seed)
    for metric in ("ttft", "tpot"):
        # 3 %: the two runs draw other lengths.
        assert many.latency_ms[metric, "mean"] >= 0.97 * few.latency_ms[metric, "mean"]


@settings(max_examples=15, deadline=None)
@given(count=st.sampled_from([1, 8, 64]), output=st.integers(20, 400), seed=st.integers(0, 1000))
def test_longer_answers_are_never_done_sooner(count, output, seed):
    short = simulate(engine(), load(clients(count), output=output), seed=seed)
    longer = simulate(engine(), load(clients(count), output=2 * output), seed=seed)
    assert longer.latency_ms["e2e", "mean"] > short.latency_ms["e2e", "mean"]


def test_impossible_engines_are_refused():
    with pytest.raises(ValueError, match="0 sequences"):
        engine(max_num_seqs=0)
    with pytest.raises(ValueError, match="KV cache of -1"):
        engine(kv_tokens=-1)
    with pytest.raises(ValueError, match="overhead of -1"):
        engine(request_overhead_s=-1)
