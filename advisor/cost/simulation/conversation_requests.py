"""The requests of conversations as they are in the midst of a day, and the part of a run that counts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.simulation.simulated_requests import Chains, Ints, Requests, Run
from advisor.spec.workloads.conversations.conversation import ALONE
from advisor.spec.workloads.conversations.prompt_lengths import most_hits
from advisor.spec.workloads.conversations.turn_distributions import sample_turns
from advisor.spec.workloads.length_distribution import sample
from advisor.spec.workloads.workload import Lengths, Load
from advisor.units import MS_PER_S

LEAST_REQUESTS, MOST_REQUESTS = 2_000, 40_000
_FILLS = 2.0
"""How often new tokens could fill the cache before a run counts: until then nothing is evicted."""
_WARM_UP, _DRAIN = 0.35, 0.05
"""Shares of the requests sent before a run counts, at least, and of the time after it has counted."""
_LENGTHS = 500
_MOST_HITS = 0.999
_PAUSES = 12
"""Mean pauses that a run of an open loop lasts, at least."""
_MOST_DEVIATIONS = 4.0
"""Bound, in standard deviations, on the length of conversations already under way when a run begins."""
_PER_USER = 6
"""Conversations of each user of a closed loop, at least."""


def request_count(engine: EngineTable, load: Load) -> int:
    """Requests of a run that is long enough to fill the cache, and to count as many again."""
    turns = load.conversation.turns.mean
    last = load.input_tokens.mean + load.output_tokens.mean
    if load.conversation.history is None:
        new = last
    else:  # what is left out of the next prompt stays in the cache until it is evicted
        new = max(last, (load.mean_prompt_tokens + last) / max(turns, 1.0))
    filled = _FILLS * float(engine.kv_tokens[0]) / new
    level = load.arrival.value or 1.0
    if load.arrival.kind == "rate":
        lasting = _PAUSES * load.conversation.think_time.mean * level
    else:
        lasting = _PER_USER * max(turns, 2.0) * level
    wanted = max(LEAST_REQUESTS, 2.0 * filled, lasting)
    return int(min(wanted, MOST_REQUESTS))


def draw_conversations(load: Load, n: int, rng: np.random.Generator, answer_s: float) -> Requests:
    """About `n` requests of conversations; those that began before the run join it at a later turn.

    answer_s: about how long an answer takes, by which an open loop's first requests are timed.
    """
    if load.arrival.kind == "rate" and load.arrival.value is not None:
        return _open_loop(load, n, rng, answer_s, load.arrival.value)
    talks = max(1, round(n / load.conversation.turns.mean))
    turns = sample_turns(load.conversation.turns, talks, rng)
    users = int(load.arrival.value) if load.arrival.kind == "concurrency" and load.arrival.value else 1
    skipped = np.zeros(talks, dtype=np.int64)
    first = min(users, talks)
    # Long conversations are more often in progress than they are begun.
    turns[:first] = rng.choice(turns, size=first, p=turns / np.sum(turns))
    skipped[:first] = (rng.random(first) * turns[:first]).astype(np.int64)
    drawn = _drawn(load, turns, skipped, rng)
    # At the start, users are in the midst of their pauses.
    pauses = drawn.chains.pause_s
    begins = drawn.chains.begins[:first]
    pauses[begins] *= rng.random(first)
    return Requests(
        input_tokens=drawn.prompts,
        cached_tokens=np.zeros(len(drawn.prompts), dtype=np.int64),
        output_tokens=drawn.answers,
        sent_s=None,
        concurrency=users,
        chains=drawn.chains,
    )


def _open_loop(load: Load, n: int, rng: np.random.Generator, answer_s: float, rate: float) -> Requests:
    conversation = load.conversation
    begun_per_s = rate / conversation.turns.mean
    later = max(1, round(n / conversation.turns.mean))
    pauses, think = conversation.turns.longest - 1, conversation.think_time.points(_LENGTHS)
    spread_s = _MOST_DEVIATIONS * float(np.std(think)) * math.sqrt(pauses)
    longest_s = pauses * (conversation.think_time.mean + answer_s) + spread_s
    sooner = int(min(math.ceil(begun_per_s * longest_s), 3 * later + 100))
    turns = sample_turns(conversation.turns, sooner + later, rng)
    # Both parts last as long as their requests should: the run then has the rate asked for.
    parts = []
    for part in (turns[:sooner], turns[sooner:]):
        gaps = rng.gamma(load.arrival.burstiness, size=len(part))
        parts.append(np.cumsum(gaps) * (np.sum(part) / rate / max(np.sum(gaps), 1e-12)))
    at = np.concatenate([parts[0] - (parts[0][-1] if sooner else 0.0), parts[1]])
    # Conversations that began before the run are at the turn that they would have reached.
    pause = conversation.think_time.sample(int(np.sum(turns)), rng) + answer_s
    starts = np.cumsum(turns) - turns
    skipped = np.zeros(len(turns), dtype=np.int64)
    for c in np.flatnonzero(at < 0).tolist():
        times = at[c] + np.concatenate([[0.0], np.cumsum(pause[starts[c] : starts[c] + turns[c] - 1])])
        skipped[c] = int(np.searchsorted(times, 0.0))
        at[c] = times[skipped[c]] if skipped[c] < turns[c] else np.nan
    alive = skipped < turns
    turns, skipped, at = turns[alive], skipped[alive], at[alive]
    order = np.argsort(at, kind="stable")
    drawn = _drawn(load, turns[order], skipped[order], rng)
    sent = np.full(len(drawn.prompts), np.nan)
    sent[drawn.chains.begins] = at[order]
    return Requests(
        input_tokens=drawn.prompts,
        cached_tokens=np.zeros(len(drawn.prompts), dtype=np.int64),
        output_tokens=drawn.answers,
        sent_s=sent,
        chains=drawn.chains,
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    prompts: Ints
    answers: Ints
    chains: Chains


def _drawn(load: Load, turns: Ints, skipped: Ints, rng: np.random.Generator) -> _Drawn:
    """The requests of conversations with so many turns, the first `skipped` of each left out."""
    conversation, n = load.conversation, int(np.sum(turns))
    new, answers = sample(load.input_tokens, n, rng), sample(load.output_tokens, n, rng)
    first = np.cumsum(turns) - turns
    talk = np.repeat(np.arange(len(turns)), turns)
    number = np.arange(n) - first[talk]
    said = np.concatenate([[0], np.cumsum(new + answers)])
    kept = number if conversation.history is None else np.minimum(number, conversation.history)
    at = np.arange(n)
    prompts = conversation.system_tokens + said[at] - said[at - kept] + new
    repeats = (kept == number) & (number > 0)
    # The last token of an answer was never fed back, so that its keys and values are not in the cache.
    reused = np.where(repeats, prompts - new - 1, conversation.system_tokens)
    chosen = np.flatnonzero(number >= skipped[talk])
    place = np.full(n, -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    is_last = number[chosen] == turns[talk[chosen]] - 1
    follows = np.where(is_last, -1, place[np.minimum(chosen + 1, n - 1)])
    return _Drawn(
        prompts[chosen],
        answers[chosen],
        Chains(
            conversation=talk[chosen],
            turn=number[chosen],
            follows=follows,
            pause_s=conversation.think_time.sample(len(chosen), rng),
            reused_tokens=reused[chosen],
            begins=place[first + skipped],
            system_tokens=conversation.system_tokens,
        ),
    )


def alone(requests: Requests, system_tokens: int) -> Chains:
    """Requests of one turn each that share a system prompt."""
    n = len(requests)
    none = np.zeros(n, dtype=np.int64)
    return Chains(
        conversation=np.arange(n),
        turn=none,
        follows=none - 1,
        pause_s=np.zeros(n),
        reused_tokens=np.minimum(requests.input_tokens - 1, system_tokens),
        begins=np.arange(n),
        system_tokens=system_tokens,
    )


def steady_period(happened: Run, chains: Chains) -> tuple[float, float] | None:
    """Seconds from when the cache is full and the first pauses are over until no conversation begins."""
    if happened.requests.sent_s is None:
        # Until a user finds no conversation that has not begun.
        ends = np.sort(happened.finish_s[chains.follows < 0])
        end = float(ends[max(len(chains.begins) - happened.requests.concurrency, 0)])
    else:
        end = float(np.max(happened.sent_s[chains.turn == 0], initial=0.0))
    sent = np.sort(happened.sent_s[happened.sent_s < end])
    if not len(sent):
        return None
    start = float(sent[int(_WARM_UP * (len(sent) - 1))])
    end = start + (1.0 - _DRAIN) * (end - start)
    return (start, end) if end > start else None


def turn_ttft_ms(happened: Run, chains: Chains, counted: np.ndarray) -> tuple[float, float] | None:
    """Mean time to first token of first turns and of later ones; None where one of them is missing."""
    first, later = counted & (chains.turn == 0), counted & (chains.turn > 0)
    if not first.any() or not later.any():
        return None
    ttft = MS_PER_S * (happened.first_s - happened.sent_s)
    return float(np.mean(ttft[first])), float(np.mean(ttft[later]))


def plain_load(load: Load, requests: Requests, counted: np.ndarray, hit_rate: float) -> Load:
    """Requests of the same lengths and hits that stand alone: what an engine's capacity is judged by."""
    prompts = np.sort(requests.input_tokens[counted])
    some = prompts[np.linspace(0, len(prompts) - 1, min(len(prompts), _LENGTHS)).astype(np.intp)]
    return replace(
        load,
        input_tokens=Lengths.empirical([int(one) for one in some]),
        prefix_hit_rate=min(hit_rate, _MOST_HITS),
        conversation=ALONE,
    )


def queue_grows(happened: Run, start_s: float, end_s: float) -> bool:
    """Whether far more requests wait in the second half of a period than in the first."""
    middle = 0.5 * (start_s + end_s)
    early, late = (_waiting(happened, a, b) for a, b in ((start_s, middle), (middle, end_s)))
    return late > 10.0 and late > 1.5 * early


def _waiting(happened: Run, start: float, end: float) -> float:
    """Requests that wait for their first step, averaged over a period."""
    waited = np.minimum(happened.admitted_s, end) - np.maximum(happened.sent_s, start)
    return float(np.sum(np.maximum(waited, 0.0))) / (end - start)


def needs_conversations(load: Load) -> bool:
    """Whether the requests of a load follow one another, share a system prompt, or have users who think."""
    conversation = load.conversation
    return conversation.repeats or (conversation.pauses and load.arrival.kind in ("single", "concurrency"))


def plain_mean(load: Load) -> Load:
    """Requests of the mean prompt that stand alone, with all the hits that there can be."""
    sizes = (load.input_tokens.mean, load.output_tokens.mean)
    return replace(
        load,
        input_tokens=Lengths.constant(load.mean_prompt_tokens),
        prefix_hit_rate=max(min(most_hits(load.conversation, *sizes), _MOST_HITS), 0.0),
        conversation=ALONE,
    )
