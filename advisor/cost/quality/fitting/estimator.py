"""The accuracy model's estimator, in scikit-learn's form: rows are scores, the target is their loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from advisor.cost.quality.expected_loss import Floats, Key, centred, design, point_of
from advisor.cost.quality.fitted_accuracy import Fitted
from advisor.cost.quality.fitting.baseline_scores import usual_baselines
from advisor.cost.quality.fitting.maximum_likelihood import (
    Problem,
    Solution,
    expected,
    problem_of,
    solve,
)
from advisor.cost.quality.fitting.score_noise import likeliest_errors
from advisor.cost.quality.loss_covariance import Spread
from advisor.cost.quality.scores_to_losses import Cell

SPREAD = "spread"
"""Section of priors that are the usual values of a `Spread`."""
_DIGITS = 4
"""Factors are rounded, so that a file holds exactly what is used."""


class LossRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The expected loss of each score; its factors and their errors by correlated least squares.

    `spread`: the deviations around the expected loss; None = the likeliest for the data, and so is `noise`,
    each benchmark's over that of its kind. `steps`: the most
    Gauss-Newton steps of a fit that starts from another's solution. `priors`: of single factors.
    """

    def __init__(
        self,
        spread: Spread | None = None,
        steps: int = 40,
        priors: Mapping[Key, tuple[float, float]] | None = None,
        noise: Mapping[str, float] | None = None,
    ) -> None:
        self.spread = spread
        self.priors = priors
        self.noise = noise
        self.steps = steps

    def fit(
        self,
        X: Sequence[Cell],
        y: Floats | None = None,
        sample_weight: Floats | None = None,
        start: tuple[Problem, Solution] | None = None,
    ) -> LossRegressor:
        """Fit to scores; `y` is read from them.

        sample_weight: how much each counts; without it, scores far out count less. start: another fit's
        problem and solution, whose factors this one begins with.
        """
        priors = self.priors or {}
        problem = problem_of(list(X), {key: pair for key, pair in priors.items() if key[0] != SPREAD})
        if self.spread is None:
            known = {name: value for (section, name), (value, _) in priors.items() if section == SPREAD}
            self.spread_, self.noise_, self.solution_ = likeliest_errors(problem, Spread(**known))
            problem = dataclasses.replace(problem, noise=self.noise_)
        else:
            self.spread_ = self.spread
            self.noise_ = dict(self.noise or {})
            problem = dataclasses.replace(problem, noise=self.noise_)
            begin = _begin(problem, sample_weight, start)
            self.solution_ = solve(
                problem,
                self.spread,
                start=begin,
                robust=sample_weight is None,
                steps=self.steps if start else 40,
            )
            if sample_weight is None:
                self.solution_ = solve(problem, self.spread, start=self.solution_, robust=False)
        self.problem_ = problem
        return self

    def predict(self, X: Sequence[Cell]) -> Floats:
        """Expected losses of scores, from the factors alone."""
        x = design([point_of(c) for c in X], self.problem_.index)
        return expected(x, self.solution_.theta, np.array([c.gain for c in X]))

    def fitted(self) -> Fitted:
        """What ships: factors as deviations from the mean of their kind, and the scores themselves."""
        p, found = self.problem_, self.solution_
        theta, sd = centred(found.theta, found.covariance, p.x, p.index)
        return Fitted(
            factors={
                key: (round(float(theta[i]), _DIGITS), round(float(sd[i]), _DIGITS))
                for key, i in p.index.items()
            },
            spread=self.spread_,
            baselines=usual_baselines(p.cells),
            cells=p.cells,
            weights=tuple(round(float(weight), 3) for weight in found.weight),
            noise_ratios=self.noise_,
        )


def _begin(
    problem: Problem, weight: Floats | None, start: tuple[Problem, Solution] | None
) -> Solution | None:
    if start is None and weight is None:
        return None
    theta: NDArray[np.float64] = problem.prior_mean.copy()
    if start is not None:
        other, found = start
        for key, i in problem.index.items():
            if key in other.index:
                theta[i] = found.theta[other.index[key]]
    return Solution(
        theta=theta,
        covariance=np.eye(len(theta)),
        weight=np.ones(len(problem.y)) if weight is None else np.asarray(weight, dtype=np.float64).copy(),
        likelihood=-np.inf,
    )
