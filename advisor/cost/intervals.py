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
gpu: nothing was measured on the GPU with this generation of the engine."""
DISTANCES: tuple[Distance, ...] = ("seen", "model", "gpu")
QUANTITIES = ("ttft", "tpot", "e2e", "throughput")
LOADS = ("single", "loaded", "maximum", "batch")
"""batch: static batches, which nobody asks about but the fit learns from."""

ALL = "all"
"""In place of an engine generation: rows of every generation."""
COVERAGE = 0.90
_FEWEST = 25
"""Held-out rows below which a class borrows from the next wider one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Quantiles of log(measured ÷ predicted)."""

    low: float
    high: float
    rows: int


def key(quantity: str, load: str, generation: str, distance: str) -> str:
    return f"{quantity} {load} {generation} {distance}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Interval by class; every class asked for has one, if need be a wider class's."""

    table: Mapping[str, Interval]

    def of(self, quantity: str, load: str, generation: str, distance: Distance) -> Interval:
        """The narrowest class with evidence that contains the one asked; the widest we have otherwise.

        An engine generation with too little of its own has the errors of all.
        """
        for d in DISTANCES[DISTANCES.index(distance) :]:
            for engine in (generation, ALL):
                found = self.table.get(key(quantity, load, engine, d))
                if found is not None:
                    return found
        loads = [self.table[k] for k in self.table if k.startswith(f"{quantity} ")]
        everything = loads or list(self.table.values()) or [Interval(low=-1.0, high=1.0, rows=0)]
        return max(everything, key=lambda i: i.high - i.low)


def conformal(errors: Floats) -> Interval:
    """The central 90 % of `errors` = log(measured ÷ predicted), widened for their finite number."""
    ordered = np.sort(errors)
    n = len(ordered)
    tail = (1.0 - COVERAGE) / 2.0
    # The k-th of n+1 places: with exchangeable errors each tail then holds at most its share.
    low = ordered[max(0, int(np.floor((n + 1) * tail)) - 1)]
    high = ordered[min(n - 1, int(np.ceil((n + 1) * (1.0 - tail))) - 1)]
    # Rounded, so that the last bits of another machine's linear algebra do not show in the file.
    return Interval(low=round(min(float(low), 0.0), 5), high=round(max(float(high), 0.0), 5), rows=n)


def build(
    quantity: Sequence[str],
    load: Sequence[str],
    generation: Sequence[str],
    held_out: Mapping[Distance, Floats],
) -> Intervals:
    """Intervals from held-out errors: `held_out[distance]` has one per row, NaN where not held out.

    Under one load TPOT, E2E and the throughput that follows from them are one error seen three ways;
    so are they pooled.
    """
    q, group, engine = np.array(quantity), np.array(load), np.array(generation)
    table: dict[str, Interval] = {}
    for distance, errors in held_out.items():
        for which in (ALL, *sorted(set(generation))):
            known = np.isfinite(errors) & ((engine == which) | (which == ALL))
            for kind in LOADS:
                for one, chosen in _pooled(errors, q, known & (group == kind), kind).items():
                    if len(chosen) >= _FEWEST:
                        table[key(one, kind, which, distance)] = conformal(chosen)
    _widen_with_distance(table)
    return Intervals(table=table)


def _pooled(errors: Floats, quantity: np.ndarray, here: np.ndarray, load: str) -> dict[str, Floats]:
    """Errors that make each quantity's interval under one load."""
    found = {"ttft": errors[here & (quantity == "ttft")]}
    tpot, throughput = errors[here & (quantity == "tpot")], errors[here & (quantity == "throughput")]
    if load == "maximum":
        return found | {"tpot": tpot, "throughput": throughput}
    slow = np.concatenate([tpot, errors[here & (quantity == "e2e")], -throughput])
    return found | {"tpot": slow, "e2e": slow, "throughput": -slow}


def _widen_with_distance(table: dict[str, Interval]) -> None:
    """What is further from the data is never surer."""
    for start in {name.rpartition(" ")[0] for name in table}:
        nearer: Interval | None = None
        for distance in DISTANCES:
            found = table.get(f"{start} {distance}")
            if found is None:
                continue
            if nearer is not None:
                low, high = min(found.low, nearer.low), max(found.high, nearer.high)
                found = table[f"{start} {distance}"] = Interval(low=low, high=high, rows=found.rows)
            nearer = found
