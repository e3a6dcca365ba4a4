"""A GPU may say how many: `2xA100`."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.spec.reading.gpu_and_count import gpu_and_count


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("2xA100", ("A100", 2)),
        ("A100x2", ("A100", 2)),
        ("2 x A100", ("A100", 2)),
        ("8*L40S", ("L40S", 8)),
        ("A100×4", ("A100", 4)),
        ("A100", ("A100", None)),
        ("RTX4090", ("RTX4090", None)),  # the x belongs to the name
        ("2xRTX4090", ("RTX4090", 2)),
        ("GTX1080", ("GTX1080", None)),
        ("Flex 170", ("Flex 170", None)),
        ("2x Flex 170", ("Flex 170", 2)),
        ("2xA100x2", ("2xA100x2", None)),  # counted twice: no such GPU will be found
        ("H100x2", ("H100", 2)),
        ("8 × MI300X", ("MI300X", 8)),
        ("mine.yaml", ("mine.yaml", None)),
    ],
)
def test_a_gpu_and_how_many(typed: str, read: tuple[str, int | None]):
    assert gpu_and_count(typed) == read


@pytest.mark.parametrize("typed", ["0xA100", "A100x0", "0 x A100"])
def test_no_gpu_at_all_is_no_count(typed: str):
    with pytest.raises(
        InputError, match=rf"^GPU '{typed}': 0 is not a number of GPUs; give 1 or more: 2xA100$"
    ):
        gpu_and_count(typed)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    count = None
    with contextlib.suppress(InputError):  # any other error is ours
        _, count = gpu_and_count(text)
    assert count is None or count > 0
