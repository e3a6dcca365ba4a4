"""A fit with its linearisation: what the fit would be without some rows, without refitting.

A refit without each group would cost minutes. From the optimum a Newton step to the optimum without the
group, and three more along the same slopes, come close to it (a test compares them with full refits). For
single rows, whose pull is small, one step does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.fitting.fit_step_time import SpeedProblem
from advisor.cost.fitting.least_squares import newton, soft_weights, step
from advisor.cost.fitting.observations import Observations
from advisor.cost.step.fitted_step_model import FittedSpeed

GROUP_STEPS = 4
"""Steps to the optimum without a group: two stop short of a refit where the group is large."""


@dataclass(frozen=True, slots=True)
class Optimum:
    """A fit with its linearisation."""

    problem: SpeedProblem
    vector: Floats
    errors: Floats
    """log(predicted ÷ measured), tolerance taken off, per row."""
    slopes: Floats
    """Their derivatives, (rows, Theta)."""
    soft: Floats
    """Weight of each squared error at the optimum: the soft-L1 loss as a quadratic."""
    curvature: Floats
    """Σ soft × slope slopeᵀ over all rows and the priors, (Theta, Theta)."""
    gradient: Floats

    @classmethod
    def of(cls, seen: Observations, fitted: FittedSpeed) -> Optimum:
        p = SpeedProblem(seen, noise=fitted.noise, kernels=fitted.kernels)
        vector = fitted.vector(p.names)
        errors, slopes = p.errors(vector), p.slopes(vector)
        soft = soft_weights(errors, p.weight)
        return cls(p, vector, errors, slopes, soft, *newton(p, vector, errors, slopes, soft))

    def without(self, rows: Bools, *, steps: int = 1) -> Floats:
        """Theta refitted without `rows` (mask)."""
        slopes, soft = self.slopes[rows], self.soft[rows]
        curvature = self.curvature - (slopes * soft[:, None]).T @ slopes
        gradient = self.gradient - slopes.T @ (soft * self.errors[rows])
        vector = self.vector + step(curvature, gradient)
        for _ in range(steps - 1):
            # Along the slopes that are known: anew they would cost thirty times as much, for errors that are
            # the same within a hundredth.
            errors = self.problem.errors(vector)
            soft = np.where(rows, 0.0, soft_weights(errors, self.problem.weight))
            curvature, gradient = newton(self.problem, vector, errors, self.slopes, soft)
            vector = vector + step(curvature, gradient)
        return np.asarray(vector)

    def log_errors(self, vector: Floats) -> Floats:
        """log(measured ÷ predicted) of every row under another Theta; NaN where nothing is predicted."""
        return np.asarray(self.problem.seen.log_value - np.log(self.problem.predict(vector)))
