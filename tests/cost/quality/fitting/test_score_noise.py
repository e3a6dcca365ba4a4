"""The noise of each benchmark, learnt from scores whose noise is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from advisor.cost.quality.fitting.maximum_likelihood import problem_of, solve
from advisor.cost.quality.fitting.score_noise import likeliest_noise
from advisor.cost.quality.loss_covariance import Spread
from advisor.cost.quality.scores_to_losses import Cell
from tests.cost.quality.fitting.test_maximum_likelihood import QUIET, cell

BENCHMARKS = ("GSM8K", "MMLU", "ARC-Challenge", "HellaSwag", "WinoGrande", "IFEval")
SPREAD = dataclasses.replace(QUIET, choice=1.0, worked=1.0, generated=1.0, eight_bit=1.0, baseline=0.01)


def noisy(ratios: dict[str, float], models: int = 60, seed: int = 5) -> list[Cell]:
    """INT4 loses 3 % of every score, with the stated multiples of the noise that questions make."""
    random = np.random.default_rng(seed)
    made = []
    for model in range(models):
        for name in BENCHMARKS:
            one = cell(model, "int4", name, 0.0)
            error = ratios.get(name, 1.0) * one.unit**0.5 * float(random.standard_normal())
            made.append(dataclasses.replace(one, loss=0.03 + error))
    return made


def learnt(cells: list[Cell], spread: Spread = SPREAD) -> dict[str, float]:
    problem = problem_of(cells)
    return likeliest_noise(problem, spread, solve(problem, spread, robust=False))


def test_benchmarks_are_found_as_noisy_to_one_another_as_their_scores_are() -> None:
    found = learnt(noisy({"MMLU": 3.0, "HellaSwag": 0.5}))
    usual = found["GSM8K"]
    assert found["MMLU"] / usual == pytest.approx(3.0, rel=0.3)
    assert found["HellaSwag"] < 0.9 * usual


def test_few_scores_leave_a_benchmark_as_noisy_as_its_kind() -> None:
    many, few = (learnt(noisy({"MMLU": 3.0}, models=models))["MMLU"] for models in (60, 4))
    assert 1.0 < few < many


def test_a_loss_that_all_scores_of_a_model_share_is_no_noise() -> None:
    """Models that differ are told from scores that err: no benchmark becomes noisier."""
    random = np.random.default_rng(11)
    shift = 0.01 * random.standard_normal(60)
    cells = [dataclasses.replace(c, loss=c.loss + float(shift[int(c.traits.name[1:])])) for c in noisy({})]
    wide = dataclasses.replace(SPREAD, fragile_in_format=0.33)
    assert max(learnt(cells, wide).values()) < 1.1
