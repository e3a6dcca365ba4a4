"""The step-time model behaves as a scikit-learn estimator, and its folds are those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, cross_val_predict

from advisor.cost.evaluation.error_metrics import errors_of, interval_score
from advisor.cost.evaluation.fit_without_rows import GROUP_STEPS, Optimum
from advisor.cost.evaluation.held_out_errors import leave_groups_out
from advisor.cost.evaluation.step_model_for_sklearn import StepTimeRegressor
from advisor.cost.fitting.fit_step_time import fit_speed
from advisor.cost.fitting.observations import Observations, observe
from advisor.cost.step.fitted_step_model import FittedSpeed
from advisor.record.store import read_speed
from advisor.shipped_files import shipped


@pytest.fixture(scope="module")
def paper() -> Observations:
    rows = read_speed(shipped("measurements"))
    return observe([r for r in rows if r.source.startswith("arXiv:2411.02355")])


@pytest.fixture(scope="module")
def fitted(paper: Observations) -> FittedSpeed:
    return fit_speed(paper)


def positions(paper: Observations) -> np.ndarray:
    return np.arange(len(paper.rows))[:, None]


def test_fit_learns_what_the_fit_of_the_file_learns(paper: Observations, fitted: FittedSpeed) -> None:
    model = StepTimeRegressor(observations=paper).fit(positions(paper), paper.log_value)
    assert model.speed_ == fitted


def test_a_clone_has_the_parameters_and_shares_the_observations(paper: Observations) -> None:
    model = StepTimeRegressor(observations=paper, steps=2)
    again = clone(model)
    assert again is not model
    assert again.get_params(deep=False) == model.get_params(deep=False)
    assert again.observations is paper


def test_predictions_of_some_rows_are_those_of_all(paper: Observations, fitted: FittedSpeed) -> None:
    model = StepTimeRegressor(observations=paper, start=fitted).fit(positions(paper))
    every = model.predict(positions(paper))
    some = np.array([3, 40, 11])
    assert model.predict(some) == pytest.approx(every[some], abs=1e-9)
    assert model.score(positions(paper), paper.log_value) > 0.95


def test_held_out_errors_are_cross_val_predict_s(paper: Observations, fitted: FittedSpeed) -> None:
    optimum = Optimum.of(paper, fitted)
    models = np.array([row.model for row in paper.rows])
    model = StepTimeRegressor(optimum=optimum, steps=GROUP_STEPS)
    predicted = cross_val_predict(
        model, positions(paper), paper.log_value, groups=models, cv=LeaveOneGroupOut()
    )
    errors = leave_groups_out(optimum, models.tolist())
    assert errors == pytest.approx(paper.log_value - predicted, nan_ok=True)
    folds = cross_val_predict(
        model, positions(paper), paper.log_value, groups=models, cv=GroupKFold(n_splits=3)
    )
    assert np.nanmedian(np.abs(paper.log_value - folds)) < 0.2


def test_the_interval_score_is_the_width_and_twenty_times_what_lies_outside() -> None:
    low, high = np.array([-0.1, -0.1, -0.1]), np.array([0.2, 0.2, 0.2])
    assert interval_score(np.zeros(3), low, high) == pytest.approx(0.3)
    assert interval_score(np.array([0.0, 0.25, -0.11]), low, high) == pytest.approx(0.3 + 20 * 0.06 / 3)


def test_an_error_is_of_the_measured_value() -> None:
    # predicted 10 % too high, then 20 % too low
    found = errors_of(np.log(np.array([1 / 1.1, 1 / 0.8, np.nan])))
    assert (found.rows, found.mean, found.median) == (2, 0.15, 0.15)
