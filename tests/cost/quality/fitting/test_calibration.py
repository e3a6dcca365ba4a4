"""Widths of accuracy intervals: what held-out figures of a known law ask for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from advisor.cost.quality.fitting.calibration import COVERAGE, calibrated, coverage, deviate
from advisor.cost.quality.fitting.held_out import HeldOut
from advisor.cost.quality.loss_distribution import true_loss
from advisor.cost.quality.models import Traits
from advisor.cost.quality.posterior import DEFAULT_WIDTH


def figures(count: int, *, wider: float, seed: int = 3, models: int = 50) -> list[HeldOut]:
    """Means over many benchmarks whose true losses are `wider` times further out than predicted."""
    random = np.random.default_rng(seed)
    law = true_loss(0.02, 0.005).widened(wider)
    made = []
    for i in range(count):
        name = f"m{i % models}"
        made.append(
            HeldOut(
                traits=Traits(name=name, key=name, family="llama-3", group=name, params_b=8.0, active_b=8.0),
                format="int4",
                algorithm="gptq",
                publisher="Red Hat",
                task="OpenLLM-v1",
                shape="average",
                distance="new model",
                seen=float(law.at(random.standard_normal(1))[0]),
                mean=0.02,
                true_sd=0.005,
                noise=1e-5,
            )
        )
    return made


@pytest.mark.parametrize("wider", [1.5, 2.0, 3.0])
def test_intervals_are_widened_by_as_much_as_they_are_too_narrow(wider: float) -> None:
    true, _ = calibrated(figures(2_000, wider=wider))["new model, average, 4 bits"]
    assert true == pytest.approx(wider, rel=0.12)


def test_widened_intervals_hold_nine_of_ten_figures_and_a_little_narrower_ones_do_not() -> None:
    held = figures(2_000, wider=2.0)
    true, noise = calibrated(held)["new model, average, 4 bits"]
    assert coverage(held, (true, noise)) >= COVERAGE
    assert coverage(held, (true * 0.93, noise)) < COVERAGE


def test_intervals_that_are_wide_enough_are_never_narrowed() -> None:
    true, _ = calibrated(figures(500, wider=0.3))["new model, average, 4 bits"]
    assert true == 1.0


def test_few_figures_leave_the_usual_width() -> None:
    widths = calibrated(figures(20, wider=3.0))
    assert widths["new model, average, 4 bits"][0] == DEFAULT_WIDTH[0]
    assert widths["known model, choice, 8 bits"] == DEFAULT_WIDTH


def test_a_model_with_many_figures_does_not_outvote_the_others() -> None:
    """Of 100 figures 90 are of one model and inside; of the ten other models half are outside."""
    inside = [replace(h, seen=0.02) for h in figures(90, wider=1.0, models=1)]
    others = [
        replace(h, seen=0.02 if i % 2 else 0.2, traits=replace(h.traits, group=f"other{i}"))
        for i, h in enumerate(figures(10, wider=1.0))
    ]
    assert coverage(inside, (1.0, 1.0)) > 0.98
    assert coverage([*inside, *others], (1.0, 1.0)) < 0.75


def test_a_score_at_the_expected_loss_is_no_outlier_and_one_far_out_is() -> None:
    [figure] = figures(1, wider=1.0)
    assert abs(deviate(replace(figure, seen=0.02), (1.0, 1.0))) < 0.5
    far = deviate(replace(figure, seen=0.06), (1.0, 1.0))
    assert far > 3
    assert deviate(replace(figure, seen=0.06), (2.0, 1.0)) < far
