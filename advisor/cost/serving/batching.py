"""Mean times of one request in a batch, given how busy the other requests keep the engine.

Of B requests in the engine, each of the others starts its prefill once in its own number of iterations, and
that prefill lengthens the iteration. Iterations with and without prefill are kept apart, because a step's
time is not linear in its tokens: prompt tokens cost little until they fill the time that reading the weights
leaves idle. All arrays have one entry per row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.serving.engines.vllm_v0 import prefill_runs
from advisor.cost.serving.request_times import TINY, RequestTimes, RequestWork

_ROUNDS = 6
"""Rounds of the fixed point counted in iterations, which is arithmetic alone."""
_TIMED_ROUNDS = 2
"""Rounds of the fixed point in seconds: step times only feed back through the request overhead."""
_SEARCH_STEPS, _HALVINGS = 8, 3
"""Steps of the search for an open loop's token interval; the first ones halve the range."""
_MAX_BUSY = 0.999
_MAX_SLOWDOWN = 0.99


@dataclass(frozen=True, slots=True)
class _Steps:
    """Mean times of the kinds of iteration, seconds."""

    decode_s: Floats
    """An iteration that only decodes."""
    prefill_s: Floats
    """An iteration that prefills at least one prompt."""
    prefill_share: Floats
    """Share of iterations that prefill; prefill steps per decode step where prefill goes first."""
    full_s: Floats
    """An iteration whose token budget is used up."""
    own_prefill_s: Floats
    """One request's own prefill, with the prompts that start at the same moment."""
    mean_s: Floats
    """Per decode step, with the prefill steps between."""
    decode_share: Floats
    """Decode-only iterations per iteration (per decode step, where prefill goes first)."""

    @property
    def residual_s(self) -> Floats:
        """Time left, on average, of the iteration that runs at a random moment."""
        squares = self.decode_share * self.decode_s**2 + self.prefill_share * self.prefill_s**2
        return np.asarray(0.5 * squares / np.maximum(self.mean_s, TINY))


def _steps(
    request: RequestWork,
    others: Floats,
    prefills_per_step: Floats,
    service: Floats,
    token_room: Floats,
    rate: Floats | None = None,
) -> _Steps:
    """Iterations with `others` decoding beside one request and so many prompts per decode step.

    service: steps that one prefill takes, as a fraction. rate: requests per second of an open loop, which
    also arrive during prefill steps.
    """
    chunks = np.ceil(service)
    decodes = request.decode_steps > 0
    batch = np.where(decodes, 1.0 + others, 0.0)
    share = np.clip(
        np.maximum(prefills_per_step * service, -np.expm1(-prefills_per_step * chunks)), TINY, 1.0
    )
    none = np.zeros_like(batch)
    beside = np.where(request.prefill_first, 0.0, np.stack([batch, others]))
    if rate is not None and np.any(request.prefill_first):
        one = np.minimum(request.uncached_tokens, token_room)
        decode_s, one_s = request.step_s(np.stack([batch, beside[0]]), np.stack([none, one]))
        runs = prefill_runs(rate, np.where(decodes, decode_s, 0.0), one_s, prefills_per_step)
        share = np.where(request.prefill_first, runs, share)
    tokens = prefills_per_step * request.uncached_tokens / share
    last = request.uncached_tokens - (chunks - 1.0) * token_room
    last = np.minimum(last + prefills_per_step * request.uncached_tokens, token_room)
    # Together, as a call takes longer than a few hundred rows in it.
    decode_s, prefill_s, full_s, last_s = request.step_s(
        np.stack([batch, beside[0], beside[1], beside[1]]),
        np.stack([none, np.minimum(tokens, token_room), token_room, last]),
    )
    decode_s = np.where(decodes, decode_s, 0.0)
    prefill_s = prefill_s * np.where(request.prefill_first, np.maximum(tokens / token_room, 1.0), 1.0)
    own_prefill_s = last_s + (chunks - 1.0) * full_s
    decode_share = np.where(request.prefill_first, 1.0, 1.0 - share)
    mean_s = decode_share * decode_s + share * prefill_s
    return _Steps(decode_s, prefill_s, share, full_s, own_prefill_s, mean_s, decode_share)


@dataclass(frozen=True, slots=True)
class _PrefillQueue:
    """The prompts of a closed loop, counted in iterations."""

    prefills_per_step: Floats
    decoding: Floats
    token_room: Floats
    service: Floats
    queued: Floats
    """Iterations that a prompt waits for the prompts before it."""
    prefill_steps: Floats
    """Iterations from a request's first step to its first token; 0 where prefill goes first."""


def _prefill_queue(
    request: RequestWork, batch: Floats, waited: Floats, prefill_steps: Floats
) -> _PrefillQueue:
    """One round of the fixed point: how many prompts start per iteration, and how they queue."""
    others = np.maximum(batch - 1.0, 0.0)
    steps = request.decode_steps
    prefills_per_step = others / np.maximum(steps + waited + prefill_steps, TINY)
    decoding = prefills_per_step * steps
    token_room = np.maximum(request.token_budget - np.where(request.prefill_first, 0.0, decoding), 1.0)
    service = request.uncached_tokens / token_room
    load = np.minimum(prefills_per_step * service, 1.0)
    whole = np.ceil(service)
    chunks = np.where(request.unchunked, whole, whole + load * (service + 1.0 - whole))
    # A closed queue of prompts: mean value analysis with constant service times.
    away = steps + waited + chunks - service
    b = away - service * batch
    c = -service * away + 0.5 * service**2 * others
    through = 0.5 * (np.sqrt(np.maximum(b**2 - 4.0 * c, 0.0)) - b)
    queued = np.maximum(through - service, 0.0)
    prefill_steps = np.where(request.prefill_first, 0.0, queued + chunks)
    return _PrefillQueue(prefills_per_step, decoding, token_room, service, queued, prefill_steps)


def closed_loop(request: RequestWork, batch: Floats, request_waiting: Bools) -> RequestTimes:
    """Times with always `batch` requests in the engine, the request itself included.

    request_waiting: the next request already waits when one leaves; otherwise it is sent at that moment, and
    arrives while the next step runs.
    """
    batch = np.maximum(batch, TINY)
    busy = np.where(request_waiting, 0.0, np.minimum(np.maximum(batch - 1.0, 0.0), 1.0))
    waited, prefill_steps = busy, np.where(request.prefill_first, 0.0, 1.0)
    # Where requests wait for admission no request waits for a step, and step times do not feed back.
    for _ in range(1 if np.all(request_waiting) else _TIMED_ROUNDS):
        for _ in range(_ROUNDS):
            queue = _prefill_queue(request, batch, waited, prefill_steps)
            prefill_steps = queue.prefill_steps
        per_step, service = queue.prefills_per_step, queue.service
        s = _steps(request, queue.decoding, per_step, service, queue.token_room)
        # Where prefill goes first, prompts that come together are prefilled together as far as the budget
        # allows.
        grouped = np.maximum((1.0 + 0.5 * per_step) * service, 1.0) - 1.0
        behind = np.where(request.prefill_first, grouped, queue.queued)
        # A request arrives when a step has just begun; an overhead hides behind the rest of that step.
        step_s = (1.0 - s.prefill_share) * s.decode_s + s.prefill_share * s.prefill_s
        running_s = np.maximum(step_s - request.overhead_s, 0.5 * step_s) + request.async_scheduling * step_s
        wait_s = np.where(request_waiting, 0.0, request.overhead_s + busy * running_s)
        waited = np.where(request_waiting, 0.0, np.minimum(wait_s / np.maximum(s.mean_s, TINY), 1e9))
    cycle = np.maximum(request.decode_steps + waited + prefill_steps, TINY)
    return RequestTimes(
        wait_s=wait_s,
        prefill_s=s.own_prefill_s + behind * s.full_s,
        tpot_s=s.mean_s,
        decode_batch=batch * request.decode_steps / cycle,
        decode_step_s=s.decode_s,
        prefill_step_s=s.prefill_s,
        prefill_step_share=s.prefill_share,
        prefills_per_step=per_step,
        prefill_queue_s=behind * s.full_s,
        token_room=queue.token_room,
    )


@dataclass(frozen=True, slots=True)
class _OpenLoop:
    """An open loop of `rate` requests per second on each engine."""

    request: RequestWork
    rate: Floats
    gap_variation: Floats
    max_batch: Floats

    def token_room(self, others: Floats) -> Floats:
        request = self.request
        return np.maximum(request.token_budget - np.where(request.prefill_first, 0.0, others), 1.0)

    def at(self, interval_s: Floats) -> tuple[_Steps, Floats, Floats, Floats]:
        """(iterations, others decoding, wait for the prefill, what TPOT exceeds an iteration by), if a
        sequence produced a token every `interval_s`."""
        request, rate = self.request, self.rate
        others = np.minimum(rate * request.decode_steps * interval_s, self.max_batch)
        token_room = self.token_room(others)
        service = request.uncached_tokens / token_room
        first = _steps(request, others, rate * interval_s, service, token_room, rate)
        per_step = rate * np.minimum(first.mean_s, interval_s)
        s = _steps(request, others, per_step, service, token_room, rate)
        # Prompts queue as at one server (Pollaczek–Khinchine); arrivals go on while a long step runs.
        busy = np.minimum(rate * service * s.full_s, _MAX_BUSY)
        variation = self.gap_variation + request.prompt_variation
        queue_s = variation * busy / (2.0 * (1.0 - busy)) * service * s.full_s
        # A sequence starts to decode with the prompts behind it that came meanwhile, which are more than at a
        # random iteration: prompts queue during long iterations.
        per_prompt_s = np.maximum(s.mean_s - s.decode_s, 0.0) / np.maximum(per_step, TINY)
        behind = rate * np.maximum(s.own_prefill_s + queue_s - s.mean_s, 0.0)
        more_s = per_prompt_s * behind / (1.0 - np.minimum(rate * per_prompt_s, _MAX_SLOWDOWN))
        # Nothing is slower than a full step every time.
        most_s = np.maximum(s.full_s - s.mean_s, 0.0)
        extra_s = np.minimum(more_s / np.maximum(request.decode_steps, 1.0), most_s)
        return s, others, queue_s, np.where(request.decode_steps > 0, extra_s, 0.0)

    def excess(self, log_interval_s: Floats) -> Floats:
        """Log of the interval between tokens that follows ÷ the interval assumed."""
        s, _, _, extra_s = self.at(np.exp(log_interval_s))
        # Iterations without prefill hold few of the sequences that this keeps longer: half are counted.
        return np.asarray(np.log(np.maximum(s.mean_s + 0.5 * extra_s, TINY)) - log_interval_s)

    def interval_s(self) -> Floats:
        """Seconds between two tokens of a sequence: where `excess` is zero."""
        request, rate = self.request, self.rate
        least = request.step_s(np.ones_like(rate), np.zeros_like(rate))
        fewest = np.maximum(rate * np.maximum(request.decode_steps, 1.0), TINY)
        low, high = np.log(least), np.log(np.maximum(self.max_batch / fewest, 2.0 * least))
        below, above = self.excess(low), self.excess(high)
        for step in range(_SEARCH_STEPS):
            # Halving is safe; near the solution the chord is fast, and smooth for a fit. The end that stays
            # counts half (the Illinois rule), so that the other end moves too.
            chord = low + (high - low) * np.clip(below / np.maximum(below - above, TINY), 0.02, 0.98)
            halve = (step < _HALVINGS) | (below <= 0) | (above > 0)
            middle = np.where(halve, 0.5 * (low + high), chord)
            here = self.excess(middle)
            longer = here > 0
            below, above = np.where(longer, here, 0.5 * below), np.where(longer, 0.5 * above, here)
            low, high = np.where(longer, middle, low), np.where(longer, high, middle)
        return np.exp(high)


def open_loop(request: RequestWork, rate: Floats, gap_variation: Floats, max_batch: Floats) -> RequestTimes:
    """Times with `rate` requests per second, however many then are in the engine; about `max_batch` at most.

    gap_variation: squared coefficient of variation of the gaps between arrivals; 1 = Poisson.
    """
    loop = _OpenLoop(request, rate, gap_variation, max_batch)
    s, others, queue_s, extra_s = loop.at(loop.interval_s())
    # The number of other requests in the engine is about Poisson.
    busy = -np.expm1(-others - rate * s.own_prefill_s)
    decoding = rate * request.decode_steps * s.mean_s
    return RequestTimes(
        wait_s=request.overhead_s + busy * (s.residual_s + request.async_scheduling * s.mean_s),
        prefill_s=s.own_prefill_s + queue_s,
        tpot_s=s.mean_s + extra_s,
        decode_batch=decoding / np.maximum(-np.expm1(-decoding), TINY),
        decode_step_s=s.decode_s,
        prefill_step_s=s.prefill_s,
        prefill_step_share=s.prefill_share,
        prefills_per_step=rate * s.mean_s,
        prefill_queue_s=queue_s,
        token_room=loop.token_room(others),
    )
