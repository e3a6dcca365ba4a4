"""Where the best format changes as something about the load is varied, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.choose.choice import Choice
from advisor.advise.choose.judge import judge, judge_fixed
from advisor.advise.choose.judged_table import JudgedTable
from advisor.advise.choose.rank import TIE
from advisor.advise.choose.rank import best as best_of
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.sensitivity.change_point import kind_of
from advisor.advise.sensitivity.varied_load_property import (
    Axis,
    Over,
    axis,
    between,
    level_of,
    load_at,
    own_level,
)
from advisor.advise.sensitivity.why_best_changes import Why, basis_of, turn_at, where_it_turns
from advisor.cost.array_table import Ints
from advisor.cost.estimate_with_interval import Basis
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Load

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

ROUNDS, PARTS = 2, 8
"""A crossing is narrowed down by splitting its step into so many parts, so many times: to 1 % of a level."""
CONTENDER_FACTOR = 2.2
"""Deployments that at no level are within this factor of the best are not looked at between the levels."""
WITHIN = 10.0
"""Times the workload's own level that a quick look goes down and up."""
MOST_CROSSINGS = 12
"""Crossings that are narrowed down; between the rest the step stays a doubling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Levels next to each other at which one format on one kind of GPU is best; in zones, at a split of its
    own where another split costs more or less."""

    first: float
    last: float
    best: Deployment | None
    """The best deployment at the first level; None: nothing keeps the limits."""
    until: Deployment | None
    """The best deployment at the last level: it may take more replicas, or another split."""
    either: tuple[Deployment, ...] = ()
    """Where predictions cannot tell which of several is best: one deployment of each; else empty."""
    usd_per_hour: float | None = None
    """The bill at the first level; None: without a price."""
    usd_per_hour_until: float | None = None
    """The bill at the last."""

    @property
    def kinds(self) -> tuple[Deployment, ...]:
        """One deployment of each format and GPU that may be best here."""
        return self.either or (() if self.best is None else (self.best,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Between two stretches: where the best changes."""

    level: float
    """The last level at which the one before is still best."""
    following: float
    """The first at which the one after is."""
    low: float | None
    high: float | None
    """Nine times of ten the change truly lies between these; None: beyond the range looked at."""
    why: Why
    limit: str = ""
    """Which, where one stops being kept: `tpot_p95_ms`."""
    basis: Basis
    """What the predictions that decide rest on, the weakest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossover:
    """The whole answer along one axis."""

    axis: Axis
    """The levels looked at first; the crossings lie between them."""
    stretches: tuple[Stretch, ...]
    crossings: tuple[Crossing, ...]
    """One fewer than the stretches."""
    here: float | None
    """Where the workload itself stands; None where it has no such level."""

    def at(self, level: float) -> Stretch:
        """The stretch that a level lies in."""
        return next((s for s in self.stretches if level <= s.last), self.stretches[-1])


def crossover(
    choice: Choice,
    along: Axis,
    predictor: Predictor,
    quality: QualityModel | None = None,
    *,
    rounds: int = ROUNDS,
    among: Sequence[Deployment] | None = None,
    zones: bool = True,
) -> Crossover:
    """Where along the axis the format or the GPU that `recommend` puts first changes; of the deployments
    `among`, of all in the choice without it. zones: the number of GPUs of a replica is told apart, too, where
    it changes the bill, and stretches of one bill that predictions cannot tell apart are one."""
    levels = list(along.levels)
    found = _contenders(choice, _survey_at(choice, along, levels, predictor, quality, among=among))
    for _ in range(rounds):
        kinds = [_split_of(d) if zones else kind_of(d) for d in _names(found)]
        steps = [i for i in range(len(levels) - 1) if kinds[i] != kinds[i + 1]][:MOST_CROSSINGS]
        new = [
            level
            for i in steps
            for level in between(levels[i], levels[i + 1], PARTS + 1, whole=along.whole)[1:-1]
        ]
        if not new:
            break
        more = _survey_at(choice, along, new, predictor, quality, among=found.deployments)
        found = found.joined(more)
        order = np.argsort([*levels, *new], kind="stable")
        levels = [float(level) for level in np.array([*levels, *new])[order]]
        found = found.take(order)
    return _Survey(choice, found, along, levels, predictor, quality).crossover(zones=zones)


def nearby(
    recommendation: Recommendation, predictor: Predictor, quality: QualityModel | None = None
) -> Crossover | None:
    """Where the best format changes on the first's own GPUs as the load grows or shrinks: a quick look,
    coarser than `crossover`, with the first's own split. None without a first, or where a
    convention fixes the count of GPUs.

    What is varied is what the workload states: its rate, its concurrency, or the length of its prompts.
    """
    first, choice = recommendation.winner, recommendation.choice
    if first is None or choice is None or choice.workload.gpu_count != "free":
        return None
    own = first.deployment
    space = replace(choice.space, gpus=(own.gpu,), tensor_parallel=(own.tensor_parallel,))
    choice = replace(choice, space=space)
    over, here = own_level(choice.workload.load)
    along = usual_axis(choice, over)
    along = replace(along, levels=tuple(v for v in along.levels[::2] if here / WITHIN <= v <= here * WITHIN))
    if len(along.levels) < 2:
        return None
    return crossover(choice, along, predictor, quality, rounds=1)


def usual_axis(choice: Choice, over: Over, *, low: float | None = None, high: float | None = None) -> Axis:
    """The axis of a choice's own load; see `varied_load_property`."""
    return axis(over, choice.workload.load, choice.space.model, low=low, high=high)


def _survey_at(
    choice: Choice,
    along: Axis,
    levels: Sequence[float],
    predictor: Predictor,
    quality: QualityModel | None,
    among: Sequence[Deployment] | None = None,
) -> JudgedTable:
    loads = [load_at(choice.workload.load, along.over, level) for level in levels]
    return judge(under(choice, loads[0]), loads, predictor, quality, among=among)


def _contenders(choice: Choice, found: JudgedTable) -> JudgedTable:
    """Without the deployments that are nowhere near the best; a convention needs them all."""
    if choice.workload.gpu_count != "free":
        return found
    value = np.where(found.kept, found.objective.value, np.inf)
    least = value.min(axis=1, keepdims=True)
    near = (value <= CONTENDER_FACTOR * least) & np.isfinite(value)
    # Where nothing keeps the limits, what is nearest to keeping them may do so a level before.
    near |= found.likely & ~np.isfinite(least)
    return found.only(np.flatnonzero(near.any(axis=0)))


def under(choice: Choice, load: Load) -> Choice:
    """The choice with its requests arriving as in `load`; what a convention fixes stays fixed."""
    own = replace(choice.workload.load, arrival=load.arrival)
    return replace(choice, workload=replace(choice.workload, load=own))


def _names(found: JudgedTable) -> list[Deployment | None]:
    return [None if at < 0 else found.deployment(load, int(at)) for load, at in enumerate(best_of(found))]


def _split_of(deployment: Deployment | None) -> tuple[str, str, int] | None:
    """Format, kind of GPU and GPUs of a replica: what stays the same while replicas are added."""
    return None if deployment is None else (*deployment.format_and_gpu, deployment.tensor_parallel)


def apart(
    stretches: Sequence[Stretch], crossings: Sequence[Crossing], *, bills: bool = True
) -> tuple[tuple[Stretch, ...], tuple[Crossing, ...]]:
    """The stretches that predictions tell apart: a change that may lie anywhere in one of its two stretches,
    or beyond it, makes one of both.

    bills: where the bill changes as well, it does so only for another replica of what the zone has anyway:
    whatever predictions know, which of the two bills is paid matters.
    """
    zones, kept = [stretches[0]], []
    for crossing, following in zip(crossings, stretches[1:], strict=True):
        zone = zones[-1]
        alike = not bills or _one_bill(zone, following) or _only_grows(zone, following)
        if not (alike and _is_noise(zone, crossing, following)):
            zones.append(following)
            kept.append(crossing)
            continue
        either = {d.format_and_gpu: d for d in zone.kinds}
        for d in following.kinds:
            either.setdefault(d.format_and_gpu, d)
        zones[-1] = replace(
            zone,
            last=following.last,
            until=following.until,
            either=tuple(either.values()),
            usd_per_hour_until=following.usd_per_hour_until,
        )
    return tuple(zones), tuple(kept)


def _one_bill(zone: Stretch, following: Stretch) -> bool:
    """Whether the two cost alike where the one ends and the other begins."""
    return _alike(zone.until, zone.usd_per_hour_until, following.best, following.usd_per_hour)


def _alike(
    one: Deployment | None, usd: float | None, other: Deployment | None, usd_other: float | None
) -> bool:
    """Whether both are so many GPUs of one kind, or their bills tie."""
    if one is None or other is None:
        return one is other
    if (one.gpu.name, one.num_gpus) == (other.gpu.name, other.num_gpus):
        return True
    return usd is not None and usd_other is not None and abs(usd_other - usd) <= TIE * usd


def _only_grows(zone: Stretch, following: Stretch) -> bool:
    """Whether what follows is one of the zone's, with other replicas."""
    return _split_of(following.best) in {_split_of(d) for d in (*zone.kinds, zone.until)}


def _is_noise(zone: Stretch, crossing: Crossing, following: Stretch) -> bool:
    """Whether the interval of a change covers the whole of the stretch before or after it."""
    if zone.best is None or following.best is None:
        return False
    low, high = crossing.low, crossing.high
    return low is None or low <= zone.first or high is None or high >= following.last


@dataclass(frozen=True, slots=True)
class _Survey:
    """A survey along an axis, at its levels and those put between."""

    choice: Choice
    found: JudgedTable
    along: Axis
    levels: Sequence[float]
    predictor: Predictor
    quality: QualityModel | None

    def crossover(self, *, zones: bool) -> Crossover:
        best, names = best_of(self.found), _names(self.found)
        usd = [self._usd_per_hour(load, int(at)) for load, at in enumerate(best)]
        levels = self.levels

        def turns(i: int) -> bool:
            one, other = names[i - 1], names[i]
            if kind_of(one) != kind_of(other):
                return True
            another_split = zones and _split_of(one) != _split_of(other)
            return another_split and not _alike(one, usd[i - 1], other, usd[i])

        starts = [0, *(i for i in range(1, len(levels)) if turns(i))]
        ends = [*(start - 1 for start in starts[1:]), len(levels) - 1]
        stretches = [
            Stretch(
                first=levels[a],
                last=levels[b],
                best=names[a],
                until=names[b],
                usd_per_hour=usd[a],
                usd_per_hour_until=usd[b],
            )
            for a, b in zip(starts, ends, strict=True)
        ]
        crossings = self._crossings(best, ends[:-1])
        shown, changes = apart(stretches, crossings) if zones else (tuple(stretches), crossings)
        return Crossover(
            axis=self.along,
            stretches=shown,
            crossings=changes,
            here=level_of(self.choice.workload.load, self.along.over),
        )

    def _usd_per_hour(self, load: int, at: int) -> float | None:
        usd = float(self.found.usd_per_hour[load, at]) if at >= 0 else nan
        return usd if isfinite(usd) else None

    def _crossings(self, best: Ints, ends: Sequence[int]) -> tuple[Crossing, ...]:
        """Crossings after the levels at `ends`; all levels that their intervals need are judged together."""
        turns = [turn_at(self.found, end, int(best[end]), int(best[end + 1])) for end in ends]
        if not turns:
            return ()
        among = [self.found.deployment(load, at) for turn in turns for at, load in turn.sides]
        found = judge_fixed(self.choice, self.found.loads, among, self.predictor, self.quality)
        made, start = [], 0
        for turn in turns:
            own = found.only(np.arange(start, start + len(turn.sides)))
            start += len(turn.sides)
            low, high = where_it_turns(own, self.levels, turn, self.predictor.fit.shared)
            level, following = self.levels[turn.end], self.levels[turn.end + 1]
            made.append(
                Crossing(
                    level=level,
                    following=following,
                    low=low,
                    high=high,
                    why=turn.why,
                    limit=turn.limit,
                    basis=basis_of(self.found, turn),
                )
            )
        return tuple(made)
