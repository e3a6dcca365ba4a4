"""What was measured of one quantity of a deployment, carried to the questions near it.

The error of a prediction, log(measured ÷ predicted), is taken for a Gaussian process over the loads of a
deployment: what was measured is known, and the nearer a question is, the more of it holds there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from advisor.cost.array_table import ArrayTable, Bools, Floats
from advisor.cost.fitting.measured_deployments import MeasuredCell
from advisor.cost.predict.load_point_correlation import (
    OTHER_ENGINE,
    Points,
    at_its_cell,
    correlation,
    points_of,
    same_cell,
)
from advisor.cost.predict.nearest_measurements import MeasuredRows
from advisor.cost.uncertainty.conformal import Z90

FREEDOM = 1.0
"""Degrees of freedom of Student's t beyond two, which errors have: how soon a surprise widens intervals."""
_JITTER = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried(ArrayTable):
    """What measurements say of one quantity in each row; arrays of shape (n,)."""

    log_ratio: Floats
    """log(measured ÷ predicted) to expect; 0 where nothing is known."""
    unknown: Floats
    """Share of the error's variance that no measurement tells: 0 where it was measured, 1 where nothing
    was."""
    surprise: Floats
    """Sum of the squares of the independent parts of the measured log ratios."""
    count: Floats
    """Measurements."""
    scatter: Floats
    """Relative standard error that the measurements themselves show."""
    exact: Bools
    """Whether this very row was measured."""
    least: Floats
    most: Floats
    """log(measured ÷ predicted) of what other engines showed, by this engine's prediction: releases may
    differ by less than is predicted. NaN where none did."""

    @classmethod
    def nothing(cls, count: int) -> Carried:
        zero, none = np.zeros(count), np.full(count, np.nan)
        return cls(
            log_ratio=zero,
            unknown=np.ones(count),
            surprise=zero,
            count=zero,
            scatter=zero,
            exact=np.zeros(count, dtype=np.bool_),
            least=none,
            most=none,
        )

    def with_rows(self, rows: MeasuredRows) -> Carried:
        """These with the rows that were measured by others."""
        log_ratio, unknown, scatter = self.log_ratio.copy(), self.unknown.copy(), self.scatter.copy()
        exact = self.exact.copy()
        log_ratio[rows.at], unknown[rows.at], scatter[rows.at] = rows.log_ratio, 0.0, rows.scatter
        exact[rows.at] = True
        return replace(self, log_ratio=log_ratio, unknown=unknown, scatter=scatter, exact=exact)

    def repeat(self, usual: Floats | float) -> Floats:
        """Half the interval, in logs, of what is measured again; usual: its standard deviation."""
        return np.asarray(Z90 * np.hypot(usual, self.scatter))

    def bounds(self, low: Floats, high: Floats, repeat: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
        """(low, high) of log(measured ÷ value) around the value with `log_ratio`.

        low, high: where nothing was measured. repeat: half intervals below and above where it was. A
        measurement outside the interval shows that the errors here are larger: the interval then covers what
        lies between it and the prediction. So it covers what other engines showed, where this one was not
        measured.
        """
        sd = (high - low) / (2.0 * Z90)
        with np.errstate(invalid="ignore", divide="ignore"):
            larger = (FREEDOM + self.surprise / sd**2) / (FREEDOM + self.count)
        wide = np.sqrt(self.unknown * np.where(np.isfinite(larger), np.maximum(larger, 1.0), 1.0))
        near = np.sqrt(1.0 - self.unknown)
        low, high = -np.hypot(near * repeat[0], wide * low), np.hypot(near * repeat[1], wide * high)
        share = np.minimum(self.unknown / (1.0 - OTHER_ENGINE**2), 1.0)
        below, above = share * (self.least - self.log_ratio), share * (self.most - self.log_ratio)
        return np.fmin(low, below), np.fmax(high, above)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One quantity of one deployment as it was measured."""

    points: Points
    log_ratio: Floats
    scatter: Floats
    log_value: Floats
    inverse: Floats
    """Of the correlations of the measurements among themselves."""

    @classmethod
    def of(cls, cells: Sequence[MeasuredCell], mean: Process | None) -> Process:
        """The process of the cells of one quantity. mean: of the quantity whose multiple they are."""
        merged = _merged(cells)
        points = points_of(merged)
        ratios = np.array([cell.log_ratio for cell in merged])
        among = correlation(points, points) + _JITTER * np.eye(len(merged))
        return cls(
            points=points,
            log_ratio=ratios if mean is None else ratios - mean.carried(points).log_ratio,
            scatter=np.array([cell.scatter for cell in merged]),
            log_value=np.log([cell.value or np.nan for cell in merged]),
            inverse=np.asarray(np.linalg.inv(among), dtype=np.float64),
        )

    def carried(self, asked: Points, log_predicted: Floats | None = None) -> Carried:
        """What is known at the points asked for, on one engine.

        log_predicted: of each measurement that another engine made, what this one is predicted to do under
        the same load; NaN elsewhere.
        """
        asked = at_its_cell(asked, self.points)
        toward = correlation(asked, self.points)
        weights = toward @ self.inverse
        count = len(asked.load)
        least, most = self._shown_elsewhere(asked, log_predicted)
        return Carried(
            log_ratio=self._log_ratio(asked),
            unknown=np.clip(1.0 - (weights * toward).sum(axis=1), 0.0, 1.0),
            surprise=np.full(count, self.log_ratio @ self.inverse @ self.log_ratio),
            count=np.full(count, float(len(self.log_ratio))),
            scatter=np.minimum(np.abs(weights) @ self.scatter, self.scatter.max()),
            exact=np.asarray(same_cell(asked, self.points).any(axis=1)),
            least=least,
            most=most,
        )

    def _log_ratio(self, asked: Points) -> Floats:
        """log(measured ÷ predicted) to expect.

        Above the highest load measured a server that was slower than predicted stays so, and below the lowest
        one that was faster: there the decay of what is carried would make more load faster.
        """
        carrying = self.inverse @ self.log_ratio
        found = correlation(asked, self.points) @ carrying
        low, high = self._ends(asked)
        at_end = replace(asked, load=np.clip(asked.load, low, high))
        held = correlation(at_end, self.points) @ carrying
        found = np.where(asked.load > high, np.maximum(found, held), found)
        return np.asarray(np.where(asked.load < low, np.minimum(found, held), found))

    def _shown_elsewhere(self, asked: Points, log_predicted: Floats | None) -> tuple[Floats, Floats]:
        """`Carried.least` and `Carried.most`, each measurement as far as its load is near."""
        if log_predicted is None or not np.isfinite(log_predicted).any():
            none = np.full(len(asked.load), np.nan)
            return none, none
        at = np.flatnonzero(np.isfinite(log_predicted))
        points = self.points.take(at)
        on_this = replace(points, engine=np.full(len(at), asked.engine[0]))
        found = correlation(asked, on_this) * (self.log_value - log_predicted)[at]
        return found.min(axis=1), found.max(axis=1)

    def _ends(self, asked: Points) -> tuple[Floats, Floats]:
        """The lowest and the highest load measured of each point's kind; its own where there is none."""
        low, high = asked.load.copy(), asked.load.copy()
        for kind in set(self.points.kind.tolist()):
            loads, here = self.points.load[self.points.kind == kind], asked.kind == kind
            low[here], high[here] = loads.min(), loads.max()
        return low, high


def _merged(cells: Sequence[MeasuredCell]) -> list[MeasuredCell]:
    """The cells with those of one load whose lengths are the same but for a benchmark's draw made one."""
    points = points_of(cells)
    same = same_cell(points, points)
    made: dict[int, list[MeasuredCell]] = {}
    for i, cell in enumerate(cells):
        made.setdefault(next((first for first in made if same[i, first]), i), []).append(cell)
    return [_mean(group) for group in made.values()]


def _mean(group: Sequence[MeasuredCell]) -> MeasuredCell:
    rows = np.array([cell.rows for cell in group], dtype=np.float64)
    figures = np.array([(cell.log_ratio, cell.scatter, np.log(cell.value or np.nan)) for cell in group])
    log_ratio, scatter, log_value = (float(x) for x in np.average(figures, axis=0, weights=rows))
    return group[0]._replace(log_ratio=log_ratio, scatter=scatter, value=float(np.exp(log_value)))
