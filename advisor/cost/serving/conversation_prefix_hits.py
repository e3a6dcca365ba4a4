"""Conversations as requests that stand alone: what the prefix cache leaves of each prompt, in closed form.

The KV cache that no running request uses holds what finished requests left behind, for as long as it takes
new tokens to fill it: the characteristic time of Che's approximation of LRU (Che, Tung, Wang, "Hierarchical
Web caching systems", 2002). A turn that follows sooner finds the history of its conversation; a later one
computes it anew. What is found changes the speed, and the speed the time: a fixed point, from the best case
down. Users who think are those of a closed loop that are not in flight. `simulation` does the same request
by request; tests hold the two together, and benchmarks/conversations.py prints where they differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.normal_quantiles import normal_quantile
from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.serving.load_table import CachedPrompts, LoadTable
from advisor.cost.serving.request_times import TINY
from advisor.cost.serving.serving_stats import SteadyState
from advisor.cost.serving.steady_state import held_tokens, steady_state
from advisor.cost.step.memory import BLOCK_TOKENS
from advisor.spec.workloads.conversations.conversation import Conversation
from advisor.spec.workloads.conversations.prompt_lengths import TurnPrompt, turn_prompts

CALM = 0.65
"""Share of the capacity up to which the closed form agrees with simulations."""
ROOM = 30.0
"""Requests of mean length that the cache holds, from which on it does."""
_ROUNDS = 6
"""Rounds of the fixed point, after which it moves by a percent at most in nine of ten cases."""
_POINTS = 64
"""Equally likely pauses that stand for their distribution."""
_NODES = 15
"""Equally likely deviations of the time that content stays."""
_FOREVER_S = 1e12
_OPEN_SHARE = 0.5
"""Share of its users in flight up to which a closed loop sends like an open one: most of them think."""
_OPEN_LOAD = 0.95
"""Share of the capacity up to which it does: beyond, what waits is bounded by the users. Prompts of very
unequal lengths wait as in an open loop up to there, in simulations of the profile `conversation`."""
EngineOf = Callable[[LoadTable], tuple[EngineTable, Floats]]
"""The engines of rows, and how many of them share each row's load (the stages of a pipeline)."""


def requests_alone(loads: LoadTable, engines_of: EngineOf, history_hits: Floats | None = None) -> LoadTable:
    """Rows of requests that stand alone, with the lengths, hits and arrivals of each row's conversations.

    history_hits: the probability that earlier turns are in the cache, where a simulation has found it.
    """
    if loads.conversations is None:
        return loads
    rows_of: dict[Conversation, list[int]] = {}
    for row, conversation in enumerate(loads.conversations):
        rows_of.setdefault(conversation, []).append(row)
    places, made = [], []
    for conversation, rows in rows_of.items():
        at = np.array(rows, dtype=np.intp)
        places.append(at)
        new = replace(loads.take(at), conversations=None)
        made.append(
            _of_one(conversation, new, engines_of, None if history_hits is None else history_hits[at])
        )
    table = made[0]
    for more in made[1:]:
        table = table.concatenate(more)
    return table.take(np.argsort(np.concatenate(places), kind="stable"))


def _of_one(
    conversation: Conversation, new: LoadTable, engines_of: EngineOf, known: Floats | None
) -> LoadTable:
    """new: the rows with the lengths of a new prompt. known: of the history's hits."""
    turns = _Turns.of(conversation, new)
    users, thinks = new.level, new.is_kind("concurrency") & conversation.pauses
    pause_s, pauses = conversation.think_time.mean, np.array(conversation.think_time.points(_POINTS))
    history, system = np.ones(len(new)) if known is None else known, np.ones(len(new))
    level = np.where(thinks, np.maximum(users / (1.0 + pause_s), 1e-3), new.level)
    for _ in range(_ROUNDS):
        rows = turns.rows(new, level, history, system)
        engines, stages = engines_of(rows)
        met = rows.per_stage(stages)
        steady = steady_state(engines, met)
        answer_s = _answer_s(steady, met)
        rate = np.minimum(users / (answer_s + pause_s), steady.capacity_requests_per_s * stages)
        in_flight = np.clip(users - rate * pause_s, 1e-3, users)
        served = np.where(thinks, rate / stages, steady.requests_per_s)
        history, system = _still_there(turns, pauses, engines, met, steady, served)
        history = history if known is None else known
        level = np.where(thinks, in_flight, level)
    rows = turns.rows(new, level, history, system)
    if not thinks.any():
        return rows
    return _as_open(rows, thinks, users, rate, steady.capacity_requests_per_s * stages, pause_s)


def _answer_s(steady: SteadyState, met: LoadTable) -> Floats:
    """Seconds of a request of each row, as long as it has any."""
    alone = steady.request.prefill_s + np.maximum(met.output_tokens - 1.0, 0.0) * steady.request.tpot_s
    return np.asarray(np.where(np.isfinite(steady.e2e_s), steady.e2e_s, alone))


def _as_open(
    rows: LoadTable, thinks: Bools, users: Floats, rate: Floats, capacity: Floats, pause_s: float
) -> LoadTable:
    """Users of whom most think send requests like an open loop, at the rate that their pauses leave."""
    with np.errstate(invalid="ignore"):
        calm = (rows.level <= _OPEN_SHARE * users) & (rate < _OPEN_LOAD * capacity)
    is_open = thinks & calm
    assert rows.cached_prompts is not None
    cached = replace(
        rows.cached_prompts,
        thinking_users=np.where(thinks, users, 0.0),
        pause_s=np.where(thinks, pause_s, 0.0),
    )
    return replace(
        rows,
        cached_prompts=cached,
        kind=np.where(is_open, "rate", rows.kind),
        level=np.where(is_open, rate, np.where(thinks, np.maximum(rows.level, 1.0), rows.level)),
        requests_per_client=np.where(thinks, np.inf, rows.requests_per_client),
        burstiness=np.ones(len(rows)),
    )


def _still_there(
    turns: _Turns, pauses: Floats, engines: EngineTable, loads: LoadTable, steady: SteadyState, served: Floats
) -> tuple[Floats, Floats]:
    """Probability that a conversation's history, and that the system prompt, is still in the cache."""
    n = len(loads)
    served = np.where(np.isfinite(served), served, 0.0)
    caching = np.broadcast_to(engines.prefix_caching, n)
    shared = np.zeros(n) if loads.cached_prompts is None else loads.cached_prompts.shared_tokens
    used = steady.batch * held_tokens(loads) + shared
    idle = np.maximum(np.broadcast_to(engines.kv_tokens, n) - used, 0.0)
    waited = steady.ttft_s - steady.request.prefill_s
    waited = np.where(np.isfinite(waited), np.maximum(waited, 0.0), _FOREVER_S)
    away = pauses[None, :] + waited[:, None]
    stay = _stay_s(turns, away, served, idle)
    # The time fluctuates with what happens to be released meanwhile.
    releases = np.maximum(served * stay, 1.0)
    deviation = np.sqrt((1.0 + turns.left_variation) / releases)
    z = normal_quantile((np.arange(_NODES) + 0.5) / _NODES)
    reach = stay[:, None] * np.exp(deviation[:, None] * z[None, :])
    there = np.mean(away[:, None, :] <= reach[:, :, None], axis=(1, 2))
    kept = -np.expm1(-served * stay - steady.batch)
    return np.where(caching, there, 0.0), np.where(caching, kept, 0.0)


def _stay_s(turns: _Turns, away: Floats, served: Floats, idle: Floats) -> Floats:
    """Seconds that released blocks keep their content. away: (rows, points) seconds between two turns.

    Of what `served` requests per second leave, a part is used again after its pause, the rest stays until it
    is evicted; together they fill the idle cache: served × (returning × E[min(pause, T)] + left × T) = idle.
    """
    count = away.shape[1]
    # E[min(pause, T)] at each of the pauses themselves; between them the sum grows linearly.
    before = np.cumsum(away, axis=1)
    later = count - 1.0 - np.arange(count)[None, :]
    shorter = (before + later * away) / count
    filled = served[:, None] * (turns.returning[:, None] * shorter + turns.left[:, None] * away)
    at = np.sum(filled <= idle[:, None], axis=1)
    rows = np.arange(len(idle))
    low = np.maximum(at - 1, 0)
    start = np.where(at > 0, away[rows, low], 0.0)
    full = np.where(at > 0, filled[rows, low], 0.0)
    slope = served * (turns.returning * (count - at) / count + turns.left)
    return np.asarray(np.minimum(start + (idle - full) / np.maximum(slope, TINY), _FOREVER_S))


@dataclass(frozen=True, slots=True)
class _Turns:
    """The prompts of each turn, and what requests leave in the cache; arrays of shape (rows,)."""

    turns: tuple[TurnPrompt, ...]
    exact: Bools
    """All prompts and answers are of one length: blocks can be counted."""
    new_variance: Floats
    system: int
    """Whole blocks of the system prompt, tokens."""
    returning: Floats
    """Tokens that a request leaves for the next turn, on average over all requests."""
    left: Floats
    """Tokens of a request that no later request reads from the cache."""
    left_variation: Floats
    """Squared coefficient of variation of what requests leave."""
    even_pauses: bool
    """All pauses are about alike."""

    @classmethod
    def of(cls, conversation: Conversation, new: LoadTable) -> _Turns:
        variances = (new.input_std**2, new.output_std**2)
        turns = tuple(turn_prompts(conversation, new.input_tokens, new.output_tokens, *variances))
        system = conversation.system_tokens // BLOCK_TOKENS * BLOCK_TOKENS
        leaves = [(t.share, t.answered - system, t.kept_next, t.variance + variances[1]) for t in turns]
        mean = sum(share * tokens for share, tokens, _, _ in leaves)
        square = sum(share * (tokens**2 + variance) for share, tokens, _, variance in leaves)
        returning = sum(share * tokens * kept for share, tokens, kept, _ in leaves)
        return cls(
            turns=turns,
            exact=(new.input_std == 0) & (new.output_std == 0),
            new_variance=variances[0],
            system=system,
            returning=returning + np.zeros(len(new)),
            left=mean - returning,
            left_variation=np.maximum(square / mean**2 - 1.0, 0.0),
            even_pauses=conversation.has_turns and conversation.think_time.kind in ("constant", "uniform"),
        )

    def rows(self, new: LoadTable, level: Floats, history: Floats, system: Floats) -> LoadTable:
        """Requests that stand alone. history, system: probabilities that the cache has them."""
        n = len(new)
        prompt, square, uncached, uncached_square, pairs = (np.zeros(n) for _ in range(5))
        for turn in self.turns:
            found = self._whole_blocks(turn.reused)
            prompt += turn.share * turn.prompt
            square += turn.share * (turn.prompt**2 + turn.variance)
            known = history * system if turn.repeats_last else np.zeros(n)
            for chance, cached, variance in (
                (known, found, self.new_variance),
                (system - known, np.full(n, float(self.system)), turn.variance),
                (1.0 - system, np.zeros(n), turn.variance),
            ):
                weight, tokens = turn.share * chance, np.maximum(turn.prompt - cached, 1.0)
                uncached += weight * tokens
                uncached_square += weight * (tokens**2 + variance)
                pairs += weight * (tokens * (cached + 0.5 * tokens) + 0.5 * variance)
        return replace(
            new,
            level=level,
            input_tokens=prompt,
            input_std=np.sqrt(np.maximum(square - prompt**2, 0.0)),
            prefix_hit_rate=np.clip(1.0 - uncached / prompt, 0.0, 1.0 - 1e-9),
            cached_prompts=CachedPrompts(
                uncached_std=np.sqrt(np.maximum(uncached_square - uncached**2, 0.0)),
                prefill_context=pairs / uncached,
                shared_tokens=np.where(system > 0, float(self.system), 0.0),
                history_hits=history,
                system_hits=system * self.system / prompt,
                thinking_users=np.zeros(n),
                pause_s=np.zeros(n),
                even_pauses=np.full(n, self.even_pauses),
            ),
        )

    def _whole_blocks(self, tokens: Floats) -> Floats:
        """Tokens in whole blocks; half a block is lost, on average."""
        some = np.maximum(tokens - 0.5 * (BLOCK_TOKENS - 1), float(self.system))
        return np.where(self.exact, np.floor(tokens / BLOCK_TOKENS) * BLOCK_TOKENS, some)
