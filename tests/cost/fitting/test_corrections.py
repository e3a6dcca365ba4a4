"""What one's own records correct, and what published ones never do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.fitting.corrections import SHRINK_ROWS, base_classes, effects, is_mean, quantity
from advisor.cost.fitting.evidence import DeploymentKey
from advisor.cost.fitting.observations import Observations
from tests.record import build

HERE = DeploymentKey("32x4096", "fp8", "16bit", "H100-SXM", 1, False, "v1")
CLASS = ("tpot", "loaded")


def own(count: int = 1, **more: Any) -> list[Any]:
    return [build.speed(origin="measured", **more) for _ in range(count)]


def effect(
    errors: list[float], rows: list[Any] | None = None, used: list[bool] | None = None
) -> float | None:
    """The correction of one deployment and class; None without one."""
    count = len(errors)
    found = effects(
        np.array(errors),
        [HERE] * count,
        [CLASS] * count,
        own(count) if rows is None else rows,
        np.array([True] * count if used is None else used),
    )
    return found.get(CLASS, {}).get(HERE)


def test_two_own_rows_count_half() -> None:
    assert effect([0.2, 0.2]) == pytest.approx(0.2 * 2 / (2 + SHRINK_ROWS))


@given(st.lists(st.floats(-0.6, 0.6), min_size=1, max_size=30))
def test_a_correction_is_never_more_than_the_median_error(errors: list[float]) -> None:
    found = effect(errors)
    assert found is not None
    middle = float(np.median(errors))
    assert abs(found) <= abs(middle) + 1e-5
    assert found * middle >= 0


def test_more_rows_are_believed_more() -> None:
    few, many = effect([0.2] * 2), effect([0.2] * 40)
    assert few is not None
    assert many is not None
    assert few < many < 0.2


def test_one_wild_row_moves_nothing_much() -> None:
    calm, wild = effect([0.1] * 9), effect([0.1] * 8 + [5.0])
    assert wild == pytest.approx(calm)
    assert effect([5.0]) == pytest.approx(0.7 / (1 + SHRINK_ROWS), abs=1e-5)  # twice as slow at most


@pytest.mark.parametrize("origin", ["published", "derived"])
def test_a_published_source_corrects_nobodys_machine(origin: str) -> None:
    assert effect([0.2], [build.speed(origin=origin)]) is None


def test_rows_without_a_prediction_or_left_out_say_nothing() -> None:
    assert effect([float("nan")]) is None
    assert effect([0.2], used=[False]) is None
    assert effect([0.2, 0.6], used=[True, False]) == effect([0.2])


def test_each_deployment_and_class_has_its_own() -> None:
    other = HERE._replace(format="int4")
    found = effects(
        np.array([0.3, -0.3, 0.6]),
        [HERE, other, HERE],
        [CLASS, CLASS, ("ttft", "loaded")],
        own(3),
        np.ones(3, dtype=bool),
    )
    assert found == {
        CLASS: {HERE: pytest.approx(0.1), other: pytest.approx(-0.1)},
        ("ttft", "loaded"): {HERE: pytest.approx(0.2)},
    }


@pytest.mark.parametrize(
    ("metric", "statistic", "mean", "name"),
    [
        ("ttft_ms", "mean", True, "ttft"),
        ("ttft_ms", "p50", True, "ttft"),
        ("tpot_ms", "mean", True, "tpot"),
        ("itl_ms", "mean", True, "tpot"),
        ("itl_ms", "p50", False, "itl p50"),  # a median gap is a decode step, its mean has the prompts
        ("ttft_ms", "p99", False, "ttft p99"),
        ("requests_per_s", "mean", True, "throughput"),
    ],
)
def test_a_row_is_a_mean_or_is_named_by_its_percentile(
    metric: str, statistic: str, mean: bool, name: str
) -> None:
    row = build.speed(metric=metric, statistic=statistic)
    seen = cast(Observations, SimpleNamespace(rows=(row,)))
    assert is_mean(row) is mean
    assert quantity(seen) == [name]


def test_a_tail_is_corrected_as_its_mean() -> None:
    rows = (
        build.speed(metric="ttft_ms", statistic="p99", load="concurrency", load_value=8.0),
        build.speed(metric="ttft_ms", statistic="mean", load="rate", load_value=2.0),
    )
    assert base_classes(cast(Observations, SimpleNamespace(rows=rows))) == [("ttft", "loaded")] * 2
