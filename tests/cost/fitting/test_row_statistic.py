"""What a row is a measurement of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from advisor.cost.fitting.observations import Observations
from advisor.cost.fitting.row_statistic import is_mean, quantity
from tests.record import build


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
