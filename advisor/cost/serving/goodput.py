"""Share of requests that keep every limit set for each of them: what remains of throughput as goodput."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.serving.latency_distribution import Spread
from advisor.cost.serving.percentiles import Queue
from advisor.spec.workloads.workload import Goodput, LatencyMetric
from advisor.units import MS_PER_S

_HALVINGS = 14


def limits_s(goodput: Goodput) -> dict[LatencyMetric, float]:
    """The limits that are set, seconds."""
    given: dict[LatencyMetric, float | None] = {
        "ttft": goodput.ttft_ms,
        "tpot": goodput.tpot_ms,
        "e2e": goodput.e2e_ms,
    }
    return {metric: ms / MS_PER_S for metric, ms in given.items() if ms is not None}


def share_within(queue: Queue, limits: Mapping[LatencyMetric, Floats]) -> Floats:
    """Share of each cell's requests that keep all `limits` (seconds, one per cell).

    The latencies of one request hardly know of each other: TTFT is the queue's, TPOT the batch's, and E2E
    mostly the answer's own length. Where lengths are equal, a limit on E2E is so counted twice: never too
    hopeful. 0 where the queue has no finite latency.
    """
    kept = np.ones(queue.steady.tpot_s.shape)
    for metric, limit_s in limits.items():
        kept = kept * _reached(queue, metric, limit_s)
    return np.where(np.isfinite(queue.steady.e2e_s), kept, 0.0)


def _reached(queue: Queue, metric: LatencyMetric, limit_s: Floats) -> Floats:
    found = _share_below(queue.spread(metric), limit_s)
    start = queue.start(metric)
    if start is None:
        return found
    first, low, high = start
    burst = np.clip((limit_s - low) / np.maximum(high - low, 1e-9), 0.0, 1.0)
    return (1.0 - first) * found + first * burst


def _share_below(spread: Spread, limit_s: Floats) -> Floats:
    """Share of requests that do not exceed `limit_s`: where the quantile meets it."""
    low, high = np.zeros(limit_s.shape), np.ones(limit_s.shape)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = spread.at(middle) <= limit_s
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(0.5 * (low + high))
