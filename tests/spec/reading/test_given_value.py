"""A value that a user wrote is read strictly: wrong ones end in one line with place, finding and remedy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.spec.reading.given_value import Given

SLO = Given(
    value={"ttft_p95_ms": 500},
    where="mine.yaml",
    path=("slo",),
    lines={("slo",): 3, ("slo", "ttft_p95_ms"): 4},
)


def a(value: object) -> Given:
    return Given(value=value, where="--rate")


def refusal(read: Callable[[Given], object], value: object) -> str:
    """The line that the value is refused with; empty where it is taken."""
    try:
        read(a(value))
    except InputError as error:
        return str(error)
    return ""


def test_an_entry_keeps_its_own_line_and_path():
    entry = SLO.mapping()["ttft_p95_ms"]
    assert str(entry.error("too low")) == "mine.yaml:4: slo.ttft_p95_ms: too low"
    assert str(SLO.child("e2e", 1).error("no")) == "mine.yaml: slo.e2e: no"  # a line that no file has


def test_an_unknown_key_names_the_nearest_or_all():
    with pytest.raises(InputError, match=r"^mine.yaml:4: slo: unknown key 'ttft_p95_ms'; did you mean 'ttft"):
        SLO.keys(["ttft_p99_ms", "e2e_p99_ms"])
    with pytest.raises(InputError, match=r"known keys: a, b$"):
        SLO.keys(["a", "b"])


@pytest.mark.parametrize(
    ("read", "value", "line"),
    [
        (Given.number, True, "--rate: expected a number, found true"),
        (Given.number, None, "--rate: expected a number, found empty"),
        (Given.number, "4", "--rate: expected a number, found '4'"),
        (Given.number, float("nan"), "--rate: expected a finite number, found nan"),
        (lambda g: g.number(above=0.0, unit="ms"), 0, "--rate: expected a number above 0 ms, found 0"),
        (
            lambda g: g.number(high=1e6),
            1e7,
            "--rate: expected a number of at most 1,000,000, found 10000000.0",
        ),
        (lambda g: g.number(above=0, unit="ms"), 1e-320, "of at least 1e-09 ms, found 1e-320"),
        (lambda g: g.share(above=0), 1e-320, "expected a share above 0 and up to 1"),
        (lambda g: g.number(high=9), 10**40, "of at most 9, found a number of 41 digits"),
        (lambda g: g.whole(low=1, high=8), 1.5, "--rate: expected a whole number, found 1.5"),
        (Given.text, "two\nlines", "--rate: expected one line, found several"),
        (Given.text, "bell\a", "--rate: has control characters; write plain text"),
        (Given.text, "  ", "--rate: expected a text, found '  '"),
        (Given.items, {"a": 1}, "--rate: expected a list, found a mapping"),
        (Given.mapping, [1], "--rate: expected 'key: value' lines, found a list"),
        (lambda g: g.choice(["cost", "latency"]), "cots", "unknown value 'cots'; did you mean 'cost'?"),
        (Given.share, 1.5, "expected a share from 0 to 1, such as 0.97 or 97%, found 1.5"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(read: Callable[[Given], object], value: object, line: str):
    with pytest.raises(InputError) as refused:
        read(a(value))
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_whole_number_may_be_written_as_512_0():
    assert a(512.0).whole(low=1, high=1000) == 512


@given(st.floats(0.02, 1.0))
def test_a_share_and_its_per_cent_are_the_same(share: float):
    assert a(f"{100 * share!r}%").share() == pytest.approx(share)
    assert a(share).share() == share


@settings(max_examples=60)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x, max_size=3)))
def test_no_value_of_any_kind_makes_more_than_a_short_line(value: object):
    refused = [refusal(read, value) for read in (Given.number, Given.text, Given.mapping, Given.share)]
    assert all(len(line) < 160 and line.isprintable() for line in refused)
    assert any(refused)  # no value is a number, a text, a mapping and a share


def test_a_fact_that_cannot_be_is_the_users_line():
    def make() -> None:
        raise ValueError("600.0 is outside its own interval")

    with pytest.raises(InputError, match=r"^--rate: 600\.0 is outside its own interval$"):
        a(1).build(make)
