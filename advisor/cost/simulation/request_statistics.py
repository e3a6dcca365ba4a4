"""Means, percentiles and goodput of simulated requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from advisor.cost.array_table import Floats
from advisor.spec.metrics import percentile_of
from advisor.spec.workloads.workload import Goodput
from advisor.units import MS_PER_S


def average(values: Floats, weights: Floats) -> float:
    """Mean of values that stand there so many times; 0 where none does."""
    total = float(np.sum(weights))
    return float(np.sum(values * weights)) / total if total > 0 else 0.0


def latencies_ms(
    seconds: Mapping[str, tuple[Floats, Floats | None]], statistics: Sequence[str]
) -> dict[tuple[str, str], float]:
    """Each statistic of each metric's (values, weights), in ms; without the metrics that have no value."""
    return {
        (metric, statistic): MS_PER_S * statistic_of(values, weights, statistic)
        for metric, (values, weights) in seconds.items()
        if len(values)
        for statistic in statistics
    }


def statistic_of(values: Floats, weights: Floats | None, statistic: str) -> float:
    """Mean or percentile; with weights, as if each value stood there so many times."""
    percent = percentile_of(statistic)
    if weights is None:
        return float(np.mean(values) if percent is None else np.percentile(values, percent))
    if percent is None:
        return average(values, weights)
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    index = int(np.searchsorted(reached, percent / 100 * reached[-1]))
    return float(values[order][min(index, len(values) - 1)])


def goodput_share(goodput: Goodput, ttft: Floats, tpot: Floats, e2e: Floats, counted: np.ndarray) -> float:
    """Share of the counted requests that keep every limit; latencies in seconds."""
    limits = ((goodput.ttft_ms, ttft), (goodput.tpot_ms, tpot), (goodput.e2e_ms, e2e))
    good = counted.copy()
    for limit_ms, seconds in limits:
        if limit_ms is not None:
            good &= seconds * MS_PER_S <= limit_ms
    return float(np.sum(good)) / float(np.sum(counted))
