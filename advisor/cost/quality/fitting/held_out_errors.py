"""Held-out errors of the answered loss, of its intervals, and of decisions by a limit on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import mean_absolute_error, median_absolute_error
from sklearn.model_selection import GroupKFold

from advisor.cost.quality.fitted_accuracy import Z90
from advisor.cost.quality.fitting.held_out_predictions import HeldOut
from advisor.cost.quality.fitting.interval_calibration import calibrated, score_of, true_factor
from advisor.cost.quality.interval_widths import Widths
from advisor.cost.quality.loss_distribution import LossDistribution, ScoreDistribution

_FOLDS = 5
"""Groups of base models on which intervals are calibrated for the report."""
_DRAWS = 2_000
_BINS, _FEWEST_OF_A_BIN = 10, 8
POINTS = 100.0
"""Errors are in points of recovery: 99 % predicted, 98 % measured is one point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Errors of one set of held-out figures, in points of recovery."""

    figures: int
    mean: float
    median: float
    p90: float
    format_mean: float
    """Mean error of saying the mean of the format on the same task over the other models."""
    always_one: float
    """Mean error of saying that nothing is lost."""
    noise: float
    """Mean error that benchmark noise alone causes: no prediction can be expected below it."""
    coverage: float
    """Share inside the 90 % interval of a new score, calibrated without the figure's own base model."""
    width: float
    """Median width of that interval."""
    true_coverage: float
    """Share of the scores, noise and all, inside the 90 % interval of the true recovery."""
    true_expected: float
    """That share were the interval right, given the scores' own noise."""
    true_width: float
    """Median width of the true recovery's interval."""

    @property
    def better(self) -> float:
        """Share of the format mean's error that is saved."""
        return 1.0 - self.mean / self.format_mean if self.format_mean else 0.0


def guesses(held: Sequence[HeldOut], apart: Callable[[HeldOut], str]) -> list[float | None]:
    """For each figure the mean of its format on its task over figures that are `apart`; None without any."""
    same: dict[tuple[str, str, bool], list[HeldOut]] = defaultdict(list)
    for h in held:
        same[(h.format, h.task, h.average)].append(h)
    out: list[float | None] = []
    for h in held:
        others = [o.seen for o in same[(h.format, h.task, h.average)] if apart(o) != apart(h)]
        out.append(float(np.mean(others)) if others else None)
    return out


def base_model_of(h: HeldOut) -> str:
    return h.traits.group


def publisher_of_figure(h: HeldOut) -> str:
    return h.publisher


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A held-out figure, and what calibration on other base models made of it."""

    figure: HeldOut
    guess: float
    """The mean of its format on its task over other base models."""
    score: ScoreDistribution

    @property
    def true(self) -> LossDistribution:
        return self.score.true

    @property
    def inside(self) -> bool:
        return abs(self.score.deviate(self.figure.seen)) <= Z90

    @property
    def inside_true(self) -> bool:
        return abs(self.true.deviate(self.figure.seen)) <= Z90

    @property
    def expected_inside_true(self) -> float:
        low, high = self.true.interval
        return self.score.probability_at_most(high) - self.score.probability_at_most(low)


def judged_figures(
    held: Sequence[HeldOut], calibration: Sequence[HeldOut], apart: Callable[[HeldOut], str] = base_model_of
) -> list[Judged]:
    """Every figure that a guess can be made of, its intervals calibrated on folds of other base models."""
    groups = [c.traits.group for c in calibration]
    folds = GroupKFold(min(_FOLDS, len(set(groups)))).split(calibration, groups=groups)
    widths: dict[str, Widths] = {}
    for train, test in folds:
        found = calibrated([calibration[i] for i in train])
        widths |= {groups[i]: found for i in test}
    out = []
    for h, guess in zip(held, guesses(held, apart), strict=True):
        if guess is not None:
            found = widths[h.traits.group]
            noise = found.of_noise(h.distance, h.shape, h.format)
            out.append(Judged(figure=h, guess=guess, score=score_of(h, true_factor(found, h), noise)))
    return out


def errors_of(rows: Sequence[Judged]) -> Errors:
    seen = [r.figure.seen for r in rows]
    error = np.array([abs(r.figure.error) for r in rows])
    zero = np.zeros(len(rows))
    return Errors(
        figures=len(rows),
        mean=POINTS * mean_absolute_error(seen, [r.figure.expected for r in rows]),
        median=POINTS * median_absolute_error(seen, [r.figure.expected for r in rows]),
        p90=POINTS * float(np.quantile(error, 0.9)),
        format_mean=POINTS * mean_absolute_error(seen, [r.guess for r in rows]),
        always_one=POINTS * mean_absolute_error(seen, zero),
        noise=POINTS * float(np.mean([r.figure.noise for r in rows]) * np.sqrt(2.0 / np.pi)),
        coverage=float(np.mean([r.inside for r in rows])),
        width=POINTS * float(np.median([r.score.width for r in rows])),
        true_coverage=float(np.mean([r.inside_true for r in rows])),
        true_expected=float(np.mean([r.expected_inside_true for r in rows])),
        true_width=POINTS * float(np.median([r.true.width for r in rows])),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitErrors:
    """Checkpoint means of models left out, judged against a floor on the true recovery."""

    floor: float
    confidence: float
    below: int
    admitted: int
    """Checkpoints below the floor that are admitted."""
    above: int
    refused: int
    """Checkpoints above the floor that are refused."""
    admitted_by_luck: float
    refused_by_luck: float
    """How many of each a judge who knew every true recovery would have: scores fall on the other side of the
    floor by their noise. Expected from the predicted distributions."""
    admitted_if_right: float
    refused_if_right: float
    """How many of each are to be expected of this judge, were every predicted distribution right."""


FLOOR, CONFIDENCE = 0.98, 0.95
"""The limit on recovery that checkpoint means are judged by, and how surely it must be kept."""


def _admitted(r: Judged, floor: float, confidence: float) -> bool:
    return r.true.probability_at_most(1.0 - floor) >= confidence


def misjudged(r: Judged, floor: float = FLOOR, confidence: float = CONFIDENCE) -> bool:
    """Whether a figure is admitted though its score lies below the floor, or refused though it does not."""
    return _admitted(r, floor, confidence) == (r.figure.seen > 1.0 - floor)


def limit_errors(rows: Sequence[Judged], floor: float = FLOOR, confidence: float = CONFIDENCE) -> LimitErrors:
    means = [r for r in rows if is_checkpoint_mean(r.figure)]
    admitted = [_admitted(r, floor, confidence) for r in means]
    below = [r.figure.seen > 1.0 - floor for r in means]
    unkept = [1.0 - r.score.probability_at_most(1.0 - floor) for r in means]
    truly, shown = _drawn(means, 1.0 - floor)
    return LimitErrors(
        floor=floor,
        confidence=confidence,
        below=sum(below),
        admitted=sum(a and b for a, b in zip(admitted, below, strict=True)),
        above=len(means) - sum(below),
        refused=sum(not a and not b for a, b in zip(admitted, below, strict=True)),
        admitted_by_luck=round(float(np.mean((shown & ~truly).sum(axis=1))), 1),
        refused_by_luck=round(float(np.mean((truly & ~shown).sum(axis=1))), 1),
        admitted_if_right=round(sum(u for a, u in zip(admitted, unkept, strict=True) if a), 1),
        refused_if_right=round(sum(1.0 - u for a, u in zip(admitted, unkept, strict=True) if not a), 1),
    )


def _drawn(means: Sequence[Judged], most: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether true losses, and scores of them, are larger than `most`, in draws of all figures."""
    rng = np.random.default_rng(0)
    true = np.array([r.true.at(rng.standard_normal(_DRAWS)) for r in means]).T
    shown = np.array([r.score.shown(of, rng) for r, of in zip(means, true.T, strict=True)]).T
    return true > most, shown > most


@dataclass(frozen=True, slots=True, kw_only=True)
class Decile:
    """One tenth of some held-out figures, by the width of their interval."""

    decile: int
    figures: int
    width: float
    """Median width of a new score's interval, points."""
    inside: float
    """Share of the figures in it."""
    true_width: float
    true_inside: float
    true_expected: float
    """Shares inside the true recovery's interval: seen, and expected of noisy scores."""


def deciles(rows: Sequence[Judged]) -> list[Decile]:
    """Whether narrow intervals hold as often as wide ones."""
    order = sorted(rows, key=lambda r: r.score.width)
    parts = [[order[i] for i in at] for at in np.array_split(np.arange(len(order)), _BINS)]
    out = []
    for number, part in enumerate(parts, start=1):
        if len(part) >= _FEWEST_OF_A_BIN:
            e = errors_of(part)
            out.append(
                Decile(
                    decile=number,
                    figures=e.figures,
                    width=round(e.width, 2),
                    inside=round(e.coverage, 3),
                    true_width=round(e.true_width, 2),
                    true_inside=round(e.true_coverage, 3),
                    true_expected=round(e.true_expected, 3),
                )
            )
    return out


def is_checkpoint_mean(h: HeldOut) -> bool:
    return h.task == "all benchmarks"
