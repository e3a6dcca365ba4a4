"""Usual 16-bit scores by size: a line in the logit."""

from __future__ import annotations

import math

import pytest

from advisor.cost.quality.fitting.baseline_scores import usual_baselines
from advisor.cost.quality.model_traits import Traits
from advisor.cost.quality.scores_to_losses import Cell


def cell(size: float, score: float, model: str | None = None) -> Cell:
    key = model or f"m{size}"
    traits = Traits(name=key, key=key, family="f", group=key, params_b=size, active_b=size)
    return Cell(
        traits=traits, format="int4", algorithm="gptq", benchmark="GSM8K", publisher="p", loss=0.0,
        gain=0.9, unit=1e-4, baseline=score, scores=1,
    )  # fmt: skip


def logistic(level: float) -> float:
    return 1.0 / (1.0 + math.exp(-level))


def test_many_models_on_a_line_give_that_line() -> None:
    sizes = [0.5 * 1.3**i for i in range(20)]
    cells = [cell(size, logistic(0.4 + 0.5 * math.log(size / 8.0))) for size in sizes]
    level, slope = usual_baselines(cells)["GSM8K"]
    assert level == pytest.approx(0.4, abs=0.05)
    assert slope == pytest.approx(0.5, abs=0.03)


def test_one_model_gives_its_score_and_the_usual_slope() -> None:
    level, slope = usual_baselines([cell(8.0, 0.75)])["GSM8K"]
    assert logistic(level) == pytest.approx(0.75, abs=1e-4)
    assert slope == 0.3


def test_a_model_scored_in_many_formats_counts_once() -> None:
    once = usual_baselines([cell(8.0, 0.75), cell(70.0, 0.9)])
    often = usual_baselines([*[cell(8.0, 0.75)] * 9, cell(70.0, 0.9)])
    assert often == once


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_a_score_at_the_end_of_the_scale_has_a_finite_logit(score: float) -> None:
    level, _ = usual_baselines([cell(8.0, score)])["GSM8K"]
    assert abs(level) < 4
