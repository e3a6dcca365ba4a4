"""What certainty costs: the cheapest deployment for each probability to keep all limits; the picks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from advisor.advise.choose.choice import Choice, searches_replicas
from advisor.advise.choose.deployment_cost import most_replicas
from advisor.advise.choose.gpu_count import most_busy
from advisor.advise.choose.judge import judge, judge_fixed
from advisor.advise.choose.judged_table import JudgedTable
from advisor.advise.choose.rank import AS_SURE, TIE, sure_enough
from advisor.cost.array_table import Ints
from advisor.cost.uncertainty.joint_probability import probability
from advisor.spec.deployment import Deployment
from advisor.spec.reading.amounts import HOURS_PER_MONTH
from advisor.spec.workloads.workload import Workload

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

Role = Literal["recommended", "surer", "cheaper"]
"""recommended: the best by the objective of those that keep all limits with the confidence asked for. surer:
the cheapest that keeps them nearly always. cheaper: the cheapest that keeps them more often than not and
costs less than the recommended; to be measured before it is taken. Only cost as the objective has it."""
Per = Literal["hour", "million"]
"""What a cost is weighed by: USD per hour, or USD per million output tokens."""
EVEN = 0.5
MIN_OFFERED_PROBABILITY = 0.05
"""Probability of keeping all limits below which a deployment is no offer."""
STEP = 0.01
"""Probabilities that differ by less can be printed alike, and two thousand draws know them no better."""
SEARCHED_FIRST = 16
"""Deployments, cheapest first, of which another count of replicas is searched before the others: what those
cost leaves few that could cost less."""


TRIED_TOGETHER = 200
"""Up to so many deployments are judged at once before any of them is asked for: a call takes as long as a
few hundred deployments in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A deployment, what it costs, and the probability that it keeps all limits at once."""

    deployment: Deployment
    usd_per_hour: float | None
    """None where no price is known."""
    usd_per_million: float | None = None
    """USD per million output tokens; None where no price is known."""
    keeps_all_limits: float
    tightest: str = ""
    """The limit that is kept with the least probability: `ttft_p95_ms`; empty without limits."""
    keeps_tightest: float = 1.0
    recovery_low: float | None = None
    """The pessimistic end of the share of the reference's score that it keeps; None if unknown."""

    @property
    def usd_per_month(self) -> float | None:
        return None if self.usd_per_hour is None else self.usd_per_hour * HOURS_PER_MONTH

    def usd(self, per: Per) -> float | None:
        return self.usd_per_hour if per == "hour" else self.usd_per_million


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """One of at most three offers that an answer opens with."""

    role: Role
    offer: Offer


def weighed_per(workload: Workload) -> Per:
    """By the hour where the load is given: a rate, or clients with limits on latency. By the token where a
    larger server serves more: a batch, and clients without limits. The ranking by cost is by the same."""
    given = workload.load.arrival.kind == "rate" or workload.serves_given_clients
    return "hour" if given else "million"


def usd_by_role(picks: Iterable[Pick], per: Per = "hour") -> dict[Role, float | None]:
    """What each pick costs, in USD per hour or per million output tokens."""
    return {pick.role: pick.offer.usd(per) for pick in picks}


def offers(
    choice: Choice, table: JudgedTable, predictor: Predictor, quality: QualityModel | None
) -> list[Offer]:
    """Every row of the table that may keep all limits; the fewest replicas at even odds and at what is sure
    enough, of all that may be the cheapest there; and a few counts about those that no other beats."""
    found = offers_of(table)
    if not searches_replicas(choice) or weighed_per(choice.workload) != "hour":
        return found
    levels = (EVEN, sure_enough(choice.workload.confidence))
    tried = _Tried(choice, predictor, quality)
    cheaper = [d for level in levels for d in _cheaper(level, choice, table, _searched(level, table), found)]
    if len(cheaper) <= TRIED_TOGETHER:
        tried.keeps_all(cheaper)
    for level in levels:
        found += _cheapest_at(level, choice, table, found, tried)
    varied = _varied(choice, found)
    if varied:
        found += offers_of(judge_fixed(choice, [choice.workload.load], varied, predictor, quality))
    return found


@dataclass(slots=True)
class _Tried:
    """The probability that deployments keep all limits with the replicas they have; each is judged once."""

    choice: Choice
    predictor: Predictor
    quality: QualityModel | None
    known: dict[tuple[object, ...], float] = field(default_factory=dict)

    def keeps_all(self, deployments: Sequence[Deployment]) -> list[float]:
        new = list({d.key: d for d in deployments if d.key not in self.known}.values())
        if new:
            table = judge_fixed(self.choice, [self.choice.workload.load], new, self.predictor, self.quality)
            self.known.update(zip((d.key for d in new), table.keeps_all[0].tolist(), strict=True))
        return [self.known[d.key] for d in deployments]


def _cheapest_at(
    level: float, choice: Choice, table: JudgedTable, known: Sequence[Offer], tried: _Tried
) -> list[Offer]:
    """Offers with the fewest replicas that keep all limits with the probability `level`: of all deployments
    that could cost no more than the cheapest of them."""
    there = replace(choice, workload=replace(choice.workload, confidence=level))
    at = _searched(level, table)
    found = list[Offer]()
    for some in (at[:SEARCHED_FIRST], at[SEARCHED_FIRST:]):
        offered = [*known, *found]
        if _least_usd(level, offered) is None:
            singles = [table.deployments[i] for i in some.tolist()]
        else:
            most = _cheaper(level, choice, table, some, offered)
            keeps = tried.keeps_all(most)
            singles = [d.times(1) for d, keep in zip(most, keeps, strict=True) if keep >= level]
        if singles:
            loads = [choice.workload.load]
            found += offers_of(judge(there, loads, tried.predictor, tried.quality, among=singles))
    return found


def _searched(level: float, table: JudgedTable) -> Ints:
    """The rows that may keep all limits with the probability `level` with other replicas, cheapest first."""
    usd, kept = table.usd_per_hour[0], table.kept[0]
    # More certainty takes no fewer replicas, and nothing where less cannot be had.
    may = kept if level > table.workload.confidence else kept | table.likely[0]
    at = np.flatnonzero(may & np.isfinite(usd))
    return np.asarray(at[np.argsort(usd[at], kind="stable")])


def _least_usd(level: float, known: Sequence[Offer]) -> float | None:
    """USD per hour of the cheapest that keeps all limits with the probability `level`; None without one."""
    return min(
        (o.usd_per_hour for o in known if o.keeps_all_limits >= level and o.usd_per_hour), default=None
    )


def _cheaper(
    level: float, choice: Choice, table: JudgedTable, at: Ints, known: Sequence[Offer]
) -> list[Deployment]:
    """The rows at `at` with the most replicas that cost no more than what is known to keep all limits with
    the probability `level`; nothing where nothing is. What costs the same may be surer, or more accurate."""
    least = _least_usd(level, known)
    if least is None:
        return []
    # Surer takes no fewer replicas, and one replica cannot be fewer.
    no_fewer = (level > choice.workload.confidence) | (table.replicas[0, at] == 1)
    singles = [table.deployments[i] for i in at[~no_fewer | (table.usd_per_hour[0, at] < least)].tolist()]
    return [d for d in (_within(choice, single, least) for single in singles) if d is not None]


def _within(choice: Choice, single: Deployment, usd_per_hour: float) -> Deployment | None:
    """The deployment with the most replicas that cost no more; None where one costs more."""
    price, degree = choice.price_of(single.gpu, single.tensor_parallel), single.tensor_parallel
    if price is None:
        return None
    held = choice.space.searched_gpus(single.gpu) // degree
    paid = most_replicas(price, degree, usd_per_hour)
    count = int(min(paid, held, most_busy(choice.workload.load.arrival)))
    return single.times(count) if count >= 1 else None


def offers_of(table: JudgedTable) -> list[Offer]:
    """The rows that keep all limits with 5 % or more under the first load."""
    limits = table.uncertain
    margins = np.stack([limit.margin_sd[0] for limit in limits]) if limits else None
    made, recovery = [], table.recovery_low[0]
    # Of conversations that were not simulated only those whose closed form can be trusted.
    for i in np.flatnonzero((table.keeps_all[0] >= MIN_OFFERED_PROBABILITY) & table.settled[0]).tolist():
        million = float(table.usd_per_million.value[0, i])
        tightest = None if margins is None else int(np.argmin(margins[:, i]))
        made.append(
            Offer(
                deployment=table.deployment(0, i),
                usd_per_hour=table.bill(0, i),
                usd_per_million=million if np.isfinite(million) else None,
                keeps_all_limits=float(table.keeps_all[0, i]),
                tightest="" if tightest is None else limits[tightest].key,
                keeps_tightest=1.0
                if margins is None or tightest is None
                else probability(float(margins[tightest, i])),
                recovery_low=float(recovery[i]) if np.isfinite(recovery[i]) else None,
            )
        )
    return made


def _varied(choice: Choice, found: Sequence[Offer]) -> list[Deployment]:
    """Those that no other beats with a replica fewer or more, and with some fewer and more."""
    known = {offer.deployment.key for offer in found}
    made: dict[tuple[object, ...], Deployment] = {}
    for d in (offer.deployment for offer in frontier(found)):
        n, most = d.replicas, choice.space.searched_gpus(d.gpu)
        for count in sorted({round(0.75 * n), n - 1, n + 1, round(1.25 * n), round(1.5 * n), 2 * n}):
            varied = d.times(max(count, 1))
            if varied.key not in known and varied.num_gpus <= most:
                made[varied.key] = varied
    return list(made.values())


def _cheapest(offer: Offer, per: Per = "hour") -> tuple[object, ...]:
    usd = offer.usd(per)
    return (usd is None, usd or 0.0, -offer.keeps_all_limits, offer.deployment.key)


def frontier(found: Iterable[Offer], named: Sequence[Offer] = ()) -> tuple[Offer, ...]:
    """Offers of which none is both dearer and less certain than another, the cheapest first.

    named: offers that stand there in place of those that they can hardly be told from; not those that an
    aim other than cost made dearer than what is as sure.
    """
    kept: list[Offer] = []
    for offer in sorted((o for o in found if o.usd_per_hour is not None), key=_cheapest):
        if not kept or offer.keeps_all_limits >= kept[-1].keeps_all_limits + STEP:
            kept.append(offer)
    own = [o for o in named if o.usd_per_hour is not None and not any(_beats(one, o) for one in kept)]
    left = [o for o in kept if o not in own and not any(_is_near(o, one) for one in own)]
    return tuple(sorted([*left, *own], key=lambda o: (o.usd_per_hour, o.keeps_all_limits)))


def _beats(one: Offer, other: Offer) -> bool:
    """Whether it costs less by more than a tie, and is as sure."""
    cheaper = (one.usd_per_hour or 0.0) < (other.usd_per_hour or 0.0) * (1.0 - TIE)
    return cheaper and one.keeps_all_limits >= other.keeps_all_limits


def _is_near(one: Offer, other: Offer) -> bool:
    """Whether a probability is printed alike, or a cost."""
    usd, others = one.usd_per_hour or 0.0, other.usd_per_hour or 0.0
    return abs(one.keeps_all_limits - other.keeps_all_limits) < STEP or abs(usd - others) <= TIE * others


def _of_its_format(offers_by_cost: Sequence[Offer], first: Offer | None, per: Per) -> Offer | None:
    """The cheapest; of several that cost the same, one of the recommended's format, so that only what a
    surer answer needs is different; else the one that may lose least accuracy: all are sure enough."""
    if not offers_by_cost or first is None:
        return next(iter(offers_by_cost), None)
    least = offers_by_cost[0].usd(per)
    alike = [o for o in offers_by_cost if o.usd(per) == least]
    own = first.deployment.format_and_gpu, first.deployment.kv_format
    return min(
        alike,
        key=lambda o: (
            (o.deployment.format_and_gpu, o.deployment.kv_format) != own,
            o.deployment.format.name != first.deployment.format.name,
            -(o.recovery_low or 0.0),
        ),
    )


def _cheapest_at_even_odds(offers_by_cost: Sequence[Offer], per: Per) -> Offer | None:
    """The cheapest; of several that cost the same and are about as sure as the surest of them, the one that
    may lose least accuracy."""
    likely = [o for o in offers_by_cost if o.keeps_all_limits >= EVEN]
    if not likely:
        return None
    alike = [o for o in likely if o.usd(per) == likely[0].usd(per)]
    surest = max(o.keeps_all_limits for o in alike)
    return max(
        (o for o in alike if o.keeps_all_limits > surest - AS_SURE), key=lambda o: o.recovery_low or 0.0
    )


def _is_alike(surer: Offer, first: Offer | None, per: Per) -> bool:
    """Whether it costs the same as the recommended and is no surer than draws can tell."""
    if first is None or surer.keeps_all_limits - first.keeps_all_limits > AS_SURE:
        return False
    return (surer.usd(per) or 0.0) <= (first.usd(per) or 0.0) * (1.0 + TIE)


def picks(first: Offer | None, found: Sequence[Offer], workload: Workload) -> tuple[Pick, ...]:
    """At most three offers to choose between; one that equals another is left out.

    first: the recommended, None where nothing keeps the limits with the confidence asked for.
    """
    per = weighed_per(workload)
    priced = sorted((o for o in found if o.usd(per) is not None), key=partial(_cheapest, per=per))
    made = [] if first is None else [Pick(role="recommended", offer=first)]
    least = sure_enough(workload.confidence)
    if first is None or first.keeps_all_limits < least:
        surer = _of_its_format([o for o in priced if o.keeps_all_limits >= least], first, per)
        made += [] if surer is None or _is_alike(surer, first, per) else [Pick(role="surer", offer=surer)]
    if first is not None and workload.objective != "cost":
        return tuple(made)
    bound = np.inf if first is None else (first.usd(per) or 0.0) * (1.0 - TIE)
    cheaper = _cheapest_at_even_odds(priced, per)
    if cheaper is not None and (cheaper.usd(per) or 0.0) < bound:
        made.append(Pick(role="cheaper", offer=cheaper))
    return tuple(made)
