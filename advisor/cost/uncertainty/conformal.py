"""Quantiles of held-out errors by class, drawn towards the class they are part of and calibrated on groups.

Errors of one group (one model, one GPU, one source) go together, so that a class knows as much as it has
groups, not rows. The quantiles of a class with k groups count k ÷ (k + 3), those of the class around it the
rest. One factor then makes nine of ten errors lie inside when each group is judged by the others; it may
narrow as well as widen.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from advisor.cost.array_table import Floats, Ints

COVERAGE = 0.90
Z90 = 1.645
"""Standard deviations of a normal distribution to either end of its 90 % interval."""
PRIOR_GROUPS = 3.0
"""Groups that the wider class counts as. With 1 to 16 the interval score of held-out groups is the same to
within 3 %; without it (0) TPOT scores 5 % and TTFT 20 % worse."""
CALIBRATION_GROUPS = 3.0
"""Groups that 'no factor' counts as in a calibration."""
FEWEST_ROWS = 20
"""Rows below which a class has no quantiles of its own."""
FEWEST_GROUPS = 3
"""Groups below which nothing can be calibrated."""
NARROWEST = 0.01
"""Least half width in logs: measurements repeat no better."""

K = TypeVar("K", bound=Hashable)


class Ends(NamedTuple):
    """The 5 % and 95 % quantile."""

    low: float
    high: float

    def towards(self, other: Ends, share: float) -> Ends:
        """Ends moved by `share` of the way towards the other's."""
        return Ends(
            (1.0 - share) * self.low + share * other.low, (1.0 - share) * self.high + share * other.high
        )

    def scaled(self, factor: float) -> Ends:
        return Ends(factor * self.low, factor * self.high)

    @property
    def around_zero(self) -> Ends:
        """At least `NARROWEST` to either side, so that the prediction itself lies inside."""
        return Ends(min(self.low, -NARROWEST), max(self.high, NARROWEST))


@dataclass(frozen=True)
class Sample:
    """Errors with the group of each."""

    errors: Floats
    groups: Ints
    """Numbers from 0, each error's."""

    @cached_property
    def _order(self) -> Ints:
        return np.argsort(self.errors, kind="stable")

    @cached_property
    def _sorted(self) -> tuple[Floats, Ints]:
        return self.errors[self._order], self.groups[self._order]

    def quantiles(self, shares: Sequence[float], without: int | None = None) -> Floats:
        """Quantiles of all groups but one, each an error that occurred; of errors turned round they are the
        same turned round."""
        errors, groups = self._sorted
        if without is not None:
            errors = errors[groups != without]
        share, n = np.asarray(shares), len(errors)
        from_end = np.ceil(np.round(np.minimum(share, 1.0 - share) * n, 9)).astype(np.intp)
        at = np.where(share < 0.5, from_end - 1, n - from_end)
        return np.asarray(errors[np.clip(at, 0, n - 1)])

    def ends(self, without: int | None = None) -> Ends:
        share = (1.0 - COVERAGE) / 2.0
        low, high = self.quantiles((share, 1.0 - share), without)
        return Ends(float(low), float(high))

    def rows(self, without: int | None = None) -> int:
        """Errors outside a group."""
        return len(self.errors) if without is None else int(np.sum(self.groups != without))

    def effective_groups(self, without: int | None = None) -> float:
        """How many groups of equal size say as much as these (Kish)."""
        weight = np.bincount(self.groups).astype(np.float64)
        if without is not None and without < len(weight):
            weight[without] = 0.0
        square = float(np.sum(weight**2))
        return float(np.sum(weight)) ** 2 / square if square > 0 else 0.0


def numbered(labels: Sequence[str] | np.ndarray) -> Ints:
    """Labels as numbers from 0, in the order of their names."""
    return np.asarray(np.unique(np.asarray(labels), return_inverse=True)[1], dtype=np.intp)


def calibration(needed: Floats, groups: Ints) -> float:
    """The factor on half widths with which nine of ten errors lie inside intervals made without their group.

    needed: each error ÷ the end on its side. 1 where the groups are too few to tell.
    """
    known = np.isfinite(needed)
    if len(set(groups[known].tolist())) < FEWEST_GROUPS:
        return 1.0
    sample = Sample(needed[known], numbered(groups[known]))
    factor = max(float(sample.quantiles((COVERAGE,))[0]), 1e-3)
    count = sample.effective_groups()
    return float(np.exp(np.log(factor) * count / (count + CALIBRATION_GROUPS)))


@dataclass(frozen=True)
class Tree(Generic[K]):
    """Errors filed under classes, each of which is part of a wider one."""

    errors: Floats
    groups: Ints
    members: Sequence[tuple[K, ...]]
    """Classes whose quantiles each error contributes to, finest first."""
    parent: Callable[[K], K | None]

    @cached_property
    def samples(self) -> Mapping[K, Sample]:
        """Errors of each class."""
        rows: dict[K, list[int]] = {}
        for i, keys in enumerate(self.members):
            for key in keys:
                rows.setdefault(key, []).append(i)
        return {key: Sample(self.errors[at], self.groups[at]) for key, at in rows.items()}

    @cached_property
    def _coarse_first(self) -> tuple[K, ...]:
        """Every class with errors and all around it, a class after its parent."""
        order: dict[K, None] = {}

        def add(key: K) -> None:
            above = self.parent(key)
            if above is not None and above not in order:
                add(above)
            order[key] = None

        for key in self.samples:
            add(key)
        return tuple(order)

    def ends(self, without: int | None = None) -> dict[K, Ends]:
        """Quantiles of each class drawn towards those of its parent, from all groups but one."""
        made: dict[K, Ends] = {}
        for key in self._coarse_first:
            above = self.parent(key)
            around = None if above is None else made.get(above)
            sample = self.samples.get(key)
            if sample is None or sample.rows(without) < (FEWEST_ROWS if around is not None else 2):
                if around is not None:
                    made[key] = around
                continue
            own = sample.ends(without)
            groups = sample.effective_groups(without)
            share = 0.0 if around is None else PRIOR_GROUPS / (groups + PRIOR_GROUPS)
            made[key] = own if around is None else own.towards(around, share)
        return made

    def needed(self) -> Floats:
        """Ratio of each error to the end that the other groups give it; NaN where they give none."""
        needed = np.full(len(self.errors), np.nan)
        rows: dict[tuple[int, K], list[int]] = {}
        for i, (group, keys) in enumerate(zip(self.groups.tolist(), self.members, strict=True)):
            rows.setdefault((group, keys[0]), []).append(i)
        for group in sorted({group for group, _ in rows}):
            ends = self.ends(without=group)
            for (of, key), at in rows.items():
                if of == group and key in ends:
                    low, high = ends[key].around_zero
                    errors = self.errors[at]
                    needed[at] = np.where(errors < 0, errors / low, errors / high)
        return needed

    def calibrated(self, scale: Callable[[K], Hashable]) -> dict[K, Ends]:
        """Quantiles of each class, scaled so that nine of ten errors of left-out groups lie inside.

        scale: classes of one scale share a factor.
        """
        needed, of_row = self.needed(), [scale(keys[0]) for keys in self.members]
        factors: dict[Hashable, float] = {}
        for name in dict.fromkeys(of_row):
            chosen = np.array([one == name for one in of_row])
            factors[name] = calibration(needed[chosen], self.groups[chosen])
        return {
            key: ends.around_zero.scaled(factors.get(scale(key), 1.0)).around_zero
            for key, ends in self.ends().items()
        }


def pooled_in_order(ends: Sequence[Ends], weights: Sequence[float]) -> list[Ends]:
    """The nearest ends of which each reaches at least as far as the one before (isotonic regression).

    Neighbours in the wrong order get their weighted mean: one becomes wider, the other narrower.
    """
    low = -_isotonic(np.array([-end.low for end in ends]), np.asarray(weights))
    high = _isotonic(np.array([end.high for end in ends]), np.asarray(weights))
    return [Ends(float(a), float(b)) for a, b in zip(low, high, strict=True)]


def _isotonic(values: Floats, weights: Floats) -> Floats:
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        blocks.append((value, max(weight, 1e-9), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (one, first, many), (other, second, more) = blocks[-2:]
            total = first + second
            blocks[-2:] = [((one * first + other * second) / total, total, many + more)]
    return np.array([value for value, _, count in blocks for _ in range(count)])
