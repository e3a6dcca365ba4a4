"""Latency against throughput: what a deployment shows as its load grows, up to what it can serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from advisor.advise.choose.question import statistics_of
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.estimate import Estimate
from advisor.cost.predict.prediction import Prediction
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Arrival, Load, Workload

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor

CONCURRENCIES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
LEAST_GAIN = 1.01
"""A closed loop's next point serves at least so much more: beyond it, more requests in flight only wait."""
SHARES = (0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.86, 0.91, 0.95, 0.98)
"""Of a deployment's capacity: the open-loop rates on its curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One load on a curve."""

    level: float
    """Requests per second where `Curve.by_rate`, else requests in flight."""
    requests_per_s: Estimate
    """Served."""
    latency: Mapping[tuple[str, str], Estimate]
    """(metric, statistic) → ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One deployment under growing load; no points where it does not fit."""

    deployment: Deployment
    by_rate: bool
    points: tuple[CurvePoint, ...]
    capacity_requests_per_s: Estimate | None


def curve_deployments(recommendation: Recommendation, *, gpus: int = 4) -> tuple[Deployment, ...]:
    """What is worth comparing: on each of the best GPUs, every format on equally many of them.

    The refused follow the ranked, so that a format that misses a limit is seen missing it.
    """
    fitting = [
        assessment.deployment
        for assessment in (*recommendation.ranked, *recommendation.refused)
        if assessment.prediction is not None and assessment.prediction.memory.fits
    ]
    best: dict[str, Deployment] = {}
    for deployment in fitting:
        if deployment.gpu.name in best or len(best) < gpus:
            best.setdefault(deployment.gpu.name, deployment)
    holds = {_kind(d) for d in fitting}
    chosen: dict[tuple[str, str], Deployment] = {}
    for deployment in fitting:
        first = best.get(deployment.gpu.name)
        if first is None:
            continue
        # A format must not look fast for being given more GPUs than the others, or a smaller cache.
        alike = replace(first, format=deployment.format)
        chosen.setdefault(
            (deployment.gpu.name, deployment.format.name), alike if _kind(alike) in holds else deployment
        )
    order = list(best)
    return tuple(sorted(chosen.values(), key=lambda d: order.index(d.gpu.name)))


def _kind(deployment: Deployment) -> tuple[str, str, str, int]:
    """What decides whether a replica fits."""
    d = deployment
    return (d.gpu.name, d.format.name, d.kv_format, d.tensor_parallel)


def curves(deployments: Sequence[Deployment], workload: Workload, predictor: Predictor) -> tuple[Curve, ...]:
    """A curve for each deployment, in their order.

    An open-loop workload grows in requests per second; all others in requests in flight.
    """
    if not deployments:
        return ()
    statistics = statistics_of(workload)
    by_rate = workload.load.arrival.kind == "rate"
    alone = predictor.predictions(deployments, _at(workload.load, Arrival(kind="single")))
    asked = [
        (i, level)
        for i, prediction in enumerate(alone)
        for level in (_rates(prediction, workload) if by_rate else _concurrencies(workload))
    ]
    arrival = workload.load.arrival if by_rate else Arrival(kind="concurrency", value=1)
    found = predictor.predictions(
        [deployments[i] for i, _ in asked],
        _at(workload.load, arrival),
        statistics,
        levels=[level for _, level in asked],
    )
    points: list[list[CurvePoint]] = [[] for _ in deployments]
    for (i, level), prediction in zip(asked, found, strict=True):
        served = prediction.requests_per_s
        if prediction.status in ("stable", "saturated") and served is not None and prediction.latency:
            before = points[i][-1].requests_per_s.value if points[i] else 0.0
            full = not by_rate and served.value < before * LEAST_GAIN
            if full and level != workload.load.arrival.value:
                continue
            points[i].append(CurvePoint(level=level, requests_per_s=served, latency=prediction.latency))
    return tuple(
        Curve(
            deployment=deployment,
            by_rate=by_rate,
            points=tuple(own),
            capacity_requests_per_s=prediction.capacity_requests_per_s,
        )
        for deployment, own, prediction in zip(deployments, points, alone, strict=True)
    )


def _at(load: Load, arrival: Arrival) -> Load:
    return replace(load, arrival=arrival)


def _rates(alone: Prediction, workload: Workload) -> list[float]:
    """Shares of the deployment's own capacity, and the rate asked for where it serves that."""
    capacity = alone.capacity_requests_per_s
    if capacity is None:
        return []
    asked = workload.load.arrival.value or 0.0
    grid = {capacity.value * share for share in SHARES}
    return sorted(grid | ({asked} if 0 < asked < capacity.value * SHARES[-1] else set()))


def _concurrencies(workload: Workload) -> list[float]:
    arrival = workload.load.arrival
    asked = arrival.value if arrival.kind == "concurrency" else None
    return sorted({*map(float, CONCURRENCIES), *([] if asked is None else [asked])})
