"""Whether intervals hold: each group's errors against intervals made from the others'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.uncertainty.intervals import (
    CROWD,
    Errors,
    Interval,
    classes,
    interval_class,
    nearest,
    tail_classes,
)

_FEWEST = 5


@dataclass(frozen=True, slots=True)
class Coverage:
    """Per row: whether its interval held it, and the interval's half-width; NaN where there was none."""

    inside: Floats
    half_width: Floats

    def of(self, chosen: np.ndarray) -> dict[str, float]:
        """Share of the rows in the mask within their intervals, and the median half-width."""
        known = chosen & np.isfinite(self.inside)
        if known.sum() < _FEWEST:
            return {}
        return {
            "coverage": round(float(np.mean(self.inside[known])), 4),
            "half_width": round(float(np.median(self.half_width[known])), 4),
        }


def coverage(
    quantity: Sequence[str],
    load: Sequence[str],
    engine: Sequence[str],
    engines: Mapping[str, np.ndarray],
    errors: Errors,
    left: Sequence[str],
) -> Coverage:
    """How intervals from the errors of all other groups hold a group's own.

    engine: each row's class; engines: the rows of each, see `intervals.members`. left: the group of each row
    that is judged. A group's own errors never make its interval: this is the
    coverage that a new model (GPU, source) meets. Nothing is said where the others hold too little.
    """
    labels = np.array(left)
    inside, width = np.full(len(labels), np.nan), np.full(len(labels), np.nan)
    known = np.isfinite(errors.values)
    for group in sorted(set(labels[known])):
        others = Errors(np.where(labels == group, np.nan, errors.values), errors.groups)
        mine = np.flatnonzero(known & (labels == group))
        table = {which: classes(quantity, load, others, rows) for which, rows in engines.items()}
        for i in mine.tolist():
            interval = _interval(quantity[i], load[i], engine[i], table)
            if interval is not None:
                inside[i], width[i] = _judged(interval, float(errors.values[i]))
    return Coverage(inside, width)


def _interval(
    quantity: str, load: str, engine: str, table: Mapping[str, Mapping[tuple[str, str], Interval]]
) -> Interval | None:
    """As an answer has it (`Intervals.of_tail`): a percentile's is never narrower than its mean's."""
    metric, _, statistic = quantity.partition(" ")
    name = interval_class(quantity)
    names: tuple[str, ...] = (name,)
    if name.endswith("-tail"):
        mean = "tpot" if metric == "itl" else metric
        names = (mean, *tail_classes(metric, load, crowded=statistic.endswith(CROWD)))
    known = (nearest(lambda q, of, which: table.get(which, {}).get((q, of)), n, load, engine) for n in names)
    found = [one for one in known if one is not None]
    if not found:
        return None
    return Interval(low=min(i.low for i in found), high=max(i.high for i in found), rows=found[-1].rows)


def _judged(interval: Interval, error: float) -> tuple[float, float]:
    held = interval.low <= error <= interval.high
    return float(held), float(np.exp(interval.high) - np.exp(interval.low)) / 2
