"""When enough repeats agree, and whether a result keeps the limits. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from advisor.measure.steps.bench import BenchResult, Point, saturated
from advisor.spec.workloads.workload import Goodput, LatencyLimit, Workload

STEADY_FIGURES = ("requests_per_s/mean", "e2e_ms/mean", "tpot_ms/mean")
UNSTEADY = 0.20
"""A coefficient of variation above this makes a figure suspect (AIPerf's advice: look again)."""


def variation(values: Sequence[float]) -> float | None:
    """Sample standard deviation ÷ mean; None below two values."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    if mean == 0:
        return None
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)) / abs(mean)


def worst_variation(results: Sequence[BenchResult]) -> float | None:
    """The largest variation over repeats among the figures that a point is judged by."""
    found = []
    for name in STEADY_FIGURES:
        values = [result.figures[name] for result in results if name in result.figures]
        one = variation(values) if len(values) == len(results) else None
        if one is not None:
            found.append(one)
    return max(found, default=None)


def enough(results: Sequence[BenchResult], *, least: int, most: int, steady: float) -> bool:
    """Whether another repeat is not needed."""
    if len(results) >= most:
        return True
    if len(results) < least:
        return False
    worst = worst_variation(results)
    return worst is None or worst <= steady


def keeps(workload: Workload, point: Point, result: BenchResult) -> bool:
    """Whether a result keeps every limit of the workload. A saturated point keeps none."""
    return not saturated(point, result) and not broken(workload.limits, workload.goodput, result)


def broken(limits: Sequence[LatencyLimit], goodput: Goodput | None, result: BenchResult) -> list[str]:
    """The limits that a result breaks, in words; a figure that was not measured breaks its limit."""
    found = []
    for limit in limits:
        value = result.figures.get(f"{limit.metric}_ms/{limit.statistic}")
        if value is None or value > limit.max_ms:
            seen = "not measured" if value is None else f"{value:.4g} ms"
            found.append(f"{limit.metric} {limit.statistic} {seen} > {limit.max_ms:g} ms")
    if goodput is not None and (result.goodput_share is None or result.goodput_share < goodput.min_share):
        found.append(f"goodput share {result.goodput_share} < {goodput.min_share:g}")
    return found


def goodput_arguments(goodput: Goodput | None) -> tuple[str, ...]:
    """vLLM's `--goodput` words."""
    if goodput is None:
        return ()
    pairs = (("ttft", goodput.ttft_ms), ("tpot", goodput.tpot_ms), ("e2el", goodput.e2e_ms))
    return tuple(f"{name}:{value:g}" for name, value in pairs if value is not None)


def margin(workload: Workload, point: Point, result: BenchResult) -> float | None:
    """log(figure ÷ limit) of the latency limit that decides; None where saturated or with a goodput."""
    if saturated(point, result) or workload.goodput is not None:
        return None
    found = [result.figures.get(f"{one.metric}_ms/{one.statistic}") for one in workload.limits]
    ratios = [
        math.log(value / limit.max_ms)
        for value, limit in zip(found, workload.limits, strict=True)
        if value is not None and value > 0
    ]
    return max(ratios) if ratios and len(ratios) == len(found) else None
