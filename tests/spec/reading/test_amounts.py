"""Amounts with units, as people type them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.spec.reading.amounts import count, per_second, plain_number, share, tokens, usd_per_hour


@pytest.mark.parametrize(
    ("text", "usd"),
    [
        ("5", 5.0),
        ("$2.5/h", 2.5),
        ("2.5 USD per hour", 2.5),
        ("60/day", 2.5),
        ("$7,300/month", 10.0),
        ("87600/year", 10.0),
        (".5$/hr", 0.5),
    ],
)
def test_money_is_read_per_hour(text: str, usd: float) -> None:
    assert usd_per_hour(text, where="--budget") == pytest.approx(usd)


@pytest.mark.parametrize("text", ["", "free", "5/fortnight", "-3", "5//h", "٣"])
def test_what_is_no_amount_of_money_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--budget: .* is not an amount of money; write 5"):
        usd_per_hour(text, where="--budget")


@pytest.mark.parametrize(
    ("text", "count"),
    [("32k", "32000"), ("1.5K", "1500"), ("2M", "2000000"), ("512", "512"), ("many", "many")],
)
def test_tokens_take_k_and_m(text: str, count: str) -> None:
    assert tokens(text) == count


@pytest.mark.parametrize(
    ("text", "per_s"),
    [
        ("5", 5.0),
        ("5/s", 5.0),
        ("2.5 rps", 2.5),
        ("300/min", 5.0),
        ("300rpm", 5.0),
        ("90 req/min", 1.5),
        ("10 requests per second", 10.0),
        ("86.4k/day", 1.0),
        ("1.8M/hour", 500.0),
    ],
)
def test_a_rate_is_read_per_second(text: str, per_s: float) -> None:
    assert per_second(text) == pytest.approx(per_s)


@pytest.mark.parametrize("text", ["", "5m", "3min", "5/fortnight", "-1", "nan", "5x", "٣", "five"])
def test_what_is_no_rate_stays_as_it_is(text: str) -> None:
    assert per_second(text) == text


@pytest.mark.parametrize("value", [0.97, 97, "0.97", "97", "97%", "97 %", " 97.0 % ", ".97"])
def test_a_share_may_be_per_cent(value: object) -> None:
    assert share(value) == 0.97


@pytest.mark.parametrize(("value", "same"), [(1.5, 1.5), ("9", 9.0), (101, 101), ("x", "x"), (True, True)])
def test_a_number_between_one_and_ten_is_no_share_and_no_per_cent(value: object, same: object) -> None:
    assert share(value) == same


@given(st.floats(0.1, 1))
def test_a_share_written_in_per_cent_is_the_same_share(value: float) -> None:
    assert share(f"{100 * value:.10g} %") == pytest.approx(value, rel=1e-9)


def test_a_count_takes_k() -> None:
    assert (count("1k"), count("50"), count("many"), count(7)) == (1000, 50, "many", 7)


@given(st.text(max_size=30))
def test_any_text_is_a_price_or_refused_in_one_line(text: str) -> None:
    try:
        usd = usd_per_hour(text, where="x")
    except InputError:
        usd = 0.0
    assert usd >= 0


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12.0), (" 1.5e3 ", 1500.0), ("-3", -3.0), (".5", 0.5), ("inf", math.inf)]
    + [(text, None) for text in ("1_0", "٣", "８", "", " ", "1,000", "0x10", "1/2", "one", "½")],
)
def test_the_number_of_a_cell_has_ascii_digits_and_no_separators(text: str, number: float | None) -> None:
    assert plain_number(text) == number
