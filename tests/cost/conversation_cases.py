"""Random conversations on random engines, in closed form and simulated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from advisor.cost.serving.conversation_prefix_hits import CALM, ROOM, requests_alone
from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.serving.load_table import table_of_loads
from advisor.cost.serving.steady_state import steady_state
from advisor.cost.simulation.serving_result import ServingResult
from advisor.cost.simulation.simulate import simulate
from advisor.spec.workloads.conversations.conversation import Conversation
from advisor.spec.workloads.conversations.turn_distributions import ThinkTime, Turns
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from tests.cost.standin import Textbook


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one of the two says of a case."""

    hits: float
    ttft_ms: float
    tpot_ms: float
    e2e_ms: float
    requests_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case with both answers."""

    load: Load
    kv_tokens: float
    closed: Figures
    simulated: Figures
    busy: float
    """Requests per second ÷ capacity, in closed form; 1 where clients wait for places."""
    room: float
    """Requests of mean length that the cache holds."""
    swings: bool
    """All pauses are alike, and about as long as the cache remembers: all turns hit, or all miss."""

    @property
    def calm(self) -> bool:
        """Whether the closed form is said to agree."""
        return self.busy <= CALM and self.room >= ROOM and not self.swings


def random_load(rng: np.random.Generator) -> Load:
    """A load that people may have."""
    think_s = float(np.exp(rng.uniform(np.log(2), np.log(120))))
    think = (
        ThinkTime.constant(think_s),
        ThinkTime.exponential(think_s),
        ThinkTime.lognormal(think_s, think_s * float(rng.uniform(0.5, 2))),
        ThinkTime.uniform(0.5 * think_s, 1.5 * think_s),
    )[rng.integers(4)]
    mean = float(rng.uniform(1.5, 8))
    turns = (Turns.constant(mean), Turns.geometric(mean), Turns.uniform(1, int(2 * mean)))[rng.integers(3)]
    conversation = Conversation(
        turns=turns,
        think_time=think,
        system_tokens=int(rng.choice([0, 200, 1500])),
        history=None if rng.random() < 0.7 else int(rng.integers(0, 5)),
    )
    prompt, answer = float(rng.uniform(30, 600)), float(rng.uniform(50, 500))
    rate = float(np.exp(rng.uniform(np.log(0.5), np.log(12))))
    users = max(1, round(rate * think_s))
    return Load(
        input_tokens=Lengths.lognormal(prompt, prompt * float(rng.uniform(0.1, 1))),
        output_tokens=Lengths.lognormal(answer, answer * float(rng.uniform(0.1, 0.8))),
        arrival=(
            Arrival(kind="rate", value=rate)
            if rng.random() < 0.5
            else Arrival(kind="concurrency", value=min(users, 1500))
        ),
        conversation=conversation,
    )


def cases(count: int, seed: int = 0, *, most_requests: int | None = None) -> Iterator[Case]:
    """Random cases whose longest request fits."""
    rng = np.random.default_rng(seed)
    found = 0
    while found < count:
        load, kv = random_load(rng), float(np.exp(rng.uniform(np.log(2e4), np.log(1.5e6))))
        if 1.5 * load.longest_context > kv:
            continue
        found += 1
        yield case(load, kv, seed=found, most_requests=most_requests)


def case(load: Load, kv_tokens: float, *, seed: int, most_requests: int | None = None) -> Case:
    """One case, both ways."""
    engine = EngineTable.one(
        step=Textbook(), kv_tokens=kv_tokens, max_num_seqs=256, max_num_batched_tokens=2048
    )
    rows = requests_alone(table_of_loads([load]), lambda rows: (engine, np.ones(len(rows))))
    steady = steady_state(engine, rows)
    assert rows.cached_prompts is not None
    capacity = float(steady.capacity_requests_per_s[0])
    waits = bool(steady.saturated[0] or steady.backlogged[0])
    run = simulate(engine, load, seed=seed, statistics=("mean",), num_requests=most_requests)
    history = float(rows.cached_prompts.history_hits[0])
    even = load.conversation.think_time.kind in ("constant", "uniform")
    return Case(
        load=load,
        kv_tokens=kv_tokens,
        closed=Figures(
            hits=float(rows.prefix_hit_rate[0]),
            ttft_ms=1e3 * float(steady.ttft_s[0]),
            tpot_ms=1e3 * float(steady.tpot_s[0]),
            e2e_ms=1e3 * float(steady.e2e_s[0]),
            requests_per_s=float(steady.requests_per_s[0]),
        ),
        simulated=_simulated(run),
        busy=1.0 if waits else float(steady.requests_per_s[0]) / capacity,
        room=kv_tokens / (load.mean_prompt_tokens + load.output_tokens.mean),
        swings=even and load.conversation.has_turns and 0.02 < history < 0.98,
    )


def _simulated(run: ServingResult) -> Figures:
    return Figures(
        hits=run.hit_rate,
        ttft_ms=run.latency_ms.get(("ttft", "mean"), float("nan")),
        tpot_ms=run.latency_ms.get(("tpot", "mean"), float("nan")),
        e2e_ms=run.latency_ms.get(("e2e", "mean"), float("nan")),
        requests_per_s=run.requests_per_s,
    )
