"""What is best as the load grows or shrinks, and the latencies of what the answer offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.choose.choice import Choice, statistics_of
from advisor.advise.choose.confirm_by_simulation import rests_on_simulation
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.limits import judged_end
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.sensitivity.crossover import Crossover, crossover, under, usual_axis
from advisor.advise.sensitivity.varied_load_property import Axis, Over, between, level_of, load_at, own_level
from advisor.cost.estimate_with_interval import Estimate
from advisor.spec.deployment import Deployment

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

AXIS_RANGE = 8.0
"""Times the workload's own level that the axis goes down and up."""
PER_SIDE = 6
"""Levels below the workload's own, and above."""
ROUNDS, PARTS = 2, 8
"""The end of what a deployment carries is narrowed down by splitting its step so often into so many parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPoint:
    """One deployment at one level of the axis."""

    level: float
    latency: Mapping[tuple[str, str], Estimate]
    """(metric, statistic) → ms."""
    judged: Mapping[tuple[str, str], float]
    """The end of each, in ms, that holds with the confidence asked for: what a limit is held against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCurve:
    """One deployment as it stands, under growing load; it ends where its queue would grow without bound."""

    deployment: Deployment
    points: tuple[LoadPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlongLoad:
    """The ranking at every level of one axis."""

    crossover: Crossover
    """The best deployment by load; at the workload's own level it is the recommended one."""
    curves: tuple[LoadCurve, ...]
    """Curves of the recommended deployment, then of the other picks."""
    kept_up_to: float | None
    """The highest level at which the recommended deployment, as it stands, keeps all limits with the
    confidence asked for; None: beyond the axis."""


def along_load(
    recommendation: Recommendation,
    predictor: Predictor,
    quality: QualityModel | None = None,
    *,
    over: Over | None = None,
    pause: Callable[[], None] = lambda: None,
) -> AlongLoad | None:
    """The ranking along `over`; without it along what the workload states: its rate, its concurrency, else
    the length of its prompts.

    None where nothing is ranked, where the model's context leaves no range, or where the choice rests on
    simulated conversations, which the closed form under other loads is no match for. `pause` is called
    between steps: what is more urgent happens there, or it raises.
    """
    first, choice = recommendation.winner, recommendation.choice
    if first is None or choice is None or recommendation.table is None:
        return None
    if rests_on_simulation(recommendation.table):
        return None
    along = own_axis(choice, over)
    if len(along.levels) < 2:
        return None
    free = choice.workload.gpu_count == "free"
    # A convention on the count of GPUs is applied under each load anew, to all that there is.
    among = recommendation.table.deployments if free else None
    found = crossover(choice, along, predictor, quality, rounds=1, among=among, zones=False)
    pause()
    offered = dict.fromkeys([first.deployment, *(pick.offer.deployment for pick in recommendation.picks)])
    curves = _curves(choice, along, list(offered), predictor)
    pause()
    return AlongLoad(
        crossover=found,
        curves=curves,
        kept_up_to=_kept_up_to(choice, along, first.deployment, predictor, quality),
    )


def own_axis(choice: Choice, over: Over | None = None) -> Axis:
    """Levels around the workload's own, which is one of them; the usual ones where it has none of `over`."""
    load = choice.workload.load
    over, here = own_level(load) if over is None else (over, level_of(load, over))
    usual = usual_axis(choice, over)
    if here is None:
        first, last = usual.levels[0], usual.levels[-1]
        return Axis(over=over, levels=between(first, last, 2 * PER_SIDE + 1, whole=usual.whole))
    low, high = (
        max(here / AXIS_RANGE, min(usual.levels[0], here)),
        min(here * AXIS_RANGE, max(usual.levels[-1], here)),
    )
    below = between(low, here, PER_SIDE + 1, whole=usual.whole) if low < here else ()
    above = between(here, high, PER_SIDE + 1, whole=usual.whole) if here < high else ()
    levels = [level for level in (*below, *above) if abs(level / here - 1.0) > 1e-9]
    return Axis(over=over, levels=tuple(sorted({*levels, here})))


def _curves(
    choice: Choice, along: Axis, deployments: Sequence[Deployment], predictor: Predictor
) -> tuple[LoadCurve, ...]:
    statistics, confidence = statistics_of(choice.workload), choice.workload.confidence
    points: list[list[LoadPoint]] = [[] for _ in deployments]
    for level in along.levels:
        load = load_at(choice.workload.load, along.over, level)
        for own, prediction in zip(points, predictor.predictions(deployments, load, statistics), strict=True):
            if prediction.status in ("stable", "saturated") and prediction.latency:
                known = prediction.latency
                judged = {one: judged_end(estimate, confidence) for one, estimate in known.items()}
                own.append(LoadPoint(level=level, latency=known, judged=judged))
    return tuple(
        LoadCurve(deployment=deployment, points=tuple(own))
        for deployment, own in zip(deployments, points, strict=True)
    )


def _kept_up_to(
    choice: Choice,
    along: Axis,
    deployment: Deployment,
    predictor: Predictor,
    quality: QualityModel | None,
) -> float | None:
    """The last level that is kept, from the workload's own up, to within a 64th of a step."""
    here = level_of(choice.workload.load, along.over)
    levels = [level for level in along.levels if here is None or level >= here]
    for _ in range(1 + ROUNDS):
        loads = [load_at(choice.workload.load, along.over, level) for level in levels]
        kept = judge_fixed(under(choice, loads[0]), loads, [deployment], predictor, quality).kept[:, 0]
        if kept.all():
            return None
        end = max(1, int(np.argmin(kept)))
        levels = list(between(levels[end - 1], levels[end], PARTS + 1, whole=along.whole))
    return levels[0]
