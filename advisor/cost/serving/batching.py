"""One request's way through the engine, from the mean state that the others keep it in.

Seen from one request among B in the engine, each of the others joins once in its own number of
iterations, and a prompt that joins lengthens the iteration it joins. Iterations with and without
prompts are kept apart, because a step's time is not linear in its tokens: prompt tokens are nearly free
until they fill what reading the weights leaves idle. All arrays have one entry per cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advisor.cost.arrays import ArrayTable, Bools, Floats
from advisor.cost.serving.engine import StepTime

_ROUNDS = 6
"""Of the fixed point in iterations, which is arithmetic alone."""
_TIMED_ROUNDS = 2
"""Of the same with step times: they only feed back through the request overhead."""
_TURNS, _HALVINGS = 8, 3
TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one request asks of its engine."""

    step: StepTime
    fresh: Floats
    """Prompt tokens to compute."""
    uneven: Floats
    """Squared coefficient of variation of prompts' lengths."""
    steps: Floats
    """Decode steps: the first token comes with the prompt."""
    decode_context: Floats
    """Tokens a decode step attends to, averaged over all steps of all requests."""
    prompt_context: Floats
    """The same for a prompt token."""
    budget: Floats
    whole: Bools
    """Prompts are not cut."""
    apart: Bools
    """Prompts have steps of their own (V0)."""
    ahead: Floats
    """1: a step is settled before the step before it ends."""
    overhead_s: Floats

    def step_s(self, sequences: Floats, tokens: Floats) -> Floats:
        """A step that decodes `sequences` beside `tokens` prompt tokens."""
        context = np.where(sequences > 0, self.decode_context, 0.0)
        attended = np.where(tokens > 0, self.prompt_context, 0.0)
        return self.step.step_s(sequences, context, tokens, attended)

    def prompt_step_s(self, sequences: Floats, tokens: Floats) -> Floats:
        """The same, but without the sequences where prompts go apart."""
        return self.step_s(np.where(self.apart, 0.0, sequences), tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside(ArrayTable):
    """Means of one request; seconds."""

    wait_s: Floats
    """From sending to its first step, request overhead included."""
    prompt_s: Floats
    """From there to its first token."""
    tpot_s: Floats
    decode_batch: Floats
    """Sequences in a step that decodes."""
    # what it is made of
    plain_s: Floats
    """A step that only decodes."""
    mixed_s: Floats
    """A step in which prompts joined."""
    mixed_share: Floats
    """Share of steps that are such; with prompts apart, per decode step."""
    joins: Floats
    """Prompts of others that join per decode step."""
    queue_s: Floats
    """Of `prompt_s`: for the prompts of others before one's own."""
    room: Floats
    """Prompt tokens that a step has room for."""


@dataclass(frozen=True, slots=True)
class _Steps:
    """Times of the kinds of iteration."""

    plain: Floats
    """Decode alone."""
    mixed: Floats
    """With the prompts that joined, where at least one did."""
    some: Floats
    """Share of iterations that have a prompt; with prompts apart: prompt steps per decode step."""
    full: Floats
    own: Floats
    """One's own prompt, with those that join at the same moment."""
    mean: Floats
    """Per decode step, with the prompts between."""

    plain_share: Floats
    """Decode-only iterations per iteration (per decode step, with prompts apart)."""

    @property
    def residual(self) -> Floats:
        """What is left, on average, of the step that runs at a random moment."""
        squares = self.plain_share * self.plain**2 + self.some * self.mixed**2
        return np.asarray(0.5 * squares / np.maximum(self.mean, TINY))


def _steps(
    w: Work, others: Floats, joins: Floats, service: Floats, room: Floats, rate: Floats | None = None
) -> _Steps:
    """others: of them decoding beside oneself. joins: prompts that join per decode step. rate: of an
    open loop, whose requests come during prompt steps too."""
    chunks = np.ceil(service)
    now = np.where(w.steps > 0, 1.0 + others, 0.0)
    some = np.clip(np.maximum(joins * service, -np.expm1(-joins * chunks)), TINY, 1.0)
    plain = np.where(w.steps > 0, w.step_s(now, np.zeros_like(now)), 0.0)
    if rate is not None and np.any(w.apart):
        # Whoever comes during a prompt step is prompted before anyone decodes again, and so on.
        one = w.prompt_step_s(now, np.minimum(w.fresh, room))
        in_a_row = -np.expm1(-rate * plain) * np.exp(np.minimum(rate * one, 10.0))
        some = np.where(w.apart, np.clip(in_a_row, TINY, np.maximum(joins, TINY)), some)
    tokens = joins * w.fresh / some
    mixed = w.prompt_step_s(now, np.minimum(tokens, room))
    mixed = mixed * np.where(w.apart, np.maximum(tokens / room, 1.0), 1.0)
    full = w.prompt_step_s(others, room)
    rest = w.fresh - (chunks - 1.0) * room
    own = w.prompt_step_s(others, np.minimum(rest + joins * w.fresh, room)) + (chunks - 1.0) * full
    plain_share = np.where(w.apart, 1.0, 1.0 - some)
    return _Steps(plain, mixed, some, full, own, plain_share * plain + some * mixed, plain_share)


def closed(w: Work, batch: Floats, at_door: Bools) -> Inside:
    """With always `batch` requests in the engine, oneself included.

    at_door: the next request waits already when one leaves; else it is sent then, and comes while the
    next step runs.
    """
    batch = np.maximum(batch, TINY)
    others = np.maximum(batch - 1.0, 0.0)
    busy = np.where(at_door, 0.0, np.minimum(others, 1.0))
    waited, worked = busy, np.where(w.apart, 0.0, 1.0)
    # At the door nobody waits for a step, and what a step takes does not feed back.
    for _ in range(1 if np.all(at_door) else _TIMED_ROUNDS):
        for _ in range(_ROUNDS):
            # Counted in iterations: how many of the others join per iteration, how the prompts queue.
            joins = others / np.maximum(w.steps + waited + worked, TINY)
            decoding = joins * w.steps
            room = np.maximum(w.budget - np.where(w.apart, 0.0, decoding), 1.0)
            service = w.fresh / room
            load = np.minimum(joins * service, 1.0)
            whole = np.ceil(service)
            chunks = np.where(w.whole, whole, whole + load * (service + 1.0 - whole))
            # A closed queue of prompts: mean value analysis with constant service times.
            away = w.steps + waited + chunks - service
            b = away - service * batch
            c = -service * away + 0.5 * service**2 * others
            through = 0.5 * (np.sqrt(np.maximum(b**2 - 4.0 * c, 0.0)) - b)
            queued = np.maximum(through - service, 0.0)
            worked = np.where(w.apart, 0.0, queued + chunks)
        s = _steps(w, decoding, joins, service, room)
        # Apart, prompts that come together go together as far as the budget lets them.
        behind = np.where(w.apart, np.maximum((1.0 + 0.5 * joins) * service, 1.0) - 1.0, queued)
        # It comes when a step has just begun; an overhead hides behind what is left of that step.
        step = (1.0 - s.some) * s.plain + s.some * s.mixed
        running = np.maximum(step - w.overhead_s, 0.5 * step) + w.ahead * step
        wait_s = np.where(at_door, 0.0, w.overhead_s + busy * running)
        waited = np.where(at_door, 0.0, np.minimum(wait_s / np.maximum(s.mean, TINY), 1e9))
    cycle = np.maximum(w.steps + waited + worked, TINY)
    return Inside(
        wait_s=wait_s,
        prompt_s=s.own + behind * s.full,
        tpot_s=s.mean,
        decode_batch=batch * w.steps / cycle,
        plain_s=s.plain,
        mixed_s=s.mixed,
        mixed_share=s.some,
        joins=joins,
        queue_s=behind * s.full,
        room=room,
    )


def opened(w: Work, rate: Floats, gap_variation: Floats, top: Floats) -> Inside:
    """With `rate` requests per second, however many they make; at most about `top` in the engine.

    gap_variation: squared coefficient of variation of the gaps; 1 = Poisson.
    """

    def room_beside(others: Floats) -> Floats:
        return np.maximum(w.budget - np.where(w.apart, 0.0, others), 1.0)

    def at(apart_s: Floats) -> tuple[_Steps, Floats, Floats, Floats]:
        """(iterations, others decoding, queue for the prompt, what TPOT exceeds an iteration by), if
        tokens came `apart_s` apart."""
        others = np.minimum(rate * w.steps * apart_s, top)
        room = room_beside(others)
        service = w.fresh / room
        first = _steps(w, others, rate * apart_s, service, room, rate)
        joins = rate * np.minimum(first.mean, apart_s)
        s = _steps(w, others, joins, service, room, rate)
        # Prompts queue as at one server (Pollaczek–Khinchine); arrivals go on while a long step runs.
        busy = np.minimum(rate * service * s.full, 0.999)
        queue_s = (gap_variation + w.uneven) * busy / (2.0 * (1.0 - busy)) * service * s.full
        # A sequence starts to decode with those prompts behind it that came meanwhile, more than a
        # random iteration finds: long iterations are where prompts queue.
        per_prompt = np.maximum(s.mean - s.plain, 0.0) / np.maximum(joins, TINY)
        behind = rate * np.maximum(s.own + queue_s - s.mean, 0.0)
        more = per_prompt * behind / (1.0 - np.minimum(rate * per_prompt, 0.99))
        # Nothing is slower than having a full step every time.
        extra = np.minimum(more / np.maximum(w.steps, 1.0), np.maximum(s.full - s.mean, 0.0))
        return s, others, queue_s, np.where(w.steps > 0, extra, 0.0)

    def excess(log_apart: Floats) -> Floats:
        """log of what tokens would be apart ÷ what they are taken to be."""
        s, _, _, extra = at(np.exp(log_apart))
        # Of the sequences that this keeps longer, iterations without a prompt see few: half are counted.
        return np.log(np.maximum(s.mean + 0.5 * extra, TINY)) - log_apart

    least = w.step_s(np.ones_like(rate), np.zeros_like(rate))
    most = np.maximum(top / np.maximum(rate * np.maximum(w.steps, 1.0), TINY), 2.0 * least)
    low, high = np.log(least), np.log(most)
    below, above = excess(low), excess(high)
    for turn in range(_TURNS):
        # Halving is safe; once it is near, the chord is fast, and smooth for a fit. The end that stays is
        # taken for half of what it is (Illinois), so that the other one moves too.
        chord = low + (high - low) * np.clip(below / np.maximum(below - above, TINY), 0.02, 0.98)
        middle = np.where((turn < _HALVINGS) | (below <= 0) | (above > 0), 0.5 * (low + high), chord)
        here = excess(middle)
        longer = here > 0
        below, above = np.where(longer, here, 0.5 * below), np.where(longer, 0.5 * above, here)
        low, high = np.where(longer, middle, low), np.where(longer, high, middle)
    high = np.exp(high)
    s, others, queue_s, extra = at(high)
    busy = -np.expm1(-others - rate * s.own)  # the others in the engine are about Poisson
    decoding = rate * w.steps * s.mean
    return Inside(
        wait_s=w.overhead_s + busy * (s.residual + w.ahead * s.mean),
        prompt_s=s.own + queue_s,
        tpot_s=s.mean + extra,
        decode_batch=decoding / np.maximum(-np.expm1(-decoding), TINY),
        plain_s=s.plain,
        mixed_s=s.mixed,
        mixed_share=s.some,
        joins=rate * s.mean,
        queue_s=queue_s,
        room=room_beside(others),
    )
