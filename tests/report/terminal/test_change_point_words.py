"""Each assumption whose change would change the choice, in the words of a row."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advise.sensitivity.change_point import Flip
from advisor.advise.sensitivity.change_points import EXACT
from advisor.report.terminal.change_point_words import HEADS, flip_rows, name
from tests.advise.builders import deployment

INT4, INT8 = deployment(fmt="int4"), deployment(fmt="int8", replicas=2)
RATE = Flip(
    assumption="request rate",
    unit="requests/s",
    now=5.0,
    at=8.0,
    low=6.5,
    high=11.0,
    basis="fitted",
    why="objective",
    to=INT8,
)


def row(**changed: object) -> dict[str, str]:
    flip = replace(RATE, **changed)  # type: ignore[arg-type]
    [cells] = flip_rows(INT4, [flip])
    return dict(zip(HEADS, cells, strict=True))


def test_a_row_has_the_value_now_and_then_its_interval_and_what_is_first_then() -> None:
    assert row() == {
        "assumption": "request rate, requests/s",
        "now": "5",
        "changes at": "above 8",
        "90 % interval": "6.5–11",
        "first then": "int8 on 2 replicas of 1× A6000",
        "because": "int8 on A6000 becomes the better one",
        "basis": "fitted",
    }


def test_a_bill_that_grew_before_the_change_is_said() -> None:
    grown = row(before=INT4.times(3), usd_per_hour_before=2.67)
    assert grown["because"].endswith("; until then 2.67 USD/h")
    unpriced = row(before=INT4.times(3))
    assert unpriced["because"].endswith("; until then int4 on 3 replicas of 1× A6000")
    assert "until then" not in row(before=INT4, usd_per_hour_before=0.89)["because"]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"low": None}, "up to 11"),
        ({"high": None}, "from 6.5 on"),
        ({"low": None, "high": None}, "may lie anywhere"),
        ({"low": 8.0, "high": 8.0}, "8"),
        ({"basis": EXACT}, "exact"),
    ],
)
def test_an_open_end_of_an_interval_is_said_not_invented(changed: dict[str, object], text: str) -> None:
    assert row(**changed)["90 % interval"] == text


@pytest.mark.parametrize(
    ("assumption", "unit", "text"),
    [
        ("ttft_p95_ms", "ms", "limit on TTFT p95, ms"),
        ("goodput e2e_ms", "ms", "goodput limit on E2E, ms"),
        ("goodput min_share", "", "requests that must keep the goodput limits, %"),
        ("min_recovery", "", "recovery floor, %"),
        ("price of H100", "USD per GPU-hour", "price of H100, USD per GPU-hour"),
        ("burstiness", "", "burstiness (1 = Poisson, less = burstier)"),
    ],
)
def test_every_assumption_is_named_with_its_unit(assumption: str, unit: str, text: str) -> None:
    assert name(replace(RATE, assumption=assumption, unit=unit)) == text


def test_shares_are_told_in_per_cent() -> None:
    made = row(assumption="min_recovery", now=0.97, at=0.9932, low=0.9899, high=1.0)
    assert (made["now"], made["changes at"], made["90 % interval"]) == ("97", "above 99.32", "98.99–100")


def test_a_limit_that_was_not_asked_can_only_be_set() -> None:
    made = row(assumption="ttft_p95_ms", unit="ms", now=None, at=300.0)
    assert (made["now"], made["changes at"]) == ("none", "above 300")


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"why": "replicas", "whose": "first"}, "int4 on A6000 takes another replica"),
        ({"why": "replicas", "whose": "other"}, "int8 on A6000 takes a replica less"),
        ({"why": "limit", "whose": "first", "limit": "tpot_p99_ms"}, "int4 on A6000 misses TPOT p99"),
        ({"why": "limit", "whose": "other", "limit": "tpot_p99_ms"}, "int8 on A6000 keeps TPOT p99"),
        ({"why": "limit", "whose": "first", "limit": "memory"}, "int4 on A6000 no longer fits"),
        ({"why": "limit", "whose": "other", "limit": "memory"}, "int8 on A6000 fits"),
        ({"why": "limit", "whose": "first", "limit": "budget"}, "int4 on A6000 misses the budget"),
    ],
)
def test_the_reason_names_whose_limit_or_replicas_decide(changed: dict[str, object], text: str) -> None:
    assert row(**changed)["because"] == text


def test_where_nothing_keeps_the_limits_then_it_is_said() -> None:
    assert row(to=None)["first then"] == "nothing keeps the limits"


@given(st.floats(0.01, 100), st.floats(1.01, 8))
def test_a_value_is_as_far_from_its_half_as_from_its_double(now: float, factor: float) -> None:
    up, down = replace(RATE, now=now, at=now * factor), replace(RATE, now=now, at=now / factor)
    assert up.distance == pytest.approx(down.distance)
    assert (up.above, down.above) == (True, False)


def test_of_a_share_the_distance_is_that_of_what_it_leaves() -> None:
    # from 1 % of loss to 0.5 %: a factor of two, as from 0.5 % to 1 %
    tighter = replace(RATE, assumption="min_recovery", now=0.99, at=0.995)
    looser = replace(RATE, assumption="min_recovery", now=0.995, at=0.99)
    assert tighter.distance == pytest.approx(looser.distance) == pytest.approx(0.6931, abs=1e-3)
    assert replace(RATE, now=None).distance == float("inf")
