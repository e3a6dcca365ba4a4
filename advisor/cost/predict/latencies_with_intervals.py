"""Latencies and goodput of cells with their 90 % intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.predict.deployment_table import DeploymentTable
from advisor.cost.predict.gaussian_process import Carried
from advisor.cost.predict.prediction_table import PredictionTable, Range
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.percentiles_and_goodput import Queue, limits_s
from advisor.cost.serving.serving_stats import ServingStats, near_capacity
from advisor.cost.uncertainty.error_class import (
    DISTANCES,
    LOADS,
    Distance,
    EngineClass,
    ErrorClass,
    error_class,
)
from advisor.cost.uncertainty.intervals import Intervals
from advisor.spec.metrics import LatencyMetric
from advisor.spec.workloads.load_kind import LoadClass
from advisor.spec.workloads.workload import Goodput
from advisor.units import MS_PER_S

OTHER_KERNELS = 1.5
"""Times the log error of a new GPU where none of its vendor was measured: the errors of GPUs left out are
nearly all of one vendor's, whose kernels the others share. Ours, not measured."""
SPANNED_FASTER, SPANNED_SLOWER, SPANNED_TTFT = 1.0, 1.2, 2.1
"""Log error of what spans several machines where nobody measured that: to the fast side, to the slow side,
and of TTFT to the slow side. Two independent reports of DeepSeek-R1 on two machines of eight H100 lie at
three times what is predicted (TPOT, 31 and 33 ms) and at eight times (TTFT, 0.8 s): networks between machines
differ as much, and no data sheet states them."""


def log_bounds(
    intervals: Intervals, p: DeploymentTable, loads: LoadTable, metric: str, statistic: str, m: ServingStats
) -> tuple[Floats, Floats]:
    """(low, high) of log(measured ÷ predicted) of one statistic of a metric in each row.

    m: what is predicted of each row.
    """
    near = near_capacity(m, loads)
    low, high = np.zeros(len(loads)), np.zeros(len(loads))
    load_class, at, arrays = loads.load_class, loads.deployment, p.replica.arrays
    distance, generation = p.distance[at], np.array(arrays.generation)[at]
    moe = (arrays.experts > 0)[at]
    engines = [EngineClass(*one) for one in product(sorted(set(arrays.generation)), (False, True))]
    there = [load for load in LOADS if (load_class == load).any()]
    for load, (far, distance_name), crowded in product(there, enumerate(DISTANCES), (False, True)):
        here = (load_class == load) & (distance == far) & (near == crowded)
        if not here.any():
            continue
        for engine in engines:
            chosen = here & (generation == engine.generation) & (moe == engine.moe)
            if chosen.any():
                of = _judged_as(metric, statistic, load, engine, distance_name, near_capacity=crowded)
                interval = intervals.of_metric(metric, of)
                low[chosen], high[chosen] = interval.low, interval.high
    wider = np.where(p.unmeasured_vendor[at], OTHER_KERNELS, 1.0)
    low, high = low * wider, high * wider
    spans = p.unmeasured_span[at]
    # What the network adds is independent of what else is off.
    slower = SPANNED_TTFT if metric == "ttft" else SPANNED_SLOWER
    below, above = (slower, SPANNED_FASTER) if metric == "throughput" else (SPANNED_FASTER, slower)
    low[spans], high[spans] = -np.hypot(low[spans], below), np.hypot(high[spans], above)
    if metric != "ttft":
        # So is what another era of releases may add to each step, or take from it.
        jump = np.log1p(np.nan_to_num(p.era_excess_s[at] / m.tpot_s))
        low, high = -np.hypot(low, jump), np.hypot(high, jump)
    return low, high


def _judged_as(
    metric: str,
    statistic: str,
    load: LoadClass,
    engine: EngineClass,
    distance: Distance,
    *,
    near_capacity: bool,
) -> ErrorClass:
    """The class of held-out errors that a prediction's interval is made of."""
    if load == "single" and engine.generation == "v1" and metric != "ttft":
        # Lone requests were timed end to end on V0, by the one harness that teaches most; on V1 one is a
        # closed loop of one client.
        load, statistic = "loaded", "mean"
    return error_class(metric, statistic, load, engine, distance, near_capacity=near_capacity)


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
        value = mean.value * ratio
        if statistic == "p50" and metric != "itl":
            found[metric, statistic] = Range(value=value, low=mean.low * ratio, high=mean.high * ratio)
            continue
        low, high = log_bounds(intervals, p, loads, metric, statistic, answers.stats)
        found[metric, statistic] = Range(value=value, low=value * np.exp(low), high=value * np.exp(high))
    return found


def with_measured(
    found: Mapping[tuple[str, str], Range],
    known: Mapping[str, Carried],
    answers: PredictionTable,
    ratios: Mapping[tuple[str, str], Floats],
    repeat: float,
) -> dict[tuple[str, str], Range]:
    """The latencies with what was measured of percentiles.

    ratios: each percentile ÷ its mean in the steady state, which measured percentiles were set against, where
    `found` may have them from a simulation. repeat: standard deviation, in logs, of what is measured again.
    What was measured is never less certain than where nobody measured it.
    """
    made = dict(found)
    for (metric, statistic), ratio in ratios.items():
        one = known.get(f"{metric} {statistic}")
        if one is None:
            continue
        usual, mean = found[metric, statistic], answers.mean_ms(metric).value
        with np.errstate(invalid="ignore", divide="ignore"):
            low, high = np.log(usual.low / usual.value), np.log(usual.high / usual.value)
            drawn = usual.value / mean
        value = mean * drawn**one.unknown * ratio ** (1.0 - one.unknown) * np.exp(one.log_ratio)
        again = one.repeat(repeat)
        if statistic != "p50":  # whose interval is its mean's
            low, high = one.bounds(low, high, (np.fmin(again, -low), np.fmin(again, high)))
        else:
            low, high = one.bounds(low, high, (again, again))
        made[metric, statistic] = Range(value=value, low=value * np.exp(low), high=value * np.exp(high))
    return made


def goodput_share(
    intervals: Intervals, p: DeploymentTable, loads: LoadTable, answers: PredictionTable, goodput: Goodput
) -> Range:
    """Share of requests within their limits; its ends have all latencies at an end of their intervals."""
    queue = queue_of(p, loads)
    means = {"ttft": queue.run.ttft_s, "tpot": queue.run.tpot_s, "e2e": queue.run.e2e_s}
    ends: dict[str, dict[LatencyMetric, Floats]] = {"value": {}, "low": {}, "high": {}}
    for metric, limit in limits_s(goodput).items():
        low, high = log_bounds(intervals, p, loads, metric, "p99", answers.stats)
        with np.errstate(invalid="ignore", divide="ignore"):
            # What the fit corrects of the mean, it corrects of every request.
            own = answers.mean_ms(metric).value / MS_PER_S / means[metric]
        own = np.where(np.isfinite(own), own, 1.0)
        for name, off in (("value", 0.0), ("low", high), ("high", low)):
            ends[name][metric] = limit / own * np.exp(-off)
    found = {name: queue.share_within(limits) for name, limits in ends.items()}
    value = found["value"]
    return Range(value=value, low=np.minimum(found["low"], value), high=np.maximum(found["high"], value))
