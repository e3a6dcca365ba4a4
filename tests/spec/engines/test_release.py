"""Releases of the engine, in their order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.spec.engines.release import holds_at, is_older, order

IN_ORDER = [
    "0.6",
    "0.6.4",
    "0.6.4.post1",
    "0.8.0rc1",
    "0.8.0",
    "0.8.5",
    "0.10.0",
    "0.11.1",
    "1.0.0.dev3",
    "1.0",
]


@pytest.mark.parametrize(("older", "newer"), list(pairwise(IN_ORDER)))
def test_releases_come_one_after_the_other(older: str, newer: str) -> None:
    assert is_older(older, newer)
    assert not is_older(newer, older)


@pytest.mark.parametrize("version", ["0.11.0", "0.11.0+cu128", "0.11.0-rocm", "0.11"])
def test_a_local_build_is_its_release(version: str) -> None:
    assert order(version) == order("0.11.0")


@pytest.mark.parametrize("version", ["", "latest", "v0.11", "0.11.", "0.11.0 ", "1.2.3.4.5"])
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(InputError, match="expected numbers and dots"):
        order(version)


RELEASES = st.sampled_from(IN_ORDER)


@given(since=RELEASES, until=RELEASES, version=RELEASES)
def test_a_row_holds_from_its_first_release_to_before_its_last(since: str, until: str, version: str) -> None:
    at = IN_ORDER.index
    row = {"since": since, "until": until}
    assert holds_at(row, version) == (at(since) <= at(version) < at(until))
    assert holds_at({"since": since}, since)
    assert not holds_at({"until": until}, until)
    assert holds_at({}, "any words")
