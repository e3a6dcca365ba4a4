"""Normal quantiles of arrays are those of the standard library."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.normal_quantiles import median_of_largest, normal_quantile


@given(st.floats(1e-9, 1 - 1e-9))
def test_a_quantile_is_that_of_the_standard_library(share: float) -> None:
    assert normal_quantile(np.array([share]))[0] == pytest.approx(NormalDist().inv_cdf(share), abs=1e-9)


def test_known_quantiles() -> None:
    found = normal_quantile(np.array([0.05, 0.5, 0.95, 0.975, 0.999]))
    np.testing.assert_allclose(found, [-1.6448536, 0, 1.6448536, 1.9599640, 3.0902323], atol=1e-7)


def test_the_ends_are_finite() -> None:
    low, high = normal_quantile(np.array([0.0, 1.0]))
    assert (low, high) == (pytest.approx(-5.9978, abs=1e-4), pytest.approx(5.9978, abs=1e-4))


@pytest.mark.parametrize("count", [1, 2, 10, 1000])
def test_the_largest_of_so_many_is_below_its_median_half_of_the_time(count: int) -> None:
    # All `count` numbers are below x with probability Phi(x)^count.
    median = median_of_largest(np.array([float(count)]))[0]
    assert NormalDist().cdf(median) ** count == pytest.approx(0.5)
