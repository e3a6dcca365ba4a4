"""Searches for the value of an assumption at which another deployment comes first, and its interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.choose.choice import MEANS, Choice
from advisor.advise.choose.judge import judge, judge_fixed
from advisor.advise.choose.judged_table import JudgedTable
from advisor.advise.choose.rank import best as best_of
from advisor.advise.sensitivity.change_point import Flip, Whose, kind_of
from advisor.advise.sensitivity.perturbations import Trial, World, trials
from advisor.advise.sensitivity.why_best_changes import Interval, Turn, basis_of, turn_at, where_it_turns
from advisor.spec.deployment import Deployment

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

ROUNDS = 2
"""Times that the step in which the choice changes is narrowed down."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One trial in one direction: the choice changes after `near`, at `far` at the latest."""

    trial: Trial
    rising: bool
    near: float
    far: float | None = None
    """None: it was not seen to change yet."""


def by_trial(
    choice: Choice,
    first: Deployment,
    among: Sequence[Deployment] | None,
    predictor: Predictor,
    quality: QualityModel | None,
) -> list[Flip]:
    """All assumptions at once, each round one survey and one for each world that needs its own."""
    look = _Look(choice, among, predictor, quality)
    steps = [_Step(trial, rising, trial.now) for trial in trials(choice) for rising in (True, False)]
    for _ in range(1 + ROUNDS):
        steps = _narrowed(steps, first, look)
    return look.flips(steps)


def _narrowed(steps: Sequence[_Step], first: Deployment, look: _Look) -> list[_Step]:
    """The steps in which the choice changes, each a part of what it was."""
    values = [step.trial.values(step.near, step.far, rising=step.rising) for step in steps]
    asked = [(step.trial, value) for step, own in zip(steps, values, strict=True) for value in own]
    names = iter(look.names(asked))
    found = []
    for step, own in zip(steps, values, strict=True):
        seen = [next(names) for _ in own]
        turn = next((i for i, d in enumerate(seen) if kind_of(d) != kind_of(first)), None)
        if turn is not None:
            near = own[turn - 1] if turn else step.near
            found.append(replace(step, near=near, far=own[turn]))
        elif step.far is not None:
            found.append(replace(step, near=own[-1] if own else step.near))
    return found


@dataclass(frozen=True, slots=True)
class _Look:
    """What is looked at, and by whom it is known."""

    choice: Choice
    among: Sequence[Deployment] | None
    predictor: Predictor
    quality: QualityModel | None

    def names(self, asked: Sequence[tuple[Trial, float]]) -> list[Deployment | None]:
        """What comes first at each of the values."""
        found: list[Deployment | None] = [None] * len(asked)
        for at, seen in self._surveys(asked):
            for place, load, best in zip(at, range(len(at)), best_of(seen).tolist(), strict=True):
                found[place] = None if best < 0 else seen.deployment(load, best)
        return found

    def _surveys(self, asked: Sequence[tuple[Trial, float]]) -> Iterable[tuple[list[int], JudgedTable]]:
        """Positions in `asked` and how everything stands there; those that can be are looked at together."""
        groups: dict[object, list[int]] = {}
        for i, (trial, value) in enumerate(asked):
            apart = (trial.assumption, value) if trial.adapted is not None else trial.assumption
            groups.setdefault(apart if trial.alone or trial.adapted is not None else "", []).append(i)
        for at in groups.values():
            trial, value = asked[at[0]]
            own = None if self.among is None else [_adapted(trial, d, value) for d in self.among]
            yield at, self._survey([asked[i][0].world(asked[i][1]) for i in at], own)

    def _survey(self, worlds: Sequence[World], among: Sequence[Deployment] | None) -> JudgedTable:
        return judge(
            worlds[0].choice,
            [world.load for world in worlds],
            self.predictor,
            self.quality,
            among=among,
            timed=[world.limits for world in worlds],
        )

    def flips(self, steps: Sequence[_Step]) -> list[Flip]:
        """Each step's flip with its interval: one look at both ends of all, one at what each hangs on."""
        ends = [(step, sorted({step.near, step.far})) for step in steps if step.far is not None]
        asked = [(step.trial, value) for step, own in ends for value in own]
        seen: dict[int, tuple[JudgedTable, int]] = {}
        for at, found in self._surveys(asked):
            seen |= {place: (found, load) for load, place in enumerate(at)}
        made = []
        for number, (step, _) in enumerate(ends):
            lower, upper = (_row(*seen[2 * number + side]) for side in (0, 1))
            made.append(self._flip(step, lower.joined(upper)))
        return made

    def _flip(self, step: _Step, pair: JudgedTable) -> Flip:
        assert step.far is not None
        best = best_of(pair)
        turn = turn_at(pair, 0, int(best[0]), int(best[1]))
        low, high = self._interval(step, pair, turn)
        far = int(step.far > step.near)
        near, first = 1 - far, int(best[1 - far])
        whose: Whose = None
        if turn.whose is not None:
            whose = "other" if turn.whose == int(best[far]) else "first"
        return Flip(
            assumption=step.trial.assumption,
            unit=step.trial.unit,
            now=step.trial.now,
            at=step.far,
            low=low,
            high=high,
            basis=basis_of(pair, turn),
            why=turn.why,
            # Of a limit that alone was changed it is known which one stops, or starts, to be kept.
            limit=step.trial.assumption if turn.why == "limit" and step.trial.is_limit else turn.limit,
            whose=whose,
            to=None if best[far] < 0 else pair.deployment(far, int(best[far])),
            before=None if first < 0 else pair.deployment(near, first),
            usd_per_hour_before=None if first < 0 else pair.bill(near, first),
        )

    def _interval(self, step: _Step, pair: JudgedTable, turn: Turn) -> Interval:
        """Along all values that are looked at, on either side of today's."""
        trial, ends = step.trial, sorted((step.near, step.far or step.near))
        values = sorted({*trial.around(), *ends})
        served = [pair.deployment(load, at) for at, load in turn.sides]
        sides = self._sides(trial, values, served)
        places = [trial.place(value) for value in values]
        here = replace(turn, end=values.index(ends[0]))
        low, high = where_it_turns(sides, places, here, self.predictor.fit.shared)
        return None if low is None else trial.value(low), None if high is None else trial.value(high)

    def _sides(self, trial: Trial, values: Sequence[float], served: Sequence[Deployment]) -> JudgedTable:
        """How these stand at each value."""
        worlds = [trial.world(value) for value in values]
        if trial.adapted is None:
            return self._stand(worlds, served)
        found = [
            _with_means_alone(self._stand([world], [_adapted(trial, d, value) for d in served]))
            for world, value in zip(worlds, values, strict=True)
        ]
        return reduce(JudgedTable.joined, found)

    def _stand(self, worlds: Sequence[World], served: Sequence[Deployment]) -> JudgedTable:
        loads, limits = [world.load for world in worlds], [world.limits for world in worlds]
        return judge_fixed(worlds[0].choice, loads, served, self.predictor, self.quality, timed=limits)


def _row(found: JudgedTable, load: int) -> JudgedTable:
    return _with_means_alone(found.take(np.array([load])))


def _with_means_alone(found: JudgedTable) -> JudgedTable:
    """Worlds that ask for different percentiles have different ones, and their limits are told already."""
    means = {name: found.answers.latency_ms[name] for name in MEANS}
    return replace(found, answers=replace(found.answers, latency_ms=means))


def _adapted(trial: Trial, deployment: Deployment, value: float) -> Deployment:
    return deployment if trial.adapted is None else trial.adapted(deployment, value)
