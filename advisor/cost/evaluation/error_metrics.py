"""Figures of held-out errors and of intervals, by scikit-learn's metrics."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, median_absolute_error

from advisor.cost.array_table import Floats
from advisor.cost.fit_report import ErrorFigures, IntervalFigures
from advisor.cost.uncertainty.conformal import COVERAGE


def errors_of(log_errors: Floats) -> ErrorFigures:
    """|predicted ÷ measured − 1| from log(measured ÷ predicted); NaN stays out."""
    known = log_errors[np.isfinite(log_errors)]
    predicted, measured = np.exp(-known), np.ones(len(known))
    return ErrorFigures(
        rows=len(known),
        mean=round(float(mean_absolute_error(measured, predicted)), 4),
        median=round(float(median_absolute_error(measured, predicted)), 4),
        p90=round(float(np.quantile(np.abs(predicted - 1.0), 0.9)), 4),
    )


def intervals_of(log_errors: Floats, low: Floats, high: Floats) -> IntervalFigures:
    """Coverage, width and score of intervals of log(measured ÷ predicted)."""
    inside = (low <= log_errors) & (log_errors <= high)
    return IntervalFigures(
        coverage=round(float(np.mean(inside)), 4),
        width=round(float(np.exp(np.median(high - low))), 3),
        score=round(interval_score(log_errors, low, high), 3),
    )


def interval_score(log_errors: Floats, low: Floats, high: Floats) -> float:
    """Mean width plus 20 × what lies outside (Gneiting and Raftery 2007): the pinball losses of both ends."""
    miss = 1.0 - COVERAGE
    below = mean_pinball_loss(log_errors, low, alpha=miss / 2)
    above = mean_pinball_loss(log_errors, high, alpha=1.0 - miss / 2)
    return float(2.0 / miss * (below + above))
