"""The 90 % interval of a mean over repeats."""

from __future__ import annotations

import math
from random import Random
from statistics import mean, stdev

import pytest

from advisor.record.mean_interval import half_width_90, t90


@pytest.mark.parametrize(
    ("free", "quantile"), [(1, 6.314), (2, 2.920), (10, 1.812), (20, 1.725), (60, 1.671), (1_000, 1.646)]
)
def test_students_t_as_tables_have_it(free: int, quantile: float) -> None:
    assert t90(free) == pytest.approx(quantile, rel=0.005)


@pytest.mark.parametrize("repeats", [2, 3, 5])
def test_nine_of_ten_intervals_of_a_few_repeats_hold_the_mean(repeats: int) -> None:
    rng = Random(repeats)
    inside = 0
    for _ in range(4_000):
        values = [rng.gauss(50.0, 3.0) for _ in range(repeats)]
        half = half_width_90(stdev(values) / math.sqrt(repeats), repeats)
        inside += abs(mean(values) - 50.0) <= half
    assert inside / 4_000 == pytest.approx(0.9, abs=0.015)


def test_one_repeat_has_no_interval() -> None:
    with pytest.raises(ValueError, match="1 repeats have no standard error"):
        half_width_90(1.0, 1)
