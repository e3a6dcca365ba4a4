"""Seconds of one kernel: the two limits of a matrix product, and the three of an all-reduce."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.kernels.formulas import all_reduce_s, overlapped_s

SECONDS = st.floats(1e-7, 1.0)


def array(*values: float) -> np.ndarray:
    return np.array(values)


@given(read=SECONDS, multiply=SECONDS, sharpness=st.floats(1.0, 6.0))
def test_a_product_takes_at_least_the_longer_of_reading_and_multiplying_and_at_most_both(
    read: float, multiply: float, sharpness: float
):
    took = overlapped_s(array(read), array(multiply), array(sharpness))[0]
    assert max(read, multiply) * (1 - 1e-12) <= took <= (read + multiply) * (1 + 1e-12)


def test_a_product_without_operations_is_read_in_full():
    assert overlapped_s(array(2.0, 0.0, 0.0), array(0.0, 3.0, 0.0), array(2.0, 2.0, 2.0)).tolist() == [
        2.0,
        3.0,
        0.0,
    ]


@given(size=st.floats(1.0, 1e9), more=st.floats(1.0, 1e9))
def test_a_larger_all_reduce_is_never_faster(size: float, more: float):
    sizes = array(size, size + more)
    took = all_reduce_s(sizes, array(5e-6), array(1 / 200e9), array(1.3e-16))
    assert took[0] <= took[1]


def test_all_reduces_of_eight_h100_by_hand():
    # vLLM 0.24 in a CUDA graph: 5.1 µs at 8 KiB, 15 at 1 MiB, 51 at 8 MiB, 344 at 64 MiB
    sizes = array(2**13, 2**20, 2**23, 2**26)
    took = all_reduce_s(sizes, array(4.6e-6), array(1 / 195e9), array(1.0e-16))
    assert took == pytest.approx([5.1e-6, 15e-6, 51e-6, 344e-6], rel=0.15)
