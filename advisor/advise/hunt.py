"""How many replicas each of many deployments takes under each of many loads: `replicate`, as arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advisor.advise.standings import Bools
from advisor.cost.features import Ints

AT_ONCE = 16
"""Where no more replicas than this come into question, all counts are looked at together; beyond, in turn."""

Verdicts = Callable[[Ints, Ints], tuple[Bools, Bools]]
"""Positions and counts → whether the limits are kept there, and whether they likely are."""


def hunt(most: Ints, guess: Ints, single: tuple[Bools, Bools], verdicts: Verdicts) -> Ints:
    """Of each position the count that `replicate` would find: the least that keeps the limits; where none
    does, the least that likely does; where none does either, `most`.

    single: the verdicts on one replica. guess: the count to begin with.
    """
    known = np.full((2, len(most), AT_ONCE + 1), -1, dtype=np.int8)
    known[0, :, 1], known[1, :, 1] = single
    _look_together(known, most, verdicts)
    found, lost = _pursue(np.arange(len(most)), most, guess, known[0], lambda at, n: verdicts(at, n)[0])
    rest = np.flatnonzero(lost)
    again, never = _pursue(rest, most[rest], guess[rest], known[1], lambda at, n: verdicts(at, n)[1])
    found[rest] = np.where(never, most[rest], again)
    return found


def _look_together(known: np.ndarray, most: Ints, verdicts: Verdicts) -> None:
    """Fill in every count of the positions that have few and need more than one."""
    open_ = np.flatnonzero((known[0, :, 1] == 0) & (most > 1) & (most <= AT_ONCE))
    if not len(open_):
        return
    at = np.repeat(open_, most[open_] - 1)
    counts = np.concatenate([np.arange(2, top + 1) for top in most[open_].tolist()])
    known[0, at, counts], known[1, at, counts] = verdicts(at, counts)


def _pursue(
    at: Ints, most: Ints, guess: Ints, known: np.ndarray, holds_at: Callable[[Ints, Ints], Bools]
) -> tuple[Ints, Bools]:
    """(least count that holds, mask of those for which none does)."""
    fails, keeps = np.zeros(len(at), dtype=np.intp), np.zeros(len(at), dtype=np.intp)
    while True:
        halved = np.where(keeps - fails > 1, (keeps + fails) // 2, 0)
        climbed = np.where(fails < 1, 1, np.where(fails < guess, guess, np.where(fails < most, most, 0)))
        following = np.where(keeps > 0, halved, climbed)
        active = np.flatnonzero(following)
        if not len(active):
            return keeps, keeps == 0
        tried = following[active]
        told = known[at[active], np.minimum(tried, AT_ONCE)]
        told = np.where(tried > AT_ONCE, -1, told)
        new = np.flatnonzero(told < 0)
        if len(new):
            told[new] = holds_at(at[active[new]], tried[new])
        holds = told > 0
        keeps[active[holds]] = tried[holds]
        fails[active[~holds]] = np.maximum(fails[active[~holds]], tried[~holds])
