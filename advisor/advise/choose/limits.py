"""Limits: one function for each kind, which judges all deployments at once.

A limit on a quantity that has no prediction counts as missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from advisor.advise.choose.judged_table import JudgedLimit
from advisor.cost.array_table import Bools, Floats, Ints, each_column
from advisor.cost.estimate_with_interval import Estimate
from advisor.cost.predict.prediction_table import PredictionTable, Range
from advisor.cost.predict.predictor import Z90
from advisor.cost.quality.question_and_recovery import Recovery
from advisor.cost.uncertainty.error_distribution import MAX_SCORE, error_of_score, normal_score
from advisor.cost.uncertainty.joint_probability import (
    MEMORY,
    RECOVERY,
    TOKEN_RATE,
    TTFT,
    deviate,
    keeps_all,
    probabilities,
)
from advisor.spec.metrics import LatencyMetric
from advisor.spec.workloads.workload import Goodput, LatencyLimit, Load, Workload

FULL = 0.97
"""Share of its capacity at which a deployment is nearly full. From there on its latency is a matter of what
the capacity turns out to be, which `capacity_limit` judges: the predicted queue is no guide."""
MAX_PERCENT = 99.99
"""All requests, as far as a percentile can express it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedLimit:
    """A limit on a latency, and the goodput that it vouches for, if any."""

    limit: LatencyLimit
    goodput: Goodput | None = None


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of a load and a deployment with their predictions; arrays of shape (pairs,)."""

    loads: Sequence[Load]
    load_of: Ints
    """Position in `loads` of each pair."""
    predicted: PredictionTable
    confidence: float
    """The probability with which a limit must be kept."""

    def of_load(self, values: Sequence[float]) -> Floats:
        """A number of each load, for each pair."""
        return np.asarray(np.array(values, dtype=np.float64)[self.load_of])


def memory_limit(pairs: Pairs) -> JudgedLimit:
    """The weights, the overhead and one request's KV cache fit."""
    return JudgedLimit.certain("memory", pairs.predicted.fits)


def context_limit(pairs: Pairs) -> JudgedLimit:
    """The KV cache holds the longest request."""
    needed = pairs.of_load([load.longest_context for load in pairs.loads])
    held = pairs.predicted.max_context
    with np.errstate(divide="ignore"):
        excess = np.where(held > 0, needed / held - 1, np.nan)
    return JudgedLimit.certain("context", needed <= held, bound=needed, excess=excess)


def kv_cache_limit(pairs: Pairs) -> JudgedLimit:
    """The KV cache holds the longest request also if more of the memory is taken than estimated.

    Where the estimate itself is too small, or the deployment was measured, there is nothing to doubt.
    """
    needed = pairs.of_load([load.longest_context for load in pairs.loads])
    held = pairs.predicted.longest
    with np.errstate(invalid="ignore", divide="ignore"):
        margin = Z90 * (held.value - needed) / (held.value - held.low)
        excess = np.where(held.low > 0, np.maximum(needed / held.low - 1, 0.0), np.nan)
    doubted = (margin >= 0) & (margin < MAX_SCORE) & pairs.predicted.fits & ~pairs.predicted.measured
    margin = np.where(doubted, margin, np.inf)
    return JudgedLimit(
        kind="context",
        key="kv_cache",
        bound=needed,
        kept=margin >= deviate(pairs.confidence),
        likely=np.ones(margin.shape, dtype=bool),
        excess=excess,
        predicted=held,
        cause=MEMORY,
        margin_sd=margin,
    )


def kv_cache_certainty(pairs: Pairs) -> Floats:
    """The probability of `kv_cache_limit`, for which the other limits must make up: no replica gives a cache
    more room. 1 where they cannot."""
    room = keeps_all({MEMORY: kv_cache_limit(pairs).margin_sd}, 0.0)
    return np.where(room > pairs.confidence, room, 1.0)


def capacity_limit(pairs: Pairs) -> JudgedLimit | None:
    """Open loop only: beyond its capacity a deployment's queue grows without end."""
    if pairs.loads[0].arrival.kind != "rate":
        return None
    rate = pairs.of_load([load.arrival.value or 1.0 for load in pairs.loads])
    capacity = pairs.predicted.capacity_requests_per_s
    stable = is_stable(pairs)
    z = deviate(pairs.confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        excess = np.maximum(rate / end_at(capacity, -z) - 1, 0.0)
        margin = margin_sd(np.log(capacity.value / rate), capacity, at_least=True)
    # Where no latency exists, it suffices no more often than not.
    margin = np.where(stable, margin, np.minimum(margin, 0.0))
    margin = np.where(np.isnan(margin), -np.inf, margin)
    return JudgedLimit(
        kind="capacity",
        key="capacity",
        bound=rate,
        kept=probabilities(margin) >= pairs.confidence,
        likely=(capacity.value >= rate) & stable,
        excess=np.where(np.isfinite(excess), excess, np.nan),
        predicted=capacity,
        cause=TOKEN_RATE,
        margin_sd=margin,
    )


def is_stable(pairs: Pairs) -> Bools:
    """Whether a latency exists: a backlog without end has none."""
    return np.isfinite(pairs.predicted.stats.tpot_s)


def latency_limits(pairs: Pairs, timed: Sequence[Sequence[TimedLimit]]) -> Iterator[JudgedLimit]:
    """Each load has its own limits in `timed`, as many and of the same causes.

    Where a rate is beyond the capacity, only `capacity_limit` is missed: no latency exists. How surely they
    would be kept if the capacity sufficed is for `at_full_load`.
    """
    z = deviate(pairs.confidence)
    backlogged = np.zeros(len(pairs.load_of), dtype=bool)
    if pairs.loads[0].arrival.kind == "rate":
        backlogged = ~is_stable(pairs)
    for number, first in enumerate(timed[0]):
        max_ms = pairs.of_load([of[number].limit.max_ms for of in timed])
        latency = _latency(pairs, [of[number].limit for of in timed])
        with np.errstate(invalid="ignore", divide="ignore"):
            margin = margin_sd(np.log(max_ms / latency.value), latency, at_least=False)
            likely = latency.value <= max_ms
            excess = np.maximum(end_at(latency, z) / max_ms - 1, 0.0)
        margin = np.where(backlogged, np.inf, np.where(np.isnan(margin), -np.inf, margin))
        yield JudgedLimit(
            kind="latency" if first.goodput is None else "goodput",
            key=first.limit.key,
            bound=max_ms,
            kept=probabilities(margin) >= pairs.confidence,
            likely=likely | backlogged,
            excess=np.where(np.isfinite(excess), excess, np.nan),
            predicted=latency,
            cause=TTFT if first.limit.metric == "ttft" else TOKEN_RATE,
            margin_sd=margin,
            metric=first.limit.metric,
            statistic=first.limit.statistic,
            goodput=first.goodput,
        )


def nearly_full(pairs: Pairs, replicas: Ints) -> tuple[Ints, Floats]:
    """(positions, requests per second at `FULL`) of the pairs whose rate is above that, or beyond the
    capacity; not of those that were measured at their rate."""
    found = pairs.predicted
    if pairs.loads[0].arrival.kind != "rate":
        return np.array([], dtype=np.intp), np.array([])
    rate = pairs.of_load([load.arrival.value or 1.0 for load in pairs.loads])
    # The model's own capacity, before any correction: at a share of it, queues end.
    full = FULL * found.stats.capacity_requests_per_s * replicas
    at = np.flatnonzero((full > 0) & (rate > full) & ~(is_stable(pairs) & found.measured))
    return at, full[at]


def at_full_load(limit: JudgedLimit, at: Ints, full: JudgedLimit, confidence: float) -> JudgedLimit:
    """A latency limit with the margins of `full` for the pairs at `at`, which are nearly full or beyond.

    If the capacity turns out high enough for their rate, latencies are at worst about those of nearly full
    load: all limits are kept as often as the capacity suffices and these are.
    """
    margin, kept = limit.margin_sd.copy(), limit.kept.copy()
    backlogged = np.isposinf(margin[at])
    margin[at] = full.margin_sd
    # Of a backlog without end nothing is said but that the capacity is missed.
    kept[at] = backlogged | (probabilities(full.margin_sd) >= confidence)
    return replace(limit, margin_sd=margin, kept=kept)


def _latency(pairs: Pairs, limits: Sequence[LatencyLimit]) -> Range:
    """The latency that the limit is on; each load may have another statistic."""
    keys = [(limit.metric, limit.statistic) for limit in limits]
    found = pairs.predicted.latency_ms
    if len(set(keys)) == 1:
        return found[keys[0]]
    distinct = list(dict.fromkeys(keys))
    row = np.array([distinct.index(key) for key in keys])[pairs.load_of]
    column = np.arange(len(row))
    return each_column(lambda *arrays: np.stack(arrays)[row, column], *(found[key] for key in distinct))


def recovery_limit(floor: float, confidence: float, recoveries: Sequence[Recovery | None]) -> JudgedLimit:
    """At least this share of BF16's accuracy is left; one entry of `recoveries` for each pair."""
    z = deviate(confidence)
    known: dict[int, tuple[float, float]] = {}
    for r in recoveries:
        if id(r) not in known:
            known[id(r)] = _recovery_margin(r, floor, z)
    margin, excess = np.array([known[id(r)] for r in recoveries], dtype=np.float64).reshape(-1, 2).T
    value, low, high = recovery_range(recoveries)
    return JudgedLimit(
        kind="recovery",
        key="recovery",
        bound=np.full(len(value), floor),
        kept=probabilities(margin) >= confidence,
        likely=value >= floor,
        excess=excess,
        predicted=Range(value=value, low=low, high=high),
        cause=RECOVERY,
        margin_sd=margin,
    )


def _recovery_margin(recovery: Recovery | None, floor: float, z: float) -> tuple[float, float]:
    """(margin in standard deviations, excess); without evidence it is missed, and no matter of degree."""
    if recovery is None or recovery.loss is None:
        return -np.inf, np.nan
    left = recovery_at(recovery, z)
    return recovery.loss.deviate(1.0 - floor), max(floor / left - 1.0, 0.0) if left > 0 else np.nan


def recovery_at(recovery: Recovery, z: float) -> float:
    """The recovery at a standard normal deviate of the loss."""
    drawn = recovery.draws(np.array([z]))
    assert drawn is not None, "a recovery without an estimate has no distribution"
    return float(drawn[0])


def recovery_range(recoveries: Sequence[Recovery | None]) -> tuple[Floats, Floats, Floats]:
    """(value, low, high); NaN where nothing is known.

    The recovery itself is taken, not where a new measurement of it would fall: a limit is on what is lost,
    not on the noise of a benchmark.
    """
    known = [None if r is None else r.true for r in recoveries]
    rows = [(np.nan,) * 3 if e is None else (e.value, e.low, e.high) for e in known]
    value, low, high = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    return value, low, high


def budget_limits(max_usd_per_hour: float | None, usd_per_hour: Floats) -> list[JudgedLimit]:
    """All GPUs together cost no more, and what they cost is known; none without a budget."""
    if max_usd_per_hour is None:
        return []
    bound = np.full(len(usd_per_hour), max_usd_per_hour)
    known = np.isfinite(usd_per_hour)
    within = ~known | (usd_per_hour <= max_usd_per_hour)
    excess = usd_per_hour / max_usd_per_hour - 1
    return [
        JudgedLimit.certain("price", known, bound=bound),
        JudgedLimit.certain("budget", within, bound=bound, excess=excess),
    ]


def end_at(of: Range, z: Floats | float) -> Floats:
    """The value that is as far from the central one as `z` standard deviations of the error in logs."""
    with np.errstate(invalid="ignore", divide="ignore"):
        stretch = np.where(np.asarray(z) > 0, np.log(of.high / of.value), np.log(of.value / of.low))
        return np.asarray(of.value * np.exp(stretch * error_of_score(np.asarray(z, dtype=np.float64)) / Z90))


def judged_end(estimate: Estimate, confidence: float) -> float:
    """The value that an upper limit is held against: not exceeded with the confidence asked for."""
    value, low, high = (np.array([end]) for end in (estimate.value, estimate.low, estimate.high))
    return float(end_at(Range(value=value, low=low, high=high), deviate(confidence))[0])


def margin_sd(slack: Floats, of: Range, *, at_least: bool) -> Floats:
    """The standard normal value that is exceeded as rarely as the limit; slack in logs.

    It is 1.645 at the pessimistic end of the interval; between and beyond, errors have the shape of held-out
    errors (`error_distribution`).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        down, up = np.log(of.value / of.low), np.log(of.high / of.value)
        worse, better = (down, up) if at_least else (up, down)
        width = np.where(slack >= 0, worse, better)
        margin = Z90 * slack / width
        even = np.where((slack == 0) | np.isnan(margin) & np.isfinite(slack), 0.0, margin)
        # What is known exactly keeps a limit that it equals.
        return normal_score(np.where((slack == 0) & (width == 0), np.inf, even))


def vouching_limits(goodput: Goodput) -> tuple[LatencyLimit, ...]:
    """Percentile limits that, kept together, vouch for the goodput.

    A request may miss each threshold with an equal part of what `min_share` leaves: in the worst case no
    request misses two, and still enough keep them all. Sufficient, not necessary.
    """
    thresholds: tuple[tuple[LatencyMetric, float | None], ...] = (
        ("ttft", goodput.ttft_ms),
        ("tpot", goodput.tpot_ms),
        ("e2e", goodput.e2e_ms),
    )
    given = [(metric, max_ms) for metric, max_ms in thresholds if max_ms is not None]
    percent = min(100 * (1 - (1 - goodput.min_share) / len(given)), MAX_PERCENT)
    statistic = "p" + f"{percent:.4f}".rstrip("0").rstrip(".")
    return tuple(LatencyLimit(metric=metric, statistic=statistic, max_ms=max_ms) for metric, max_ms in given)


def timed_limits(workload: Workload) -> tuple[TimedLimit, ...]:
    """All that is judged by a latency: the limits on the distribution, and what vouches for the goodput."""
    goodput = workload.goodput
    vouching = () if goodput is None else vouching_limits(goodput)
    return (
        *(TimedLimit(limit=limit) for limit in workload.limits),
        *(TimedLimit(limit=limit, goodput=goodput) for limit in vouching),
    )
