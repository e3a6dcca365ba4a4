"""How sure a choice is: whether the first keeps each limit, and whether it is the best that does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from advisor.advise.certainty.error_draws import Draws, as_good, draw
from advisor.advise.choose.choice import Choice, fixes_replicas
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.judged_table import JudgedTable
from advisor.advise.choose.rank import TIE
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.array_table import Floats
from advisor.cost.uncertainty.joint_probability import MEMORY, probability
from advisor.spec.deployment import Deployment

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

SURE_PROBABILITY = 0.8
"""From this probability of being the best on, the choice is called sure."""
NEAR_TIE = 0.02
"""An expected loss up to this share is a near tie: measurements repeat no better."""
MAX_RIVALS = 64
"""Deployments that are weighed against the first, the likeliest to beat it."""

Verdict = Literal["sure", "tie", "doubt"]
"""sure: the first is the best that keeps the limits with 80 % or more. tie: it may not be, but less than 2 %
is lost by it on average. doubt: more may be lost, and a measurement could tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The probability that one limit is kept."""

    limit: str
    """`ttft_p95_ms`, `capacity`, `recovery`."""
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A deployment of another format or GPU, or with fewer replicas, and the chance that it is the best."""

    deployment: Deployment
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceProbability:
    """What is known of a choice, from the joint uncertainty of all that could be chosen."""

    deployment: Deployment
    limits: tuple[Kept, ...]
    keeps_all: float
    """Probability that it keeps every limit."""
    best: float
    """Probability that it keeps every limit and nothing that does is better by more than a tie."""
    loss: float | None
    """Share of its objective that would be saved on average by knowing which is the best that keeps the
    limits, where the first keeps them; None where nothing has an objective, for want of a price."""
    rival: Rival | None
    """The likeliest to be the best instead; None when nothing else could be."""
    fewer: Rival | None
    """The deployment with fewer replicas, and the probability that it keeps every limit."""

    @property
    def verdict(self) -> Verdict:
        if self.best >= SURE_PROBABILITY:
            return "sure"
        return "tie" if self.loss is not None and self.loss <= NEAR_TIE else "doubt"


@dataclass(frozen=True, slots=True)
class Contest:
    """The first and what could be better, with joint draws; the first is in column 0."""

    choice: Choice
    found: JudgedTable
    draws: Draws

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        return self.found.deployments


def contest(
    recommendation: Recommendation,
    predictor: Predictor,
    quality: QualityModel | None = None,
) -> Contest | None:
    """The first against what could be better; None where nothing is ranked."""
    first, choice = recommendation.winner, recommendation.choice
    if first is None or choice is None:
        return None
    picked = [pick.offer.deployment for pick in recommendation.picks]
    among = list({d.key: d for d in (first.deployment, *picked, *_rivals(recommendation))}.values())
    found = judge_fixed(choice, [choice.workload.load], among, predictor, quality)
    seen = draw(found, 0, np.arange(len(among)), predictor.fit.shared)
    return Contest(choice, found, seen)


def sureness(of: Contest) -> ChoiceProbability:
    """How sure the first of a contest is."""
    first = of.deployments[0]
    chance = as_good(of.draws).mean(axis=0)
    held = of.draws.keeps[:, 0]
    best = of.draws.best()
    with np.errstate(invalid="ignore"):
        lost = np.maximum(1.0 - best / of.draws.objective[:, 0], 0.0)
    return ChoiceProbability(
        deployment=first,
        limits=tuple(
            Kept(limit=limit.key, probability=probability(float(limit.margin_sd[0, 0])))
            for limit in of.found.uncertain
            if limit.cause != MEMORY or np.isfinite(limit.margin_sd[0, 0])
        ),
        keeps_all=float(of.found.keeps_all[0, 0]),
        best=float(chance[0]),
        loss=_mean(lost[held]),
        rival=_rival(of, chance),
        fewer=_fewer(of),
    )


def _mean(lost: Floats) -> float | None:
    """The mean loss; 0 where the first never keeps the limits, None where no draw has an objective."""
    known = lost[np.isfinite(lost)]
    return float(known.mean()) if len(known) else (0.0 if not len(lost) else None)


def _rival(of: Contest, chance: Floats) -> Rival | None:
    """The likeliest rival of another format or GPU: that a cache type or a split does as well is no news."""
    first = of.deployments[0]
    others = [
        (float(chance[i]), i)
        for i, d in enumerate(of.deployments)
        if d.format_and_gpu != first.format_and_gpu
    ]
    if not others:
        return None
    best, at = max(others, key=lambda one: (one[0], -one[1]))
    return Rival(deployment=of.deployments[at], probability=best) if best >= 0.005 else None


def _fewer(of: Contest) -> Rival | None:
    first = of.deployments[0]
    found = [
        (d.replicas, i)
        for i, d in enumerate(of.deployments)
        if d.replicas < first.replicas and d.times(first.replicas) == first
    ]
    if not found:
        return None
    _, at = max(found)
    keeps = float(of.found.keeps_all[0, at])
    return Rival(deployment=of.deployments[at], probability=keeps) if keeps >= 0.05 else None


def _rivals(recommendation: Recommendation) -> list[Deployment]:
    """What could be better than the first: kept or likely to be, with intervals that reach its objective; and
    what would be if fewer replicas kept the limits."""
    table = recommendation.table
    if table is None or not np.isfinite(table.objective.value[0, 0]):
        return []
    value, served = table.objective.value[0], table.served()
    own = float(value[0])
    possible = np.flatnonzero(np.isfinite(value) & (table.kept[0] | table.likely[0]))
    reaches = value[possible] * _optimistic_share(table)[possible] <= own * (1.0 + TIE)
    found = {served[i].key: (float(value[i]), served[i]) for i in possible[reaches].tolist()}
    choice = recommendation.choice
    if table.workload.objective == "cost" and choice is not None and not fixes_replicas(choice):
        for i in possible.tolist():
            for fewer, deployment in _with_fewer(table, served[i], i, own):
                found.setdefault(deployment.key, (fewer, deployment))
    found.pop(served[0].key, None)
    near = sorted(found.values(), key=lambda one: (one[0], one[1].key))
    return [deployment for _, deployment in near[:MAX_RIVALS]]


def _optimistic_share(table: JudgedTable) -> Floats:
    """By what factor the objective could be better than predicted: the interval's optimistic end."""
    usd, e2e = table.usd_per_million, table.answers.latency_ms["e2e", "mean"]
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.stack([usd.low[0] / usd.value[0], e2e.low / e2e.value])
    return np.asarray(np.where(np.isfinite(shares), shares, 1.0).min(axis=0))


def _with_fewer(
    table: JudgedTable, deployment: Deployment, i: int, own: float
) -> Sequence[tuple[float, Deployment]]:
    """The deployment with fewer replicas, where that would cost no more than the first and could suffice."""
    usd, capacity = table.objective, table.answers.capacity_requests_per_s
    value, low, high = usd.value[0, i], capacity.low[i], capacity.high[i]
    exact = usd.low[0, i] == usd.high[0, i] and np.isfinite(value)
    if deployment.replicas < 2 or not exact or not np.isfinite(low / high):
        return []
    most = min(deployment.replicas - 1, int(deployment.replicas * own * (1.0 + TIE) / value))
    least = max(1, round(deployment.replicas * low / high))
    return [
        (float(value) * count / deployment.replicas, deployment.times(count))
        for count in range(most, max(least, most - 2) - 1, -1)
    ]
