"""Coverage as a new model or GPU meets it: no group's own errors make its interval."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from advisor.cost.evaluation.held_out_errors import HeldOut
from advisor.cost.evaluation.interval_coverage import Judged, distances_without, judged
from advisor.cost.evaluation.uncertainty_calibration import BINS, _bins
from advisor.cost.fitting.measured_deployments import DeploymentKey
from advisor.cost.uncertainty.error_class import EngineClass, error_class
from advisor.cost.uncertainty.intervals import HeldOutErrors

DENSE = EngineClass("v1", False)


def held(errors: np.ndarray, groups: list[str], metric: str = "tpot") -> HeldOut:
    """Errors of one metric under load; `groups` are models."""
    count = len(errors)
    unknown = np.full(count, np.nan)
    made = SimpleNamespace(
        error_classes=[error_class(metric, "mean", "loaded", DENSE) for _ in range(count)],
        metrics=[metric] * count,
        makes_intervals=np.ones(count, dtype=bool),
        errors=HeldOutErrors(
            row=unknown,
            model=errors,
            gpu=unknown,
            other_source=unknown,
            shapes=groups,
            gpus=["one"] * count,
            sources=["one"] * count,
        ),
    )
    return cast(HeldOut, made)


def of_models(count: int, rows: int, *, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Errors of so many models, alike within each: a model's own shift is larger than its scatter."""
    rng = np.random.default_rng(seed)
    shift = np.repeat(rng.normal(0, 0.1, count), rows)
    return shift + rng.normal(0, 0.03, count * rows), [f"m{i // rows}" for i in range(count * rows)]


def test_nine_of_ten_errors_of_models_left_out_are_inside() -> None:
    errors, groups = of_models(40, 4)
    found = judged(held(errors, groups), errors, groups, "model").of(np.ones(len(errors), dtype=bool))
    assert found is not None
    assert found.coverage == pytest.approx(0.9, abs=0.06)


def test_a_model_s_own_errors_do_not_widen_its_interval() -> None:
    errors, groups = of_models(20, 5)
    odd = errors.copy()
    odd[:5] = 3.0  # the first model is twenty-fold too slow
    calm, wild = (judged(held(e, groups), e, groups, "model") for e in (errors, odd))
    assert wild.high[:5] == pytest.approx(calm.high[:5])
    assert np.all(wild.error[:5] > wild.high[:5])
    assert np.all(wild.high[5:] >= calm.high[5:])


def test_a_lone_group_is_judged_by_nobody() -> None:
    errors = np.zeros(6)
    assert not judged(held(errors, ["only"] * 6), errors, ["only"] * 6, "model").known.any()


def test_rows_that_were_not_held_out_have_no_interval() -> None:
    errors, groups = of_models(20, 3)
    errors[:3] = np.nan
    found = judged(held(errors, groups), errors, groups, "model")
    assert not found.known[:3].any()
    assert found.known[3:].all()


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_errors_twice_as_wide_make_intervals_twice_as_wide(factor: float) -> None:
    errors, groups = of_models(12, 4)
    one = judged(held(errors, groups), errors, groups, "model")
    other = judged(held(factor * errors, groups), factor * errors, groups, "model")
    assert other.high - other.low == pytest.approx(factor * (one.high - one.low), abs=1e-4)


def key(gpu: str, generation: str, shape: str) -> DeploymentKey:
    return DeploymentKey(shape, "bf16", "16bit", gpu, 1, False, generation)


def test_how_far_a_deployment_is_from_what_the_others_measured() -> None:
    keys = [
        key("A100", "v1", "8B"),  # measured by both sources
        key("A100", "v1", "8B"),
        key("A100", "v1", "70B"),  # another model on a GPU that the other measured
        key("H100", "v1", "8B"),  # a GPU that nobody else has
        key("A100", "v0", "8B"),  # a generation of the engine that nobody else has there
    ]
    sources = ["one", "two", "one", "one", "one"]
    made = cast(HeldOut, SimpleNamespace(kernels=["bf16"] * 5))
    assert distances_without(made, keys, sources) == ["seen", "seen", "model", "gpu", "gpu"]


def test_a_kernel_family_that_the_gpu_never_ran_counts_as_a_new_gpu() -> None:
    keys = [key("A100", "v1", "8B"), key("A100", "v1", "70B")]
    made = cast(HeldOut, SimpleNamespace(kernels=["fp8", "bf16"]))
    assert distances_without(made, keys, ["one", "two"]) == ["gpu", "gpu"]


def test_too_few_known_rows_are_no_coverage() -> None:
    some = Judged(np.zeros(4), np.full(4, -1.0), np.ones(4))
    assert some.of(np.ones(4, dtype=bool)) is None


def test_honest_probabilities_are_kept_as_often_as_said() -> None:
    rng = np.random.default_rng(3)
    said = rng.random(1_500)
    rows = _bins(said, rng.random(1_500) < said, np.random.default_rng(0))
    assert len(rows) == BINS
    assert sum(row.limits for row in rows) == 1_500
    for row in rows:
        assert row.low <= row.said <= row.high
        assert row.kept == pytest.approx(row.said, abs=0.1)
    inside = [row.range_low <= row.kept <= row.range_high for row in rows]
    assert sum(inside) >= BINS - 3


def test_overconfidence_shows_outside_the_range() -> None:
    rng = np.random.default_rng(3)
    said = np.full(500, 0.95)
    [row] = _bins(said, rng.random(500) < 0.7, np.random.default_rng(0))
    assert (row.low, row.high) == (0.9, 1.0)
    assert row.kept < row.range_low


def test_a_bin_of_a_few_limits_says_nothing() -> None:
    assert _bins(np.full(7, 0.5), np.ones(7, dtype=bool), np.random.default_rng(0)) == ()
    assert len(_bins(np.full(8, 1.0), np.ones(8, dtype=bool), np.random.default_rng(0))) == 1
