"""Why the best deployment changes between two levels, and the interval of the level at which it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Literal

import numpy as np

from advisor.advise.certainty.error_draws import draw
from advisor.advise.choose.judged_table import JudgedTable, least_margin
from advisor.cost.array_table import Floats
from advisor.cost.estimate_with_interval import BASES, Basis
from advisor.cost.predict.predictor import Z90
from advisor.cost.uncertainty.shared_errors import SharedErrors

INTERVAL_PROBABILITY = 0.95
"""The interval ends where one side is better with this probability: nine of ten crossings lie within."""

Interval = tuple[float | None, float | None]
"""Levels; None: beyond those looked at."""

Why = Literal["objective", "replicas", "limit"]
"""objective: its order changes. replicas: the one before takes one more. limit: the one before keeps the
limits no more, or the one after does not yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What changes between two levels next to each other, of which each has another best."""

    end: int
    """The lower level's position; the upper one is the next."""
    before: int
    after: int
    """Positions of the two deployments; -1: nothing keeps the limits there."""
    why: Why
    limit: str = ""
    """Which, where one stops being kept: `tpot_p95_ms`."""
    whose: int | None = None
    """The deployment whose limits decide; None: only the order of the two does."""

    @property
    def sides(self) -> tuple[tuple[int, int], ...]:
        """(deployment, level at which it stands) of those that the change hangs on."""
        if self.whose is None:
            return (self.before, self.end), (self.after, self.end + 1)
        return ((self.whose, self.end + (self.whose != self.before)),)


def turn_at(found: JudgedTable, end: int, before: int, after: int) -> Turn:
    """The turn after the level at `end`, from one best to the other."""
    for at, load in ((before, end + 1), (after, end)):
        if at < 0 or found.kept[load, at]:
            continue
        if found.replicas[load, at] > found.replicas[2 * end + 1 - load, at] and not found.possible[load, at]:
            # It would take another replica, which the budget does not allow.
            return Turn(end=end, before=before, after=after, why="replicas", whose=at)
        missed = [limit for limit in found.uncertain if not limit.kept[load, at]]
        limit = "memory"
        if missed and found.possible[load, at]:
            limit = min(missed, key=lambda one: float(one.margin_sd[load, at])).key
        return Turn(end=end, before=before, after=after, why="limit", limit=limit, whose=at)
    if before >= 0 and found.replicas[end + 1, before] > found.replicas[end, before]:
        return Turn(end=end, before=before, after=after, why="replicas", whose=before)
    if after >= 0 and found.replicas[end + 1, after] < found.replicas[end, after]:
        return Turn(end=end, before=before, after=after, why="replicas", whose=after)
    return Turn(end=end, before=before, after=after, why="objective")


def weakest(bases: Sequence[Basis]) -> Basis:
    """The weakest basis among several."""
    return max(bases, key=tuple(BASES).index, default="measured")


def basis_of(found: JudgedTable, turn: Turn) -> Basis:
    """What the predictions that decide a turn rest on; `found` has the turn's positions."""
    width = len(found.deployments)
    return weakest([found.answers.basis(load * width + at) for at, load in turn.sides])


def where_it_turns(sides: JudgedTable, levels: Sequence[float], turn: Turn, shared: SharedErrors) -> Interval:
    """Nine times of ten the change truly lies between these levels; `sides` are the turn's alone."""
    if turn.whose is None:
        return where_order_changes(sides, levels, turn.end, shared)
    return where_limit_is_met(sides, levels, turn.end, ends=turn.whose == turn.before)


def where_order_changes(
    found: JudgedTable, levels: Sequence[float], end: int, shared: SharedErrors
) -> Interval:
    """Where the second of two deployments becomes the better one, somewhere after `levels[end]`.

    From where it is with 5 % probability to where it is with 95 %, errors that both share left out: each
    draw is one world, in which both are off by their parts at every level.
    """
    chance = [_second_wins(found, load, shared) for load in range(len(levels))]
    return _interval(
        levels, np.array(chance), end, lambda i: chance[i], 1.0 - INTERVAL_PROBABILITY, INTERVAL_PROBABILITY
    )


def where_limit_is_met(found: JudgedTable, levels: Sequence[float], end: int, *, ends: bool) -> Interval:
    """Where one deployment stops keeping its limits (`ends`), or starts, somewhere after `levels[end]`.

    From where it keeps them at the pessimistic end of its interval to where it no more does at the optimistic
    one. Beyond what it can serve by the central estimate there is no latency to judge, yet a better pace
    would move that point: the optimistic end is where the capacity's own is exceeded, too.
    """
    reach = np.where(found.possible[:, 0], least_margin(found)[:, 0], -np.inf)
    measure = -reach if ends else reach
    low, high = _interval(levels, measure, end, lambda i: measure[i], -Z90, Z90)
    hopeful = np.flatnonzero(reach > -Z90)
    if not len(hopeful):
        return low, high
    if ends:
        last = int(hopeful[-1])
        far = None if last == len(levels) - 1 else _between(levels, measure, last, Z90)
        return low, None if far is None else max(far, levels[end + 1])
    first = int(hopeful[0])
    near = None if first == 0 else _between(levels, measure, first - 1, -Z90)
    return None if near is None else min(near, levels[end]), high


def _second_wins(found: JudgedTable, load: int, shared: SharedErrors) -> float:
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
