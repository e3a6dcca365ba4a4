"""PredictionTable: predictions as arrays, with 90 % intervals and the distance from the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from advisor.cost.array_table import ArrayTable, Bools, Floats, Ints
from advisor.cost.estimate_with_interval import Basis
from advisor.cost.serving.serving_stats import ServingStats
from advisor.cost.uncertainty.error_class import DISTANCES

_BASIS: dict[str, Basis] = {"seen": "fitted", "model": "extrapolated", "gpu": "extrapolated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Range(ArrayTable):
    """Values with their 90 % intervals; each (n,); NaN where there is none."""

    value: Floats
    low: Floats
    high: Floats

    def times(self, factor: Floats | float) -> Range:
        return Range(value=self.value * factor, low=self.low * factor, high=self.high * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFigures(ArrayTable):
    """What is known of each row's conversations; arrays of shape (n,)."""

    first_ttft_ms: Range
    """Mean TTFT of first turns, which find no more than a system prompt in the cache; NaN: not simulated."""
    later_ttft_ms: Range
    """Mean TTFT of all later turns; NaN: not simulated."""
    settled: Bools
    """The row was simulated, or the closed form agrees with simulations of such loads."""
    simulated: Bools
    busy: Bools
    """Engines are so near their capacity that bursts of turns wait for one another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionTable(ArrayTable):
    """What is expected of each row's deployment (all replicas together) under its load; arrays of shape
    (n,)."""

    latency_ms: Mapping[tuple[str, str], Range]
    """(metric, statistic) → each row's; the means of TTFT, TPOT and E2E always."""
    requests_per_s: Range
    output_tokens_per_s: Range
    capacity_requests_per_s: Range
    distance: Ints
    """Position in `intervals.DISTANCES`."""
    fits: Bools
    """At least one request of the mean lengths fits in memory."""
    max_concurrency: Ints
    """Sequences of the mean lengths that fit at once."""
    max_context: Ints
    """Tokens of the longest sequence that one request can hold."""
    longest: Range
    """Tokens of the longest sequence that the KV cache holds, whatever the model takes."""
    stats: ServingStats
    """Means of one replica, before any correction."""
    measured: Bools
    """Whether this very deployment was measured under this very load."""
    measured_figures: Mapping[tuple[str, str], Bools] = field(default_factory=dict)
    """(metric, statistic) → whether that very figure was measured, throughput among them; without an entry as
    `measured`."""
    prefix_hits: Floats | None = None
    """Share of prompt tokens that the prefix cache has, of conversations that stay with their replica; None
    where requests stand alone."""
    prefix_hits_spread: Floats | None = None
    """The share if each turn went to any of the replicas."""
    turns: TurnFigures | None = None
    """Figures of conversations; None where requests stand alone."""

    def mean_ms(self, metric: str) -> Range:
        """Mean of a metric; ITL's is TPOT's."""
        return self.latency_ms["tpot" if metric == "itl" else metric, "mean"]

    def basis(self, i: int) -> Basis:
        """What a row's prediction rests on."""
        return "measured" if self.measured[i] else _BASIS[DISTANCES[int(self.distance[i])]]

    def basis_of(self, i: int, metric: str, statistic: str) -> Basis:
        """What one figure of a row rests on: a percentile that follows from a measured mean is fitted."""
        own = self.measured_figures.get((metric, statistic), self.measured)
        return self.basis(i) if own[i] else _BASIS[DISTANCES[int(self.distance[i])]]
