"""What would change the choice: each assumption, and where another format or GPU comes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.assessment import Assessment
from advisor.advise.axis import Over, level_of, load_at
from advisor.advise.breakeven import BreakEven
from advisor.advise.choose import Choice, Recommendation
from advisor.advise.rank import objective_value, rank
from advisor.advise.survey import survey
from advisor.spec.deployment import Deployment
from advisor.spec.model import ModelSpec
from advisor.spec.workload import LatencyLimit, Load

if TYPE_CHECKING:
    from advisor.cost.predict import Predictor
    from advisor.cost.quality import QualityModel

FACTORS = (1.1, 1.3, 1.7, 2.5, 4.0, 8.0)
"""Times by which an assumption is made larger and smaller; what changes it only beyond is left out."""
ROUNDS, PARTS = 2, 6
"""The step in which it changes is narrowed down by splitting it into so many parts, so many times."""
MOST = 48
"""Deployments that are looked at: the best of each kind first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """One assumption, and the value of it at which the choice changes."""

    assumption: str
    """`price of H100`, `request rate`, `ttft_p95_ms`, `min_recovery` …"""
    unit: str
    now: float | None
    """None: no limit was asked."""
    at: float
    to: Deployment | None
    """What is first then; None: nothing keeps the limits."""

    @property
    def above(self) -> bool:
        """Whether the value must rise."""
        return self.now is None or self.at > self.now

    @property
    def distance(self) -> float:
        """How far off: |log(at ÷ now)|; of an accuracy floor, of the loss it allows. inf without a now."""
        if self.now is None:
            return float("inf")
        if self.assumption == "min_recovery":
            least = 1e-4
            return abs(log(max(1.0 - self.at, least) / max(1.0 - self.now, least)))
        return abs(log(self.at / self.now))


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
    found = [
        Flip(
            assumption=f"price of {b.label}",
            unit="USD per GPU-hour",
            now=b.usd_per_gpu_hour,
            at=b.at_usd_per_gpu_hour,
            to=b.to,
        )
        for b in prices
    ]
    found += _recovery(recommendation, first)
    # A convention on GPU counts needs all deployments to choose by; what it leaves is few.
    among = _among(recommendation) if choice.workload.gpu_count == "free" else None
    found += _by_trial(choice, first.deployment, among, predictor, quality)
    return tuple(sorted(found, key=lambda flip: (flip.distance, flip.assumption)))


def _recovery(recommendation: Recommendation, first: Assessment) -> list[Flip]:
    """The floor above which the first is refused, and the one below which a better one is not."""
    workload = recommendation.workload
    now = workload.quality.min_recovery
    objective = workload.objective
    found = []
    if first.recovery is not None and first.recovery.low < 1.0:
        at = first.recovery.low
        following = next((a for a in recommendation.ranked if a.recovery and a.recovery.low > at), None)
        if following is None or _kind(following.deployment) != _kind(first.deployment):
            found.append(_floor(now, at, None if following is None else following.deployment))
    own = objective_value(first, objective)
    lower = [
        a
        for a in recommendation.refused
        if a.recovery is not None
        and a.refusals
        and all(refusal.kind == "recovery" for refusal in a.refusals)
        and _kind(a.deployment) != _kind(first.deployment)
        and own is not None
        and (objective_value(a, objective) or np.inf) < own
    ]
    if lower and now is not None:
        best = max(lower, key=lambda a: a.recovery.low if a.recovery else 0.0)
        if best.recovery is not None:
            found.append(_floor(now, best.recovery.low, best.deployment))
    return found


def _floor(now: float | None, at: float, to: Deployment | None) -> Flip:
    return Flip(assumption="min_recovery", unit="of BF16's accuracy", now=now, at=at, to=to)


def _kind(deployment: Deployment | None) -> tuple[str, str] | None:
    return None if deployment is None else (deployment.format.name, deployment.gpu.name)


def _among(recommendation: Recommendation) -> list[Deployment]:
    """The deployments that may come first when something changes, one replica each: of every format on every
    GPU the best, as far as there is room, then the rest in their order."""
    objective = recommendation.workload.objective
    every = [*recommendation.ranked, *rank([a for a in recommendation.refused if a.prediction], objective)]
    chosen: dict[tuple[object, ...], Deployment] = {}
    seen: dict[tuple[str, str], int] = {}
    for spread in (1, MOST):
        for a in every:
            kind = (a.deployment.format.name, a.deployment.gpu.name)
            one = replace(a.deployment, replicas=1)
            if len(chosen) < MOST and one.key not in chosen and seen.get(kind, 0) < spread:
                chosen[one.key] = one
                seen[kind] = seen.get(kind, 0) + 1
    return list(chosen.values())


@dataclass(frozen=True, slots=True)
class _Trial:
    """One assumption made larger or smaller."""

    assumption: str
    unit: str
    now: float
    rising: bool
    asked: Callable[[float], tuple[Load, tuple[LatencyLimit, ...]]]
    """The load and the limits at another value."""
    whole: bool = False

    def levels(self, near: float, far: float | None, model: ModelSpec) -> list[float]:
        """Values to look at: from `near` on, or between two; those that are possible, in order."""
        if far is None:
            found = [self.now * f if self.rising else self.now / f for f in FACTORS]
        else:
            found = np.exp(np.linspace(log(near), log(far), PARTS + 1))[1:-1].tolist()
        if self.whole:
            found = [float(round(level)) for level in found]
        return [
            v for v in dict.fromkeys(found) if v > 0 and v not in (near, far) and self._possible(v, model)
        ]

    def _possible(self, value: float, model: ModelSpec) -> bool:
        try:
            load, _ = self.asked(value)
        except ValueError:
            return False
        return load.longest_context <= model.max_context


def _trials(choice: Choice) -> list[_Trial]:
    workload = choice.workload
    load, limits = workload.load, workload.limits
    found = []
    overs: tuple[tuple[Over, str, str], ...] = (
        ("rate", "request rate", "requests/s"),
        ("concurrency", "concurrency", "requests in flight"),
        ("input-tokens", "prompt length", "tokens"),
        ("output-tokens", "answer length", "tokens"),
    )
    for over, name, unit in overs:
        now = level_of(load, over)
        if now is None or (over == "concurrency" and load.arrival.kind != "concurrency"):
            continue
        for rising in (True, False):

            def with_load(value: float, over: Over = over) -> tuple[Load, tuple[LatencyLimit, ...]]:
                return load_at(load, over, value), limits

            found.append(_Trial(name, unit, now, rising, with_load, whole=over != "rate"))
    for number, limit in enumerate(limits):
        for rising in (True, False):

            def with_limit(value: float, number: int = number) -> tuple[Load, tuple[LatencyLimit, ...]]:
                changed = [*limits]
                changed[number] = replace(changed[number], max_ms=value)
                return load, tuple(changed)

            found.append(_Trial(limit.key, "ms", limit.max_ms, rising, with_limit))
    return found


def _by_trial(
    choice: Choice,
    first: Deployment,
    among: Sequence[Deployment] | None,
    predictor: Predictor,
    quality: QualityModel | None,
) -> list[Flip]:
    """All assumptions at once, each round one survey."""
    model = choice.space.model

    def names(asked: Sequence[tuple[Load, tuple[LatencyLimit, ...]]]) -> list[Deployment | None]:
        if not asked:
            return []
        loads, limits = zip(*asked, strict=True)
        found = survey(choice, loads, predictor, quality, among=among, limits=limits)
        return [None if at < 0 else found.deployment(load, int(at)) for load, at in enumerate(found.best())]

    steps: list[tuple[_Trial, float, float | None, Deployment | None]] = [
        (trial, trial.now, None, None) for trial in _trials(choice)
    ]
    for _ in range(1 + ROUNDS):
        levels = [trial.levels(near, far, model) for trial, near, far, _ in steps]
        flat = names([t.asked(v) for (t, *_), vs in zip(steps, levels, strict=True) for v in vs])
        following: list[tuple[_Trial, float, float | None, Deployment | None]] = []
        start = 0
        for (trial, near, far, to), values in zip(steps, levels, strict=True):
            seen = flat[start : start + len(values)]
            start += len(values)
            turn = next((i for i, d in enumerate(seen) if _kind(d) != _kind(first)), None)
            if turn is not None:
                near, far, to = values[turn - 1] if turn else near, values[turn], seen[turn]
            elif values and far is not None:
                near = values[-1]
            if far is not None:
                following.append((trial, near, far, to))
        steps = following
    return [
        Flip(assumption=t.assumption, unit=t.unit, now=t.now, at=far, to=to)
        for t, _, far, to in steps
        if far is not None
    ]
