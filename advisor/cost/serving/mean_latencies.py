"""Mean latencies and throughput of one replica of each deployment under its load, in closed form.

A lone request and a static batch are sums of steps. All other loads are a queue before an engine that batches
continuously: `steady_state` in the long run, `closed_loop_benchmark` as a benchmark of so many requests per
client reports.
"""

from __future__ import annotations

import numpy as np

from advisor.cost.array_table import Floats, Ints
from advisor.cost.serving.engine_table import engine_table
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.percentiles_and_goodput import Queue
from advisor.cost.serving.request_times import TINY
from advisor.cost.serving.serving_stats import ServingStats
from advisor.cost.serving.steady_state import batch_limit, capacity_requests_per_s
from advisor.cost.step.deployment_work import DeploymentArrays
from advisor.cost.step.step_time import StepBreakdown, StepCosts, step_breakdown


def replica_stats(
    a: DeploymentArrays,
    costs: StepCosts,
    kv_bytes: Floats,
    loads: LoadTable,
    *,
    capacity: bool = True,
    queue: Queue | None = None,
) -> ServingStats:
    """Mean latencies and throughput of each row; kv_bytes: KV cache per GPU of each deployment.

    capacity: also of rows that show no batching; it is NaN there otherwise, for half the work. queue: of
    these very rows in the steady state, where it is known already.
    """
    alone = loads.is_kind("single", "batch")
    is_open, all_queued = loads.is_kind("rate"), loads.is_kind("maximum")
    rows: list[Ints] = []
    parts: list[ServingStats] = []
    # One kind at a time, because each needs only a part of the queue's arithmetic.
    for chosen in (alone, is_open, all_queued, ~(alone | is_open | all_queued)):
        at = np.flatnonzero(chosen)
        if not len(at):
            continue
        here = loads.take(at)
        rows.append(at)
        if alone[at[0]]:
            parts.append(_alone(a, costs, kv_bytes, here, capacity))
        else:
            known = queue if queue is not None and len(at) == len(loads) else None
            parts.append(_queued(a, costs, kv_bytes, here, known))
    if len(parts) == 1:
        return parts[0]
    table = parts[0]
    for part in parts[1:]:
        table = table.concatenate(part)
    return table.take(np.argsort(np.concatenate(rows), kind="stable"))


def _queued(
    a: DeploymentArrays, costs: StepCosts, kv_bytes: Floats, loads: LoadTable, queue: Queue | None
) -> ServingStats:
    known = queue or Queue.of(a, costs, kv_bytes, loads, with_start=False)
    stages = a.pipeline_parallel[loads.deployment]
    one_at_least = loads.is_kind("concurrency")
    busy = np.where(one_at_least, loads.level / np.where(one_at_least, known.loads.level, 1.0), stages)
    return known.benchmark().means().of_replica(stages, busy)


def _alone(
    a: DeploymentArrays, costs: StepCosts, kv_bytes: Floats, loads: LoadTable, capacity: bool
) -> ServingStats:
    """A lone request, or a batch whose sequences all start and decode together."""
    d = loads.deployment
    c, stages = costs.take(d), a.pipeline_parallel[d]
    engines, per_stage = engine_table(a, costs, kv_bytes, loads), loads.per_stage(stages)
    limit = batch_limit(engines, per_stage) * stages
    late = loads.level > limit
    rows = np.flatnonzero(np.ones_like(late) if capacity else late & (limit >= 1.0))
    most = np.full(len(loads), np.nan)
    if len(rows):
        some = loads.take(rows)
        served = capacity_requests_per_s(engine_table(a, costs, kv_bytes, some), some.per_stage(stages[rows]))
        most[rows] = served * stages[rows]
    top = np.maximum(limit, 1.0)
    batch = np.minimum(loads.level, top)
    steps = np.maximum(loads.output_tokens, 1.0) - 1.0
    held = loads.input_tokens + 0.5 * loads.output_tokens

    prompt, chunks = prefill_breakdown(c, a.max_num_batched_tokens[d], loads)
    prefill_s = prompt.total_s * chunks
    # In one step with others a prompt costs what it computes, not what a step costs by itself.
    others_s = (batch - 1.0) * chunks * (prompt.total_s - c.fixed_s)
    tpot = _decode_s(c, np.maximum(batch / stages, 1.0), loads)
    ttft = engines.request_overhead_s + prefill_s + np.where(loads.is_kind("batch"), others_s, 0.0)
    e2e = ttft + steps * tpot
    # A batch that does not fit at once goes through as places come free.
    late = late & np.isfinite(most)
    e2e = np.where(late, np.maximum(e2e, loads.level / np.where(late, np.maximum(most, TINY), 1.0)), e2e)
    fits = np.where(limit < 1.0, np.nan, 1.0)
    return ServingStats(
        ttft_s=ttft * fits,
        tpot_s=tpot * fits,
        e2e_s=e2e * fits,
        requests_per_s=loads.level / e2e * fits,
        capacity_requests_per_s=most * fits,
        batch=batch,
        decode_batch=batch / stages,
        batch_limit=limit,
        kv_use=np.minimum(batch * held / np.maximum(engines.kv_tokens * stages, 1.0), 1.0) * fits,
        saturated=loads.level > top,
    )


def typical_steps(
    a: DeploymentArrays, costs: StepCosts, loads: LoadTable, stats: ServingStats
) -> tuple[StepBreakdown, StepBreakdown]:
    """(a step that prefills one prompt, a step that decodes) of each row."""
    c = costs.take(loads.deployment)
    prompt, _ = prefill_breakdown(c, a.max_num_batched_tokens[loads.deployment], loads)
    return prompt, decode_breakdown(c, np.maximum(np.nan_to_num(stats.decode_batch, nan=1.0), 1.0), loads)


def prefill_breakdown(c: StepCosts, budget: Floats, loads: LoadTable) -> tuple[StepBreakdown, Floats]:
    """(one step that prefills a prompt by itself, how many such steps the prompt takes)."""
    uncached = np.maximum(loads.input_tokens * (1.0 - loads.prefix_hit_rate), 1.0)
    cached = loads.input_tokens * loads.prefix_hit_rate
    chunks = np.maximum(1.0, uncached / np.maximum(budget, 1.0))
    none, tokens = np.zeros(len(loads)), np.minimum(uncached, budget)
    return step_breakdown(c, none, none, tokens, cached + uncached / 2, 1.0 / chunks), chunks


def decode_breakdown(c: StepCosts, sequences: Floats, loads: LoadTable) -> StepBreakdown:
    """A step that only decodes `sequences`, in the middle of their answers."""
    none = np.zeros(len(loads))
    return step_breakdown(c, sequences, loads.input_tokens + loads.output_tokens / 2, none, none, none)


def _decode_s(c: StepCosts, sequences: Floats, loads: LoadTable) -> Floats:
    """Mean seconds of a decode step over the life of a request."""
    step = decode_breakdown(c, sequences, loads)
    graphed = step.total_s - step.eager_s
    # Beyond the context limit of CUDA graphs: only the share of the answer that lies there.
    last = loads.input_tokens + loads.output_tokens
    beyond = np.clip((last - np.maximum(loads.input_tokens, c.graph_limit)) / loads.output_tokens, 0, 1)
    slower = np.maximum(c.eager_s - (graphed - c.step_s), 0.0)
    return np.asarray(graphed + beyond * slower)
