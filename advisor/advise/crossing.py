"""How sure a crossing is: between which levels the change from one deployment to another truly lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, log

import numpy as np

from advisor.advise.chances import draw
from advisor.advise.standings import Standings
from advisor.cost.features import Floats
from advisor.cost.predict import Z90
from advisor.cost.shared_errors import SharedErrors

SURE = 0.95
"""The interval ends where one side is better with this probability: nine of ten crossings lie within."""

Interval = tuple[float | None, float | None]
"""Levels; None: beyond those looked at."""


def where_order_changes(
    found: Standings, levels: Sequence[float], end: int, shared: SharedErrors
) -> Interval:
    """Where the second of two deployments becomes the better one, somewhere after `levels[end]`.

    From where it is with 5 % probability to where it is with 95 %, errors that both share left out: each
    draw is one world, in which both are off by their parts at every level.
    """
    chance = [_second_wins(found, load, shared) for load in range(len(levels))]
    return _interval(levels, np.array(chance), end, lambda i: chance[i], 1.0 - SURE, SURE)


def where_limit_is_met(found: Standings, levels: Sequence[float], end: int, *, ends: bool) -> Interval:
    """Where one deployment stops keeping its limits (`ends`), or starts, somewhere after `levels[end]`.

    From where it keeps them at the pessimistic end of its interval to where it does at the optimistic one.
    """
    reach = np.full(len(levels), np.inf)
    for limit in found.limits:
        reach = np.minimum(reach, limit.reach[:, 0])
    reach = np.where(found.possible[:, 0], reach, -np.inf)
    measure = -reach if ends else reach
    return _interval(levels, measure, end, lambda i: measure[i], -Z90, Z90)


def _second_wins(found: Standings, load: int, shared: SharedErrors) -> float:
    seen = draw(found, load, np.array([0, 1]), shared)
    return float((seen.objective[:, 1] < seen.objective[:, 0]).mean())


def _interval(
    levels: Sequence[float],
    measure: Floats,
    end: int,
    at: Callable[[int], float],
    first: float,
    last: float,
) -> Interval:
    """Levels around the step after `end` at which the measure, rising through it, is `first` and `last`."""
    low = high = None
    for i in range(end, -1, -1):
        if at(i) <= first:
            low = _between(levels, measure, i, first)
            break
    for i in range(end + 1, len(levels)):
        if at(i) >= last:
            high = _between(levels, measure, i - 1, last)
            break
    return (
        None if low is None else min(low, levels[end]),
        None if high is None else max(high, levels[end + 1]),
    )


def _between(levels: Sequence[float], measure: Floats, i: int, wanted: float) -> float:
    """The level between two at which the measure would be `wanted`, by factors."""
    one, two = float(measure[i]), float(measure[i + 1])
    if one == two or not (np.isfinite(one) and np.isfinite(two)):
        return levels[i + 1] if np.isfinite(one) else levels[i]
    part = min(max((wanted - one) / (two - one), 0.0), 1.0)
    return exp(log(levels[i]) + part * (log(levels[i + 1]) - log(levels[i])))
