"""Answers to many cells at once, as arrays: values with their 90 % intervals and how far the data is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from advisor.cost.arrays import ArrayTable, Floats, Ints
from advisor.cost.estimate import Basis
from advisor.cost.serving.serving_stats import Means
from advisor.cost.uncertainty.intervals import DISTANCES

T = TypeVar("T")
_BASIS: dict[str, Basis] = {"seen": "fitted", "model": "extrapolated", "gpu": "extrapolated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Range(ArrayTable):
    """Values with their 90 % intervals; each (n,); NaN where there is none."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class CellAnswers(ArrayTable):
    """What is expected of each cell (all replicas together); arrays of shape (n,)."""

    ttft_ms: Range
    tpot_ms: Range
    e2e_ms: Range
    requests_per_s: Range
    output_tokens_per_s: Range
    capacity_requests_per_s: Range
    distance: Ints
    """Position in `intervals.DISTANCES`."""
    fits: npt.NDArray[np.bool_]
    max_concurrency: Ints
    means: Means
    measured: npt.NDArray[np.bool_]
    """Whether this very cell was seen."""

    def latency_ms(self, metric: str) -> Range:
        """Mean of a metric; ITL's is TPOT's."""
        return {"ttft": self.ttft_ms, "tpot": self.tpot_ms, "itl": self.tpot_ms, "e2e": self.e2e_ms}[metric]

    def basis(self, i: int) -> Basis:
        return "measured" if self.measured[i] else _BASIS[DISTANCES[int(self.distance[i])]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadAnswers(ArrayTable):
    """Cells answered with every latency that was asked for."""

    means: CellAnswers
    latency_ms: Mapping[tuple[str, str], Range]
    """(metric, statistic) → each cell's; NaN where there is none."""
    max_context: Ints
    """Longest sequence that one request of each cell's deployment can hold."""
