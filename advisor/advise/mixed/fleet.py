"""The mixed fleet of a question, beside the best single kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.certainty.error_draws import DRAWS, errors_of
from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.choice import Choice
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.judged_rows import TableRows
from advisor.advise.choose.rank import TIE
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.mixed.integer_program import Bounds, Kind, cheapest_mix, check_installed
from advisor.advise.mixed.replica_capacity import LEVELS, Capacity, capacities, level_needed
from advisor.cost.array_table import Bools, Floats
from advisor.display_text import listed
from advisor.errors import InputError
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Workload
from advisor.units import MONEY_DECIMALS

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

MOST_KINDS = 3
"""Each kind is one more thing to run; more only where so many kinds of GPU are owned."""
WEIGHTS = 1_000
"""An open loop is shared out in so many parts."""
MOST_TRIES = 20
"""Fleets that the judge may refuse, one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPart:
    """One kind of a fleet: a deployment with its replicas, under its share of the load."""

    assessment: Assessment
    """Judged under its share: its cost, and the probability that it keeps all limits itself."""
    weight: int
    """This kind's part of `Fleet.weights`."""
    share: float
    """The part of the load that it takes, 0 to 1."""
    load: float
    """The load that it takes: requests per second, or requests in flight."""
    capacity: float
    """The highest load at which it keeps all limits with the confidence asked for; the load of the whole
    where it would carry that."""

    @property
    def deployment(self) -> Deployment:
        return self.assessment.deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Kinds that share a load."""

    parts: tuple[FleetPart, ...]
    """The largest share first."""
    usd_per_hour: float
    keeps_all_limits: float
    """The probability that every kind keeps all limits under its share, errors that they have in common
    counted once."""

    @property
    def weights(self) -> int:
        """All weights together: 1,000, or the requests in flight of a closed loop."""
        return sum(part.weight for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What mixing kinds of GPU offers for a question."""

    workload: Workload
    fleet: Fleet | None
    """The cheapest fleet of at least two kinds that keeps all limits; None: there is none."""
    single: Assessment | None
    """The cheapest of a single kind, USD per hour, of equals the first of the ranking; None: none keeps
    the limits."""
    kinds: int
    """Deployments that could be part of a fleet."""

    @property
    def recommended(self) -> bool:
        """Whether the fleet is cheaper than the best single kind, by more than a tie."""
        return self.fleet is not None and (self.saving is None or self.saving > TIE)

    @property
    def saving(self) -> float | None:
        """Share of the single kind's cost that the fleet saves, negative where it is dearer; None where one
        of the two is missing."""
        usd = _usd(self.single)
        return None if self.fleet is None or usd is None else 1.0 - self.fleet.usd_per_hour / usd

    @property
    def usd_per_hour(self) -> float | None:
        """Price of what is recommended: the fleet, or the single kind."""
        return self.fleet.usd_per_hour if self.recommended and self.fleet else _usd(self.single)


def check_mixable(choice: Choice) -> None:
    """Raises InputError for a question whose load cannot be shared, or whose kinds are fixed or just one."""
    workload = choice.workload
    if workload.load.arrival.kind not in ("rate", "concurrency"):
        raise InputError(
            "--allow-mixed: kinds of GPU share requests per second, or requests in flight; give --rate or "
            "--concurrency"
        )
    if workload.load.arrival.kind == "concurrency" and (workload.load.arrival.value or 0) < 2:
        raise InputError(
            "--allow-mixed: one request in flight cannot be shared; give --concurrency 2 or more"
        )
    if workload.objective != "cost":
        raise InputError(
            f"--allow-mixed: a mix is chosen by its cost, and the aim is {workload.objective}; "
            "add --objective cost"
        )
    if workload.gpu_count != "free":
        raise InputError(
            f"--allow-mixed: GPU counts follow the convention '{workload.gpu_count}'; add --gpu-count free"
        )
    if len(choice.space.gpus) < 2:
        raise InputError("--allow-mixed: there is one kind of GPU to choose from; name two or more in --gpu")
    unpriced = [gpu.name for gpu in choice.space.gpus if choice.price_of(gpu, 1) is None]
    if len(choice.space.gpus) - len(unpriced) < 2:
        raise InputError(
            f"--allow-mixed: no price is known of {listed(unpriced)}, and a mix is chosen by its cost; "
            f"add --price {unpriced[0]}=USD_PER_HOUR"
        )


def mix(
    recommendation: Recommendation, predictor: Predictor, quality: QualityModel | None = None
) -> Mix | None:
    """The cheapest fleet of two or more kinds of GPU beside the best single kind; None for an answer made by
    hand. What is known must be what the recommendation was made with.

    Raises InputError for a question that has no mix (see `check_mixable`), MissingToolError without SciPy.
    """
    choice, table = recommendation.choice, recommendation.table
    if choice is None:
        return None
    check_mixable(choice)
    check_installed()
    known = [] if table is None else capacities(choice, table.deployments, predictor, quality)
    priced = [a for a in recommendation.ranked if a.cost is not None]
    return Mix(
        workload=choice.workload,
        fleet=_fleet(choice, known, predictor, quality),
        single=min(priced, key=lambda a: _usd(a) or 0.0, default=None),
        kinds=len(known),
    )


def _usd(assessment: Assessment | None) -> float | None:
    return None if assessment is None or assessment.cost is None else assessment.cost.usd_per_hour


def _fleet(
    choice: Choice, known: Sequence[Capacity], predictor: Predictor, quality: QualityModel | None
) -> Fleet | None:
    """The program's fleet, once the judge confirms it: where it does not, those kinds need a higher level."""
    confidence = choice.workload.confidence
    kinds = [_kind(one) for one in known]
    levels: dict[frozenset[int], int | None] = {}

    def required(there: frozenset[int]) -> int | None:
        if there not in levels:
            levels[there] = level_needed([known[i] for i in sorted(there)], confidence)
        return levels[there]

    for _ in range(MOST_TRIES):
        counts = cheapest_mix(kinds, _bounds(choice), required)
        if counts is None:
            return None
        fleet = _judged(choice, known, counts, predictor, quality)
        if fleet.keeps_all_limits >= confidence:
            return fleet
        there = frozenset(i for i, count in enumerate(counts) if count)
        level = levels[there]
        levels[there] = None if level is None or level + 1 >= len(LEVELS) else level + 1
    return None


def _kind(one: Capacity) -> Kind:
    return Kind(
        gpu=one.deployment.gpu.name,
        gpus=one.deployment.tensor_parallel,
        lots=one.lots,
        capacity=one.at_level,
    )


def _bounds(choice: Choice) -> Bounds:
    space, arrival = choice.space, choice.workload.load.arrival
    most = max(MOST_KINDS, len(space.stock))
    return Bounds(
        demand=arrival.value or 1.0,
        stock=tuple(space.stock.items()),
        max_gpus=space.max_gpus,
        exact_gpus=space.num_gpus,
        max_usd_per_hour=choice.max_usd_per_hour,
        most_kinds=min(most, round(arrival.value or 1.0)) if arrival.kind == "concurrency" else most,
    )


def _judged(
    choice: Choice,
    known: Sequence[Capacity],
    counts: Sequence[int],
    predictor: Predictor,
    quality: QualityModel | None,
) -> Fleet:
    """The fleet with its load shared out, each kind judged under its share."""
    chosen = [(one, count) for one, count in zip(known, counts, strict=True) if count]
    whole = choice.workload.load.arrival
    takes = np.array([one.at_level * count for one, count in chosen])
    demand = whole.value or 1.0
    every = round(demand) if whole.kind == "concurrency" else WEIGHTS
    weights = shared_out(takes, demand, every)
    kept = np.ones(DRAWS, dtype=bool)
    parts, least = [], 1.0
    for (one, count), weight, most in zip(chosen, weights, takes[:, 0].tolist(), strict=True):
        load = demand * weight / every
        assessment, held = _under(choice, one.deployment.times(count), load, predictor, quality)
        kept &= held
        least = min(least, assessment.keeps_all_limits)
        parts.append(
            FleetPart(
                assessment=assessment,
                weight=weight,
                share=weight / every,
                load=load,
                capacity=max(most, load),
            )
        )
    return Fleet(
        parts=tuple(sorted(parts, key=lambda part: (-part.share, part.deployment.key))),
        usd_per_hour=round(sum(_usd(part.assessment) or 0.0 for part in parts), MONEY_DECIMALS),
        keeps_all_limits=min(float(kept.mean()), least),
    )


def shared_out(takes: Floats, demand: float, weights: int) -> list[int]:
    """The router's weights, which add up to `weights`, each 1 or more: every kind is as far below its
    capacity as the others, at the highest level at which they carry the demand together.

    takes: (kinds, levels), what each takes at each level.
    """
    enough = np.flatnonzero(takes.sum(axis=0) >= demand)
    at = takes[:, enough[-1] if len(enough) else 0]
    exact = weights * at / at.sum()
    made = np.maximum(np.floor(exact), 1.0)
    while made.sum() < weights:
        made[np.argmin(made - exact)] += 1.0
    while made.sum() > weights:
        made[np.argmax(np.where(made > 1.0, made - exact, -np.inf))] -= 1.0
    return [int(weight) for weight in made.tolist()]


def _under(
    choice: Choice, deployment: Deployment, load: float, predictor: Predictor, quality: QualityModel | None
) -> tuple[Assessment, Bools]:
    """A deployment judged under a load, and in which draws it keeps all limits."""
    workload = choice.workload
    arrival = replace(workload.load.arrival, value=load)
    under = replace(
        choice,
        workload=replace(workload, load=replace(workload.load, arrival=arrival)),
        max_usd_per_hour=None,
    )
    table = judge_fixed(under, [under.workload.load], [deployment], predictor, quality)
    kept = np.full(DRAWS, bool(table.possible[0, 0]))
    for cause in dict.fromkeys(limit.cause for limit in table.uncertain):
        at = np.array([0], dtype=np.intp)
        errors = errors_of(table, 0, at, predictor.fit.shared, cause, DRAWS)[:, 0]
        kept &= errors <= table.margin_sd(cause)[0, 0]
    return TableRows(table, predictor, choice.border).assessment(0), kept
