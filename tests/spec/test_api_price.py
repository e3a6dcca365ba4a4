"""What people write for the price of an API, and what it makes of a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.spec.api_price import MAX_USD_PER_MILLION, ApiPrice, read_api_price
from advisor.spec.reading.given_value import Given
from tests.spec.build_workloads import api_prices


def read(value: object) -> ApiPrice:
    return read_api_price(Given(value=value, where="--api-price"))


TWO = ApiPrice(prompt=0.2, answer=0.6)
THREE = ApiPrice(prompt=0.2, cached=0.02, answer=0.6)


@pytest.mark.parametrize(
    "text",
    [
        "0.20/0.60", "$0.20/$0.60", ".2/.6", "0.2, 0.6", "0.2:0.6", "0.2 0.6", " 0.2 / 0.6 ", "USD 0.2/0.6",
        "in=0.2,out=0.6", "output 0.6, input 0.2", "$0.20 in / $0.60 out", "prompt: 0.2; answer: 0.6",
        "$0.20/M input, $0.60/M output", "0.20/1M tokens in, 0.60/1M tokens out", "0.0002/1K / 0.0006/1K",
        "0.20 per million input tokens, 0.60 per million output tokens", "2e-1/6e-1",
        {"prompt": 0.2, "answer": 0.6},
    ],
)  # fmt: skip
def test_two_prices_are_of_prompt_and_answer_tokens(text: object) -> None:
    assert read(text) == TWO


@pytest.mark.parametrize(
    "text",
    [
        "0.20/0.02/0.60", "$0.20 / $0.02 / $0.60", "in 0.2 out 0.6 cached 0.02",
        "$0.20 input, $0.02 cached input, $0.60 output", "input 0.2, cache read 0.02, output 0.6",
        {"prompt": 0.2, "cached": 0.02, "answer": 0.6},
    ],
)  # fmt: skip
def test_of_three_the_one_in_the_middle_is_of_cached_prompt_tokens_as_price_pages_have_it(
    text: object,
) -> None:
    assert read(text) == THREE


@pytest.mark.parametrize("value", ["0.9", "$0.90", "0.90/M", 0.9])
def test_one_price_is_of_all_tokens(value: object) -> None:
    assert read(value) == ApiPrice(prompt=0.9, answer=0.9)


@pytest.mark.parametrize(
    "text",
    [
        "x", "", "   ", "0.2/", "/0.6", "0.2//0.6", "0,2/0,6", "-1/2", "nan/1", "inf/1", "in=0.2", "0.2/x",
        "0.2-0.6",
        "in=0.2,in=0.6", "in=0.2,0.6", "0.1/0.2/0.3/0.4", "0.2/0.6 EUR", "£0.2/0.6", "0.2/0.6\n0.3", "0/0",
        "1e99/1", "0.2/0.6/0.02", True, None, [0.2, 0.6], {"prompt": 1}, {"prompt": 1, "answer": 2, "x": 3},
        {"prompt": -1, "answer": 2}, {"prompt": "a", "answer": 2}, 0, -1, float("nan"), float("inf"),
        "9" * 400,
    ],
)  # fmt: skip
def test_the_rest_is_one_line_that_names_the_option(text: object) -> None:
    with pytest.raises(InputError, match=r"^--api-price: ") as caught:
        read(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_dearer_cached_price_is_a_slip_in_the_order() -> None:
    with pytest.raises(InputError, match="the order is prompt/cached/answer"):
        read("0.2/0.6/0.02")


@given(st.text(max_size=30))
def test_any_text_is_a_price_or_an_input_error(text: str) -> None:
    try:
        price = read(text)
    except InputError:
        return
    assert 0 <= price.prompt <= MAX_USD_PER_MILLION


@given(api_prices)
def test_what_is_written_reads_back(price: ApiPrice) -> None:
    assert read(str(price)) == price


def test_a_request_costs_its_tokens() -> None:
    # 512 prompt tokens at 0.20 and 256 answer tokens at 0.60 USD per million
    assert TWO.usd_per_request(512, 256) == pytest.approx((512 * 0.20 + 256 * 0.60) / 1e6)
    # half of the prompt comes from the cache, at a tenth of the price
    assert THREE.usd_per_request(1000, 0, 0.5) == pytest.approx((500 * 0.20 + 500 * 0.02) / 1e6)


def test_without_a_price_of_cached_tokens_they_cost_as_much_as_others() -> None:
    assert TWO.usd_per_request(512, 256, 0.9) == TWO.usd_per_request(512, 256)
