"""How far predictions were off on data they had not seen, by quantity, load and distance.

The 90 % interval of a prediction is the range in which nine of ten held-out measurements of its kind
fell: split-conformal in log space. Distance tells what was new to the fit when the error was taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from advisor.cost.features import Floats

Distance = Literal["seen", "model", "gpu"]
"""seen: this model, GPU and format together are in the fit. model: the model is not, the GPU is.
gpu: the GPU is not (nor anything measured on it)."""
DISTANCES: tuple[Distance, ...] = ("seen", "model", "gpu")
QUANTITIES = ("ttft", "tpot", "e2e", "throughput")
LOADS = ("single", "loaded", "maximum")

COVERAGE = 0.90
_FEWEST = 25
"""Held-out rows below which a class borrows from the next wider one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Quantiles of log(measured ÷ predicted)."""

    low: float
    high: float
    rows: int


def key(quantity: str, load: str, distance: str) -> str:
    return f"{quantity} {load} {distance}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Interval by class; every class asked for has one, if need be a wider class's."""

    table: Mapping[str, Interval]

    def of(self, quantity: str, load: str, distance: str) -> Interval:
        """The narrowest class with evidence that contains the one asked; the widest we have otherwise."""
        further = DISTANCES[DISTANCES.index(distance) :]
        for d in further:
            found = self.table.get(key(quantity, load, d))
            if found is not None:
                return found
        loads = [self.table[k] for k in self.table if k.startswith(f"{quantity} ")]
        everything = loads or list(self.table.values()) or [Interval(low=-1.0, high=1.0, rows=0)]
        return max(everything, key=lambda i: i.high - i.low)


def conformal(errors: Floats, weights: Floats | None = None) -> Interval:
    """The central 90 % of `errors` = log(measured ÷ predicted), widened for their finite number."""
    ordered = np.sort(errors)
    n = len(ordered)
    tail = (1.0 - COVERAGE) / 2.0
    # The k-th of n+1 places: with exchangeable errors each tail then holds at most its share.
    low = ordered[max(0, int(np.floor((n + 1) * tail)) - 1)]
    high = ordered[min(n - 1, int(np.ceil((n + 1) * (1.0 - tail))) - 1)]
    return Interval(low=min(float(low), 0.0), high=max(float(high), 0.0), rows=n)


def build(quantity: Sequence[str], load: Sequence[str], held_out: Mapping[str, Floats]) -> Intervals:
    """Intervals from held-out errors: `held_out[distance]` has one per row, NaN where not held out."""
    q, group = np.array(quantity), np.array(load)
    table: dict[str, Interval] = {}
    for distance, errors in held_out.items():
        known = np.isfinite(errors)
        for one in QUANTITIES:
            for kind in LOADS:
                chosen = known & (q == one) & (group == kind)
                if chosen.sum() >= _FEWEST:
                    table[key(one, kind, distance)] = conformal(errors[chosen])
    # What is further from the data is never surer.
    for one in QUANTITIES:
        for kind in LOADS:
            wider: Interval | None = None
            for distance in DISTANCES:
                found = table.get(key(one, kind, distance))
                if found is None:
                    continue
                if wider is not None:
                    found = Interval(
                        low=min(found.low, wider.low), high=max(found.high, wider.high), rows=found.rows
                    )
                    table[key(one, kind, distance)] = found
                wider = found
    return Intervals(table=table)
