"""Means that one replica shows under a load, in closed form: arrays in, arrays out.

A continuous-batching engine with B sequences in flight does iterations of one token each; a prompt
that joins lengthens the iteration it joins. During the `output` iterations of one request each of the
B − 1 others starts once, so that

    TPOT = s(B) + (B − 1) / output × (s(B and a prompt) − s(B))

with s the step time. Percentiles, bursts and preemption are `simulate`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advisor.cost.cells import BATCH, MAXIMUM, RATE, SINGLE, Cells
from advisor.cost.features import DeploymentArrays, Floats
from advisor.cost.memory import sequence_bytes
from advisor.cost.steptime import Coefficients, Parts, parts

_FIXED_POINT_STEPS = 2
_BISECTIONS = 12
GROWN_V0 = 1.0
GROWN_V1 = 0.6
"""Share of its answer that a sequence holds in the cache when the cache is what limits the batch: V0
benchmarks run in step, so that all are long at once; with V1's staggered arrivals half would do, were
it not for preemption."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Per cell; seconds. NaN latency marks a load beyond capacity, which has none."""

    ttft_s: Floats
    tpot_s: Floats
    e2e_s: Floats
    requests_per_s: Floats
    capacity_requests_per_s: Floats
    batch: Floats
    """Sequences in flight."""
    batch_limit: Floats
    """The most that memory and `max_num_seqs` allow; below 1: not even one request fits."""
    decode: Parts
    """Of a decode iteration."""
    prefill: Parts
    """Of one prompt alone."""


def batch_limit(a: DeploymentArrays, kv_bytes: Floats, cells: Cells) -> Floats:
    """Sequences of a cell's lengths that one replica can hold at once."""
    d = cells.deployment
    grown = np.where(np.array([g == "v0" for g in a.generation])[d], GROWN_V0, GROWN_V1)
    store, window, state = a.kv_store_bytes[d], a.kv_window[d], a.sequence_state_bytes[d]
    whole = cells.input_tokens + cells.output_tokens
    one = sequence_bytes(store, window, state, whole)
    held = sequence_bytes(store, window, state, cells.input_tokens + grown * cells.output_tokens)
    room = np.maximum(kv_bytes[d], 0.0)
    fits = np.where(one > 0, room / np.maximum(one, 1.0), np.inf)
    many = np.where(held > 0, room / np.maximum(held, 1.0), np.inf)
    # What holds one whole sequence holds at least one; what does not holds none.
    return np.asarray(np.where(fits < 1.0, fits, np.minimum(np.maximum(many, 1.0), a.max_num_seqs[d])))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A cell's work with its deployment's coefficients, one row each."""

    c: Coefficients
    prompt: Floats
    """Tokens to compute (after the prefix cache)."""
    cached: Floats
    output: Floats
    budget: Floats
    stages: Floats

    @property
    def chunk(self) -> Floats:
        return np.asarray(np.minimum(self.prompt, self.budget))

    @property
    def chunks(self) -> Floats:
        return np.asarray(np.maximum(1.0, self.prompt / np.maximum(self.budget, 1.0)))

    def take(self, index: np.ndarray) -> _Asked:
        return _Asked(
            self.c.take(index),
            self.prompt[index],
            self.cached[index],
            self.output[index],
            self.budget[index],
            self.stages[index],
        )

    def step(self, sequences: Floats, context: Floats, with_prompt: bool) -> Parts:
        zero = np.zeros_like(sequences)
        if not with_prompt:
            return parts(self.c, sequences, context, zero, zero, zero)
        attends = self.cached + self.prompt / 2
        return parts(self.c, sequences, context, self.chunk, attends, 1.0 / self.chunks)

    def decode(self, sequences: Floats) -> tuple[Floats, Parts]:
        """Mean time of an iteration that only decodes, over the life of a request."""
        first = self.cached + self.prompt
        context = first + self.output / 2
        made = self.step(sequences, context, with_prompt=False)
        graphed = made.total_s - made.eager_s
        # Without CUDA graphs beyond their limit (V0): only the share of the answer that lies there.
        beyond = np.clip((first + self.output - np.maximum(first, self.c.graph_limit)) / self.output, 0, 1)
        slower = np.maximum(self.c.eager_s - (graphed - self.c.step_s), 0.0)
        return graphed + beyond * slower, made


@dataclass(frozen=True, slots=True)
class _Full:
    """`sequences` in flight, for ever; seconds."""

    iteration: Floats
    """Mean iteration if prompts could join as fast as places come free."""
    tpot: Floats
    """The same with the token budget kept: what one request sees between its tokens."""
    prompt: Floats
    """All iterations of one's own prompt."""


def _closed(asked: _Asked, sequences: Floats, prompts_per_client: Floats | float = np.inf) -> _Full:
    per_stage = np.maximum(sequences / asked.stages, 1.0)
    context = asked.cached + asked.prompt + asked.output / 2
    plain, _ = asked.decode(per_stage)
    # In a run of a few waves the first wave's prompts join before anyone decodes.
    others = np.maximum(sequences - 1.0, 0.0) * (1.0 - 1.0 / np.maximum(prompts_per_client, 1.0))
    beside = np.maximum(per_stage - 1.0, 0.0)
    with_prompt = asked.step(beside, context, with_prompt=True).total_s
    without = asked.step(beside, context, with_prompt=False).total_s
    # Alone, there is no iteration to join: a prompt's whole iteration is its cost.
    joined = np.maximum(with_prompt - np.where(beside > 0, without, 0.0), 0.0)
    iteration = plain + others / asked.output * joined * asked.chunks / asked.stages
    # An iteration never takes more prompt tokens than the budget: short answers wait for it before
    # their first token, not between tokens.
    fullest = plain + joined * asked.budget / asked.chunk
    return _Full(iteration, np.minimum(iteration, fullest), with_prompt * asked.chunks)


def _batch_at_rate(asked: _Asked, requests_per_s: Floats, top: Floats) -> Floats:
    """Sequences in flight that serve `requests_per_s` (Little's law); `top` where even that is too few."""
    steps = asked.output - 1.0

    def log_surplus(batch: Floats) -> Floats:
        full = _closed(asked, batch)
        return np.log(batch / (full.prompt + steps * full.iteration) / requests_per_s)

    low, high = np.full(len(top), np.log(1e-3)), np.log(top)
    below, above = log_surplus(np.exp(low)), log_surplus(np.exp(high))
    for turn in range(_BISECTIONS):
        # Halving is safe, the chord is fast and leaves no steps for a fit to stumble over.
        chord = low - below * (high - low) / np.where(above != below, above - below, 1.0)
        middle = np.clip(chord, low, high) if turn >= _BISECTIONS // 2 else (low + high) / 2
        surplus = log_surplus(np.exp(middle))
        short = surplus < 0
        low, below = np.where(short, middle, low), np.where(short, surplus, below)
        high, above = np.where(short, high, middle), np.where(short, above, surplus)
    return np.asarray(np.exp(np.where(np.abs(below) < np.abs(above), low, high)))


def means(a: DeploymentArrays, coefficients: Coefficients, kv_bytes: Floats, cells: Cells) -> Means:
    """Mean latencies and throughput of each cell; `kv_bytes` per GPU, shape (D,)."""
    d = cells.deployment
    hit = cells.prefix_hit_rate
    asked = _Asked(
        coefficients.take(d),
        np.maximum(cells.input_tokens * (1.0 - hit), 1.0),
        cells.input_tokens * hit,
        np.maximum(cells.output_tokens, 1.0),
        a.max_num_batched_tokens[d],
        a.pipeline_parallel[d],
    )
    limit = batch_limit(a, kv_bytes, cells)
    top = np.maximum(limit, 1.0)
    steps = asked.output - 1.0
    kind = cells.kind

    at_top = _closed(asked, top)
    # With the batch always full a request holds its place from its own prompt's start to its last token.
    full_s = at_top.prompt + steps * at_top.iteration
    capacity = top / full_s

    batch = np.minimum(np.where(kind == MAXIMUM, np.inf, cells.level), top)
    rated = np.flatnonzero(kind == RATE)
    backlogged = np.zeros(len(cells), dtype=bool)
    if len(rated):
        backlogged[rated] = cells.level[rated] >= capacity[rated]
        batch[rated] = _batch_at_rate(asked.take(rated), cells.level[rated], top[rated])

    waves = cells.prompts_per_client
    decoding = batch
    for _ in range(_FIXED_POINT_STEPS):
        full = _closed(asked, decoding, waves)
        share = steps * full.iteration / np.maximum(steps * full.iteration + full.prompt, 1e-12)
        decoding = np.where((kind == MAXIMUM) | (kind == BATCH) | (batch <= 1), batch, batch * share)
    full = _closed(asked, decoding, waves)
    tpot, prompt = full.tpot, full.prompt + steps * (full.iteration - full.tpot)

    # A closed loop's next request comes while an iteration runs, and waits for its end.
    wait = np.where((kind == SINGLE) | (batch <= 1), 0.0, 0.5 * tpot)
    alone = asked.step(np.zeros(len(cells)), np.zeros(len(cells)), with_prompt=True)
    burst_each = asked.chunks * (alone.total_s - asked.c.fixed_s)
    together = np.minimum(np.where(np.isfinite(cells.level), cells.level, top), top)
    burst = (together - 1.0) / 2.0 * burst_each / np.maximum(cells.prompts_per_client, 1.0)
    queue = np.where(
        (kind != RATE) & np.isfinite(cells.level), np.maximum(cells.level / top - 1.0, 0.0) * full_s, 0.0
    )
    ttft = asked.c.request_s + wait + prompt + np.where(kind == RATE, 0.0, burst) + queue
    if (kind == BATCH).any():
        plain, _ = asked.decode(np.maximum(batch / asked.stages, 1.0))
        static = asked.c.request_s + alone.total_s * asked.chunks + (batch - 1.0) * burst_each
        ttft = np.where(kind == BATCH, static, ttft)
        tpot = np.where(kind == BATCH, plain, tpot)
    e2e = ttft + steps * tpot
    # A static batch that does not fit at once goes through as places come free.
    e2e = np.where((kind == BATCH) & (cells.level > top), np.maximum(e2e, cells.level / capacity), e2e)
    clients = np.where(np.isfinite(cells.level), cells.level, top)
    served = np.select(
        [kind == RATE, kind == MAXIMUM],
        [np.minimum(cells.level, capacity), capacity],
        np.minimum(clients / np.maximum(e2e, 1e-12), np.where(kind == BATCH, np.inf, capacity)),
    )
    none = backlogged | (limit < 1.0)
    unknown = np.where(none, np.nan, 1.0)
    queued = np.where(kind == MAXIMUM, np.nan, unknown)  # all wait from the start: no TTFT to speak of
    _, made = asked.decode(np.maximum(decoding / asked.stages, 1.0))
    return Means(
        ttft_s=ttft * queued,
        tpot_s=tpot * unknown,
        e2e_s=e2e * queued,
        requests_per_s=np.where(limit < 1.0, np.nan, served),
        capacity_requests_per_s=np.where(limit < 1.0, np.nan, capacity),
        batch=batch,
        batch_limit=limit,
        decode=made,
        prefill=alone,
    )
