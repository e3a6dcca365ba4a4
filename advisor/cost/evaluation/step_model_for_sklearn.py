"""The step-time model as a scikit-learn estimator: its splitters and `cross_val_predict` hold out rows.

A row of X is a row's position in the observations; y is the logarithm of what was measured there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from advisor.cost.array_table import Floats
from advisor.cost.evaluation.fit_without_rows import Optimum
from advisor.cost.fitting.fit_step_time import SpeedProblem, fit_speed
from advisor.cost.fitting.observations import Observations
from advisor.cost.step.fitted_step_model import FittedSpeed


class StepTimeRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Robust least squares of log(predicted ÷ measured) over the step model's efficiencies.

    observations: what the positions in X point into. start: a fit to start from, which saves time.
    optimum: the fit to all rows with its linearisation; `fit` then takes `steps` steps from it to the optimum
    of the rows in X, and not a whole refit.
    """

    def __init__(
        self,
        observations: Observations | None = None,
        start: FittedSpeed | None = None,
        optimum: Optimum | None = None,
        steps: int = 4,
    ) -> None:
        self.observations = observations
        self.start = start
        self.optimum = optimum
        self.steps = steps

    def __sklearn_clone__(self) -> StepTimeRegressor:
        """Observations never change: a clone shares them."""
        return StepTimeRegressor(**self.get_params(deep=False))

    def fit(self, X: Any, y: Any = None) -> StepTimeRegressor:
        """Efficiencies from the rows at the positions X."""
        seen = self._observations()
        rows = np.zeros(len(seen.rows), dtype=bool)
        rows[_positions(X)] = True
        if self.optimum is None:
            speed = fit_speed(seen, rows=None if rows.all() else rows, start=self.start)
            self.problem_ = SpeedProblem(seen, noise=speed.noise, kernels=speed.kernels)
            self.vector_ = speed.vector(self.problem_.names)
            self.speed_ = speed
        else:
            self.problem_ = self.optimum.problem
            self.vector_ = self.optimum.without(~rows, steps=self.steps)
        return self

    def predict(self, X: Any) -> Floats:
        """Logarithm of the predicted value of each row at the positions X; NaN where there is none."""
        at = _positions(X)
        rows = np.zeros(len(self._observations().rows), dtype=bool)
        rows[at] = True
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.log(self.problem_.predict(self.vector_, rows)[at]))

    def _observations(self) -> Observations:
        if self.observations is not None:
            return self.observations
        if self.optimum is None:
            raise ValueError("StepTimeRegressor: observations: missing; give them or an optimum")
        return self.optimum.problem.seen


def _positions(X: Any) -> np.ndarray:
    return np.asarray(X, dtype=np.intp).reshape(-1)
