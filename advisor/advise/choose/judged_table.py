"""JudgedTable: every limit of every deployment under each load, as arrays; the decision is read off it.

`deployment_evaluator` makes it, `limits` has one function for each kind of limit, an `Assessment` is a row
of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from advisor.advise.choose.assessment import RefusalKind
from advisor.cost.array_table import Bools, Floats, Ints, each_column
from advisor.cost.predict.prediction_table import PredictionTable, Range
from advisor.cost.quality.question_and_recovery import Recovery
from advisor.cost.uncertainty.joint_probability import MEMORY
from advisor.spec.deployment import Deployment
from advisor.spec.hardware.gpu import Price
from advisor.spec.workloads.workload import Goodput, Load, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLimit:
    """One limit under each load for each deployment; arrays of shape (loads, deployments)."""

    kind: RefusalKind
    key: str
    """`ttft_p95_ms`, `capacity`, `recovery`, `memory`, `kv_cache`."""
    bound: Floats
    """The requested bound in the limit's unit: ms, requests per second, a share, USD per hour, tokens."""
    kept: Bools
    """Whether it holds with the confidence asked for, whatever becomes of the others."""
    likely: Bools
    """Whether it holds by the central estimate."""
    excess: Floats
    """Share by which the value that holds with the confidence asked for misses the bound; NaN: no matter of
    degree."""
    margin_sd: Floats
    """How much worse than predicted it may be, in standard deviations, and the limit still holds. Negative:
    it must turn out better. Its normal probability is that of keeping the limit."""
    predicted: Range | None = None
    """None: nothing that has an interval."""
    cause: str = ""
    """TOKEN_RATE, TTFT, RECOVERY or MEMORY; empty: no error of a prediction changes it."""
    metric: str = ""
    statistic: str = ""
    """`mean` or a percentile, where the limit is on a latency; else empty."""
    goodput: Goodput | None = None
    """The share of requests that this percentile vouches for."""

    @classmethod
    def certain(
        cls,
        kind: RefusalKind,
        kept: Bools,
        *,
        key: str = "",
        bound: Floats | None = None,
        excess: Floats | None = None,
    ) -> JudgedLimit:
        """A limit that no error of a prediction changes."""
        unknown = np.full(kept.shape, np.nan)
        return cls(
            kind=kind,
            key=key or kind,
            bound=unknown if bound is None else bound,
            kept=kept,
            likely=kept,
            excess=unknown if excess is None else excess,
            margin_sd=np.where(kept, np.inf, -np.inf),
        )

    def each(self, make: Callable[..., np.ndarray], *others: JudgedLimit) -> JudgedLimit:
        """This limit with every array made of the arrays in its place."""
        return replace(self, **each_column(make, _arrays_of(self), *map(_arrays_of, others)))


def _arrays_of(limit: JudgedLimit) -> dict[str, Any]:
    names = ("bound", "kept", "likely", "excess", "predicted", "margin_sd")
    return {name: value for name in names if (value := getattr(limit, name)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTable:
    """Arrays of shape (loads, deployments) unless the field says otherwise."""

    workload: Workload
    """Its limits and its objective; each load of `loads` takes the place of its load."""
    loads: tuple[Load, ...]
    deployments: tuple[Deployment, ...]
    """With one replica, or as many as are fixed."""
    replicas: Ints
    """How many of each it takes."""
    limits: tuple[JudgedLimit, ...]
    """In the order in which an answer names them."""
    keeps_all: Floats
    """The probability that all limits are kept at once."""
    objective: Range
    """What is made small; inf where it cannot be predicted."""
    usd_per_hour: Floats
    """NaN where no price is known."""
    usd_per_million: Range
    """USD per million output tokens; inf where no price is known."""
    prices: tuple[Price | None, ...]
    """(deployments,); of one GPU."""
    recoveries: tuple[Recovery | None, ...]
    """Of every pair, load by load, at the load's length; None: no quality model."""
    answers: PredictionTable
    """Predictions for every pair of load and deployment, flattened."""
    paid_gpus: int = 0
    """GPUs that are paid for whatever is used of them."""

    @property
    def possible(self) -> Bools:
        """Whether every limit holds that no error of a prediction changes: memory, context, budget."""
        return self._all(limit.kept for limit in self.limits if not limit.cause)

    @property
    def uncertain(self) -> tuple[JudgedLimit, ...]:
        """The limits that an error of a prediction may break; memory only where it is short."""
        return tuple(
            limit
            for limit in self.limits
            if limit.cause and (limit.cause != MEMORY or np.isfinite(limit.margin_sd).any())
        )

    @property
    def kept(self) -> Bools:
        """Whether all limits are kept at once with the confidence that the workload asks for."""
        return np.asarray(self.keeps_all >= self.workload.confidence)

    @property
    def likely(self) -> Bools:
        """Whether the central estimates keep every limit."""
        return self._all(limit.likely for limit in self.limits)

    def _all(self, held: Iterator[Bools]) -> Bools:
        every = np.ones(self.replicas.shape, dtype=bool)
        for one in held:
            every &= one
        return every

    def bill(self, load: int, i: int) -> float | None:
        """USD per hour of one row; None where no price is known."""
        usd = float(self.usd_per_hour[load, i])
        return usd if np.isfinite(usd) else None

    @property
    def recovery_low(self) -> Floats:
        """-inf where nothing is known."""
        return self._recovery("low")

    @property
    def recovery_high(self) -> Floats:
        return self._recovery("high")

    def _recovery(self, end: str) -> Floats:
        known = [None if r is None else r.true for r in self.recoveries]
        ends = np.array([-np.inf if e is None else getattr(e, end) for e in known])
        return ends.reshape(self.replicas.shape)

    @property
    def distance(self) -> Ints:
        return self.answers.distance.reshape(self.replicas.shape)

    @property
    def measured(self) -> Bools:
        return self.answers.measured.reshape(self.replicas.shape)

    @property
    def settled(self) -> Bools:
        """Whether a prediction is simulated or need not be; of requests that stand alone none need be."""
        turns, shape = self.answers.turns, self.replicas.shape
        return np.ones(shape, dtype=bool) if turns is None else turns.settled.reshape(shape)

    def also(self, limit: JudgedLimit) -> JudgedTable:
        """With one more limit that no error of a prediction changes; the first that an answer names."""
        keeps = np.where(limit.kept, self.keeps_all, 0.0)
        return replace(self, limits=(limit, *self.limits), keeps_all=keeps)

    def take(self, order: Ints) -> JudgedTable:
        """Under the loads at `order`."""
        width = len(self.deployments)
        flat = (order[:, None] * width + np.arange(width)).ravel()
        return replace(
            self._each(lambda array: array[order]),
            loads=tuple(self.loads[int(i)] for i in order),
            recoveries=tuple(self.recoveries[i] for i in flat.tolist()),
            answers=self.answers.take(flat),
        )

    def only(self, at: Ints) -> JudgedTable:
        """The table of the deployments at `at` alone."""
        width = len(self.deployments)
        flat = (np.arange(len(self.loads))[:, None] * width + at).ravel()
        places = at.tolist()
        return replace(
            self._each(lambda array: array[:, at]),
            deployments=tuple(self.deployments[i] for i in places),
            prices=tuple(self.prices[i] for i in places),
            recoveries=tuple(self.recoveries[i] for i in flat.tolist()),
            answers=self.answers.take(flat),
        )

    def joined(self, other: JudgedTable) -> JudgedTable:
        """Under the loads of both; of equal deployments."""
        made = self._each(lambda one, two: np.concatenate([one, two]), other)
        return replace(
            made,
            loads=(*self.loads, *other.loads),
            recoveries=(*self.recoveries, *other.recoveries),
            answers=self.answers.concatenate(other.answers),
        )

    def replace_at(self, at: Ints, rows: JudgedTable) -> JudgedTable:
        """Under one load: with `rows` in place of the deployments at `at`. They have these limits, but for
        some that they are known to keep."""
        known = {limit.key: limit for limit in rows.limits}
        held = np.ones((1, len(at)), dtype=bool)
        limits = tuple(
            known.get(limit.key, JudgedLimit.certain(limit.kind, held, key=limit.key))
            for limit in self.limits
        )

        def put(column: np.ndarray, new: np.ndarray) -> np.ndarray:
            made: np.ndarray = column.copy()
            made[:, at] = new
            return made

        made = self._each(put, replace(rows, limits=limits))
        return replace(made, answers=self.answers.replace_at(at, rows.answers))

    def _each(self, make: Callable[..., np.ndarray], *others: JudgedTable) -> JudgedTable:
        """With every array that has a row for each load made of those in its place."""
        names = ("replicas", "keeps_all", "objective", "usd_per_hour", "usd_per_million")
        arrays = {
            name: each_column(make, getattr(self, name), *(getattr(o, name) for o in others))
            for name in names
        }
        limits = tuple(
            one.each(make, *rest) for one, *rest in zip(self.limits, *(o.limits for o in others), strict=True)
        )
        return replace(self, limits=limits, **arrays)

    def margin_sd(self, cause: str) -> Floats:
        """The least margin of the limits on one cause; inf without any."""
        none = np.full(self.replicas.shape, np.inf)
        return least_margins(self.uncertain).get(cause, none)

    def deployment(self, load: int, at: int) -> Deployment:
        """One of the deployments with the replicas it takes under a load."""
        return self.deployments[at].times(int(self.replicas[load, at]))

    def served_as_fixed(self) -> JudgedTable:
        """With the replicas that each takes under the first load as part of the deployments."""
        return replace(self, deployments=tuple(self.served()))

    def served(self, load: int = 0) -> list[Deployment]:
        """Every deployment with the replicas it takes under a load."""
        counts = self.replicas[load].tolist()
        return [d.times(n) for d, n in zip(self.deployments, counts, strict=True)]


def reshaped(limit: JudgedLimit, shape: tuple[int, int]) -> JudgedLimit:
    """A limit of flat pairs in the table's shape."""
    return limit.each(lambda array: array.reshape(shape))


def least_margins(limits: Iterable[JudgedLimit]) -> dict[str, Floats]:
    """For each cause the least margin of the limits on it."""
    least: dict[str, Floats] = {}
    for limit in limits:
        known = least.get(limit.cause, limit.margin_sd)
        least[limit.cause] = np.minimum(known, limit.margin_sd)
    return least


def least_margin(table: JudgedTable) -> Floats:
    """The margin of the tightest limit that an error of a prediction may break; inf without any."""
    least = np.full(table.replicas.shape, np.inf)
    for limit in table.uncertain:
        least = np.minimum(least, limit.margin_sd)
    return least
