"""Latencies and goodput of cells with their 90 % intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.predict.deployment_table import DeploymentTable
from advisor.cost.predict.prediction_table import PredictionTable, Range
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.queue import Queue, limits_s
from advisor.cost.serving.serving_stats import near_capacity
from advisor.cost.uncertainty.intervals import DISTANCES, LOADS, Distance, Interval, Intervals, engine_class
from advisor.spec.metrics import LatencyMetric
from advisor.spec.workloads.workload import Goodput
from advisor.units import MS_PER_S


def log_bounds(
    p: DeploymentTable, loads: LoadTable, of: Callable[[str, str, Distance], Interval]
) -> tuple[Floats, Floats]:
    """(low, high) of log(measured ÷ predicted) in each cell, where `of` knows the interval of a load, an
    engine class and a distance."""
    low, high = np.zeros(len(loads)), np.zeros(len(loads))
    load_class = loads.load_class
    distance, generation = (
        p.distance[loads.deployment],
        np.array(p.replica.arrays.generation)[loads.deployment],
    )
    moe = (p.replica.arrays.experts > 0)[loads.deployment]
    engines = list(product(sorted(set(p.replica.arrays.generation)), (False, True)))
    for name in LOADS:
        for far, distance_name in enumerate(DISTANCES):
            here = (load_class == name) & (distance == far)
            if not here.any():
                continue
            for engine, has_experts in engines:
                chosen = here & (generation == engine) & (moe == has_experts)
                if chosen.any():
                    interval = of(name, engine_class(engine, moe=has_experts), distance_name)
                    low[chosen], high[chosen] = interval.low, interval.high
    return low, high


def queue_of(p: DeploymentTable, loads: LoadTable) -> Queue:
    """The queue of each row in the steady state: the burst that a benchmark begins with is no user's case."""
    r = p.replica
    return Queue.of(r.arrays, r.costs, r.memory.kv_bytes, loads, with_start=False)


def ratios_of(queue: Queue, statistics: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Floats]:
    """Each percentile as a multiple of its mean, from the closed form of the queue."""
    tails = tuple(one for one in dict.fromkeys(statistics) if one[1] != "mean")
    return {one: queue.ratio(one[0], one[1]) for one in tails}  # type: ignore[arg-type]


def latencies(
    intervals: Intervals,
    p: DeploymentTable,
    loads: LoadTable,
    answers: PredictionTable,
    wanted: Sequence[tuple[str, str]],
    ratios: Mapping[tuple[str, str], Floats],
) -> dict[tuple[str, str], Range]:
    """Every latency asked for; a percentile's interval is of the errors that percentiles showed."""
    found: dict[tuple[str, str], Range] = {}
    for metric, statistic in dict.fromkeys(wanted):
        mean = answers.mean_ms(metric)
        if statistic == "mean":
            found[metric, statistic] = mean
            continue
        ratio = ratios[metric, statistic]
        low, high = mean.low * ratio, mean.high * ratio
        if statistic != "p50":
            ends = _tail_bounds(intervals, p, loads, answers, metric)
            low = np.minimum(low, mean.value * ratio * np.exp(ends[0]))
            high = np.maximum(high, mean.value * ratio * np.exp(ends[1]))
        found[metric, statistic] = Range(value=mean.value * ratio, low=low, high=high)
    return found


def _tail_bounds(
    intervals: Intervals, p: DeploymentTable, loads: LoadTable, answers: PredictionTable, metric: str
) -> tuple[Floats, Floats]:
    """The ends of a percentile's error in each cell."""
    calm = log_bounds(p, loads, lambda *at: intervals.of_tail(metric, *at))
    crowd = near_capacity(answers.stats, loads)
    if metric != "ttft" or not crowd.any():
        return calm
    full = log_bounds(p, loads, lambda *at: intervals.of_tail(metric, *at, crowded=True))
    return np.where(crowd, full[0], calm[0]), np.where(crowd, full[1], calm[1])


def goodput_share(
    intervals: Intervals, p: DeploymentTable, loads: LoadTable, answers: PredictionTable, goodput: Goodput
) -> Range:
    """Share of requests within their limits; its ends have all latencies at an end of their intervals."""
    queue = queue_of(p, loads)
    means = {"ttft": queue.run.ttft_s, "tpot": queue.run.tpot_s, "e2e": queue.run.e2e_s}
    ends: dict[str, dict[LatencyMetric, Floats]] = {"value": {}, "low": {}, "high": {}}
    for metric, limit in limits_s(goodput).items():
        low, high = _tail_bounds(intervals, p, loads, answers, metric)
        with np.errstate(invalid="ignore", divide="ignore"):
            # What the fit corrects of the mean, it corrects of every request.
            own = answers.mean_ms(metric).value / MS_PER_S / means[metric]
        own = np.where(np.isfinite(own), own, 1.0)
        for name, off in (("value", 0.0), ("low", high), ("high", low)):
            ends[name][metric] = limit / own * np.exp(-off)
    found = {name: queue.share_within(limits) for name, limits in ends.items()}
    value = found["value"]
    return Range(value=value, low=np.minimum(found["low"], value), high=np.maximum(found["high"], value))
