"""The integer program: how many replicas of each kind carry a load for the least money.

Every kind runs at the same distance below its own capacity, a *level*: 0 is the highest load at which it
keeps the limits with the confidence asked for, and each further level is a lower load. The kinds of a fleet
must keep the limits together, and the more they are, and the less their errors have in common, the further
below capacity they must stay. How far depends on which kinds there are, not on their counts. So the program
is solved at level 0, and each time the kinds that it picks need a higher level, a cut says so and it is
solved again: the answer is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import ceil
from typing import Any

import numpy as np

from advisor.cost.array_table import Floats
from advisor.errors import MissingToolError

REMEDY = "SciPy is not installed, whose integer program chooses a mix; pip install 'quantadvise[mixed]'"
MOST_CUTS = 500
"""Kinds that turn out to need a higher level, one after the other, before the search is given up."""
SLACK = 1e-5
"""Share of the demand that a fleet may lack: the solver's own tolerance is a tenth of it."""
TIE_USD = 1e-6
"""USD per hour below which two fleets cost the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A deployment of one replica, as the program sees it."""

    gpu: str
    gpus: int
    """GPUs of one replica."""
    lots: tuple[tuple[int, float], ...]
    """(replicas that it holds, USD per hour) of everything that can be bought at once: a single replica's
    GPUs, or whole machines of several sizes."""
    capacity: Floats
    """Load that one replica takes at each level, never rising: requests per second, or in flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a fleet may be. None = no bound."""

    demand: float
    """The load that the fleet carries, in the unit of the capacities."""
    stock: tuple[tuple[str, int], ...] = ()
    """(kind of GPU, at most so many)."""
    max_gpus: int | None = None
    exact_gpus: int | None = None
    max_usd_per_hour: float | None = None
    most_kinds: int = 3


Required = Callable[[frozenset[int]], int | None]
"""The level that some kinds need together; None = no level is enough."""


def check_installed() -> None:
    """Raises MissingToolError when the `mixed` extra is not there."""
    try:
        import_module("scipy.optimize")
    except ImportError as error:
        raise MissingToolError(REMEDY) from error


def cheapest_mix(kinds: Sequence[Kind], bounds: Bounds, required: Required) -> tuple[int, ...] | None:
    """Replicas of each kind: the cheapest fleet of at least two kinds, one deployment for each kind of GPU;
    of equally cheap ones one with the most capacity to spare. None where there is none.

    Raises MissingToolError without SciPy.
    """
    check_installed()
    if len({kind.gpu for kind in kinds}) < 2:
        return None
    program = _Program(kinds, bounds)
    for _ in range(MOST_CUTS):
        counts = program.solve()
        if counts is None:
            return None
        if not program.cut(counts, required):
            return _roomiest(program, counts, required)
    return None


def usd_per_hour(kinds: Sequence[Kind], counts: Sequence[int]) -> float:
    """What a fleet costs, of what can be bought the cheapest that holds its replicas."""
    return sum(_usd_of(kind.lots, count) for kind, count in zip(kinds, counts, strict=True))


def _usd_of(lots: Sequence[tuple[int, float]], count: int) -> float:
    least = [0.0]
    for n in range(1, count + 1):
        least.append(min(usd + least[max(n - replicas, 0)] for replicas, usd in lots))
    return least[count]


def _roomiest(program: _Program, counts: tuple[int, ...], required: Required) -> tuple[int, ...]:
    """Among fleets that cost the same, the one with the most spare capacity."""
    usd = usd_per_hour(program.kinds, counts)
    for _ in range(MOST_CUTS):
        other = program.solve(at_usd=usd)
        if other is None:
            break
        if not program.cut(other, required):
            return other
    return counts


class _Program:
    """Variables: of each kind its replicas and whether it is there; how often each lot is bought."""

    def __init__(self, kinds: Sequence[Kind], bounds: Bounds) -> None:
        self.kinds, self.bounds = kinds, bounds
        self._lots = [(i, *lot) for i, kind in enumerate(kinds) for lot in kind.lots]
        """(kind, replicas, USD per hour)."""
        self._cuts: list[tuple[Floats, float]] = []
        self._most = np.array([_most_replicas(kind, bounds) for kind in kinds], dtype=np.float64)
        self._rows = self._fixed_rows()

    def cut(self, counts: tuple[int, ...], required: Required) -> bool:
        """Whether the kinds of a fleet need a higher level than it has; the program then knows it.

        A fleet with these kinds and others needs that level at least, so the cut holds for it, too.
        """
        there = frozenset(i for i, count in enumerate(counts) if count)
        level = required(there)
        present = self._row(there=dict.fromkeys(there, 1.0))
        if level is None:
            self._cuts.append((-present, -(len(there) - 1.0)))
            return True
        capacity = np.array([kind.capacity[level] for kind in self.kinds])
        if capacity @ counts >= self.bounds.demand * (1.0 - SLACK):
            return False
        row = self._row(replicas=dict(enumerate((capacity / self.bounds.demand).tolist())))
        self._cuts.append((row - present, 1.0 - len(there)))
        return True

    def solve(self, at_usd: float | None = None) -> tuple[int, ...] | None:
        """The cheapest counts under the cuts so far; with `at_usd` the roomiest that cost no more."""
        optimize: Any = import_module("scipy.optimize")
        kinds, count = self.kinds, len(self.kinds)
        usd = self._row(lots={n: usd for n, (_, _, usd) in enumerate(self._lots)})
        room = self._row(replicas={i: -float(kind.capacity[0]) for i, kind in enumerate(kinds)})
        rows = [*self._rows, *((row, low, np.inf) for row, low in self._cuts)]
        if at_usd is not None:
            rows.append((usd, -np.inf, at_usd + TIE_USD))
        if self.bounds.max_usd_per_hour is not None:
            rows.append((usd, -np.inf, self.bounds.max_usd_per_hour))
        matrix, low, high = (np.array(part) for part in zip(*rows, strict=True))
        top = np.concatenate([self._most, np.ones(count), np.full(len(self._lots), np.inf)])
        found = optimize.milp(
            usd if at_usd is None else room / self.bounds.demand,
            constraints=optimize.LinearConstraint(matrix, low, high),
            integrality=np.ones(len(top)),
            bounds=optimize.Bounds(np.zeros(len(top)), top),
            options={"mip_rel_gap": 0.0},
        )
        return None if found.x is None else tuple(round(x) for x in found.x[:count].tolist())

    def _fixed_rows(self) -> list[tuple[Floats, float, float]]:
        """(coefficients, least, most) of what never changes."""
        kinds, bounds = self.kinds, self.bounds
        every = range(len(kinds))
        gpus = {i: float(kind.gpus) for i, kind in enumerate(kinds)}
        share = {i: float(kind.capacity[0]) / bounds.demand for i, kind in enumerate(kinds)}
        rows = [
            (self._row(replicas=share), 1.0, np.inf),
            (self._row(there=dict.fromkeys(every, 1.0)), 2.0, float(bounds.most_kinds)),
        ]
        for i in every:
            rows.append((self._row(replicas={i: 1.0}, there={i: -1.0}), 0.0, np.inf))
            rows.append((self._row(replicas={i: -1.0}, there={i: float(self._most[i])}), 0.0, np.inf))
            holds = {n: float(replicas) for n, (of, replicas, _) in enumerate(self._lots) if of == i}
            bought = self._row(replicas={i: -1.0}, lots=holds)
            rows.append((bought, 0.0, np.inf))
        for gpu in dict.fromkeys(kind.gpu for kind in kinds):
            own = {i: 1.0 for i in every if kinds[i].gpu == gpu}
            rows.append((self._row(there=own), 0.0, 1.0))
        for gpu, most in bounds.stock:
            own = {i: gpus[i] for i in every if kinds[i].gpu == gpu}
            rows.append((self._row(replicas=own), 0.0, float(most)))
        if bounds.max_gpus is not None:
            rows.append((self._row(replicas=gpus), 0.0, float(bounds.max_gpus)))
        if bounds.exact_gpus is not None:
            rows.append((self._row(replicas=gpus), float(bounds.exact_gpus), float(bounds.exact_gpus)))
        return rows

    def _row(
        self,
        replicas: dict[int, float] | None = None,
        there: dict[int, float] | None = None,
        lots: dict[int, float] | None = None,
    ) -> Floats:
        count = len(self.kinds)
        row = np.zeros(2 * count + len(self._lots))
        for start, values in ((0, replicas), (count, there), (2 * count, lots)):
            for i, value in (values or {}).items():
                row[start + i] = value
        return row


def _most_replicas(kind: Kind, bounds: Bounds) -> int:
    """More replicas than a fleet could want of a kind, a lot that is bought for the last of them filled."""
    if bounds.exact_gpus is not None:
        return bounds.exact_gpus // kind.gpus
    least = kind.capacity[kind.capacity > 0].min(initial=np.inf)
    filled = max(replicas for replicas, _ in kind.lots) - 1
    return ceil(bounds.demand / least) + filled if np.isfinite(least) else 0
