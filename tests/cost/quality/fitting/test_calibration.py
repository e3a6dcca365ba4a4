"""Widths of accuracy intervals: what held-out figures of a known law ask for."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from advisor.cost.quality.fitting.calibration import calibrated, deviate, needed
from advisor.cost.quality.fitting.held_out import HeldOut
from advisor.cost.quality.loss_distribution import true_loss
from advisor.cost.quality.models import Traits
from advisor.cost.quality.posterior import Z90
from advisor.cost.quality.widths import DEFAULT_WIDTH, interval_classes, width_in


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


CLASS = "new model, average, 4 bits, int4"


@pytest.mark.parametrize("wider", [0.5, 1.5, 3.0])
def test_intervals_are_widened_or_narrowed_by_as_much_as_they_are_off(wider: float) -> None:
    true, noise = calibrated(figures(2_000, wider=wider))[CLASS]
    assert true == noise == pytest.approx(wider, rel=0.12)


def test_calibrated_intervals_hold_nine_of_ten_figures() -> None:
    held = figures(2_000, wider=2.0)
    widths = calibrated(held)[CLASS]
    inside = [abs(deviate(h, widths)) <= Z90 for h in held]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.01)


def test_the_factor_needed_puts_a_figure_on_the_edge_of_its_interval() -> None:
    for figure in figures(20, wider=2.0):
        both, alone = needed(figure), needed(replace(figure, noise=0.01), 0.1)
        assert abs(deviate(figure, (both, both))) == pytest.approx(Z90, rel=0.01)
        assert abs(deviate(replace(figure, noise=0.01), (0.1, alone))) <= Z90


def test_a_class_without_figures_has_the_widths_of_the_one_around_it() -> None:
    widths = calibrated(figures(200, wider=2.0))
    known = width_in(widths, "new model", "average", "int4")
    assert width_in(widths, "new model", "average", "int8") == widths["new model, average"]
    assert width_in(widths, "new model", "average", "w4a8-fp8") == known
    assert width_in(widths, "known model", "average", "int4") == DEFAULT_WIDTH
    assert calibrated([]) == {}


def test_classes_are_part_of_one_another() -> None:
    for format in ("int4", "nvfp4", "int8-w8a16", "kv-int8"):
        names = interval_classes("new model", "choice", format)
        assert all(inner.startswith(f"{outer}, ") for inner, outer in itertools.pairwise(names))


def test_a_model_with_many_figures_counts_no_more_than_its_class_has_models() -> None:
    """All figures of one model say little: its class keeps to the wider one, which has many models."""
    one = [replace(h, format="nvfp4") for h in figures(100, wider=4.0, models=1)]
    many = figures(2_000, wider=1.0)
    assert calibrated([*many, *one])["new model, average, 4 bits, FP4"][0] < 2.5


def test_a_score_at_the_expected_loss_is_no_outlier_and_one_far_out_is() -> None:
    [figure] = figures(1, wider=1.0)
    assert abs(deviate(replace(figure, seen=0.02), (1.0, 1.0))) < 0.5
    far = deviate(replace(figure, seen=0.06), (1.0, 1.0))
    assert far > 3
    assert deviate(replace(figure, seen=0.06), (2.0, 1.0)) < far
