"""Fits the accuracy model to scores, and widens its intervals until they hold on models left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from advisor.cost.quality.expected_loss import Key
from advisor.cost.quality.fitted_accuracy import Fitted
from advisor.cost.quality.fitting.estimator import LossRegressor
from advisor.cost.quality.fitting.held_out_predictions import HeldOut, models_out, scores_out
from advisor.cost.quality.fitting.interval_calibration import calibrated
from advisor.cost.quality.interval_widths import Widths
from advisor.cost.quality.scores_to_losses import Cell, cells_of
from advisor.errors import DataError
from advisor.record.measurement import QualityMeasurement

_FEWEST_CELLS = 30


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class QualityFit:
    """What a fit leaves: the fitted model, the widths of its intervals, and the figures held out."""

    fitted: Fitted
    regressor: LossRegressor
    widths: Widths
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


def fit(
    rows: Iterable[QualityMeasurement], priors: Mapping[Key, tuple[float, float]] | None = None
) -> QualityFit:
    """Factors, spread and interval widths from scores. Raises DataError when there are too few.

    priors: of single factors, from constants; they stand before those that every fit has.
    """
    rows = list(rows)
    cells = [_rounded(c) for c in cells_of(rows)]
    groups = {c.traits.group for c in cells}
    if len(cells) < _FEWEST_CELLS or len(groups) < 3:
        raise DataError(
            f"accuracy: {len(cells)} usable scores of {len(groups)} base models; "
            f"a fit needs {_FEWEST_CELLS} of 3: add measurements with their BF16 score"
        )
    whole = LossRegressor(priors=priors).fit(cells)
    away, near = models_out(whole), scores_out(whole)
    return QualityFit(
        fitted=whole.fitted(),
        regressor=whole,
        widths=calibrated([*away, *near]),
        models_out=tuple(away),
        scores_out=tuple(near),
        rows=len(rows),
        rows_used=sum(c.scores for c in cells),
        sources=tuple(sorted({c.publisher for c in cells})),
    )
