"""Does a deployment keep the limits? Each is judged at the pessimistic end of its interval."""

from __future__ import annotations

from dataclasses import replace

from advisor.advise.choose.assessment import Cost, Refusal
from advisor.cost.estimate import Estimate
from advisor.cost.predict.prediction import Prediction
from advisor.spec.workloads.workload import Goodput, LatencyLimit, LatencyMetric, Workload
from advisor.text import latency_name, number
from advisor.units import GB

MOST_PERCENT = 99.99
"""All requests, as far as a percentile can say it."""


def judge(
    prediction: Prediction,
    workload: Workload,
    *,
    cost: Cost | None = None,
    max_usd_per_hour: float | None = None,
) -> tuple[Refusal, ...]:
    """The limits that `prediction` does not keep; empty when it keeps them all.

    A limit that no estimate speaks to is not kept: what cannot be said is not promised.
    """
    if prediction.status == "does not fit" or not prediction.memory.fits:
        return (_memory(prediction),)
    capacity = _capacity(prediction, workload)
    # A backlog without end has no latency: that is told once, as what it is.
    timed = not (capacity and prediction.status == "backlogged")
    refusals = [
        *_context(prediction, workload),
        *capacity,
        *(r for limit in workload.limits for r in _latency(prediction, limit) if timed),
        *(r for r in _goodput(prediction, workload.goodput) if timed),
        *_recovery(prediction, workload.quality.min_recovery),
        *_budget(cost, max_usd_per_hour),
    ]
    return tuple(refusals)


def _memory(prediction: Prediction) -> Refusal:
    memory = prediction.memory
    need = memory.weight_bytes + memory.overhead_bytes
    return Refusal(
        kind="memory",
        limit=f"fits in {memory.usable_bytes / GB:.3g} GB per GPU",
        words=(
            f"weights {memory.weight_bytes / GB:.3g} GB and overhead {memory.overhead_bytes / GB:.2g} GB "
            "leave "
            + (
                "no room for the KV cache of one request"
                if memory.kv_bytes > 0
                else f"{(need - memory.usable_bytes) / GB:.3g} GB too little"
            )
        ),
    )


def _context(prediction: Prediction, workload: Workload) -> list[Refusal]:
    needed, held = workload.load.longest_context, prediction.memory.max_context
    if needed <= held:
        return []
    return [
        Refusal(
            kind="context",
            limit=f"holds a request of {needed} tokens",
            words=f"its KV cache holds {held}",
            excess=needed / held - 1 if held > 0 else None,
        )
    ]


def _capacity(prediction: Prediction, workload: Workload) -> list[Refusal]:
    """Open loop only: a closed loop waits, open arrivals pile up without end."""
    arrival = workload.load.arrival
    if arrival.kind != "rate" or arrival.value is None:
        return []
    limit = f"capacity >= {number(arrival.value)} requests/s"
    capacity = prediction.capacity_requests_per_s
    if capacity is None:
        return [Refusal(kind="capacity", limit=limit, words="its capacity cannot be said")]
    if capacity.low >= arrival.value and prediction.status == "stable":
        return []
    verdict = "saturates" if capacity.value < arrival.value else "may saturate"
    return [
        Refusal(
            kind="capacity",
            limit=limit,
            expected=capacity,
            words=f"{verdict} at {{}}",
            excess=max(arrival.value / capacity.low - 1, 0.0) if capacity.low > 0 else None,
            likely_kept=capacity.value >= arrival.value and prediction.status == "stable",
        )
    ]


def _latency(prediction: Prediction, limit: LatencyLimit) -> list[Refusal]:
    return _at_most(
        prediction.latency.get((limit.metric, limit.statistic)),
        limit.max_ms,
        name=latency_name(limit.metric, limit.statistic),
    )


def _at_most(estimate: Estimate | None, limit_ms: float, *, name: str) -> list[Refusal]:
    if estimate is not None and estimate.high <= limit_ms:
        return []
    limit = f"{name} <= {number(limit_ms)} ms"
    if estimate is None:
        return [Refusal(kind="latency", limit=limit, words="cannot be said of this deployment")]
    return [
        Refusal(
            kind="latency",
            limit=limit,
            expected=estimate,
            unit=" ms",
            excess=estimate.high / limit_ms - 1,
            likely_kept=estimate.value <= limit_ms,
        )
    ]


def _goodput(prediction: Prediction, goodput: Goodput | None) -> list[Refusal]:
    """Judged by the percentiles that vouch for it, as the search judges; by the share where there are none.

    The share is what is expected; its pessimistic end has every latency at its own, and says little more.
    """
    if goodput is None:
        return []
    limit = f"goodput: {number(100 * goodput.min_share)} % of requests keep {goodput_text(goodput)}"
    share = prediction.goodput_share
    vouched = any((v.metric, v.statistic) in prediction.latency for v in vouching_limits(goodput))
    if share is None or vouched:
        missed = [r for vouching in vouching_limits(goodput) for r in _latency(prediction, vouching)]
        return [replace(r, kind="goodput", limit=f"{limit} ({r.limit})") for r in missed]
    if share.low >= goodput.min_share:
        return []
    return [
        Refusal(
            kind="goodput",
            limit=limit,
            expected=share.scaled(100),
            words="{} % do",
            excess=goodput.min_share / share.low - 1 if share.low > 0 else None,
            likely_kept=share.value >= goodput.min_share,
        )
    ]


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
    percent = min(100 * (1 - (1 - goodput.min_share) / len(given)), MOST_PERCENT)
    statistic = "p" + f"{percent:.4f}".rstrip("0").rstrip(".")
    return tuple(LatencyLimit(metric=metric, statistic=statistic, max_ms=max_ms) for metric, max_ms in given)


def timed_limits(workload: Workload) -> tuple[LatencyLimit, ...]:
    """All that is judged by a latency: the limits on the distribution, and what vouches for the goodput."""
    goodput = () if workload.goodput is None else vouching_limits(workload.goodput)
    return (*workload.limits, *goodput)


def goodput_text(goodput: Goodput) -> str:
    """The thresholds as vLLM's --goodput writes them: `ttft:500 tpot:50`, ms."""
    thresholds = (("ttft", goodput.ttft_ms), ("tpot", goodput.tpot_ms), ("e2el", goodput.e2e_ms))
    return " ".join(f"{name}:{number(ms)}" for name, ms in thresholds if ms is not None)


def _recovery(prediction: Prediction, min_recovery: float | None) -> list[Refusal]:
    if min_recovery is None:
        return []
    limit = f"recovery >= {number(100 * min_recovery)} %"
    recovery = prediction.recovery
    if recovery is None:
        why = prediction.recovery_note or "no accuracy of this format was ever measured"
        return [Refusal(kind="recovery", limit=limit, words=f"no evidence ({why})")]
    if recovery.low >= min_recovery:
        return []
    return [
        Refusal(
            kind="recovery",
            limit=limit,
            expected=recovery.scaled(100),
            unit=" %",
            digits=4,
            excess=min_recovery / recovery.low - 1 if recovery.low > 0 else None,
            likely_kept=recovery.value >= min_recovery,
        )
    ]


def _budget(cost: Cost | None, max_usd_per_hour: float | None) -> list[Refusal]:
    if max_usd_per_hour is None:
        return []
    limit = f"at most {number(max_usd_per_hour)} USD per hour"
    if cost is None:
        return [Refusal(kind="price", limit=limit, words="no price is known")]
    if cost.usd_per_hour <= max_usd_per_hour:
        return []
    return [
        Refusal(
            kind="budget",
            limit=limit,
            words=f"{number(cost.usd_per_hour)} USD",
            excess=cost.usd_per_hour / max_usd_per_hour - 1,
        )
    ]
