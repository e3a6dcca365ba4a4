"""The solver on scores made by a known law: it finds the law, discounts a misprint, and needs evidence."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from advisor.cost.quality.fitting.maximum_likelihood import Problem, expected, problem_of, solve
from advisor.cost.quality.loss_covariance import Spread
from advisor.cost.quality.model_traits import Traits
from advisor.cost.quality.scores_to_losses import Cell

BENCHMARKS = ("GSM8K", "MMLU", "ARC-Challenge", "HellaSwag", "WinoGrande", "IFEval")
QUIET = dataclasses.replace(
    Spread(), model=1e-4, fragile=0.01, fragile_in_format=0.01, benchmark=0.05, checkpoint=0.01, recipe=0.01
)


def cell(model: int, format: str, benchmark: str, loss: float) -> Cell:
    size = 8.0 * 2.0 ** (model % 4 - 1)
    traits = Traits(
        name=f"m{model}", key=f"m{model}", family="llama-3", group=f"m{model}", params_b=size, active_b=size
    )
    return Cell(
        traits=traits,
        format=format,
        algorithm="gptq" if format == "int4" else "rtn",
        benchmark=benchmark,
        publisher="Red Hat",
        loss=loss,
        gain=1.0,
        unit=0.002**2,
        baseline=0.7,
        scores=1,
    )


def cells(int4: float = 0.03, fp8: float = 0.003, models: int = 12) -> list[Cell]:
    """Each format loses the same share of every score, up to a small scatter of the scores."""
    random = np.random.default_rng(7)
    return [
        cell(model, format, benchmark, loss + 0.001 * float(random.standard_normal()))
        for model in range(models)
        for format, loss in (("int4", int4), ("fp8", fp8))
        for benchmark in BENCHMARKS
    ]


def losses(p: Problem, theta: np.ndarray, format: str) -> np.ndarray:
    rows = [i for i, c in enumerate(p.cells) if c.format == format]
    return expected(p.x[rows], theta, p.gain[rows])


def test_the_losses_that_made_the_scores_are_found() -> None:
    p = problem_of(cells(int4=0.03, fp8=0.003))
    theta = solve(p, QUIET).theta
    assert losses(p, theta, "int4").mean() == pytest.approx(0.03, rel=0.1)
    assert losses(p, theta, "fp8").mean() == pytest.approx(0.003, rel=0.25)


def test_a_misprint_counts_less_and_hardly_moves_the_rest() -> None:
    clean = cells()
    misprint = [*clean]
    at = next(i for i, c in enumerate(clean) if c.format == "int4")
    misprint[at] = dataclasses.replace(clean[at], loss=0.5)
    good, bad = problem_of(clean), problem_of(misprint)
    without, with_it = solve(good, QUIET), solve(bad, QUIET)
    assert with_it.weight[at] < 0.1
    others = np.delete(with_it.weight, at)
    assert np.median(others) == 1.0
    assert losses(bad, with_it.theta, "int4")[6:].mean() == pytest.approx(
        losses(good, without.theta, "int4")[6:].mean(), rel=0.1
    )


def test_factors_without_a_score_keep_their_prior() -> None:
    key = ("algorithm", "int4/gptq")
    p = problem_of([c for c in cells() if c.format == "fp8"], {key: (0.3, 0.7)})
    found = solve(p, QUIET)
    at = p.index[key]
    assert found.theta[at] == pytest.approx(0.3)
    assert np.sqrt(found.covariance[at, at]) == pytest.approx(0.7)


def test_more_models_make_a_factor_surer() -> None:
    sds = []
    for models in (4, 16):
        p = problem_of(cells(models=models))
        x = p.x[next(i for i, c in enumerate(p.cells) if c.format == "int4")]
        sds.append(float(np.sqrt(x @ solve(p, QUIET).covariance @ x)))
    assert sds[1] < sds[0] / 1.4


def test_the_spread_that_made_the_scores_is_likelier_than_one_ten_times_wider() -> None:
    p = problem_of(cells())
    wide = dataclasses.replace(QUIET, benchmark=0.5, fragile=0.5)
    assert solve(p, QUIET, robust=False).likelihood > solve(p, wide, robust=False).likelihood


def test_a_constant_that_is_known_well_outweighs_a_few_scores() -> None:
    key = ("algorithm", "int4/gptq")
    p = problem_of(cells(models=3), {key: (1.0, 1e-4)})
    assert solve(p, QUIET).theta[p.index[key]] == pytest.approx(1.0, abs=1e-2)
