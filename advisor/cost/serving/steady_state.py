"""Mean latencies and throughput of an engine under steady load, in closed form: arrays in, arrays out.

`batching` says what a request experiences in an engine of known load; here memory, `max_num_seqs` and the
kind of load settle how many requests are in it. `simulation` does the same request by request; tests hold the
two together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.serving.batching import closed_loop, open_loop
from advisor.cost.serving.engine_table import EngineTable, request_work
from advisor.cost.serving.engines.vllm_v0 import lockstep
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.request_times import TINY, RequestTimes, RequestWork
from advisor.cost.serving.serving_stats import SteadyState
from advisor.cost.step.memory import BLOCK_TOKENS

_GROWN_SHARE = 0.13
"""Share of its answer that a sequence has produced when it is preempted, where prompts are short."""
_DRIFT = 4.0
_TOGETHER = 2.0
"""Answers that end together, about: their prompts were admitted together."""
_MOST_ENDING = 12.0
"""Answers ending per step from which on decode hardly ever lacks KV blocks."""
_PREEMPTED_SHARE = 0.08
"""Sequences that wait to be computed again, per running one and per answer ÷ prompt length."""
_MOST_TAKEN = 0.98
"""Share of the batch taken at which the admission wait does not grow any more: a load below capacity is
served, if late."""
_IDLE_RATE = 1e-3
"""Requests per second in place of none, for rows that are no open loop."""


def steady_state(engines: EngineTable, loads: LoadTable) -> SteadyState:
    """The steady means of each row; see `ServingStats` for rows that have none."""
    places = _places(engines, loads)
    request, limit, fits, top = places.request, places.limit, places.fits, places.top
    full = _full_engine(loads, places)
    capacity = _capacity(places, full)

    arriving, clients = loads.requests_per_s, loads.clients
    is_open = arriving > 0
    backlogged = is_open & (arriving >= capacity)
    saturated = ~is_open & (clients > limit)
    batch = np.clip(clients, 1.0, top)
    admission_wait_s = np.zeros(len(loads))
    times = full
    if not np.all(is_open | saturated):
        times = _closed(request, batch, np.zeros(len(loads), dtype=np.bool_), places.in_lockstep)
    if np.any(is_open):
        rate = np.where(is_open, np.minimum(arriving, capacity), _IDLE_RATE)
        of_open, open_batch, open_wait_s = _open(request, loads, rate, top)
        times = of_open.where(is_open, times)
        batch = np.where(is_open, open_batch, batch)
        admission_wait_s = np.where(is_open, open_wait_s, 0.0)

    # Preempted requests wait at the head of the queue, in the midst of their answers.
    queue = np.maximum(clients / top - 1.0, 0.0)
    preempted = np.minimum(_PREEMPTED_SHARE * loads.output_tokens / loads.input_tokens, queue)
    preempted = np.where(places.short_of_memory, preempted, 0.0)
    tpot = np.where(saturated, full.tpot_s * (1.0 + preempted), times.tpot_s)
    ttft = times.wait_s + times.prefill_s + admission_wait_s
    cycle_s = clients / np.maximum(capacity, TINY)
    ttft = np.where(saturated, np.maximum(cycle_s - request.decode_steps * tpot, ttft), ttft)
    e2e = ttft + request.decode_steps * tpot
    served = np.where(is_open, arriving, np.where(np.isfinite(clients), clients, 0.0) / e2e)
    filled = saturated | backlogged
    served = np.where(filled, capacity, served)
    in_engine = np.where(filled, top, batch)
    kv_use = np.minimum(in_engine * places.held / np.maximum(engines.kv_tokens, 1.0), 1.0)
    exists = np.where(fits, 1.0, np.nan)
    has_latency = np.where(backlogged, np.nan, exists)
    has_ttft = np.where(np.isinf(clients), np.nan, has_latency)  # all wait from the start
    with np.errstate(invalid="ignore"):
        return SteadyState(
            ttft_s=ttft * has_ttft,
            tpot_s=tpot * has_latency,
            e2e_s=e2e * has_ttft,
            requests_per_s=served * exists,
            # A batch that is just full can do without the recomputing that a queue brings about.
            capacity_requests_per_s=np.where(is_open, capacity, np.maximum(capacity, served)) * exists,
            batch=np.where(fits, in_engine, 0.0),
            decode_batch=np.where(fits, np.where(filled, full.decode_batch, times.decode_batch), 0.0),
            batch_limit=limit,
            kv_use=kv_use * exists,
            backlogged=backlogged,
            saturated=saturated,
            request=full.where(filled, times),
        )


@dataclass(frozen=True, slots=True)
class _Places:
    """How many of a row's requests an engine holds."""

    request: RequestWork
    room: Floats
    """Tokens of the cache that may be used."""
    held: Floats
    """Tokens that one sequence holds, averaged over time."""
    fits: Bools
    by_memory: Floats
    """Most sequences that the cache holds."""
    limit: Floats
    """Most sequences; 0: a request does not fit."""
    short_of_memory: Bools
    """The cache limits the batch, and not `max_num_seqs`."""
    in_lockstep: Bools
    """Prefill goes first and answers are of one length: all go on together."""
    watermark: Floats

    @property
    def top(self) -> Floats:
        return np.maximum(self.limit, 1.0)


def _places(engines: EngineTable, loads: LoadTable) -> _Places:
    n = loads.input_tokens.shape
    prompt, output = loads.input_tokens, loads.output_tokens
    request = request_work(engines, loads)
    shared = np.zeros(n) if loads.cached_prompts is None else loads.cached_prompts.shared_tokens
    held = held_tokens(loads)
    room = np.broadcast_to(engines.kv_tokens, n) * (1.0 - engines.watermark) - shared
    fits = room >= prompt - shared + output
    # A prompt is admitted when all of it fits: half of one lies free, on average.
    by_memory = np.maximum((room - 0.5 * (prompt - shared)) / held, 1.0)
    slots = np.broadcast_to(engines.max_num_seqs, n)
    limit = np.where(fits, np.minimum(by_memory, slots), 0.0)
    in_lockstep = request.prefill_first & (loads.output_std == 0)
    return _Places(
        request, room, held, fits, by_memory, limit, by_memory < slots, in_lockstep, engines.watermark
    )


def held_tokens(loads: LoadTable) -> Floats:
    """Tokens of the cache that one request in the engine holds for itself, averaged over time."""
    output = loads.output_tokens
    held = loads.input_tokens + 0.5 * output * (1.0 + (loads.output_std / output) ** 2) + BLOCK_TOKENS / 2
    return held if loads.cached_prompts is None else held - loads.cached_prompts.shared_tokens


def _full_engine(loads: LoadTable, places: _Places) -> RequestTimes:
    """Times in a full engine, where a waiting request follows each that leaves."""
    again = np.where(places.short_of_memory, _recomputed_tokens(loads, places), 0.0)
    request = replace(places.request, uncached_tokens=places.request.uncached_tokens + again)
    waiting = np.ones(places.limit.shape, dtype=np.bool_)
    return _closed(request, places.top, waiting, places.in_lockstep & ~places.short_of_memory)


def _capacity(places: _Places, full: RequestTimes) -> Floats:
    stay_s = full.prefill_s + places.request.decode_steps * full.tpot_s
    return np.where(places.fits, places.top / stay_s, 0.0)


def batch_limit(engines: EngineTable, loads: LoadTable) -> Floats:
    """Most sequences that memory and `max_num_seqs` allow, on average; 0: a request does not fit."""
    return _places(engines, loads).limit


def capacity_requests_per_s(engines: EngineTable, loads: LoadTable) -> Floats:
    """Most requests per second served while requests wait; 0: a request does not fit."""
    places = _places(engines, loads)
    return _capacity(places, _full_engine(loads, places))


def _open(
    request: RequestWork, loads: LoadTable, rate: Floats, top: Floats
) -> tuple[RequestTimes, Floats, Floats]:
    """(times of a request, how many are in the engine, its wait for admission)."""
    gap_variation = 1.0 / loads.burstiness
    times = open_loop(request, rate, gap_variation, top)
    # Below capacity the batch suffices, even if prompts in between would let it grow beyond.
    longest_s = (top / np.maximum(rate, TINY) - times.prefill_s) / np.maximum(request.decode_steps, 1.0)
    longest_s = np.maximum(longest_s, times.decode_step_s)  # nothing is faster than a step that only decodes
    times = replace(times, tpot_s=np.minimum(times.tpot_s, np.maximum(longest_s, TINY)))
    stay_s = times.prefill_s + request.decode_steps * times.tpot_s
    batch = np.minimum(rate * stay_s, top)
    # Sakasegawa's formula for a queue before many servers.
    taken = np.minimum(batch / top, _MOST_TAKEN)
    variation = 0.5 * (gap_variation + (loads.output_std / loads.output_tokens) ** 2)
    wait = variation * taken ** (np.sqrt(2.0 * (top + 1.0)) - 1.0) / (top * (1.0 - taken))
    return times, batch, wait * stay_s


def _closed(request: RequestWork, batch: Floats, request_waiting: Bools, in_lockstep: Bools) -> RequestTimes:
    """Times in a closed loop, where answers of one length may stay in step."""
    mixing = closed_loop(request, batch, request_waiting)
    if not np.any(in_lockstep):
        return mixing
    return lockstep(request, batch, request_waiting).where(in_lockstep, mixing)


def _recomputed_tokens(loads: LoadTable, places: _Places) -> Floats:
    """Tokens computed again per request where memory alone limits the batch.

    Admission takes all free blocks, so that decode finds none: the blocks that the batch needs for a step
    must come from the answers that end in it, or from preemption. Long prompts are admitted seldom, and leave
    room that fluctuates by an answer's length, or by the differences between prompts.
    """
    prompt, output = loads.input_tokens, loads.output_tokens
    ending = np.minimum(places.by_memory / output / _TOGETHER, _MOST_ENDING)
    chance = np.exp(-ending)
    short = chance.copy()
    for ended in range(1, 2 * int(_MOST_ENDING)):
        chance = chance * ending / ended
        short += chance * np.maximum(1.0 - ended * (1.0 + prompt / output) / ending, 0.0)
    drift = (output**2 + loads.output_std**2 + 2.0 * loads.input_std**2) / (prompt * output)
    # The watermark's reserve feeds decode for a while.
    reserve = np.exp(-places.watermark * places.room / output)
    cached = loads.prefix_hit_rate * prompt / (prompt + _GROWN_SHARE * output)
    return np.asarray(output * short * -np.expm1(-_DRIFT * drift) * reserve * (1.0 - cached))
