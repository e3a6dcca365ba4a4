"""When enough repeats agree, and which highest rate keeps the limits. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.measure.steps.bench import BenchResult, Point, saturated
from advisor.spec.workloads.workload import Goodput, LatencyLimit, Workload

STEADY_FIGURES = ("requests_per_s/mean", "e2e_ms/mean", "tpot_ms/mean")
UNSTEADY = 0.20
"""A coefficient of variation above this makes a figure suspect (AIPerf's advice: look again)."""
MAX_RETREATS = 8
SEARCH_STEPS = 6
"""Halvings of [0, maximum]: 1.6 % of the maximum rate."""


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


@dataclass(slots=True, kw_only=True)
class Bisection:
    """The highest rate that keeps the limits, between 0 and the server's maximum."""

    low: float
    high: float
    steps: int = 0
    confirmed: bool = False
    """Whether repeats keep the limits at `low`, or nothing does."""
    retreats: int = 0

    @property
    def done(self) -> bool:
        return self.steps >= SEARCH_STEPS

    @property
    def next_rate(self) -> float:
        """Three digits, so that a rerun asks for the very same rates."""
        return float(f"{(self.low + self.high) / 2:.3g}")

    def saw(self, rate: float, kept: bool) -> None:
        self.steps += 1
        if kept:
            self.low = rate
        else:
            self.high = rate
        self.confirmed = self.done and self.low == 0

    def repeated(self, kept: Sequence[bool]) -> None:
        """Most repeats at `low` must keep the limits; else a tenth less is tried, eight times."""
        if 2 * sum(kept) > len(kept):
            self.confirmed = True
            return
        self.high = self.low
        self.low = float(f"{0.9 * self.low:.3g}")
        self.retreats += 1
        if self.retreats > MAX_RETREATS:
            self.low, self.confirmed = 0.0, True
