"""The fit on the shipped scores: it is the file that ships, and it keeps its bars on models left out."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from advisor.cost.quality import accuracy_fit_file as quality_file
from advisor.cost.quality.expected_loss import centred
from advisor.cost.quality.fitting.fit import fit
from advisor.cost.quality.fitting.held_out_report import QualityReport, quality_report
from advisor.cost.quality.fitting.maximum_likelihood import problem_of, solve
from advisor.cost.quality.loss_covariance import Spread
from advisor.cost.quality.quality_model import QualityModel, fit_quality
from advisor.cost.quality.scores_to_losses import cells_of
from advisor.errors import DataError
from advisor.record.measurement import QualityMeasurement
from advisor.record.prior_constants import AccuracyConstant, read_accuracy_constants
from advisor.record.store import read_quality
from advisor.shipped_files import shipped


@lru_cache(maxsize=1)
def rows() -> tuple[QualityMeasurement, ...]:
    return tuple(read_quality(shipped("measurements")))


@lru_cache(maxsize=1)
def constants() -> tuple[AccuracyConstant, ...]:
    return read_accuracy_constants(shipped("measurements"))


@lru_cache(maxsize=1)
def report() -> QualityReport:
    return quality_report(rows(), {one.factor: (one.value, one.sd) for one in constants()})


def test_the_shipped_file_is_what_the_shipped_scores_give_bit_for_bit() -> None:
    text = (shipped("measurements") / quality_file.NAME).read_text(encoding="utf-8")
    assert fit_quality(rows(), constants()).to_json() == text


def test_checkpoint_means_of_models_left_out_are_within_sixty_five_hundredths_of_a_point() -> None:
    errors = report().models_out["checkpoint means"]
    assert errors.figures >= 150
    assert errors.mean <= 0.65
    assert errors.better >= 0.30
    assert errors.mean < errors.always_one


def test_nine_of_ten_new_scores_of_models_left_out_fall_inside_their_interval() -> None:
    held = report().models_out
    for name in ("checkpoint means", "all averages", "single benchmarks"):
        assert 0.87 <= held[name].coverage <= 0.935, name
    for kind in ("dense models", "mixtures of experts"):
        assert 0.87 <= held[f"checkpoint means of {kind}"].coverage <= 0.94, kind
    for format in ("fp8", "int8", "int4"):  # of INT8 one figure of 28 is 3.6 %
        assert 0.87 <= held[f"checkpoint means in {format}"].coverage <= 0.97, format


@pytest.mark.parametrize(
    "name",
    [
        "checkpoint means",
        "checkpoint means in int4",
        "checkpoint means of dense models",
        "checkpoint means of mixtures of experts",
        "checkpoint means in fp8",
        "checkpoint means in nvfp4",
        "single benchmarks",
    ],
)
def test_the_interval_of_the_true_recovery_holds_as_many_scores_as_their_noise_lets_expect(name: str) -> None:
    errors = report().models_out[name]
    assert errors.true_width < errors.width
    chance = 1.645 * (errors.true_expected * (1.0 - errors.true_expected) / errors.figures) ** 0.5
    assert errors.true_coverage == pytest.approx(errors.true_expected, abs=chance)


def test_few_checkpoints_are_judged_wrongly_against_a_floor() -> None:
    limits = report().limits
    assert limits.below >= 20
    assert limits.refused <= 0.13 * limits.above
    # Scores are noisy: some that measure below the floor have a true recovery above it, and a judge who knew
    # that would admit them. No more are admitted than stated probabilities let expect, or than he has.
    assert limits.admitted <= limits.admitted_if_right + 1.65 * limits.admitted_if_right**0.5
    assert limits.admitted < limits.admitted_by_luck
    assert limits.refused <= limits.refused_if_right + 1.65 * limits.refused_if_right**0.5


def test_narrow_intervals_hold_as_often_as_wide_ones() -> None:
    tables = QualityModel.shipped().about["deciles"]
    singles = [row["inside"] for row in tables["single benchmarks"]]
    assert len(singles) == 10
    assert all(0.85 <= inside <= 0.95 for inside in singles)
    narrow, wide = (tables["checkpoint means"][part] for part in (slice(0, 5), slice(5, 10)))
    for half in (narrow, wide):  # about ninety each: 1.65 standard errors are five points
        shown = sum(row["inside"] * row["figures"] for row in half) / sum(row["figures"] for row in half)
        assert 0.85 <= shown <= 0.95


def test_intervals_hold_on_whole_sources_left_out() -> None:
    assert report().sources_out["single benchmarks"].coverage >= 0.87
    assert report().sources_out["all averages"].coverage >= 0.87


def test_what_is_left_of_the_error_is_mostly_noise() -> None:
    # The mean error cannot go below what the benchmarks' sizes cause; it is within a fifth of a point.
    errors = report().models_out["checkpoint means"]
    assert errors.noise < errors.mean < errors.noise + 0.2


def test_two_publishers_disagree_more_than_their_benchmarks_sizes_explain() -> None:
    apart = report().disagreement
    assert apart is not None
    assert apart.pairs >= 15
    assert apart.mean > apart.noise


def test_the_report_says_what_it_rests_on() -> None:
    lines = report().lines()
    assert lines[0].startswith(
        f"{report().rows_used} of {report().rows} scores of {report().base_models} base models"
    )
    assert any(line.startswith("whole models left out") for line in lines)
    assert any("average OpenLLM-v1 " in line for line in lines)


def test_factors_stated_as_deviations_predict_the_same() -> None:
    problem = problem_of(cells_of(rows()[:600]))
    found = solve(problem, Spread())
    theta, sd = centred(found.theta, found.covariance, problem.x, problem.index)
    np.testing.assert_allclose(problem.x @ theta, problem.x @ found.theta, atol=1e-9)
    assert (sd >= 0).all()


def test_the_order_of_the_files_does_not_matter_to_the_factors() -> None:
    forward = problem_of(cells_of(rows()[:600]))
    backward = problem_of(cells_of(rows()[:600][::-1]))
    a, b = solve(forward, Spread()), solve(backward, Spread())
    assert list(forward.index) == list(backward.index)
    np.testing.assert_allclose(a.theta, b.theta, atol=2e-3)


def test_too_few_scores_are_refused() -> None:
    with pytest.raises(DataError, match="add measurements with their BF16 score"):
        fit(rows()[:20])


def test_a_damaged_file_is_named() -> None:
    with pytest.raises(DataError, match=r"mine\.json: not a readable accuracy fit"):
        QualityModel.from_json("{}", where="mine.json")
    with pytest.raises(DataError, match="version 9, known is 4"):
        QualityModel.from_json('{"version": 9}', where="mine.json")
    text = QualityModel.shipped().to_json().replace('"independent_sd"', '"sd"')
    with pytest.raises(DataError, match="columns are not"):
        QualityModel.from_json(text)


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(DataError, match="No such file"):
        QualityModel.read(tmp_path / "none.json")
