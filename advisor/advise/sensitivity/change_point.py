"""One assumption of a question, and the value of it at which another deployment comes first."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Literal

from advisor.advise.sensitivity.why_best_changes import Why
from advisor.cost.estimate_with_interval import Basis
from advisor.spec.deployment import Deployment

SHARES = frozenset({"min_recovery", "goodput min_share", "prefix_hit_rate"})
"""Assumptions that are shares: a change is measured by what the share leaves (the loss, the misses)."""

Whose = Literal["first", "other"] | None
"""Which deployment's limit or replicas decide: the first one now, or the other; None: only their order
does."""
ChangeBasis = Basis | Literal["as asked"]
"""as asked: the question and its prices alone decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """One assumption, and the value of it at which the choice changes."""

    assumption: str
    """`price of H100`, `request rate`, `ttft_p95_ms`, `goodput min_share`, `min_recovery` …"""
    unit: str
    now: float | None
    """None: no limit was asked."""
    at: float
    low: float | None
    high: float | None
    """Nine times of ten the change truly lies between these; None: beyond the values looked at. Without width
    where nothing that is predicted decides."""
    basis: ChangeBasis
    """What the interval rests on: the weakest basis of the predictions that decide, or `as asked`."""
    why: Why
    limit: str = ""
    """The limit that stops or starts to be kept, as in `Crossing.limit`."""
    whose: Whose = None
    to: Deployment | None
    """What is first then; None: nothing keeps the limits."""
    before: Deployment | None = None
    """What is first just before the change: the first one now, maybe with more or fewer replicas, or another
    of its kind; None: not looked at, as nothing but the order changes, or nothing keeps the limits there."""
    usd_per_hour_before: float | None = None
    """What that costs; None where no price is known or `before` is None."""

    @property
    def above(self) -> bool:
        """Whether the value must rise."""
        return self.now is None or self.at > self.now

    @property
    def distance(self) -> float:
        """How far off: |log(at ÷ now)|; of a share, of what it leaves. inf without a now."""
        if self.now is None:
            return float("inf")
        if self.assumption in SHARES:
            least = 1e-4
            return abs(log(max(1.0 - self.at, least) / max(1.0 - self.now, least)))
        return abs(log(self.at / self.now))


def kind_of(deployment: Deployment | None) -> tuple[str, str] | None:
    return None if deployment is None else deployment.format_and_gpu
