"""At which prices of GPUs the choice changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.assessment import Assessment
from advisor.advise.chances import draw
from advisor.advise.choose import Choice, Recommendation
from advisor.advise.survey import standings_of
from advisor.spec.deployment import Deployment

if TYPE_CHECKING:
    from advisor.cost.predict import Predictor
    from advisor.cost.quality import QualityModel


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
    """Its 90 % interval, errors that both deployments share left out; without width where the load asked for
    fixes what both serve."""
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
    """Of each GPU among the ranked, the nearest price first; empty unless cost ranks.

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
    """Of each other: the best's cost ÷ its own: low, value, high."""
    own = _usd(best) or 0.0
    if all(_is_exact(a) for a in (best, *others)):
        return {a.deployment.key: (own / (_usd(a) or own),) * 3 for a in others}
    among = [best.deployment, *(a.deployment for a in others)]
    found = standings_of(choice, [choice.workload.load], among, predictor, quality)
    drawn = draw(found, 0, np.arange(len(among)), predictor.fit.shared).objective
    ratios: dict[tuple[object, ...], tuple[float, ...]] = {}
    for column, a in enumerate(others, start=1):
        value = own / (_usd(a) or own)
        low, high = (float(q) for q in np.quantile(drawn[:, 0] / drawn[:, column], (0.05, 0.95)))
        ratios[a.deployment.key] = (min(low, value), value, max(high, value))
    return ratios


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
    usd = assessment.usd_per_million_output_tokens
    return None if usd is None or usd.value <= 0 else usd.value


def _is_exact(assessment: Assessment) -> bool:
    """Whether the load asked for fixes what it serves, and so what it costs."""
    usd = assessment.usd_per_million_output_tokens
    return usd is not None and usd.low == usd.high
