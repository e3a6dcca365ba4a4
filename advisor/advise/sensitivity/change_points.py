"""What would change the choice: each assumption, and where another format or GPU comes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Final

import numpy as np

from advisor.advise.choose.assessment import Assessment, RefusalKind
from advisor.advise.choose.choice import fixes_replicas, searches_replicas
from advisor.advise.choose.confirm_by_simulation import rests_on_simulation
from advisor.advise.choose.limits import recovery_at
from advisor.advise.choose.rank import order
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.sensitivity.change_point import Flip, Whose, kind_of
from advisor.advise.sensitivity.change_point_search import by_trial
from advisor.advise.sensitivity.price_break_even import BreakEven
from advisor.advise.sensitivity.why_best_changes import weakest
from advisor.cost.estimate_with_interval import Estimate
from advisor.cost.uncertainty.joint_probability import RECOVERY, deviate, keeps_all
from advisor.spec.deployment import Deployment

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

MAX_SEARCHED = 48
"""Deployments that are looked at: the best of each kind first."""
EXACT: Final = "as asked"
"""The basis of what follows from the question and its prices alone."""


def flips(
    recommendation: Recommendation,
    prices: Sequence[BreakEven],
    predictor: Predictor,
    quality: QualityModel | None = None,
) -> tuple[Flip, ...]:
    """The nearest first; empty where nothing is ranked."""
    first, choice = recommendation.winner, recommendation.choice
    if first is None or choice is None:
        return ()
    found = [_price(recommendation, price) for price in prices]
    found += _recovery(recommendation)
    found += _budget(recommendation)
    # A convention on GPU counts needs all deployments to choose by; what it leaves is few.
    among = contenders(recommendation) if choice.workload.gpu_count == "free" else None
    if not rests_on_simulation(recommendation.table):
        found += by_trial(choice, first.deployment, among, predictor, quality)
    return tuple(sorted(found, key=lambda flip: (flip.distance, flip.assumption)))


def contenders(recommendation: Recommendation) -> list[Deployment]:
    """The deployments that may come first when something changes: of every format on every GPU the best, as
    far as there is room, then the rest in their order. One replica each where their number is looked for."""
    choice, table = recommendation.choice, recommendation.table
    if table is None:
        return []
    is_fixed = choice is not None and fixes_replicas(choice)
    kept = len(recommendation.ranked)
    at = [*range(kept), *order(table, 0, np.arange(kept, len(table.deployments))).tolist()]
    chosen: dict[tuple[object, ...], Deployment] = {}
    seen: dict[tuple[str, str], int] = {}
    for spread in (1, MAX_SEARCHED):
        for i in at:
            d = table.deployment(0, i)
            kind = d.format_and_gpu
            one = d if is_fixed else d.times(1)
            if len(chosen) < MAX_SEARCHED and one.key not in chosen and seen.get(kind, 0) < spread:
                chosen[one.key] = one
                seen[kind] = seen.get(kind, 0) + 1
    return list(chosen.values())


def _price(recommendation: Recommendation, price: BreakEven) -> Flip:
    sides = [a for a in recommendation.ranked if a is recommendation.winner or a.deployment == price.to]
    known = [a.requests_per_s for a in sides] + [
        a.prediction.capacity_requests_per_s for a in sides if a.prediction
    ]
    choice = recommendation.choice
    is_predicted = (choice is not None and searches_replicas(choice)) or any(
        a.requests_per_s is not None and a.requests_per_s.low < a.requests_per_s.high for a in sides
    )
    return Flip(
        assumption=f"price of {price.label}",
        unit="USD per GPU-hour",
        now=price.usd_per_gpu_hour,
        at=price.at_usd_per_gpu_hour,
        low=price.low_usd_per_gpu_hour,
        high=price.high_usd_per_gpu_hour,
        basis=weakest([e.basis for e in known if e is not None]) if is_predicted else EXACT,
        why="objective",
        to=price.to,
    )


def _recovery(recommendation: Recommendation) -> list[Flip]:
    """The floor above which the first of its kind are refused, and the one below which others come before."""
    now = recommendation.workload.quality.min_recovery
    found = []

    floors = _floors(recommendation)

    def highest(a: Assessment) -> float | None:
        return floors.get(a.deployment.key)

    last, to = _last_of_its_kind(recommendation, highest)
    at = highest(last)
    if last.recovery is not None and at is not None and at < 1.0:
        found.append(_floor(now, at, last.recovery, "first", None if to is None else to.deployment))
    if now is not None:
        better = _first_other(recommendation, "recovery", highest)
        at = None if better is None else highest(better)
        if better is not None and better.recovery is not None and at is not None:
            found.append(_floor(now, at, better.recovery, "other", better.deployment))
    return found


def _floors(recommendation: Recommendation) -> dict[tuple[object, ...], float]:
    """The highest accuracy floor, for each deployment, with which it keeps all limits with the confidence
    asked for.
    """
    table = recommendation.table
    if table is None:
        return {}
    confidence = table.workload.confidence
    accurate = keeps_all({RECOVERY: table.margin_sd(RECOVERY)[0]}, 0.0)
    fast = table.keeps_all[0] / np.maximum(accurate, 1e-9)
    floors: dict[tuple[object, ...], float] = {}
    for i, recovery in enumerate(table.recoveries):
        needed = confidence / max(float(fast[i]), 1e-9)
        if recovery is not None and recovery.loss is not None and needed < 1.0:
            floors[table.deployment(0, i).key] = recovery_at(recovery, deviate(needed))
    return floors


def _last_of_its_kind(
    recommendation: Recommendation, strict: Callable[[Assessment], float | None]
) -> tuple[Assessment, Assessment | None]:
    """The last of the first's kind that comes first as a limit gets stricter, and what comes first then.

    strict: how strict a limit may be for one to keep it.
    """
    last = recommendation.ranked[0]
    while True:
        own = strict(last)
        rest = [] if own is None else [a for a in recommendation.ranked if (strict(a) or -inf) > own]
        if not rest or kind_of(rest[0].deployment) != kind_of(last.deployment):
            return last, rest[0] if rest else None
        last = rest[0]


def _first_other(
    recommendation: Recommendation, kind: RefusalKind, strict: Callable[[Assessment], float | None]
) -> Assessment | None:
    """What comes first as a limit is eased, when that is no longer of the first's kind."""
    table, ranked, refused = recommendation.table, recommendation.ranked, recommendation.refused
    if table is None:
        return None
    missed = [
        i
        for i in range(len(table.deployments) - len(ranked))
        if all(refusal.kind == kind for refusal in refused[i].refusals)
    ]
    admitted = [0]
    first = kind_of(ranked[0].deployment)
    for level in sorted({value for i in missed if (value := strict(refused[i])) is not None}, reverse=True):
        admitted += [len(ranked) + i for i in missed if strict(refused[i]) == level]
        best = int(order(table, 0, np.array(admitted, dtype=np.intp))[0])
        if best and kind_of(table.deployment(0, best)) != first:
            other: Assessment = refused[best - len(ranked)]
            return other
    return None


def _floor(now: float | None, at: float, recovery: Estimate, whose: Whose, to: Deployment | None) -> Flip:
    """The true recovery may lie anywhere in its interval."""
    return Flip(
        assumption="min_recovery",
        unit="of BF16's accuracy",
        now=now,
        at=at,
        low=min(recovery.low, at),
        high=max(recovery.high, at),
        basis=recovery.basis,
        why="limit",
        limit="recovery",
        whose=whose,
        to=to,
    )


def _budget(recommendation: Recommendation) -> list[Flip]:
    """The budget below which the first of its kind are refused, and the one above which others are first."""
    choice = recommendation.choice
    now = None if choice is None else choice.max_usd_per_hour
    if now is None:
        return []
    found = []

    def low(a: Assessment) -> float | None:
        return None if a.cost is None else -a.cost.usd_per_hour

    last, to = _last_of_its_kind(recommendation, low)
    if last.cost is not None:
        then = None if to is None else to.deployment
        found.append(_budget_flip(now, last.cost.usd_per_hour, "first", then))
    better = _first_other(recommendation, "budget", low)
    if better is not None and better.cost is not None:
        found.append(_budget_flip(now, better.cost.usd_per_hour, "other", better.deployment))
    return found


def _budget_flip(now: float, at: float, whose: Whose, to: Deployment | None) -> Flip:
    return Flip(
        assumption="max_cost_per_hour",
        unit="USD per hour",
        now=now,
        at=at,
        low=at,
        high=at,
        basis=EXACT,
        why="limit",
        limit="budget",
        whose=whose,
        to=to,
    )
