"""Conversations in closed form, held to the simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from advisor.cost.serving.conversation_prefix_hits import requests_alone
from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.serving.load_table import LoadTable, table_of_loads
from advisor.cost.serving.steady_state import steady_state
from advisor.spec.workloads.conversations.conversation import Conversation
from advisor.spec.workloads.conversations.turn_distributions import ThinkTime, Turns
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from tests.cost.conversation_cases import Case, case, cases
from tests.cost.standin import Textbook

RANDOM = list(cases(14, seed=7, most_requests=4000))
CALM = [one for one in RANDOM if one.calm]


def alone(load: Load, kv_tokens: float = 400_000, **engine: object) -> LoadTable:
    """The load as requests that stand alone."""
    on = EngineTable.one(
        step=Textbook(), kv_tokens=kv_tokens, max_num_seqs=256, max_num_batched_tokens=2048, **engine
    )  # type: ignore[arg-type]
    return requests_alone(table_of_loads([load]), lambda rows: (on, np.ones(len(rows))))


def load(arrival: Arrival, **conversation: object) -> Load:
    return Load(
        input_tokens=Lengths.constant(200),
        output_tokens=Lengths.constant(100),
        arrival=arrival,
        conversation=Conversation(**conversation),  # type: ignore[arg-type]
    )


RATE = Arrival(kind="rate", value=2.0)


def test_most_random_cases_are_calm() -> None:
    assert len(CALM) >= 6


@pytest.mark.parametrize("one", CALM, ids=lambda one: f"{one.load.arrival.kind} {one.load.arrival.value:g}")
def test_random_cases_agree_with_the_simulation(one: Case) -> None:
    assert abs(one.closed.hits - one.simulated.hits) < 0.04
    assert math.isclose(one.closed.tpot_ms, one.simulated.tpot_ms, rel_tol=0.1)
    assert math.isclose(one.closed.ttft_ms, one.simulated.ttft_ms, rel_tol=0.3)
    assert math.isclose(one.closed.requests_per_s, one.simulated.requests_per_s, rel_tol=0.15)


def test_users_beyond_the_capacity_wait_as_in_the_simulation() -> None:
    arrival = Arrival(kind="concurrency", value=300)
    talk = Conversation(turns=Turns.geometric(5), think_time=ThinkTime.exponential(30), system_tokens=500)
    busy = Load(
        input_tokens=Lengths.lognormal(200, 120),
        output_tokens=Lengths.lognormal(200, 100),
        arrival=arrival,
        conversation=talk,
    )
    one = case(busy, 20_000, seed=1)
    # What waits longer than the cache remembers finds the system prompt alone.
    assert one.busy == 1.0
    assert abs(one.closed.hits - one.simulated.hits) < 0.03
    assert math.isclose(one.closed.ttft_ms, one.simulated.ttft_ms, rel_tol=0.1)
    assert math.isclose(one.closed.requests_per_s, one.simulated.requests_per_s, rel_tol=0.05)


def test_all_of_a_conversation_is_found_in_a_large_cache() -> None:
    rows = alone(load(RATE, turns=Turns.constant(5), think_time=ThinkTime.exponential(10)), 5e6)
    # Prompts of 200, 500 … 1400; found are 288, 592, 896 and 1184 in whole blocks.
    assert math.isclose(rows.prefix_hit_rate[0], (288 + 592 + 896 + 1184) / 4000, rel_tol=1e-6)
    assert math.isclose(rows.input_tokens[0], 800)


def test_a_longer_pause_or_a_smaller_cache_never_finds_more() -> None:
    def hits(think_s: float, kv: float) -> float:
        talk = load(RATE, turns=Turns.constant(5), think_time=ThinkTime.exponential(think_s))
        return float(alone(talk, kv).prefix_hit_rate[0])

    by_pause = [hits(think, 100_000) for think in (1, 10, 30, 100, 300, 1000)]
    by_cache = [hits(60, kv) for kv in (2e6, 4e5, 1e5, 5e4, 2e4, 1e4)]
    assert by_pause == sorted(by_pause, reverse=True)
    assert by_cache == sorted(by_cache, reverse=True)
    assert by_pause[0] > 0.7
    assert by_pause[-1] < 0.2


def test_without_a_prefix_cache_nothing_is_found() -> None:
    rows = alone(load(RATE, turns=Turns.constant(5), system_tokens=500), prefix_caching=False)
    assert rows.prefix_hit_rate[0] == 0


def test_requests_that_stand_alone_are_left_alone() -> None:
    plain = table_of_loads([load(RATE)])
    assert plain.conversations is None
    assert alone(load(RATE)).input_tokens[0] == 200


def test_rows_do_not_know_each_other() -> None:
    loads = [
        load(
            Arrival(kind="rate", value=rate),
            turns=Turns.constant(turns),
            think_time=ThinkTime.exponential(20),
        )
        for rate, turns in ((1.0, 3), (4.0, 6), (2.0, 3))
    ]
    on = EngineTable.one(step=Textbook(), kv_tokens=2e5, max_num_seqs=256, max_num_batched_tokens=2048)
    together = requests_alone(table_of_loads(loads), lambda rows: (on, np.ones(len(rows))))
    for i, one in enumerate(loads):
        by_itself = alone(one, 2e5)
        assert math.isclose(together.prefix_hit_rate[i], by_itself.prefix_hit_rate[0], rel_tol=1e-9)
        assert math.isclose(together.input_tokens[i], by_itself.input_tokens[0], rel_tol=1e-9)


def test_a_system_prompt_is_held_once() -> None:
    """Eight requests of 2,000 + 300 tokens fit where their system prompt is counted once, and not eight
    times."""
    rows = alone(load(RATE, system_tokens=2000), 6_000)
    on = EngineTable.one(step=Textbook(), kv_tokens=6_000, max_num_seqs=256, max_num_batched_tokens=2048)
    assert steady_state(on, rows).batch_limit[0] > 8


def test_more_users_wait_longer() -> None:
    """Up to 95 % of the capacity."""
    talk = Conversation(turns=Turns.geometric(2.5), think_time=ThinkTime.exponential(200), system_tokens=512)

    def waits(users: int) -> float:
        asked = Load(
            input_tokens=Lengths.lognormal(1300, 3900, high=16_000),
            output_tokens=Lengths.lognormal(357, 269, high=2_000),
            arrival=Arrival(kind="concurrency", value=users),
            conversation=talk,
        )
        on = EngineTable.one(
            step=Textbook(), kv_tokens=400_000, max_num_seqs=256, max_num_batched_tokens=2048
        )
        rows = requests_alone(table_of_loads([asked]), lambda rows: (on, np.ones(len(rows))))
        return float(steady_state(on, rows).ttft_s[0])

    found = [waits(users) for users in range(100, 750, 50)]
    assert found == sorted(found)
