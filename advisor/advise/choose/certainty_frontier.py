"""What certainty costs: the cheapest deployment for each probability to keep all limits; the picks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from advisor.advise.choose.joint_probability import probability
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.judged_table import JudgedTable
from advisor.advise.choose.question import Choice, searches_replicas
from advisor.advise.choose.rank import AS_SURE, TIE, sure_enough
from advisor.spec.deployment import Deployment
from advisor.spec.reading.amounts import HOURS_PER_MONTH
from advisor.spec.workloads.workload import Workload

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.recovery import QualityModel

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
VARIED = 24
"""Deployments, cheapest first, that more replicas are tried of: of the kept and of the refused."""
ROUNDING = 1e-9


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
    """A batch that is served as fast as it goes is paid for by the token: a smaller server takes longer."""
    return "million" if workload.load.arrival.kind == "maximum" else "hour"


def usd_by_role(picks: Iterable[Pick], per: Per = "hour") -> dict[Role, float | None]:
    """What each pick costs, in USD per hour or per million output tokens."""
    return {pick.role: pick.offer.usd(per) for pick in picks}


def offers(
    choice: Choice, table: JudgedTable, predictor: Predictor, quality: QualityModel | None
) -> list[Offer]:
    """Every row of the table that may keep all limits, and the cheapest of them with other numbers of
    replicas."""
    found = offers_of(table)
    if searches_replicas(choice):
        varied = _varied(choice, found)
        if varied:
            other = judge_fixed(choice, [choice.workload.load], varied, predictor, quality)
            found += offers_of(other)
    return found


def offers_of(table: JudgedTable) -> list[Offer]:
    """The rows that keep all limits with 5 % or more under the first load."""
    limits = table.uncertain
    margins = np.stack([limit.margin_sd[0] for limit in limits]) if limits else None
    made = []
    # Of conversations that were not simulated only those whose closed form can be trusted.
    for i in np.flatnonzero((table.keeps_all[0] >= MIN_OFFERED_PROBABILITY) & table.settled[0]).tolist():
        usd, million = float(table.usd_per_hour[0, i]), float(table.usd_per_million.value[0, i])
        tightest = None if margins is None else int(np.argmin(margins[:, i]))
        made.append(
            Offer(
                deployment=table.deployment(0, i),
                usd_per_hour=usd if np.isfinite(usd) else None,
                usd_per_million=million if np.isfinite(million) else None,
                keeps_all_limits=float(table.keeps_all[0, i]),
                tightest="" if tightest is None else limits[tightest].key,
                keeps_tightest=1.0
                if margins is None or tightest is None
                else probability(float(margins[tightest, i])),
            )
        )
    return made


def _varied(choice: Choice, found: Sequence[Offer]) -> list[Deployment]:
    """Those with fewer replicas that then cost less than what is as sure as asked: dearer ones no one takes.
    With more replicas the cheapest on either side of the confidence."""
    confidence = choice.workload.confidence
    priced = sorted((offer for offer in found if offer.usd_per_hour is not None), key=_cheapest)
    sure = [offer for offer in priced if offer.keeps_all_limits >= confidence]
    unsure = [offer for offer in priced if offer.keeps_all_limits < confidence]
    least = (sure[0].usd_per_hour or 0.0) if sure else np.inf
    asked = [
        *((offer.deployment, _fewer(offer, least)) for offer in priced),
        *((offer.deployment, _more(offer)) for offer in (*sure[:VARIED], *unsure[:VARIED])),
    ]
    known = {offer.deployment.key for offer in found}
    made: dict[tuple[object, ...], Deployment] = {}
    for d, counts in asked:
        most = choice.space.most_gpus(d.gpu)
        for count in sorted(counts):
            varied = d.times(count)
            if varied.key not in known and (most is None or varied.num_gpus <= most):
                made[varied.key] = varied
    return list(made.values())


def _fewer(offer: Offer, least_usd_per_hour: float) -> set[int]:
    """The most replicas that cost less, one fewer, and a quarter fewer."""
    n, usd = offer.deployment.replicas, offer.usd_per_hour or 0.0
    most = n - 1 if not usd else min(n - 1.0, np.ceil(least_usd_per_hour * n / usd - ROUNDING) - 1)
    return {count for count in (int(most), int(most) - 1, round(0.75 * most)) if 1 <= count <= most}


def _more(offer: Offer) -> set[int]:
    """One replica more, half as many more, and twice as many."""
    n = offer.deployment.replicas
    return {n + 1, round(1.5 * n), 2 * n} - {n}


def _cheapest(offer: Offer, per: Per = "hour") -> tuple[object, ...]:
    usd = offer.usd(per)
    return (usd is None, usd or 0.0, -offer.keeps_all_limits, offer.deployment.key)


def frontier(found: Iterable[Offer]) -> tuple[Offer, ...]:
    """Offers of which none is both dearer and less certain than another, the cheapest first."""
    kept: list[Offer] = []
    for offer in sorted((o for o in found if o.usd_per_hour is not None), key=_cheapest):
        if not kept or offer.keeps_all_limits >= kept[-1].keeps_all_limits + STEP:
            kept.append(offer)
    return tuple(kept)


def _of_its_format(offers_by_cost: Sequence[Offer], first: Offer | None, per: Per) -> Offer | None:
    """The cheapest; of several that cost the same, one of the recommended's format, so that only what a
    surer answer needs is different."""
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
        ),
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
    cheaper = next((o for o in priced if o.keeps_all_limits >= EVEN), None)
    if cheaper is not None and (cheaper.usd(per) or 0.0) < bound:
        made.append(Pick(role="cheaper", offer=cheaper))
    return tuple(made)
