"""The smallest number of equal replicas with which each deployment keeps the limits.

Many deployments under many loads are searched at once, which costs little more than one. Assumes that a
further replica never makes a latency worse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from advisor.cost.array_table import Bools, Ints

SPARE = 64
"""Without a bound on GPUs, replicas are added up to so many times what the arrival rate needs: at so small a
share of its capacity a replica serves nearly every request alone, and a further one changes nothing. In a
closed loop that is so with as many replicas as there are clients."""

SHOWN_SPARE = 4
"""What no number of replicas mends is shown with up to so many times the replicas that the load needs."""

AHEAD = 700
"""Where fewer than so many are to be looked at, counts that may be asked for later are looked at with them:
so many take about twice as long as one."""

Verdicts = Callable[[Ints, Ints], tuple[Bools, Bools]]
"""Positions and counts → whether the limits are kept there, and whether they likely are."""


def min_replicas(most: Ints, guess: Ints, single: tuple[Bools, Bools], verdicts: Verdicts) -> Ints:
    """The least count, for each position, that keeps the limits; where none up to `most` does, the least that
    likely does; where none does either, some times the guess, so that its verdict says how far replicas can
    carry it.

    single: the verdicts on one replica. guess: the count to begin with, at most `most`.
    """
    at = np.arange(len(most))
    known = _Known(len(most))
    known.learn(at, np.ones_like(at), single)
    likely = np.zeros(len(most), dtype=bool)
    """The search is for what likely keeps the limits."""
    state = _State(np.zeros_like(at), np.zeros_like(at))
    while True:
        following = _next(state, guess, most)
        lost = (following == 0) & (state.keeps == 0) & ~likely
        if lost.any():
            likely |= lost
            state.fails[lost] = 0
            continue
        active = np.flatnonzero(following)
        if not len(active):
            return np.where(state.keeps > 0, state.keeps, np.minimum(SHOWN_SPARE * guess, most))
        tried = following[active]
        verdict = known.of(active, tried, likely[active])
        ready = np.flatnonzero(verdict >= 0)
        # Advance every position that needs no new verdict first, so that one call judges as many as possible.
        if not len(ready):
            asked = _ahead(active, state, guess, most)
            new = known.new(*asked)
            known.learn(*new, verdicts(*new))
            continue
        here, counts = active[ready], tried[ready]
        holds = verdict[ready] > 0
        state.keeps[here[holds]] = counts[holds]
        state.fails[here[~holds]] = np.maximum(state.fails[here[~holds]], counts[~holds])


@dataclass(slots=True)
class _State:
    """For each position: `fails` are too few, `keeps` are enough; 0 where that is not known."""

    fails: Ints
    keeps: Ints


class _Known:
    """Verdicts by position and count."""

    def __init__(self, positions: int) -> None:
        self._positions = positions
        self._verdicts: dict[int, tuple[bool, bool]] = {}

    def learn(self, at: Ints, counts: Ints, found: tuple[Bools, Bools]) -> None:
        pairs = zip(found[0].tolist(), found[1].tolist(), strict=True)
        self._verdicts.update(zip(self._names(at, counts), pairs, strict=True))

    def of(self, at: Ints, counts: Ints, likely: Bools) -> Ints:
        """1: holds, 0: does not, -1: unknown."""
        return np.array(
            [
                -1 if (verdict := self._verdicts.get(name)) is None else int(verdict[which])
                for name, which in zip(self._names(at, counts), likely.tolist(), strict=True)
            ],
            dtype=np.intp,
        )

    def new(self, at: Ints, counts: Ints) -> tuple[Ints, Ints]:
        """Those of the pairs that nothing is known of, each once."""
        # A set: numpy's own way takes longer to import than to work.
        unknown = {name for name in self._names(at, counts) if name not in self._verdicts}
        names = np.array(sorted(unknown), dtype=np.int64)
        counts, at = np.divmod(names, self._positions)
        return np.asarray(at, dtype=np.intp), np.asarray(counts, dtype=np.intp)

    def _names(self, at: Ints, counts: Ints) -> list[int]:
        names: list[int] = (counts.astype(np.int64) * self._positions + at).tolist()
        return names


def _next(state: _State, guess: Ints, most: Ints) -> Ints:
    """The count to look at next; 0 when the search is over.

    After one and the guess the largest count: where that fails, it is over. Far below it, where most answers
    are, the counts between are halved as logarithms.
    """
    fails, keeps = state.fails, state.keeps
    middle = (keeps + fails) // 2
    wide = keeps > 4 * np.maximum(fails, 1)
    middle = np.where(wide, np.sqrt(np.maximum(fails, 1) * keeps).astype(np.intp), middle)
    halved = np.where(keeps - fails > 1, middle, 0)
    climbed = np.where(fails < 1, 1, np.where(fails < guess, guess, np.where(fails < most, most, 0)))
    return np.asarray(np.where(keeps > 0, halved, climbed))


def _ahead(active: Ints, state: _State, guess: Ints, most: Ints) -> tuple[Ints, Ints]:
    """(positions, counts) to look at: what is next, and while they are few what may come after that."""
    at, here = active, _State(state.fails[active], state.keeps[active])
    asked: list[tuple[Ints, Ints]] = []
    while len(at) and (not asked or sum(len(one) for one, _ in asked) + len(at) <= AHEAD):
        following = _next(here, guess[at], most[at])
        on = np.flatnonzero(following)
        at, counts = at[on], following[on]
        asked.append((at, counts))
        fails, keeps = here.fails[on], here.keeps[on]
        at = np.concatenate([at, at])
        here = _State(np.concatenate([np.maximum(fails, counts), fails]), np.concatenate([keeps, counts]))
    return np.concatenate([one for one, _ in asked]), np.concatenate([counts for _, counts in asked])
