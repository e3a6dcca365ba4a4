"""The highest rate that keeps the limits, found on a grid with few benchmarks. Pure.

The grid has `CELLS` steps from 0 to the server's maximum. Bisection finds the highest step that keeps the
limits in log2(64) = 6 benchmarks. Here the next step halves a probability, of the prediction and of the
margins by which earlier benchmarks kept or broke the limits. Both end on the same step where the rate alone
decides whether the limits are kept: both stop only when one step keeps them and the next one does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from advisor.record.mean_interval import Z90

CELLS = 64
"""1.6 % of the maximum rate."""
MAX_RETREATS = 8
DOUBT = 0.05
"""Probability that the prediction says nothing at all."""
LEAST_SPREAD = 0.02
MARGIN_SPREAD = 0.12
"""Scatter of a crossing that is interpolated between two margins, as a share of the rates' distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRate:
    """The predicted highest rate within the limits and its 90 % interval, as shares of the maximum."""

    value: float
    low: float
    high: float
    maximum: tuple[float, float] | None = None
    """The 90 % interval of the server's maximum, in requests per second, where it was predicted, too."""

    def holds(self, top: float) -> bool:
        """Whether a measured maximum is what was predicted: where it is not, no share of it is, either."""
        return self.maximum is None or self.maximum[0] <= top <= self.maximum[1]

    @property
    def log_spread(self) -> float:
        """Standard deviation of its logarithm."""
        return max(math.log(max(self.high, self.value) / min(self.low, self.value)) / (2 * Z90), LEAST_SPREAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A benchmark at a step of the grid."""

    step: int
    kept: bool
    margin: float | None = None
    """log(figure ÷ limit) of the limit that decides; None where saturated or failed."""


@dataclass(slots=True, kw_only=True)
class SloSearch:
    """Which rate to benchmark next; `done` when the answer is between two neighbours of the grid."""

    top: float
    """The server's maximum, in requests per second: with all requests at once it is the upper end."""
    expected: ExpectedRate | None = None
    probes: list[Probe] = field(default_factory=list)
    low: int = 0
    high: int = CELLS
    confirmed: bool = False
    """Whether repeats keep the limits at `low`, or nothing does."""
    retreats: int = 0

    def __post_init__(self) -> None:
        if self.expected is not None and not self.expected.holds(self.top):
            self.expected = None  # bisection until margins are known

    @property
    def done(self) -> bool:
        return self.high - self.low <= 1

    def rate(self, step: int) -> float:
        """Three digits, so that a rerun asks for the very same rates."""
        return float(f"{self.top * step / CELLS:.3g}")

    @property
    def next_step(self) -> int:
        """The step below which lies half of the probability of the answer."""
        steps = range(self.low, self.high)  # the answer is one of these
        weights = [self._weight(step + 0.5) for step in steps]
        half, total = sum(weights) / 2, 0.0
        for step, weight in zip(steps, weights, strict=True):
            # The next step is above `step`: keeping the limits there means that the answer is not below.
            total += weight
            if total >= half:
                # Of the two sides of the cell that holds the median, the one that splits more evenly.
                upper = abs(total - half) <= abs(total - weight - half)
                return min(max(step + 1 if upper else step, self.low + 1), self.high - 1)
        return (self.low + self.high) // 2

    def _weight(self, at: float) -> float:
        """Density of the answer at a step, but for a factor."""
        found = 1.0
        if self.expected is not None:
            spread, share = self.expected.log_spread, at / CELLS
            distance = math.log(share / self.expected.value) / spread
            found = math.exp(-(distance**2) / 2) / (share * spread * math.sqrt(math.tau))
            found = (1 - DOUBT) * found + DOUBT
        crossing = self._crossing()
        if crossing is not None:
            where, spread = crossing
            found *= math.exp(-(((at - where) / spread) ** 2) / 2) + DOUBT
        return found

    def _crossing(self) -> tuple[float, float] | None:
        """Where the margins on both sides meet 0, and how well that is known, in steps."""
        below = [one for one in self.probes if one.step == self.low and one.margin is not None]
        above = [one for one in self.probes if one.step == self.high and one.margin is not None]
        if not below or not above:
            return None
        first, last = below[-1], above[-1]
        assert first.margin is not None
        assert last.margin is not None
        rise = last.margin - first.margin
        if not (first.margin <= 0 <= last.margin and rise > 0):
            return None
        width = last.step - first.step
        return first.step - width * first.margin / rise, max(MARGIN_SPREAD * width, 0.5)

    def saw(self, probe: Probe) -> None:
        """Take a benchmark in."""
        self.probes.append(probe)
        if probe.kept:
            self.low = max(self.low, probe.step)
        else:
            self.high = min(self.high, probe.step)
        self.confirmed = self.done and self.low == 0

    def repeated(self, kept: Sequence[bool]) -> None:
        """Most repeats at `low` must keep the limits; else a tenth less is tried, eight times."""
        if 2 * sum(kept) > len(kept):
            self.confirmed = True
            return
        self.high = self.low
        self.low = min(int(0.9 * self.low), self.low - 1)
        self.retreats += 1
        if self.retreats > MAX_RETREATS or self.low <= 0:
            self.low, self.confirmed = 0, True
