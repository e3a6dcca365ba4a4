"""The fitted accuracy model, and the loss it expects of a model in a format on a task.

A prediction is the expected loss (`expected_loss`) moved by what was seen of the same base model in the same
format, as far as the errors of both say: Gaussian conditioning, so a large benchmark's score moves it
much and a small one's hardly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from advisor.cost.quality.algorithm_and_maker import Recipe
from advisor.cost.quality.expected_loss import (
    Floats,
    Key,
    Point,
    design,
    design_by_size,
    factors,
    point_of,
    prior_of,
)
from advisor.cost.quality.interval_widths import Shape
from advisor.cost.quality.loss_covariance import (
    Shared,
    Spread,
    Who,
    checkpoint_of,
    deviations,
    inverse,
    noise_sd,
    noise_share,
    noises,
    shared,
    who_of,
)
from advisor.cost.quality.model_traits import Traits
from advisor.cost.quality.scores_to_losses import Cell, gain_of, unit_variance
from advisor.cost.quality.tasks import Task
from advisor.spec.accuracy_benchmarks import Benchmark, benchmark

Distance = Literal["new model", "known model"]
"""known model: its base was seen in this format."""
Z90 = 1.6449
"""Half width of a 90 % interval in standard deviations, were errors Gaussian."""
_USUAL = (0.4, 0.3)
"""Logit of a BF16 score at 8B and its slope by size, for benchmarks without a score: 60 % at 8B."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A loss with the standard deviations of its two errors."""

    loss: float
    true_sd: float
    """Error of the true loss: factors, the base model's own deviation, the benchmark of a family."""
    noise: float
    """Standard deviation of a new score around the true loss: the benchmarks' finite items."""
    distance: Distance
    shape: Shape

    @property
    def sd(self) -> float:
        """Standard deviation of a new score around the expected loss."""
        return math.hypot(self.true_sd, self.noise)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One benchmark of what is asked."""

    row: Benchmark
    normalized: bool
    context_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What was seen of one group, ready to condition on."""

    who: Shared
    loss: Floats
    gain: Floats
    slopes: Floats
    precision: Floats
    pull: Floats


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Factors, spread, usual BF16 scores, and the cells themselves with how much each counts."""

    factors: Mapping[Key, tuple[float, float]]
    """Logarithm of the factor, and its standard deviation."""
    spread: Spread
    baselines: Mapping[str, tuple[float, float]]
    """Benchmark → logit of the BF16 score of an 8B model, and its slope by the logarithm of the size."""
    cells: tuple[Cell, ...]
    weights: tuple[float, ...]
    noise_ratios: Mapping[str, float] = field(default_factory=dict)
    """Benchmark → noise of its scores over what its kind and number of questions make expect."""

    @cached_property
    def formats(self) -> frozenset[str]:
        """Formats with cells."""
        return frozenset(c.format for c in self.cells)

    @cached_property
    def noise(self) -> Floats:
        """Standard deviation of each cell's measurement error."""
        return noise_sd(self.cells, self.spread, self.noise_ratios)

    @cached_property
    def _index(self) -> dict[Key, int]:
        return {key: i for i, key in enumerate(self.factors)}

    @cached_property
    def _values(self) -> tuple[Floats, Floats]:
        pairs = np.array(list(self.factors.values())).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    @cached_property
    def _groups(self) -> dict[str, NDArray[np.int64]]:
        found: dict[str, list[int]] = {}
        for i, cell in enumerate(self.cells):
            found.setdefault(cell.traits.group, []).append(i)
        return {group: np.array(rows) for group, rows in found.items()}

    @cached_property
    def _known(self) -> dict[str, int]:
        return {}

    @cached_property
    def _seen_cache(self) -> dict[str, _Seen]:
        return {}

    @cached_property
    def _printed_baselines(self) -> dict[tuple[str, str], float]:
        return {(c.traits.key, c.benchmark): raw_baseline(c) for c in self.cells}

    def _seen(self, group: str) -> _Seen | None:
        rows = self._groups.get(group)
        if rows is None:
            return None
        if group not in self._seen_cache:
            cells = [self.cells[i] for i in rows]
            who = shared([who_of(c) for c in cells], self._known)
            x = design([point_of(c) for c in cells], self._index)
            gain = np.array([c.gain for c in cells])
            loss = np.exp(x @ self._values[0]) * gain
            sd = self.noise[rows] / np.sqrt([self.weights[i] for i in rows])
            cov = deviations(who, who, (loss, loss), (gain, gain), self.spread) + noises(who, sd, self.spread)
            precision = inverse(cov)
            residual = np.array([c.loss for c in cells]) - loss
            self._seen_cache[group] = _Seen(
                who=who,
                loss=loss,
                gain=gain,
                slopes=x * loss[:, None],
                precision=precision,
                pull=precision @ residual,
            )
        return self._seen_cache[group]

    def baseline(self, traits: Traits, row: Benchmark) -> float:
        """The model's own BF16 score where one is printed, else what models of its size get; 0..1."""
        printed = self._printed_baselines.get((traits.key, row.name))
        if printed is not None:
            return printed
        level, slope = self.baselines.get(row.name, _USUAL)
        score = 1.0 / (1.0 + math.exp(-level - slope * math.log(traits.params_b / 8.0)))
        return min(max(score, row.chance + 0.03), 0.98)

    def expect(
        self, traits: Traits, format: str, recipe: Recipe, tasks: Sequence[Task], context_tokens: int = 0
    ) -> Expectation:
        """The mean loss over `tasks`; `format` has cells, or shares its weights with one that has.

        `context_tokens`: the length at which the tasks are done, where it is longer than theirs.
        """
        grouped = [
            [
                _Part(
                    row=benchmark(name),
                    normalized=task.normalized,
                    context_tokens=max(task.context_tokens or benchmark(name).context_tokens, context_tokens),
                )
                for name in task.parts
            ]
            for task in tasks
        ]
        parts = [part for group in grouped for part in group]
        baseline = np.array([_scaled(self.baseline(traits, p.row), p) for p in parts])
        gain = np.array(
            [gain_of(p.row, b, normalized=p.normalized) for p, b in zip(parts, baseline, strict=True)]
        )
        points = [
            Point(
                traits=traits,
                format=format,
                recipe=recipe,
                benchmark=p.row.name,
                context_tokens=p.context_tokens,
            )
            for p in parts
        ]
        loss, slopes, own = self._expected(points, gain)
        true, moved = self._conditioned(traits.group, points, loss, gain, slopes)
        noise = np.array(
            [
                noise_share(self.spread, p.row, format, self.noise_ratios) ** 2
                * unit_variance(p.row, b, normalized=p.normalized)
                for p, b in zip(parts, baseline, strict=True)
            ]
        )
        slope = design_by_size(points, self._index) @ self._values[0] * moved
        true = true + own + traits.size_sd**2 * np.outer(slope, slope)
        weights, true_variance, noise_variance = _pooled(tasks, grouped, baseline, moved, true, noise)
        known = self._knows(traits.group, format)
        return Expectation(
            loss=float(weights @ moved),
            true_sd=math.sqrt(true_variance),
            noise=math.sqrt(noise_variance),
            distance="known model" if known else "new model",
            shape=shape_of(tasks),
        )

    def _knows(self, group: str, format: str) -> bool:
        return any(self.cells[i].format == format for i in self._groups.get(group, ()))

    def _expected(self, points: Sequence[Point], gain: Floats) -> tuple[Floats, Floats, Floats]:
        """Expected losses, their slopes by factor, and the covariance from factors never seen."""
        x = design(points, self._index)
        loss = np.exp(x @ self._values[0]) * gain
        unseen = sorted({key for p in points for key, _ in factors(p) if key not in self._index})
        strange = design(points, {key: i for i, key in enumerate(unseen)}) * loss[:, None]
        wide = np.array([prior_of(key)[1] ** 2 for key in unseen])
        return loss, x * loss[:, None], np.asarray((strange * wide) @ strange.T)

    def _conditioned(
        self, group: str, points: Sequence[Point], loss: Floats, gain: Floats, slopes: Floats
    ) -> tuple[Floats, Floats]:
        """Covariance of the true losses and their means, given what was seen of the same base model."""
        who = shared(
            [
                Who(
                    group=p.traits.group,
                    format=p.format,
                    benchmark=p.benchmark,
                    maker=checkpoint_of(p.recipe),
                    printed="",
                    context_tokens=p.context_tokens,
                    sparse=p.traits.sparse,
                )
                for p in points
            ],
            self._known,
        )
        variance = self._values[1] ** 2
        cov = deviations(who, who, (loss, loss), (gain, gain), self.spread)
        seen = self._seen(group)
        if seen is None:
            return cov + (slopes * variance) @ slopes.T, loss
        cross = deviations(who, seen.who, (loss, seen.loss), (gain, seen.gain), self.spread)
        lean = cross @ seen.precision
        left = slopes - lean @ seen.slopes
        return cov - lean @ cross.T + (left * variance) @ left.T, loss + cross @ seen.pull


def shape_of(tasks: Sequence[Task]) -> Shape:
    """What is asked: an average, or one benchmark of a kind; of a family, the kind most of it has."""
    names = [name for task in tasks for name in task.parts]
    if len(names) > 1 and not any(task.one_of for task in tasks):
        return "average"
    kinds = [benchmark(name).kind for name in names]
    return max(sorted(set(kinds)), key=kinds.count)


def raw_baseline(cell: Cell) -> float:
    """The BF16 score of a cell, 0..1, not rescaled."""
    row = cell.row
    rescaled = row.chance > 0 and cell.gain == 1.0
    return row.chance + (1.0 - row.chance) * cell.baseline if rescaled else cell.baseline


def _scaled(raw: float, part: _Part) -> float:
    """A BF16 score as the task prints it."""
    if not part.normalized:
        return raw
    return max((raw - part.row.chance) / (1.0 - part.row.chance), 0.03)


def _pooled(
    tasks: Sequence[Task],
    grouped: Sequence[Sequence[_Part]],
    baseline: Floats,
    loss: Floats,
    true: Floats,
    noise: Floats,
) -> tuple[Floats, float, float]:
    """The weight of each part, the variance of the pooled true loss, and that of its noise.

    The recovery of an average is that of summed scores, so a part counts by its BF16 score. Of a family any
    one benchmark is meant: its true loss is that of one drawn at random, so the benchmarks' true losses
    spread it and their noise does not; a new score of it has the noise of one benchmark.
    """
    weights = np.zeros(len(baseline))
    between, noise_variance = 0.0, 0.0
    start = 0
    for task, parts in zip(tasks, grouped, strict=True):
        rows = slice(start, start + len(parts))
        start += len(parts)
        share = 1.0 / len(tasks)
        if task.one_of:
            even = np.full(len(parts), 1.0 / len(parts))
            weights[rows] = share * even
            one = float(np.diag(true)[rows].mean() + loss[rows].var())
            between += share**2 * max(one - float(even @ true[rows, rows] @ even), 0.0)
            noise_variance += share**2 * float(noise[rows].mean())
        else:
            weights[rows] = share * baseline[rows] / baseline[rows].sum()
            noise_variance += float(weights[rows] ** 2 @ noise[rows])
    return weights, float(weights @ true @ weights) + between, noise_variance
