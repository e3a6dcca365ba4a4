"""Widths of accuracy intervals: what held-out figures of a known law ask for."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from advisor.cost.quality.fitted_accuracy import Z90
from advisor.cost.quality.fitting.held_out_predictions import HeldOut
from advisor.cost.quality.fitting.interval_calibration import calibrated, deviate, needed, true_factor
from advisor.cost.quality.interval_widths import (
    USUAL_NOISE,
    USUAL_TRUE,
    Widths,
    noise_classes,
    true_classes,
)
from advisor.cost.quality.loss_distribution import ScoreDistribution, true_loss
from advisor.cost.quality.model_traits import Traits


def figures(
    count: int, *, wider: float, seed: int = 3, models: int = 50, noise: float = 1e-5
) -> list[HeldOut]:
    """Means over many benchmarks whose true losses are `wider` times further out than predicted."""
    random = np.random.default_rng(seed)
    law = true_loss(0.02, 0.005).widened(wider)
    score = ScoreDistribution(true=law, noise_sd=noise)
    made = []
    for i in range(count):
        name = f"m{i % models}"
        made.append(
            HeldOut(
                traits=Traits(name=name, key=name, family="llama-3", group=name, params_b=8.0, active_b=8.0),
                format="int4",
                algorithm="gptq",
                publisher="Red Hat",
                task=f"average {i}",
                shape="average",
                distance="new model",
                seen=float(score.shown(law.at(random.standard_normal(1)), random)[0]),
                mean=0.02,
                true_sd=0.005,
                noise=noise,
            )
        )
    return made


@pytest.mark.parametrize("wider", [0.5, 1.5, 3.0])
def test_the_true_loss_is_made_as_much_wider_as_the_scores_are_further_out(wider: float) -> None:
    widths = calibrated(figures(2_000, wider=wider))
    assert widths.of_true("new model", "int4", sparse=False) == pytest.approx(wider, rel=0.12)


def test_calibrated_intervals_hold_nine_of_ten_figures() -> None:
    held = figures(2_000, wider=2.0, noise=0.004)
    widths = calibrated(held)
    noise = widths.of_noise("new model", "average", "int4")
    inside = [abs(deviate(h, true_factor(widths, h), noise)) <= Z90 for h in held]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.01)


def test_scores_far_out_make_the_noise_larger_and_not_the_true_loss() -> None:
    """A misprint is no property of the model: one score in fifty lies ten times its noise away."""
    right = figures(1_000, wider=1.0, noise=0.002)
    wrong = [replace(h, seen=h.seen + 0.02) if i % 50 == 0 else h for i, h in enumerate(right)]
    before, after = (calibrated(held).of_true("new model", "int4", sparse=False) for held in (right, wrong))
    assert after == pytest.approx(before, rel=0.1)


def test_a_width_that_few_base_models_tell_is_wider() -> None:
    many, few = (
        calibrated(figures(300, wider=1.0, models=models)).of_true("new model", "int4", sparse=False)
        for models in (100, 3)
    )
    # Student's t with six degrees of freedom: 1.943 standard deviations instead of 1.645.
    assert few / many == pytest.approx(1.943 / 1.645, rel=0.03)


def test_mixtures_of_experts_have_a_width_of_their_own() -> None:
    dense = figures(500, wider=1.0)
    mixtures = [replace(h, traits=replace(h.traits, active_b=2.0)) for h in figures(500, wider=2.0, seed=4)]
    widths = calibrated([*dense, *mixtures])
    one, other = (widths.of_true("new model", "int4", sparse=sparse) for sparse in (False, True))
    assert other > 1.5 * one


def test_the_factor_needed_puts_a_figure_on_the_edge_of_its_interval() -> None:
    for figure in figures(20, wider=2.0, noise=0.004):
        alone = needed(figure, 0.1)
        assert abs(deviate(figure, 0.1, alone)) <= Z90 * 1.001
        assert alone < 0.11 or abs(deviate(figure, 0.1, alone)) == pytest.approx(Z90, rel=0.01)


def test_a_class_without_figures_has_the_widths_of_the_one_around_it() -> None:
    widths = calibrated(figures(200, wider=2.0))
    known = widths.of_noise("new model", "average", "int4")
    assert widths.of_noise("new model", "average", "int8") == widths.noise["new model, average"]
    assert widths.of_noise("new model", "average", "w4a8-fp8") == known
    assert widths.of_noise("known model", "average", "int4") == USUAL_NOISE
    assert widths.of_true("new model", "fp8", sparse=False) == widths.true["new model, dense"]
    assert widths.of_true("new model", "fp8", sparse=True) == widths.true["new model"]
    assert widths.of_true("known model", "fp8", sparse=True) == USUAL_TRUE
    assert calibrated([]) == Widths()


def test_classes_are_part_of_one_another() -> None:
    for format in ("int4", "nvfp4", "int8-w8a16", "kv-int8"):
        for names in (
            noise_classes("new model", "choice", format),
            true_classes("new model", format, sparse=True),
        ):
            assert all(inner.startswith(f"{outer}, ") for inner, outer in itertools.pairwise(names))


def test_a_model_with_many_figures_counts_no_more_than_its_class_has_models() -> None:
    """All figures of one model say little: its class keeps to the wider one, which has many models."""
    one = [replace(h, format="nvfp4") for h in figures(100, wider=1.0, models=1, noise=0.02)]
    many = figures(2_000, wider=1.0, noise=0.005)
    off = [replace(h, noise=0.005) for h in one]
    widths = calibrated([*many, *off])
    alone = calibrated(off).of_noise("new model", "average", "nvfp4")
    assert widths.of_noise("new model", "average", "nvfp4") < 0.6 * alone


def test_a_score_at_the_expected_loss_is_no_outlier_and_one_far_out_is() -> None:
    [figure] = figures(1, wider=1.0)
    assert abs(deviate(replace(figure, seen=0.02), 1.0, 1.0)) < 0.5
    far = deviate(replace(figure, seen=0.06), 1.0, 1.0)
    assert far > 3
    assert deviate(replace(figure, seen=0.06), 2.0, 1.0) < far
