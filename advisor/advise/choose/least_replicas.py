"""The smallest number of equal replicas with which each deployment keeps the limits.

Many deployments under many loads are searched at once, which costs little more than one. Assumes that a
further replica never makes a latency worse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from advisor.cost.array_table import Bools, Floats, Ints

SPARE = 64
"""Without a bound on GPUs, replicas are added up to so many times what the arrival rate needs: at so small a
share of its capacity a replica serves nearly every request alone, and a further one changes nothing. In a
closed loop that is so with as many replicas as there are clients."""

SHOWN_SPARE = 4
"""What no number of replicas mends is shown with up to so many times the replicas that the load needs."""

AHEAD = 400
"""Where fewer than so many are to be looked at, other counts are looked at with them: so many take little
longer than one."""

HALVED = 4
"""Of so many counts looked at inside a bracket one is its middle, so that no curve makes the search
long."""

FAR = 3.0
"""Limits that are missed by more standard deviations say only that: the middle is looked at."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """How each of some positions fares with some count of replicas."""

    kept: Bools
    """Whether the limits are kept."""
    likely: Bools
    """Whether they likely are."""
    kept_by: Floats
    """By how many standard deviations they are kept; negative: missed. Only tells where to look next."""
    likely_by: Floats
    """The same of `likely`."""


Judge = Callable[[Ints, Ints], Verdicts]
"""Positions and counts → verdicts."""


def min_replicas(most: Ints, load: Ints, start: Ints, single: Verdicts, judge: Judge) -> Ints:
    """The least count, for each position, that keeps the limits; where none up to `most` does, the least that
    likely does; where none does either, some times what the load needs, so that its verdict says how far
    replicas can carry it.

    load: the replicas that the load needs. start: the count to look at first. Both are at most `most`.
    single: the verdicts on one replica.
    """
    sure, likely = _Bracket(most), _Bracket(most)
    at, counts, found = np.arange(len(most)), np.ones((len(most), 1), dtype=np.intp), single
    while True:
        sure.learn(at, counts, found.kept, found.kept_by)
        likely.learn(at, counts, found.likely, found.likely_by)
        # What likely keeps the limits is searched where nothing surely does.
        lost = (sure.keeps == 0) & (sure.fails >= most)
        following = np.where(lost, likely.following(start), sure.following(start))
        at = np.flatnonzero(following)
        if not len(at):
            shown = np.minimum(SHOWN_SPARE * load, most)
            return np.where(sure.keeps > 0, sure.keeps, np.where(likely.keeps > 0, likely.keeps, shown))
        fails, end = np.where(lost, likely.fails, sure.fails), np.where(lost, likely.end, sure.end)
        counts = _with_others(following[at], fails[at], end[at])
        found = judge(at[np.nonzero(counts)[0]], counts[counts > 0])


@dataclass(slots=True)
class _Bracket:
    """For each position `fails` are too few and `keeps` are enough; 0 where that is not known."""

    most: Ints
    fails: Ints = field(init=False)
    keeps: Ints = field(init=False)
    before: Ints = field(init=False)
    """The largest that failed before `fails`."""
    fails_by: Floats = field(init=False)
    keeps_by: Floats = field(init=False)
    before_by: Floats = field(init=False)
    """By how many standard deviations the limits are kept there; NaN where unknown."""
    rounds: Ints = field(init=False)
    """Since both ends are known."""
    moved: Ints = field(init=False)
    """The end that moved last: -1 `fails`, 1 `keeps`."""

    def __post_init__(self) -> None:
        none = np.zeros_like(self.most)
        self.fails, self.keeps, self.before, self.rounds, self.moved = (none.copy() for _ in range(5))
        self.fails_by, self.keeps_by, self.before_by = (np.full(len(self.most), np.nan) for _ in range(3))

    @property
    def end(self) -> Ints:
        """The first count that is not to be looked at."""
        return np.where(self.keeps > 0, self.keeps, self.most + 1)

    def learn(self, at: Ints, counts: Ints, kept: Bools, by: Floats) -> None:
        """counts: a row for each of the positions `at`, 0 is none; the verdicts on those that are not, in a
        row."""
        held, margin = np.zeros(counts.shape, dtype=bool), np.full(counts.shape, np.nan)
        held[counts > 0], margin[counts > 0] = kept, by
        row = np.arange(len(at))
        self.rounds[at] += self.keeps[at] > 0

        enough = np.where(held, counts, np.iinfo(np.intp).max)
        least = enough.argmin(axis=1)
        better = enough[row, least] < self.end[at]
        here = at[better]
        # Illinois: an end that stays twice counts half, or the line would creep towards it.
        self.fails_by[here[self.moved[here] > 0]] /= 2
        self.moved[here] = 1
        self.keeps[here], self.keeps_by[here] = counts[row, least][better], margin[row, least][better]

        short = np.where(~held & (counts < self.end[at][:, None]), counts, 0)
        largest = short.argmax(axis=1)
        more = short[row, largest] > self.fails[at]
        here = at[more]
        self.keeps_by[here[self.moved[here] < 0]] /= 2
        self.moved[here] = -1
        self.before[here], self.before_by[here] = self.fails[here], self.fails_by[here]
        self.fails[here], self.fails_by[here] = short[row, largest][more], margin[row, largest][more]

    def following(self, start: Ints) -> Ints:
        """The count to look at next; 0 when the search is over.

        After one and the start the count where the line through the last two says that the limits are kept,
        and then the largest: where that fails, it is over. Between one that fails and one that is enough the
        line again, or the middle.
        """
        fails, keeps, most = self.fails, self.keeps, self.most
        beyond = _crossing(self.before, self.before_by, fails, self.fails_by)
        beyond = np.where(beyond > fails, np.minimum(beyond, most), most).astype(np.intp)
        climbed = np.where(fails < 1, 1, np.where(fails < start, start, np.where(fails < most, beyond, 0)))
        line = _crossing(fails, self.fails_by, keeps, self.keeps_by)
        # Far below the end, where most answers are, the middle of the logarithms.
        low = np.maximum(fails, 1)
        middle = np.where(keeps > 4 * low, np.sqrt(low * keeps), (keeps + fails) // 2)
        halved = np.isnan(line) | (self.fails_by < -FAR) | (self.rounds % HALVED == HALVED - 1)
        between = np.clip(np.where(halved, middle, line), fails + 1, keeps - 1).astype(np.intp)
        return np.where(keeps > 0, np.where(keeps - fails > 1, between, 0), climbed)


def _crossing(one: Ints, one_by: Floats, other: Ints, other_by: Floats) -> Floats:
    """The first count that keeps the limits by the line through two; NaN where there is none.

    Over one by the root of the count, between the square that queues follow and the logarithm that steps do.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        first, second = one**-0.5, other**-0.5
        at = second - other_by * (second - first) / (other_by - one_by)
        found = np.ceil(at**-2.0)
    return np.asarray(np.where(np.isfinite(found) & (other_by > one_by), found, np.nan))


def _with_others(counts: Ints, fails: Ints, end: Ints) -> Ints:
    """A row for each of the counts: itself and, while those are few, others between `fails` and `end`; 0 is
    none."""
    many = AHEAD // len(counts)
    if many < 2:
        return counts[:, None]
    steps = np.arange(1, many) / many
    low = np.log(np.maximum(fails, 1))[:, None]
    spread = np.exp(low + steps * (np.log(end)[:, None] - low)).astype(np.intp)
    rows = np.sort(np.concatenate([counts[:, None], counts[:, None] - 1, spread], axis=1), axis=1)
    rows[(rows <= fails[:, None]) | (rows >= end[:, None])] = 0
    rows[:, 1:][rows[:, 1:] == rows[:, :-1]] = 0
    return rows
