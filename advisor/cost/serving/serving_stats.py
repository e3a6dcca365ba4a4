"""Means that one replica shows under a load, in closed form: arrays in, arrays out.

A lone request and a static batch are sums of steps. All else is a queue before an engine that batches as
it goes: `steady` in the long run, `whole_run` as a benchmark of so many requests per client reports it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from advisor.cost.arrays import ArrayTable, Floats
from advisor.cost.serving.batching import TINY
from advisor.cost.serving.benchmark_run import run_of, whole_run
from advisor.cost.serving.load_table import BATCH, CONCURRENCY, MAXIMUM, RATE, SINGLE, Cells
from advisor.cost.serving.replica import engines, loads
from advisor.cost.serving.steady_state import (
    Engines,
    Loads,
    Steady,
    batch_limit,
    capacity_requests_per_s,
    steady_state,
)
from advisor.cost.step.step_time import Coefficients, Parts, parts
from advisor.cost.step.work import DeploymentArrays


@dataclass(frozen=True, slots=True)
class Known:
    """What the queue of each cell settles to, where somebody has worked it out."""

    engines: Engines
    loads: Loads
    steady: Steady


@dataclass(frozen=True, slots=True, kw_only=True)
class Means(ArrayTable):
    """Per cell; seconds. NaN latency marks a load beyond capacity, which has none."""

    ttft_s: Floats
    tpot_s: Floats
    e2e_s: Floats
    requests_per_s: Floats
    capacity_requests_per_s: Floats
    batch: Floats
    """Sequences in flight."""
    decode_batch: Floats
    """Sequences in a step that decodes."""
    batch_limit: Floats
    """The most that memory and `max_num_seqs` allow; below 1: not even one request fits."""
    kv_use: Floats
    """Share of the KV cache in use."""
    saturated: Floats
    """1: more requests than the batch holds wait for a place in it."""


def means(
    a: DeploymentArrays,
    coefficients: Coefficients,
    kv_bytes: Floats,
    cells: Cells,
    *,
    capacity: bool = True,
    known: Known | None = None,
) -> Means:
    """Mean latencies and throughput of each cell; `kv_bytes` per GPU, shape (D,).

    capacity: also that of cells which show no batching; else it is NaN there, for half the work.
    known: of these very cells; saves the work again.
    """
    alone = np.isin(cells.kind, (SINGLE, BATCH))
    open_loop, full = cells.kind == RATE, cells.kind == MAXIMUM
    found = {name: np.full(len(cells), np.nan) for name in Means.__dataclass_fields__}
    # Apart, because each kind needs only a part of the queue's arithmetic.
    for chosen in (alone, open_loop, full, ~(alone | open_loop | full)):
        rows = np.flatnonzero(chosen)
        if not len(rows):
            continue
        here = cells.take(rows)
        part = (
            _alone(a, coefficients, kv_bytes, here, capacity)
            if alone[rows[0]]
            else _queued(
                a, here, queue(a, coefficients, kv_bytes, here, known if len(rows) == len(cells) else None)
            )
        )
        for name, values in found.items():
            values[rows] = getattr(part, name)
    return Means(**found)


CROWDED = 0.7
"""Share of its capacity from which an open loop is a crowd: a queue grows as 1/(1 - share), so that from
there on a capacity off by a tenth moves the slowest first tokens twofold and more."""
FULL = 0.95
"""The same of a closed loop: its clients then wait for places in the batch."""


def crowded(m: Means, cells: Cells) -> npt.NDArray[np.bool_]:
    """Whether requests come so fast that how long they queue hangs on the last tenths of the capacity."""
    most = np.where(cells.kind == RATE, CROWDED, FULL)
    with np.errstate(invalid="ignore"):
        calm = m.requests_per_s < most * m.capacity_requests_per_s
    return np.asarray(np.isin(cells.kind, (RATE, CONCURRENCY)) & ~calm)


def queue(
    a: DeploymentArrays, c: Coefficients, kv_bytes: Floats, cells: Cells, known: Known | None = None
) -> Steady:
    """What the queue before each cell's engine settles to, or a run of it reports; not of static batches."""
    endless = np.isinf(cells.prompts_per_client).all()
    if known is not None:
        if endless:
            return known.steady
        return run_of(known.steady, known.engines, known.loads, cells.prompts_per_client)
    engine, asked = engines(a, c, kv_bytes, cells), loads(a, cells)
    return steady_state(engine, asked) if endless else whole_run(engine, asked, cells.prompts_per_client)


def _queued(a: DeploymentArrays, cells: Cells, m: Steady) -> Means:
    stages = a.pipeline_parallel[cells.deployment]
    known = np.where(m.backlogged | (m.batch_limit < 1.0), np.nan, 1.0)
    timed = np.where(cells.kind == MAXIMUM, np.nan, known)  # all wait from the start: no TTFT to speak of
    fits = np.where(m.batch_limit < 1.0, np.nan, 1.0)
    with np.errstate(invalid="ignore"):
        return Means(
            ttft_s=m.ttft_s * timed,
            tpot_s=m.tpot_s * known,
            e2e_s=m.e2e_s * timed,
            requests_per_s=m.requests_per_s * stages * fits,
            capacity_requests_per_s=m.capacity_requests_per_s * stages * fits,
            batch=m.batch * stages,
            decode_batch=m.decode_batch,
            batch_limit=m.batch_limit * stages,
            kv_use=m.kv_use * fits,
            saturated=m.saturated.astype(np.float64),
        )


def _alone(
    a: DeploymentArrays, coefficients: Coefficients, kv_bytes: Floats, cells: Cells, capacity: bool
) -> Means:
    """A lone request, or a batch whose sequences all start and decode together."""
    d = cells.deployment
    c, stages = coefficients.take(d), a.pipeline_parallel[d]
    engine = engines(a, coefficients, kv_bytes, cells)
    limit = batch_limit(engine, loads(a, cells)) * stages
    late = cells.level > limit
    rows = np.flatnonzero(np.ones_like(late) if capacity else late & (limit >= 1.0))
    most = np.full(len(cells), np.nan)
    if len(rows):
        some = cells.take(rows)
        served = capacity_requests_per_s(engines(a, coefficients, kv_bytes, some), loads(a, some))
        most[rows] = served * stages[rows]
    top = np.maximum(limit, 1.0)
    batch = np.minimum(cells.level, top)
    steps = np.maximum(cells.output_tokens, 1.0) - 1.0
    held = cells.input_tokens + 0.5 * cells.output_tokens

    prompt, chunks = prompt_parts(c, a.max_num_batched_tokens[d], cells)
    prompt_s = prompt.total_s * chunks
    # In one step with others a prompt costs what it computes, not what a step costs by itself.
    others_s = (batch - 1.0) * chunks * (prompt.total_s - c.fixed_s)
    tpot = _decode_s(c, np.maximum(batch / stages, 1.0), cells)
    ttft = c.request_s + prompt_s + np.where(cells.kind == BATCH, others_s, 0.0)
    e2e = ttft + steps * tpot
    # A batch that does not fit at once goes through as places come free.
    late = late & np.isfinite(most)
    e2e = np.where(late, np.maximum(e2e, cells.level / np.where(late, np.maximum(most, TINY), 1.0)), e2e)
    fits = np.where(limit < 1.0, np.nan, 1.0)
    return Means(
        ttft_s=ttft * fits,
        tpot_s=tpot * fits,
        e2e_s=e2e * fits,
        requests_per_s=cells.level / e2e * fits,
        capacity_requests_per_s=most * fits,
        batch=batch,
        decode_batch=batch / stages,
        batch_limit=limit,
        kv_use=np.minimum(batch * held / np.maximum(engine.kv_tokens * stages, 1.0), 1.0) * fits,
        saturated=(cells.level > top).astype(np.float64),
    )


def typical_steps(
    a: DeploymentArrays, coefficients: Coefficients, cells: Cells, found: Means
) -> tuple[Parts, Parts]:
    """(a step of a prompt by itself, a step that decodes) of each cell."""
    c = coefficients.take(cells.deployment)
    prompt, _ = prompt_parts(c, a.max_num_batched_tokens[cells.deployment], cells)
    return prompt, decode_parts(c, np.maximum(np.nan_to_num(found.decode_batch, nan=1.0), 1.0), cells)


def prompt_parts(c: Coefficients, budget: Floats, cells: Cells) -> tuple[Parts, Floats]:
    """(one step of a prompt by itself, how many such steps it takes)."""
    fresh = np.maximum(cells.input_tokens * (1.0 - cells.prefix_hit_rate), 1.0)
    cached = cells.input_tokens * cells.prefix_hit_rate
    chunks = np.maximum(1.0, fresh / np.maximum(budget, 1.0))
    none = np.zeros(len(cells))
    return parts(c, none, none, np.minimum(fresh, budget), cached + fresh / 2, 1.0 / chunks), chunks


def decode_parts(c: Coefficients, sequences: Floats, cells: Cells) -> Parts:
    """A step that only decodes `sequences`, in the middle of their answers."""
    none = np.zeros(len(cells))
    return parts(c, sequences, cells.input_tokens + cells.output_tokens / 2, none, none, none)


def _decode_s(c: Coefficients, sequences: Floats, cells: Cells) -> Floats:
    """Mean time of such a step over the life of a request."""
    made = decode_parts(c, sequences, cells)
    graphed = made.total_s - made.eager_s
    # Without CUDA graphs beyond their limit (V0): only the share of the answer that lies there.
    last = cells.input_tokens + cells.output_tokens
    beyond = np.clip((last - np.maximum(cells.input_tokens, c.graph_limit)) / cells.output_tokens, 0, 1)
    slower = np.maximum(c.eager_s - (graphed - c.step_s), 0.0)
    return np.asarray(graphed + beyond * slower)
