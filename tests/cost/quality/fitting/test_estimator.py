"""The estimator is scikit-learn's in form, and finds the factors that made the scores."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from sklearn.base import clone, is_regressor
from sklearn.model_selection import GroupKFold

from advisor.cost.quality.fitting.estimator import LossRegressor
from advisor.cost.quality.loss_covariance import Spread
from advisor.cost.quality.model_traits import traits_by_name
from advisor.cost.quality.scores_to_losses import Cell

BENCHMARKS = ("MMLU", "GSM8K", "HellaSwag", "WinoGrande", "ARC-Challenge", "HumanEval")
LOSS_AT_8B = {"fp8": 0.004, "int4": 0.02}


def cells(seed: int = 0, slope: float = -0.5) -> list[Cell]:
    """Scores of forty models whose loss falls with the root of their size, with a little noise."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(40):
        size = float(np.exp(rng.uniform(math.log(1), math.log(100))))
        traits = traits_by_name(f"model{i % 4}-{size:.1f}B")
        assert traits is not None
        for format, at_8b in LOSS_AT_8B.items():
            for name in BENCHMARKS:
                loss = at_8b * (size / 8) ** slope * math.exp(0.1 * rng.standard_normal())
                made.append(
                    Cell(
                        traits=dataclasses.replace(traits, group=f"{traits.family} {i}"),
                        format=format,
                        algorithm="gptq",
                        benchmark=name,
                        publisher="Red Hat",
                        loss=loss + 5e-4 * rng.standard_normal(),
                        gain=1.0,
                        unit=(1e-3) ** 2,
                        baseline=0.7,
                        scores=1,
                    )
                )
    return made


def test_it_is_a_regressor_that_can_be_cloned() -> None:
    estimator = LossRegressor(Spread(), steps=7)
    again = clone(estimator)
    assert is_regressor(again)
    assert again.get_params() == {"spread": Spread(), "steps": 7, "priors": None, "noise": None}


def test_it_finds_the_loss_of_each_format_and_how_it_falls_with_size() -> None:
    found = LossRegressor(Spread()).fit(cells())
    for format, loss in LOSS_AT_8B.items():
        at_8b = [c for c in cells(slope=0.0) if c.format == format]
        at_8b = [
            dataclasses.replace(c, traits=dataclasses.replace(c.traits, params_b=8.0, active_b=8.0))
            for c in at_8b
        ]
        assert float(np.median(found.predict(at_8b))) == pytest.approx(loss, rel=0.15)
    slope = found.solution_.theta[found.problem_.index["size", ""]]
    assert slope == pytest.approx(-0.5, abs=0.12)


def test_models_left_out_in_grouped_folds_are_predicted_to_a_fifth_of_their_loss() -> None:
    data = cells()
    groups = [c.traits.group for c in data]
    for train, test in GroupKFold(4).split(data, groups=groups):
        fold = LossRegressor(Spread()).fit([data[i] for i in train])
        rest = [data[i] for i in test if data[i].format == "int4"]
        ratio = fold.predict(rest) / np.array([c.loss for c in rest])
        assert float(np.median(np.abs(np.log(ratio)))) < 0.2


def test_a_fit_that_starts_from_another_and_keeps_its_weights_agrees_with_it() -> None:
    data = cells()
    whole = LossRegressor(Spread()).fit(data)
    again = LossRegressor(Spread(), steps=6).fit(
        data, sample_weight=whole.solution_.weight, start=(whole.problem_, whole.solution_)
    )
    np.testing.assert_allclose(again.predict(data), whole.predict(data), rtol=1e-3)


def test_a_prior_of_one_factor_stands_where_no_score_speaks_to_it() -> None:
    priors = {("context", "KV cache"): (0.5, 0.25), ("spread", "context"): (0.7, 0.5)}
    found = LossRegressor(Spread(), priors=priors).fit(cells()).fitted()
    assert found.factors["context", "KV cache"] == (0.5, 0.25)
    assert ("spread", "context") not in found.factors
