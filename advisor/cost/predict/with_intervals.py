"""Latencies and goodput of cells with their 90 % intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.predict.deployment_table import Prepared
from advisor.cost.predict.prediction_table import CellAnswers, Range
from advisor.cost.serving.goodput import limits_s, share_within
from advisor.cost.serving.load_table import KINDS, Cells
from advisor.cost.serving.percentiles import Queue
from advisor.cost.serving.serving_stats import crowded
from advisor.cost.uncertainty.intervals import DISTANCES, LOADS, Distance, Interval, Intervals, engine_class
from advisor.spec.workloads.workload import Goodput, LatencyMetric
from advisor.units import MS_PER_S

LOAD_OF_KIND = np.array([LOADS.index(kind if kind in LOADS else "loaded") for kind in KINDS], dtype=np.intp)
"""Position in LOADS of each kind of load."""


def bounds(p: Prepared, cells: Cells, of: Callable[[str, str, Distance], Interval]) -> tuple[Floats, Floats]:
    """(low, high) of log(measured ÷ predicted) in each cell, where `of` knows the interval of a load, an
    engine class and a distance."""
    low, high = np.zeros(len(cells)), np.zeros(len(cells))
    load_class = LOAD_OF_KIND[cells.kind]
    distance, generation = p.distance[cells.deployment], np.array(p.arrays.generation)[cells.deployment]
    moe = (p.arrays.experts > 0)[cells.deployment]
    engines = list(product(sorted(set(p.arrays.generation)), (False, True)))
    for number, name in enumerate(LOADS):
        for far, distance_name in enumerate(DISTANCES):
            here = (load_class == number) & (distance == far)
            if not here.any():
                continue
            for engine, has_experts in engines:
                chosen = here & (generation == engine) & (moe == has_experts)
                if chosen.any():
                    interval = of(name, engine_class(engine, moe=has_experts), distance_name)
                    low[chosen], high[chosen] = interval.low, interval.high
    return low, high


def ratios_of(queue: Queue, statistics: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Floats]:
    """Each percentile as a multiple of its mean, from the closed form of the queue."""
    tails = tuple(one for one in dict.fromkeys(statistics) if one[1] != "mean")
    return {one: queue.ratio(one[0], one[1]) for one in tails}  # type: ignore[arg-type]


def latencies(
    intervals: Intervals,
    p: Prepared,
    cells: Cells,
    answers: CellAnswers,
    wanted: Sequence[tuple[str, str]],
    ratios: Mapping[tuple[str, str], Floats],
) -> dict[tuple[str, str], Range]:
    """Every latency asked for; a percentile's interval is of the errors that percentiles showed."""
    found: dict[tuple[str, str], Range] = {}
    for metric, statistic in dict.fromkeys(wanted):
        mean = answers.latency_ms(metric)
        if statistic == "mean":
            found[metric, statistic] = mean
            continue
        ratio = ratios[metric, statistic]
        low, high = mean.low * ratio, mean.high * ratio
        if statistic != "p50":
            ends = _tail_bounds(intervals, p, cells, answers, metric)
            low = np.minimum(low, mean.value * ratio * np.exp(ends[0]))
            high = np.maximum(high, mean.value * ratio * np.exp(ends[1]))
        found[metric, statistic] = Range(value=mean.value * ratio, low=low, high=high)
    return found


def _tail_bounds(
    intervals: Intervals, p: Prepared, cells: Cells, answers: CellAnswers, metric: str
) -> tuple[Floats, Floats]:
    """The ends of a percentile's error in each cell."""
    calm = bounds(p, cells, lambda *at: intervals.of_tail(metric, *at))
    crowd = crowded(answers.means, cells)
    if metric != "ttft" or not crowd.any():
        return calm
    full = bounds(p, cells, lambda *at: intervals.of_tail(metric, *at, crowded=True))
    return np.where(crowd, full[0], calm[0]), np.where(crowd, full[1], calm[1])


def goodput_share(
    intervals: Intervals, p: Prepared, cells: Cells, answers: CellAnswers, goodput: Goodput
) -> Range:
    """Share of requests within their limits; its ends have all latencies at an end of their intervals."""
    queue = Queue.of(p.arrays, p.coefficients, p.memory.kv_bytes, cells, whole=False)
    means = {"ttft": queue.run.ttft_s, "tpot": queue.run.tpot_s, "e2e": queue.run.e2e_s}
    ends: dict[str, dict[LatencyMetric, Floats]] = {"value": {}, "low": {}, "high": {}}
    for metric, limit in limits_s(goodput).items():
        low, high = _tail_bounds(intervals, p, cells, answers, metric)
        with np.errstate(invalid="ignore", divide="ignore"):
            # What the fit corrects of the mean, it corrects of every request.
            own = answers.latency_ms(metric).value / MS_PER_S / means[metric]
        own = np.where(np.isfinite(own), own, 1.0)
        for name, off in (("value", 0.0), ("low", high), ("high", low)):
            ends[name][metric] = limit / own * np.exp(-off)
    found = {name: share_within(queue, limits) for name, limits in ends.items()}
    value = found["value"]
    return Range(value=value, low=np.minimum(found["low"], value), high=np.maximum(found["high"], value))
