"""The fit on the shipped scores: it is the file that ships, and it keeps its bars on models left out."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from advisor.cost.quality import file as quality_file
from advisor.cost.quality.covariance import Spread
from advisor.cost.quality.expected_loss import centred
from advisor.cost.quality.fitting.fit import fit
from advisor.cost.quality.fitting.report import QualityReport, quality_report
from advisor.cost.quality.fitting.solve import problem_of, solve
from advisor.cost.quality.recovery import QualityModel, fit_quality
from advisor.cost.quality.scores import cells_of
from advisor.data import shipped
from advisor.errors import DataError
from advisor.record.measurement import QualityMeasurement
from advisor.record.store import read_quality


@lru_cache(maxsize=1)
def rows() -> tuple[QualityMeasurement, ...]:
    return tuple(read_quality(shipped("measurements")))


@lru_cache(maxsize=1)
def report() -> QualityReport:
    return quality_report(rows())


def test_the_shipped_file_is_what_the_shipped_scores_give_bit_for_bit() -> None:
    text = (shipped("measurements") / quality_file.NAME).read_text(encoding="utf-8")
    assert fit_quality(rows()).to_json() == text


def test_averages_of_models_left_out_are_within_seven_tenths_of_a_point() -> None:
    errors = report().models_out["averages of 4 and more"]
    assert errors.figures >= 150
    assert errors.mean <= 0.7


def test_models_left_out_are_predicted_a_quarter_better_than_by_the_formats_mean() -> None:
    errors = report().models_out["averages of 4 and more"]
    assert errors.better >= 0.25
    assert errors.mean < errors.always_one


def test_nine_of_ten_figures_never_shown_fall_inside_their_interval() -> None:
    for fold in (report().models_out, report().scores_out):
        for name in ("averages of 4 and more", "all averages", "single benchmarks"):
            assert 0.87 <= fold[name].coverage <= 0.93, name


def test_intervals_hold_on_whole_sources_left_out() -> None:
    assert report().sources_out["single benchmarks"].coverage >= 0.87
    assert report().sources_out["all averages"].coverage >= 0.87


def test_what_is_left_of_the_error_is_mostly_noise() -> None:
    # The mean error cannot go below what the benchmarks' sizes cause; it is within a third of a point.
    errors = report().models_out["averages of 4 and more"]
    assert errors.noise < errors.mean < errors.noise + 0.33


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
        fit(rows()[:40])


def test_a_damaged_file_is_named() -> None:
    with pytest.raises(DataError, match=r"mine\.json: not a readable accuracy fit"):
        QualityModel.from_json("{}", where="mine.json")
    with pytest.raises(DataError, match="version 9, known is 1"):
        QualityModel.from_json('{"version": 9}', where="mine.json")
    text = QualityModel.shipped().to_json().replace('"independent_sd"', '"sd"')
    with pytest.raises(DataError, match="columns are not"):
        QualityModel.from_json(text)


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(DataError, match="No such file"):
        QualityModel.read(tmp_path / "none.json")
