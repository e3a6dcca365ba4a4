"""Mean latencies and throughput of an engine under steady load, in closed form: arrays in, arrays out.

`inside` says what a request meets in an engine of known load; here memory, slots and the kind of load
settle how many are in it. `simulate` does the same request by request; tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from advisor.cost.arrays import ArrayTable, Bools, Floats
from advisor.cost.serving.batching import TINY, Inside, Work, closed, opened
from advisor.cost.serving.engine import V0_WATERMARK, ServingSetup, StepTime
from advisor.cost.step.memory import BLOCK_TOKENS
from advisor.spec.workloads.workload import Load

_GROWN_SHARE = 0.13
"""Of its answer, what a sequence has produced when it is preempted, where prompts are short."""
_DRIFT = 4.0
_TOGETHER = 2.0
"""Answers that end together, about: their prompts were let in together."""
_MOST_ENDING = 12.0
"""Answers ending per step from which on decode hardly ever lacks room."""
_PREEMPTED_SHARE = 0.08
"""Sequences that wait to be computed again, per running one and per answer ÷ prompt length."""
_MOST_TAKEN = 0.98
"""Share of the places taken at which the wait for one is not let grow any more: a load below capacity
is served, if late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """One replica per cell; arrays of shape (n,) or scalars that broadcast. See `ServingSetup`."""

    step: StepTime
    """Entry i of its arrays belongs to cell i."""
    kv_tokens: Floats
    max_num_seqs: Floats
    max_num_batched_tokens: Floats
    chunked_prefill: Bools
    v0: Bools
    schedule_ahead: Bools
    request_overhead_s: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Loads(ArrayTable):
    """One load per cell; arrays of shape (n,)."""

    input_tokens: Floats
    output_tokens: Floats
    """Means."""
    input_std: Floats
    output_std: Floats
    prefix_hit_rate: Floats
    concurrency: Floats
    """Clients of a closed loop: 1 = single stream, inf = all queued at once; 0 where `rate` counts."""
    rate: Floats
    """Requests per second of an open loop; 0 where `concurrency` counts."""
    burstiness: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady(ArrayTable):
    """Means of each cell; seconds. Infinite where no finite value exists: all latencies of an open loop
    beyond its capacity and of requests that do not fit, TTFT and E2E when all are queued at once."""

    ttft_s: Floats
    tpot_s: Floats
    e2e_s: Floats
    requests_per_s: Floats
    """What is served: never more than the capacity."""
    capacity_requests_per_s: Floats
    batch: Floats
    """Sequences in the engine, their prompts at work included."""
    decode_batch: Floats
    """Sequences in a step that decodes."""
    batch_limit: Floats
    """The most that memory and `max_num_seqs` allow, on average; 0: a request does not fit."""
    kv_use: Floats
    """Share of the KV cache in use."""
    backlogged: Bools
    saturated: Bools
    """More clients than the batch holds."""
    inside: Inside
    """What a request meets in the engine, once it has a place."""


def engine_arrays(setup: ServingSetup) -> Engines:
    """One engine for all cells."""
    return Engines(
        step=setup.step,
        kv_tokens=np.array([setup.kv_tokens]),
        max_num_seqs=np.array([float(setup.max_num_seqs)]),
        max_num_batched_tokens=np.array([float(max(setup.max_num_batched_tokens, setup.max_num_seqs))]),
        chunked_prefill=np.array([setup.chunked_prefill]),
        v0=np.array([setup.generation == "v0"]),
        schedule_ahead=np.array([setup.schedule_ahead]),
        request_overhead_s=np.array([setup.request_overhead_s]),
    )


def load_arrays(loads: Sequence[Load]) -> Loads:
    """One cell per load."""

    def column(of: Callable[[Load], float]) -> Floats:
        return np.array([of(load) for load in loads], dtype=np.float64)

    def clients(load: Load) -> float:
        return {"single": 1.0, "maximum": np.inf, "rate": 0.0}.get(
            load.arrival.kind, load.arrival.value or 1.0
        )

    return Loads(
        input_tokens=column(lambda load: load.input_tokens.mean),
        output_tokens=column(lambda load: load.output_tokens.mean),
        input_std=column(lambda load: load.input_tokens.std),
        output_std=column(lambda load: load.output_tokens.std),
        prefix_hit_rate=column(lambda load: load.prefix_hit_rate),
        concurrency=column(clients),
        rate=column(lambda load: (load.arrival.value or 0.0) if load.arrival.kind == "rate" else 0.0),
        burstiness=column(lambda load: load.arrival.burstiness),
    )


def steady_state(engines: Engines, loads: Loads) -> Steady:
    """The steady means of each cell; see `Steady` for what has none."""
    n = np.broadcast_shapes(*(getattr(loads, f.name).shape for f in fields(loads)))
    place = _places(engines, loads, n)
    work, limit, fits, crowded = place.work, place.limit, place.fits, place.crowded
    prompt, output = (np.broadcast_to(x, n) for x in (loads.input_tokens, loads.output_tokens))
    top = np.maximum(limit, 1.0)
    full = _filled(engines, loads, place)
    capacity = _capacity(place, full)

    open_loop = np.broadcast_to(loads.rate > 0, n)
    asked = np.where(open_loop, loads.rate, 0.0)
    backlogged = open_loop & (asked >= capacity)
    saturated = ~open_loop & (loads.concurrency > limit)
    batch = np.clip(loads.concurrency, 1.0, top)
    door_s = np.zeros(n)
    inside = full
    if not np.all(open_loop | saturated):
        inside = _closed(work, batch, np.zeros(n, dtype=np.bool_), place.in_step)
    if np.any(open_loop):
        rate = np.where(open_loop, np.minimum(asked, capacity), 1e-3)
        met, met_batch, met_door_s = _open(work, loads, rate, top)
        inside = met.where(open_loop, inside)
        batch, door_s = np.where(open_loop, met_batch, batch), np.where(open_loop, met_door_s, 0.0)

    # Preempted ones wait at the head of the queue, in the midst of their answers.
    queue = np.maximum(np.where(open_loop, 0.0, loads.concurrency) / top - 1.0, 0.0)
    preempted = np.where(crowded, np.minimum(_PREEMPTED_SHARE * output / prompt, queue), 0.0)
    tpot = np.where(saturated, full.tpot_s * (1.0 + preempted), inside.tpot_s)
    ttft = inside.wait_s + inside.prompt_s + door_s
    cycle = loads.concurrency / np.maximum(capacity, TINY)
    ttft = np.where(saturated, np.maximum(cycle - work.steps * tpot, ttft), ttft)
    e2e = ttft + work.steps * tpot
    clients = np.where(np.isfinite(loads.concurrency), loads.concurrency, 0.0)
    served = np.where(open_loop, asked, clients / e2e)
    served = np.where(saturated | backlogged, capacity, served)
    filled = saturated | backlogged
    in_engine = np.where(filled, top, batch)
    never = np.where(backlogged | ~fits, np.inf, 1.0)
    return Steady(
        ttft_s=ttft * never,
        tpot_s=tpot * never,
        e2e_s=e2e * never,
        requests_per_s=np.where(fits, served, 0.0),
        # A batch that is just full can do without the recomputing that a queue brings about.
        capacity_requests_per_s=np.where(open_loop, capacity, np.maximum(capacity, served)),
        batch=np.where(fits, in_engine, 0.0),
        decode_batch=np.where(fits, np.where(filled, full.decode_batch, inside.decode_batch), 0.0),
        batch_limit=limit,
        kv_use=np.where(
            fits, np.minimum(in_engine * place.held / np.maximum(engines.kv_tokens, 1.0), 1.0), 0.0
        ),
        backlogged=backlogged,
        saturated=saturated,
        inside=full.where(filled, inside),
    )


@dataclass(frozen=True, slots=True)
class _Places:
    """How many of a cell's requests an engine holds."""

    work: Work
    room: Floats
    """Tokens of the cache that may be used."""
    held: Floats
    """Tokens that one sequence holds, over time."""
    fits: Bools
    by_memory: Floats
    limit: Floats
    crowded: Bools
    """Memory limits the batch, and not the places."""
    in_step: Bools
    """Prompts have steps of their own and answers are of one length: all go on together."""


def _places(engines: Engines, loads: Loads, n: tuple[int, ...]) -> _Places:
    prompt, output = (np.broadcast_to(x, n) for x in (loads.input_tokens, loads.output_tokens))
    work = work_of(engines, loads, prompt, output)
    held = prompt + 0.5 * output * (1.0 + (loads.output_std / output) ** 2) + BLOCK_TOKENS / 2
    room = np.broadcast_to(engines.kv_tokens, n) * np.where(engines.v0, 1.0 - V0_WATERMARK, 1.0)
    fits = room >= prompt + output
    # A prompt is let in when all of it fits: half of one lies free, on average.
    by_memory = np.maximum((room - 0.5 * prompt) / held, 1.0)
    slots = np.broadcast_to(engines.max_num_seqs, n)
    limit = np.where(fits, np.minimum(by_memory, slots), 0.0)
    in_step = work.apart & (loads.output_std == 0)
    return _Places(work, room, held, fits, by_memory, limit, by_memory < slots, in_step)


def _filled(engines: Engines, loads: Loads, place: _Places) -> Inside:
    """A full engine: whoever leaves makes place for one that waits at the door."""
    recomputed = np.where(place.crowded, _recomputed(engines, loads, place.room, place.by_memory), 0.0)
    again = replace(place.work, fresh=place.work.fresh + recomputed)
    at_door = np.ones(place.limit.shape, dtype=np.bool_)
    return _closed(again, np.maximum(place.limit, 1.0), at_door, place.in_step & ~place.crowded)


def _capacity(place: _Places, full: Inside) -> Floats:
    top = np.maximum(place.limit, 1.0)
    return np.where(place.fits, top / (full.prompt_s + place.work.steps * full.tpot_s), 0.0)


def batch_limit(engines: Engines, loads: Loads) -> Floats:
    """The most sequences that memory and `max_num_seqs` allow, on average; 0: a request does not fit."""
    return _places(engines, loads, loads.input_tokens.shape).limit


def capacity_requests_per_s(engines: Engines, loads: Loads) -> Floats:
    """The most that is served while requests wait."""
    place = _places(engines, loads, loads.input_tokens.shape)
    return _capacity(place, _filled(engines, loads, place))


def _open(work: Work, loads: Loads, rate: Floats, top: Floats) -> tuple[Inside, Floats, Floats]:
    """(what a request meets, how many are in the engine, the wait for a place in it)."""
    gap_variation = np.broadcast_to(1.0 / loads.burstiness, rate.shape)
    inside = opened(work, rate, gap_variation, top)
    # Below capacity the batch suffices, even if prompts in between would let it grow beyond.
    longest_s = (top / np.maximum(rate, TINY) - inside.prompt_s) / np.maximum(work.steps, 1.0)
    inside = replace(inside, tpot_s=np.minimum(inside.tpot_s, np.maximum(longest_s, TINY)))
    stay_s = inside.prompt_s + work.steps * inside.tpot_s
    batch = np.minimum(rate * stay_s, top)
    # Sakasegawa's formula for a queue before many servers.
    taken = np.minimum(batch / top, _MOST_TAKEN)
    spread = 0.5 * (gap_variation + (loads.output_std / loads.output_tokens) ** 2)
    door = spread * taken ** (np.sqrt(2.0 * (top + 1.0)) - 1.0) / (top * (1.0 - taken))
    return inside, batch, door * stay_s


def _closed(work: Work, batch: Floats, at_door: Bools, in_step: Bools) -> Inside:
    """`closed`, but answers of one length on V0 stay in step: all end, begin and are prompted together."""
    mixing = closed(work, batch, at_door)
    if not np.any(in_step):
        return mixing
    together = np.maximum(np.floor(work.budget / work.fresh), 1.0)
    rounds = np.ceil(batch / together)
    none = np.zeros_like(batch)
    full = work.step_s(none, np.minimum(together, batch) * work.fresh)
    last = work.step_s(none, np.maximum(batch - (rounds - 1.0) * together, TINY) * work.fresh)
    prompts_s = (rounds - 1.0) * full + last
    # Half of the other rounds come before one's own, and half after it, before the first decode step.
    after = 0.5 * (rounds - 1.0) * full
    lockstep = Inside(
        wait_s=np.where(at_door, 0.0, work.overhead_s),
        prompt_s=prompts_s - after,
        tpot_s=work.step_s(batch, none) + after / np.maximum(work.steps, 1.0),
        decode_batch=np.where(work.steps > 0, batch, 0.0),
        plain_s=work.step_s(batch, none),
        mixed_s=full,
        mixed_share=none,
        joins=none,
        queue_s=0.5 * (rounds - 1.0) * full,
        room=work.budget,
    )
    return lockstep.where(in_step, mixing)


def _recomputed(engines: Engines, loads: Loads, room: Floats, batch: Floats) -> Floats:
    """Tokens computed again per request where memory alone limits the batch.

    Admission takes whatever room there is, so that decode finds none: what `batch` sequences need for a
    step must come from the answers that end in it, or from preemption. Long prompts are let in seldom, and
    leave room that fluctuates by an answer's length, or by what prompts differ in.
    """
    prompt, output = loads.input_tokens, loads.output_tokens
    ending = np.minimum(batch / output / _TOGETHER, _MOST_ENDING)
    chance = np.exp(-ending)
    short = chance.copy()
    for ended in range(1, 2 * int(_MOST_ENDING)):
        chance = chance * ending / ended
        short += chance * np.maximum(1.0 - ended * (1.0 + prompt / output) / ending, 0.0)
    drift = (output**2 + loads.output_std**2 + 2.0 * loads.input_std**2) / (prompt * output)
    # V0's reserve feeds decode for a while.
    reserve = np.where(engines.v0, np.exp(-V0_WATERMARK * room / output), 1.0)
    found = loads.prefix_hit_rate * prompt / (prompt + _GROWN_SHARE * output)
    return np.asarray(output * short * -np.expm1(-_DRIFT * drift) * reserve * (1.0 - found))


def work_of(engines: Engines, loads: Loads, prompt: Floats, output: Floats) -> Work:
    """What one mean request of each cell asks of its engine."""
    hit = loads.prefix_hit_rate
    steps = output - 1.0
    uneven = (loads.input_std / prompt) ** 2
    whole = np.broadcast_to(~np.asarray(engines.chunked_prefill), prompt.shape)
    return Work(
        step=engines.step,
        fresh=np.maximum(prompt * (1.0 - hit), 1.0),
        uneven=np.broadcast_to(uneven, prompt.shape),
        steps=steps,
        # Long answers make more of the steps, and the later ones.
        decode_context=prompt + 0.5 * output * (1.0 + (loads.output_std / output) ** 2),
        # A token attends to what was cached and, on average, to half of what was not; long prompts
        # have more tokens.
        prompt_context=prompt * (1.0 + uneven) * (hit + 0.5 * (1.0 - hit)),
        budget=np.maximum(engines.max_num_batched_tokens, np.where(whole, prompt, 1.0)),
        whole=whole,
        apart=whole & engines.v0,
        ahead=np.broadcast_to(engines.schedule_ahead, prompt.shape).astype(np.float64),
        overhead_s=np.broadcast_to(engines.request_overhead_s, prompt.shape),
    )
