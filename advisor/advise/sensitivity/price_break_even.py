"""Prices of GPUs at which the choice changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.certainty.error_draws import DRAWS, Draws, errors_of, outcomes
from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.choice import Choice, searches_replicas
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.array_table import Floats
from advisor.cost.uncertainty.joint_probability import TOKEN_RATE, TTFT
from advisor.spec.deployment import Deployment

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

PARTS = tuple(part / 10 for part in range(2, 12))
"""Shares of the pessimistic count of replicas that may turn out to suffice; a count up to ten is so met
exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """The price of one kind of GPU at which another deployment becomes the cheapest; the others stay."""

    gpu: str
    label: str
    usd_per_gpu_hour: float
    """Now."""
    at_usd_per_gpu_hour: float
    """Below it (a GPU that is not the first's) or above it (the first's own) the choice changes."""
    low_usd_per_gpu_hour: float
    high_usd_per_gpu_hour: float
    """Upper end of the 90 % interval, without the errors that both deployments share. Where the load asked
    for fixes what both serve, it is the number of replicas that may turn out otherwise."""
    to: Deployment
    """What is the cheapest then."""

    @property
    def below(self) -> bool:
        """Whether the price must fall for the change."""
        return self.at_usd_per_gpu_hour < self.usd_per_gpu_hour

    @property
    def factor(self) -> float:
        return self.at_usd_per_gpu_hour / self.usd_per_gpu_hour


def break_evens(
    recommendation: Recommendation, predictor: Predictor, quality: QualityModel | None = None
) -> tuple[BreakEven, ...]:
    """Break-even prices for each GPU among the ranked, the nearest first; empty unless cost ranks.

    A price scales all deployments of its GPU alike, so that among them the order stays.
    """
    first, choice = recommendation.winner, recommendation.choice
    if recommendation.workload.objective != "cost" or first is None or _usd(first) is None:
        return ()
    own = first.deployment.gpu.name
    cheapest: dict[str, Assessment] = {}
    for assessment in recommendation.ranked:
        usd, known = _usd(assessment), cheapest.get(assessment.deployment.gpu.name)
        if usd is not None and (known is None or usd < (_usd(known) or 0.0)):
            cheapest[assessment.deployment.gpu.name] = assessment
    others = [a for name, a in cheapest.items() if name != own]
    if not others or own not in cheapest or choice is None:
        return ()
    best = cheapest[own]
    second = min(others, key=lambda a: (_usd(a) or 0.0, a.deployment.key))
    ratios = _ratios(choice, best, others, predictor, quality)
    found = [_break_even(a, ratios[a.deployment.key], a) for a in others]
    inverse = tuple(1.0 / factor for factor in reversed(ratios[second.deployment.key]))
    found.append(_break_even(first, inverse, second))
    return tuple(sorted(found, key=lambda b: (max(b.factor, 1.0 / b.factor), b.gpu)))


def _ratios(
    choice: Choice,
    best: Assessment,
    others: Sequence[Assessment],
    predictor: Predictor,
    quality: QualityModel | None,
) -> dict[tuple[object, ...], tuple[float, ...]]:
    """(low, value, high) of the best's cost ÷ the other's, for each other deployment."""
    own = _usd(best) or 0.0
    sides = (best, *others)
    counts = [_counts(choice, a.deployment) for a in sides]
    among = [a.deployment.times(n) for a, of in zip(sides, counts, strict=True) for n in of]
    found = judge_fixed(choice, [choice.workload.load], among, predictor, quality)
    at = np.arange(len(among))
    # What accuracy may turn out to be changes no cost.
    errors = {c: errors_of(found, 0, at, predictor.fit.shared, c, DRAWS) for c in (TOKEN_RATE, TTFT)}
    drawn = outcomes(found, 0, at, errors)
    ends = np.cumsum([len(of) for of in counts])
    costs = [_least_cost(drawn, end - len(of), end) for of, end in zip(counts, ends, strict=True)]
    ratios: dict[tuple[object, ...], tuple[float, ...]] = {}
    for a, cost in zip(others, costs[1:], strict=True):
        value = own / (_usd(a) or own)
        low, high = (float(q) for q in np.quantile(costs[0] / cost, (0.05, 0.95)))
        ratios[a.deployment.key] = (min(low, value), value, max(high, value))
    return ratios


def _counts(choice: Choice, deployment: Deployment) -> list[int]:
    """How many replicas it may truly take; those it has where nothing is left to choose."""
    n = deployment.replicas
    if not searches_replicas(choice):
        return [n]
    return sorted({max(1, round(n * part)) for part in PARTS} | {n + 1})


def _least_cost(drawn: Draws, start: int, end: int) -> Floats:
    """The cost, in each draw, with the fewest replicas that keep the limits; with the most where none do."""
    keeps, objective = drawn.keeps[:, start:end], drawn.objective[:, start:end]
    least = np.where(keeps, objective, np.inf).min(axis=1)
    return np.asarray(np.where(np.isfinite(least), least, objective[:, -1]))


def _break_even(of: Assessment, factors: Sequence[float], to: Assessment) -> BreakEven:
    assert of.cost is not None
    price = of.cost.price.usd_per_gpu_hour
    low, value, high = (price * factor for factor in factors)
    return BreakEven(
        gpu=of.deployment.gpu.name,
        label=of.deployment.gpu.label,
        usd_per_gpu_hour=price,
        at_usd_per_gpu_hour=value,
        low_usd_per_gpu_hour=low,
        high_usd_per_gpu_hour=high,
        to=to.deployment,
    )


def _usd(assessment: Assessment) -> float | None:
    """What the ranking went by; None without a price."""
    known = assessment.cost is not None and assessment.objective
    return known if known and known > 0 else None
