"""Rows of a judged table, made when they are read: thousands are judged, and few are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, overload

import numpy as np

from advisor.advise.choose.assessment import Assessment, Refusal, RefusalKind
from advisor.advise.choose.deployment_cost import cost_of, estimate_at
from advisor.advise.choose.judged_table import JudgedLimit, JudgedTable, least_margin
from advisor.advise.choose.recorded_failures import Border
from advisor.cost.array_table import Bools, Floats, each_column
from advisor.cost.estimate_with_interval import Estimate
from advisor.cost.predict.prediction import Prediction
from advisor.cost.uncertainty.joint_probability import probability
from advisor.spec.deployment import Deployment

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor

BLOCK = 64
"""Predictions made together, at least: making one takes nearly as long."""


class Assessments(Sequence[Assessment]):
    """A sequence whose items are made when they are read."""

    def __init__(self, make: Callable[[int], Assessment], places: Sequence[int]) -> None:
        self._make, self._places = make, places

    @overload
    def __getitem__(self, i: int) -> Assessment: ...
    @overload
    def __getitem__(self, i: slice) -> tuple[Assessment, ...]: ...
    def __getitem__(self, i: int | slice) -> Assessment | tuple[Assessment, ...]:
        if isinstance(i, slice):
            return tuple(self._make(place) for place in self._places[i])
        return self._make(self._places[i])

    def __len__(self) -> int:
        return len(self._places)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Reason:
    """The refused whose worst limit is one and the same, in their order."""

    kind: RefusalKind
    rows: Assessments


class OtherRows:
    """Deployments that cannot be predicted at all, each with the reason."""

    def __init__(self, others: Sequence[tuple[Deployment, RefusalKind]]) -> None:
        self._others = others
        self._made: dict[int, Assessment] = {}

    def assessment(self, n: int) -> Assessment:
        if n not in self._made:
            deployment, kind = self._others[n]
            self._made[n] = Assessment(deployment=deployment, cost=None, refusals=(Refusal(kind=kind),))
        return self._made[n]

    def every(self) -> Assessments:
        return Assessments(self.assessment, range(len(self._others)))

    def reasons(self) -> tuple[Reason, ...]:
        groups: dict[RefusalKind, list[int]] = {}
        for n, (_, kind) in enumerate(self._others):
            groups.setdefault(kind, []).append(n)
        return tuple(Reason(kind, Assessments(self.assessment, at)) for kind, at in groups.items())


class TableRows:
    """The rows of a table under its first load, then deployments that cannot be predicted at all."""

    def __init__(
        self,
        table: JudgedTable,
        predictor: Predictor,
        border: Border | None = None,
        others: Sequence[tuple[Deployment, RefusalKind]] = (),
    ) -> None:
        self.table, self._predictor, self._border = table, predictor, border or Border()
        self._served = table.served()
        self._missed = missed(table)
        self._width = len(self._served)
        self._others = OtherRows(others)
        self._made: dict[int, Assessment] = {}
        self._predictions: dict[int, Prediction] = {}

    def assessment(self, i: int) -> Assessment:
        """The row at `i`; the same object each time."""
        if i not in self._made:
            own = i < self._width
            self._made[i] = self._assessment(i) if own else self._others.assessment(i - self._width)
        return self._made[i]

    def reasons(self) -> tuple[Reason, ...]:
        """The refused by the limit that they miss by most; one that is no matter of degree comes first."""
        worst = np.full(self._width, -1.0)
        which = np.full(self._width, -1, dtype=np.intp)
        for number, (limit, here) in enumerate(self._missed):
            excess = np.where(np.isnan(limit.excess[0]), np.inf, limit.excess[0])
            worse = here & (excess > worst)
            worst[worse], which[worse] = excess[worse], number
        groups: dict[tuple[RefusalKind, str], list[int]] = {}
        for number, (limit, _) in enumerate(self._missed):
            at = np.flatnonzero(which == number).tolist()
            if at:
                groups[limit.kind, limit.key] = at
        judged = tuple(Reason(kind, self.some(at)) for (kind, _), at in groups.items())
        return (*judged, *self._others.reasons())

    def some(self, places: Iterable[int]) -> Assessments:
        """The rows at `places`."""
        return Assessments(self.assessment, list(places))

    def _assessment(self, i: int) -> Assessment:
        table = self.table
        means = table.answers
        basis = means.basis_of(i, "throughput", "mean")
        fits = bool(means.fits[i])
        cost = cost_of(
            table.prices[i],
            self._served[i],
            float(table.usd_per_hour[0, i]),
            estimate_at(means.output_tokens_per_s, i, basis) if fits else None,
            estimate_at(means.requests_per_s, i, basis) if fits else None,
            least=table.paid_gpus,
        )
        objective = float(table.objective.value[0, i])
        return Assessment(
            deployment=self._served[i],
            cost=cost,
            refusals=tuple(self._refusals(i)),
            keeps_all_limits=float(table.keeps_all[0, i]),
            objective=objective if np.isfinite(objective) else None,
            predicted=partial(self.prediction, i),
        )

    def _refusals(self, i: int) -> Iterable[Refusal]:
        for limit, here in self._missed:
            if not here[i]:
                continue
            if limit.kind == "seen":
                yield from self._failures(i, limit)
            else:
                yield self._refusal(limit, i)

    def _failures(self, i: int, limit: JudgedLimit) -> Iterable[Refusal]:
        workload = replace(self.table.workload, load=self.table.loads[0])
        for failure in self._border.failures_of(self._served[i], workload):
            if limit.key.endswith(failure.kind):
                rate = workload.load.arrival.value if failure.kind == "capacity" else None
                yield Refusal(kind=failure.kind, bound=rate, excess=failure.excess, run=failure.run)

    def _refusal(self, limit: JudgedLimit, i: int) -> Refusal:
        excess, bound = float(limit.excess[0, i]), float(limit.bound[0, i])
        return Refusal(
            kind=limit.kind,
            bound=bound if np.isfinite(bound) else None,
            metric=limit.metric,
            statistic=limit.statistic,
            goodput=limit.goodput,
            expected=self._expected(limit, i),
            excess=excess if np.isfinite(excess) else None,
            probability=probability(float(limit.margin_sd[0, i])),
            likely_kept=bool(limit.likely[0, i]),
        )

    def _expected(self, limit: JudgedLimit, i: int) -> Estimate | None:
        if limit.kind == "recovery":
            recovery = self.table.recoveries[i]
            return None if recovery is None else recovery.true
        if limit.predicted is None:
            return None
        flat = each_column(lambda column: column[0], limit.predicted)
        return estimate_at(flat, i, self.table.answers.basis(i))

    def prediction(self, i: int) -> Prediction:
        """All that is expected of the row at `i`, made with those that follow it."""
        if i not in self._predictions:
            count = max(BLOCK, len(self._predictions))
            at = [j for j in range(i, min(i + count, self._width)) if j not in self._predictions]
            made = self._predictor.predictions(
                [self._served[j] for j in at],
                self.table.loads[0],
                table=self.table.answers.take(np.array(at, dtype=np.intp)),
                goodput=self.table.workload.goodput,
            )
            self._predictions.update(
                (j, self._with_recovery(prediction, j)) for j, prediction in zip(at, made, strict=True)
            )
        return self._predictions[i]

    def _with_recovery(self, prediction: Prediction, i: int) -> Prediction:
        recovery = self.table.recoveries[i]
        if recovery is None:
            return prediction
        parts = (recovery.evidence, recovery.new_score_text, recovery.note, *recovery.warnings)
        note = "; ".join(part for part in parts if part)
        return replace(prediction, recovery=recovery.true, recovery_note=note)


def missed(table: JudgedTable) -> list[tuple[JudgedLimit, Bools]]:
    """The limits missed under the first load, and by which deployments, as an answer names them.

    Of what does not fit nothing else is said; a rate that was tried takes the place of the predicted one.
    Where each limit alone is kept with the confidence asked for, but not all at once, it is the tightest.
    """
    fits = table.answers.fits.reshape(table.replicas.shape)[0]
    tried = np.zeros(len(fits), dtype=bool)
    made: list[tuple[JudgedLimit, Bools]] = []
    left = ~table.kept[0]
    for limit in table.limits:
        here = ~limit.kept[0]
        if limit.key == "failed run, capacity":
            tried = here
        if limit.kind == "capacity":
            here = here & ~tried
        if limit.kind not in ("seen", "memory"):
            here = here & fits
        made.append((limit, here))
        left = left & ~here
    least = least_margin(table)[0]
    made = [
        (limit, here | left & (limit.margin_sd[0] == least) if limit.cause else here) for limit, here in made
    ]
    return [(limit, here) for limit, here in made if here.any()]


def worst_excess(table: JudgedTable) -> Floats:
    """Share by which each row misses its worst limit under the first load; NaN: no matter of degree."""
    worst = np.zeros(len(table.deployments))
    for limit, here in missed(table):
        worst = np.where(here, np.maximum(worst, limit.excess[0]), worst)  # NaN stays NaN
    return worst
