"""The fit of the accuracy model: scores in, everything a prediction needs out, intervals that hold."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

import numpy as np

from advisor.cost.quality.covariance import Spread
from advisor.cost.quality.fitting.held_out import HeldOut, fitted_of, models_out, scores_out
from advisor.cost.quality.fitting.solve import likeliest_spread, problem_of
from advisor.cost.quality.posterior import DEFAULT_WIDTH, Z90, Distance, Fitted, Shape, interval_class
from advisor.cost.quality.scores import Cell, cells_of
from advisor.errors import DataError
from advisor.record.measurement import QualityMeasurement

COVERAGE = 0.90
_ENOUGH = 50
"""Held-out figures a class needs for a width of its own."""
_FEWEST_CELLS = 30


def _quantile(held: Sequence[HeldOut]) -> float:
    """The conformal quantile of the errors, in half widths of a 90 % interval.

    The larger of two: over figures, and over figures of which n of one base model weigh as the root of n.
    A new model is what most questions are about, and a few models have most of the figures; yet figures
    of one model are not copies of each other. One more figure than there are is allowed for.
    """
    scores = np.array([abs(h.error) / (Z90 * h.sd) for h in held])
    size = Counter(h.traits.group for h in held)
    order = np.argsort(scores)
    found = []
    for power in (0.0, -0.5):
        weight = np.array([size[h.traits.group] ** power for h in held])[order]
        reached = np.cumsum(weight) >= COVERAGE * (weight.sum() + weight.mean())
        found.append(float(scores[order][np.argmax(reached)] if reached.any() else scores.max()))
    return max(found)


def widths(held: Sequence[HeldOut]) -> dict[str, float]:
    """Class → factor on the predicted standard deviation that makes 90 % intervals hold.

    A class with few figures takes that of its distance and shape at any bits, or that of its distance.
    """
    levels: dict[str, list[HeldOut]] = defaultdict(list)
    for h in held:
        for level in _levels(interval_class(h.distance, h.shape, h.format)):
            levels[level].append(h)
    out = {}
    for distance in get_args(Distance):
        for shape in get_args(Shape):
            for fmt in ("int4", "int8"):
                name = interval_class(distance, shape, fmt)
                found = next((levels[n] for n in _levels(name) if len(levels.get(n, ())) >= _ENOUGH), None)
                out[name] = round(_quantile(found), 3) if found else DEFAULT_WIDTH
    return out


def _levels(name: str) -> tuple[str, str, str]:
    """A class and the wider ones it borrows from: any bits, any shape."""
    return name, name.rsplit(",", 1)[0], name.split(",", 1)[0]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class QualityFit:
    """What a fit leaves: the fitted model, the widths of its intervals, and the figures held out."""

    fitted: Fitted
    widths: Mapping[str, float]
    models_out: tuple[HeldOut, ...]
    scores_out: tuple[HeldOut, ...]
    rows: int
    rows_used: int
    sources: tuple[str, ...]


def _rounded(cell: Cell) -> Cell:
    """A cell as the file holds it, so that what was fitted and what is read agree to the last digit."""
    return dataclasses.replace(
        cell,
        loss=round(cell.loss, 5),
        gain=round(cell.gain, 4),
        unit=round(cell.unit**0.5, 5) ** 2,
        baseline=round(cell.baseline, 4),
    )


def fit(rows: Iterable[QualityMeasurement]) -> QualityFit:
    """Factors, spread and interval widths from scores. Raises DataError when there are too few."""
    rows = list(rows)
    cells = [_rounded(c) for c in cells_of(rows)]
    groups = {c.traits.group for c in cells}
    if len(cells) < _FEWEST_CELLS or len(groups) < 3:
        raise DataError(
            f"accuracy: {len(cells)} usable scores of {len(groups)} base models; "
            f"a fit needs {_FEWEST_CELLS} of 3: add measurements with their BF16 score"
        )
    problem = problem_of(cells)
    spread, found = likeliest_spread(problem)
    spread = Spread(**{f.name: round(getattr(spread, f.name), 4) for f in dataclasses.fields(Spread)})
    away = models_out(problem, spread, found)
    near = scores_out(problem, spread, found)
    return QualityFit(
        fitted=fitted_of(problem, spread, found, np.arange(len(cells))),
        widths=widths([*away, *near]),
        models_out=tuple(away),
        scores_out=tuple(near),
        rows=len(rows),
        rows_used=sum(c.scores for c in cells),
        sources=tuple(sorted({c.publisher for c in cells})),
    )
