"""At which prices of GPUs the choice changes."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.advise.assessment import Assessment
from advisor.advise.choose import Recommendation
from advisor.spec.deployment import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """The price of one kind of GPU at which another deployment becomes the cheapest; the others stay."""

    gpu: str
    label: str
    usd_per_gpu_hour: float
    """Now."""
    at_usd_per_gpu_hour: float
    """Below it (a GPU that is not the first's) or above it (the first's own) the choice changes."""
    to: Deployment
    """What is the cheapest then."""

    @property
    def below(self) -> bool:
        """Whether the price must fall for the change."""
        return self.at_usd_per_gpu_hour < self.usd_per_gpu_hour

    @property
    def factor(self) -> float:
        return self.at_usd_per_gpu_hour / self.usd_per_gpu_hour


def break_evens(recommendation: Recommendation) -> tuple[BreakEven, ...]:
    """Of each GPU among the ranked, the nearest price first; empty unless cost ranks.

    A price scales all deployments of its GPU alike, so that among them the order stays.
    """
    first = recommendation.winner
    if recommendation.workload.objective != "cost" or first is None or _usd(first) is None:
        return ()
    own = first.deployment.gpu.name
    cheapest: dict[str, Assessment] = {}
    for assessment in recommendation.ranked:
        usd, known = _usd(assessment), cheapest.get(assessment.deployment.gpu.name)
        if usd is not None and (known is None or usd < (_usd(known) or 0.0)):
            cheapest[assessment.deployment.gpu.name] = assessment
    others = {name: a for name, a in cheapest.items() if name != own}
    if not others or own not in cheapest:
        return ()
    best = _usd(cheapest[own]) or 0.0
    found = [_break_even(a, best / (_usd(a) or best), a) for a in others.values()]
    second = min(others.values(), key=lambda a: (_usd(a) or 0.0, a.deployment.key))
    found.append(_break_even(first, (_usd(second) or best) / best, second))
    return tuple(sorted(found, key=lambda b: (max(b.factor, 1.0 / b.factor), b.gpu)))


def _break_even(of: Assessment, factor: float, to: Assessment) -> BreakEven:
    assert of.cost is not None
    price = of.cost.price.usd_per_gpu_hour
    return BreakEven(
        gpu=of.deployment.gpu.name,
        label=of.deployment.gpu.label,
        usd_per_gpu_hour=price,
        at_usd_per_gpu_hour=price * factor,
        to=to.deployment,
    )


def _usd(assessment: Assessment) -> float | None:
    usd = assessment.usd_per_million_output_tokens
    return None if usd is None or usd.value <= 0 else usd.value
