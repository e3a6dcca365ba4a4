"""Conversations request by request: what is found in the cache, and when users send."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.simulation.conversation_requests import draw_conversations
from advisor.cost.simulation.conversation_scheduler import ConversationScheduler
from advisor.cost.simulation.simulate import simulate
from advisor.cost.simulation.simulated_requests import Run
from advisor.spec.workloads.conversations.conversation import Conversation
from advisor.spec.workloads.conversations.turn_distributions import ThinkTime, Turns
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from tests.cost.standin import Textbook


def engine(**changes: object) -> EngineTable:
    plain = {"step": Textbook(), "kv_tokens": 400_000, "max_num_seqs": 256, "max_num_batched_tokens": 2048}
    return EngineTable.one(**{**plain, **changes})  # type: ignore[arg-type]


def load(arrival: Arrival, *, prompt: float = 200, answer: float = 100, **conversation: object) -> Load:
    return Load(
        input_tokens=Lengths.constant(prompt),
        output_tokens=Lengths.constant(answer),
        arrival=arrival,
        conversation=Conversation(**conversation),  # type: ignore[arg-type]
    )


USER = Arrival(kind="concurrency", value=1)
FIVE = Turns.constant(5)


def served(asked: Load, on: EngineTable, n: int = 50) -> Run:
    requests = draw_conversations(asked, n, np.random.default_rng(0), 1.0)
    assert requests.chains is not None
    return ConversationScheduler(on, requests, requests.chains).run()


def whole(run: Run) -> list[int]:
    """Positions of conversations that the run has from their first turn on."""
    assert run.requests.chains is not None
    return [int(i) for i in run.requests.chains.begins[1:]]


def test_a_lone_user_finds_all_of_the_conversation_in_whole_blocks() -> None:
    run = served(load(USER, turns=FIVE), engine())
    first = whole(run)[0]
    # Turn k finds k x 300 - 1 tokens, in blocks of 16: 299 -> 288, 599 -> 592, 899 -> 896, 1199 -> 1184.
    assert run.cached_tokens[first : first + 5].tolist() == [0, 288, 592, 896, 1184]
    assert run.requests.input_tokens[first : first + 5].tolist() == [200, 500, 800, 1100, 1400]


def test_a_prompt_that_was_cached_is_answered_sooner() -> None:
    on = engine(prefix_caching=False)
    asked = load(Arrival(kind="concurrency", value=4), prompt=2000, turns=FIVE)
    cached, computed = simulate(engine(), asked, seed=1), simulate(on, asked, seed=1)
    assert computed.hit_rate == 0
    # Found are about 2,100, 4,200, 6,300 and 8,400 of the 31,000 tokens of five prompts.
    assert math.isclose(cached.hit_rate, 21_000 / 31_000, rel_tol=0.01)
    assert cached.latency_ms["ttft", "mean"] < 0.5 * computed.latency_ms["ttft", "mean"]
    assert cached.turn_ttft_ms is not None
    assert computed.turn_ttft_ms is not None
    # Without a cache later turns are the slower ones; with it, their prompts are no longer than the first.
    assert computed.turn_ttft_ms[1] > 1.5 * computed.turn_ttft_ms[0]
    assert math.isclose(cached.turn_ttft_ms[1], cached.turn_ttft_ms[0], rel_tol=0.2)


def test_without_history_only_the_system_prompt_is_found() -> None:
    run = served(load(USER, turns=FIVE, history=0, system_tokens=100), engine())
    first = whole(run)[0]
    assert run.requests.input_tokens[first : first + 5].tolist() == [300] * 5
    assert run.cached_tokens[first : first + 5].tolist() == [96] * 5  # 6 blocks of 16


def test_a_window_on_the_history_loses_the_prefix_once_it_moves() -> None:
    run = served(load(USER, turns=FIVE, history=2, system_tokens=100), engine())
    first = whole(run)[0]
    assert run.requests.input_tokens[first : first + 5].tolist() == [300, 600, 900, 900, 900]
    # 399 and 699 tokens are there for the second and third turn; then the oldest turn is dropped.
    assert run.cached_tokens[first : first + 5].tolist() == [96, 384, 688, 96, 96]


def test_what_others_need_is_forgotten() -> None:
    """Of 200 users with 1,500 tokens each, a cache of 60,000 remembers few; one of 600,000 all."""
    users = Arrival(kind="concurrency", value=200)
    asked = load(users, prompt=200, turns=FIVE, think_time=ThinkTime.exponential(60))
    small, large = (simulate(engine(kv_tokens=kv), asked, seed=2) for kv in (60_000, 600_000))
    assert small.hit_rate < 0.25
    assert large.hit_rate > 0.7


def test_an_answer_later_than_the_pause_of_a_constant_think_time() -> None:
    run = served(load(USER, turns=FIVE, think_time=ThinkTime.constant(7)), engine())
    first = whole(run)[0]
    pauses = run.sent_s[first + 1 : first + 5] - run.finish_s[first : first + 4]
    assert np.allclose(pauses, 7)


def test_users_who_think_are_not_in_flight() -> None:
    # Little's law: users = requests/s x (answer + pause).
    users = Arrival(kind="concurrency", value=120)
    asked = load(users, turns=Turns.geometric(4), think_time=ThinkTime.exponential(20))
    found = simulate(engine(), asked, seed=3)
    served_s = found.latency_ms["e2e", "mean"] / 1000
    assert found.in_flight < 20
    assert math.isclose(found.requests_per_s * (served_s + 20), 120, rel_tol=0.05)
    assert math.isclose(found.in_flight, found.requests_per_s * served_s, rel_tol=0.05)


def test_a_rate_counts_every_turn() -> None:
    rate = Arrival(kind="rate", value=6.0)
    found = simulate(
        engine(), load(rate, turns=Turns.geometric(4), think_time=ThinkTime.exponential(10)), seed=4
    )
    assert math.isclose(found.requests_per_s, 6.0, rel_tol=0.06)


def test_conversations_of_one_turn_are_requests() -> None:
    """With the same arrivals, lengths and nothing shared, both schedulers do the same."""
    rate = Arrival(kind="rate", value=5.0)
    plain = simulate(engine(), load(rate), seed=5, num_requests=3000)
    alone = simulate(engine(), load(rate, system_tokens=1), seed=5, num_requests=3000)
    for key in (("ttft", "mean"), ("tpot", "mean"), ("e2e", "p95")):
        assert math.isclose(plain.latency_ms[key], alone.latency_ms[key], rel_tol=0.03)


@settings(max_examples=25, deadline=None)
@given(
    kv=st.integers(8_000, 60_000),
    users=st.integers(1, 60),
    system=st.sampled_from([0, 7, 160, 900]),
    history=st.none() | st.integers(0, 3),
    seed=st.integers(0, 100),
    slots=st.integers(1, 40),
    generation=st.sampled_from(["v0", "v1"]),
)
def test_blocks_are_neither_lost_nor_made(
    kv: int, users: int, system: int, history: int | None, seed: int, slots: int, generation: str
) -> None:
    asked = Load(
        input_tokens=Lengths.uniform(1, 300),
        output_tokens=Lengths.uniform(1, 200),
        arrival=Arrival(kind="concurrency", value=users),
        conversation=Conversation(
            turns=Turns.uniform(1, 6),
            think_time=ThinkTime.exponential(2),
            system_tokens=system,
            history=history,
        ),
    )
    on = replace(
        engine(kv_tokens=kv, max_num_seqs=slots, generation=generation, chunked_prefill=generation == "v1")
    )
    requests = draw_conversations(asked, 150, np.random.default_rng(seed), 1.0)
    assert requests.chains is not None
    scheduler = ConversationScheduler(on, requests, requests.chains)
    run = scheduler.run()
    assert scheduler.free == scheduler.total_blocks
    assert scheduler.cache.blocks == scheduler.total_blocks
    assert not np.isnan(run.finish_s).any()
    assert (run.cached_tokens < requests.input_tokens).all()
    assert (run.cached_tokens <= np.maximum(requests.chains.reused_tokens, 0)).all()
    assert (np.sort(run.sent_s) <= np.sort(run.finish_s)).all()


@pytest.mark.parametrize("value", [2.0, 0.5])
def test_the_same_seed_gives_the_same_answer(value: float) -> None:
    asked = load(Arrival(kind="rate", value=value), turns=FIVE, think_time=ThinkTime.exponential(5))
    assert simulate(engine(), asked, seed=9) == simulate(engine(), asked, seed=9)
