"""Standings: how every deployment stands under each of many loads, as arrays.

What `choose` says of one load, said of many at once: the replicas it takes, whether the limits are kept, what
the objective is. `survey` makes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from advisor.advise.choose.rank import TIE
from advisor.cost.arrays import Bools, Floats, Ints
from advisor.cost.predict.prediction_table import LoadAnswers
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Load, Workload

SLOW, TTFT, RECOVERY = "slow", "ttft", "recovery"
"""What can turn out worse than predicted: the pace of tokens, which TPOT, E2E and throughput all follow; the
wait for the first token; the accuracy. Limits on one of them are kept or missed together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit under each load for each deployment, arrays of shape (loads, deployments)."""

    text: str
    """`ttft_p95_ms`, `capacity`, `recovery`."""
    cause: str
    """SLOW, TTFT or RECOVERY."""
    reach: Floats
    """How much worse than predicted it may be, in standard deviations, and the limit still holds. Negative:
    it must turn out better. Its normal probability is that of keeping the limit."""
    kept: Bools
    """Whether it holds at the pessimistic end."""
    likely: Bools
    """Whether it holds by the central estimate."""

    def of(self, rows: Callable[[np.ndarray], np.ndarray]) -> Limit:
        """Of some of the loads and deployments."""
        return replace(self, reach=rows(self.reach), kept=rows(self.kept), likely=rows(self.likely))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """Arrays of shape (loads, deployments) unless said otherwise."""

    workload: Workload
    """Its limits and its objective; each load of `loads` stands in for its own."""
    loads: tuple[Load, ...]
    deployments: tuple[Deployment, ...]
    """With one replica, or as many as are fixed."""
    replicas: Ints
    """How many of each it takes."""
    possible: Bools
    """Whether it fits, holds the longest request and is within the budget."""
    limits: tuple[Limit, ...]
    objective: Floats
    """What is made small; inf where it cannot be said."""
    objective_low: Floats
    objective_high: Floats
    """Its 90 % interval."""
    usd_per_million: Floats
    """USD per million output tokens; inf where no price is known."""
    recovery_low: Floats
    """(deployments,); -inf where nothing is known."""
    recovery_high: Floats
    distance: Ints
    measured: Bools
    answers: LoadAnswers
    """Of the pairs, flattened."""

    @property
    def kept(self) -> Bools:
        """Whether every limit is kept, as `judge` says it."""
        held = self.possible.copy()
        for limit in self.limits:
            held &= limit.kept
        return np.asarray(held)

    def take(self, order: Ints) -> Standings:
        """Under the loads at `order`."""
        width = len(self.deployments)
        flat = (order[:, None] * width + np.arange(width)).ravel()
        return self._with(
            tuple(self.loads[int(i)] for i in order), lambda rows: rows[order], self.answers.take(flat)
        )

    def only(self, at: Ints) -> Standings:
        """Of the deployments at `at`."""
        width = len(self.deployments)
        flat = (np.arange(len(self.loads))[:, None] * width + at).ravel()
        made = self._with(self.loads, lambda rows: rows[:, at], self.answers.take(flat))
        return replace(
            made,
            deployments=tuple(self.deployments[int(i)] for i in at),
            recovery_low=self.recovery_low[at],
            recovery_high=self.recovery_high[at],
        )

    def joined(self, other: Standings) -> Standings:
        """Under the loads of both; of the same deployments."""
        mine, theirs = _arrays(self), _arrays(other)
        limits = tuple(
            replace(
                one,
                reach=np.concatenate([one.reach, two.reach]),
                kept=np.concatenate([one.kept, two.kept]),
                likely=np.concatenate([one.likely, two.likely]),
            )
            for one, two in zip(self.limits, other.limits, strict=True)
        )
        arrays: dict[str, Any] = {name: np.concatenate([mine[name], theirs[name]]) for name in mine}
        return replace(
            self,
            loads=(*self.loads, *other.loads),
            limits=limits,
            answers=self.answers.concatenate(other.answers),
            **arrays,
        )

    def _with(
        self, loads: tuple[Load, ...], rows: Callable[[np.ndarray], np.ndarray], answers: LoadAnswers
    ) -> Standings:
        arrays: dict[str, Any] = {name: rows(array) for name, array in _arrays(self).items()}
        return replace(
            self,
            loads=loads,
            limits=tuple(one.of(rows) for one in self.limits),
            answers=answers,
            **arrays,
        )

    @property
    def likely(self) -> Bools:
        held = self.possible.copy()
        for limit in self.limits:
            held &= limit.likely
        return np.asarray(held)

    def reach(self, cause: str) -> Floats:
        """The least reach of the limits on one cause; inf without any."""
        least = np.full(self.objective.shape, np.inf)
        for limit in self.limits:
            if limit.cause == cause:
                least = np.minimum(least, limit.reach)
        return least

    def deployment(self, load: int, at: int) -> Deployment:
        """One of the deployments with the replicas it takes under a load."""
        return replace(self.deployments[at], replicas=int(self.replicas[load, at]))

    def best(self, among: Bools | None = None) -> Ints:
        """Of each load the position of the deployment that `rank` would put first; -1 where none is kept."""
        held = self.kept if among is None else among
        return np.array([self._first(load, held[load]) for load in range(len(self.loads))], dtype=np.intp)

    def _first(self, load: int, held: Bools) -> int:
        at = np.flatnonzero(held)
        if not len(at):
            return -1
        value = self.objective[load, at]
        least = value.min()
        with np.errstate(invalid="ignore"):
            tied = at[(np.abs(value - least) <= TIE * abs(least)) | (value == least)]

        def order(i: int) -> tuple[object, ...]:
            d = self.deployments[i]
            cost, own = self.usd_per_million[load, i], self.objective[load, i]
            count = int(self.replicas[load, i])
            name = (d.tensor_parallel * count, d.kv_format == "fp8", (*d.key[:5], count, d.key[6]))
            return (-self.recovery_low[i], own, cost, name)

        return int(min(tied, key=order))


_BY_LOAD = (
    *("replicas", "possible", "objective", "objective_low", "objective_high"),
    *("usd_per_million", "distance", "measured"),
)


def _arrays(of: Standings) -> dict[str, Any]:
    """The arrays with a row per load."""
    return {name: getattr(of, name) for name in _BY_LOAD}
