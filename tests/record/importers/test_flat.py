"""Flat results of benchmarks: keys with and without a unit, and what is no figure of a record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.record.importers.refuse_untrue_runs import LEAST_REQUESTS, growth
from advisor.record.importers.tools.shared_by_flat_formats import (
    NOT_RECORDED,
    empty_answers,
    figures,
    lengths,
    numbers,
    pace_drift,
    ttft_growth,
)


def read(**document: Any) -> dict[tuple[str, str], float]:
    return dict(figures(document)[0])


@pytest.mark.parametrize(
    ("key", "value", "name", "ms"),
    [
        ("mean_ttft_ms", 120.0, ("ttft_ms", "mean"), 120.0),
        ("median_tpot_ms", 8.0, ("tpot_ms", "p50"), 8.0),
        ("p99_itl_ms", 30.0, ("itl_ms", "p99"), 30.0),
        ("p99.9_e2el_ms", 900.0, ("e2e_ms", "p99.9"), 900.0),
        ("avg_e2e_latency_s", 2.5, ("e2e_ms", "mean"), 2_500.0),
        ("p95_ttft_s", 0.2, ("ttft_ms", "p95"), 200.0),
        ("mean_ttft", 0.2, ("ttft_ms", "mean"), 200.0),  # forks drop the unit and divide by 1000
    ],
)
def test_a_latency_with_its_unit_or_in_seconds(
    key: str, value: float, name: tuple[str, str], ms: float
) -> None:
    assert read(**{key: value}) == {name: pytest.approx(ms)}


def test_rates_under_each_of_their_names() -> None:
    assert read(request_throughput=2.0, output_throughput=256.0, total_throughput=900.0) == {
        ("requests_per_s", "mean"): 2.0,
        ("output_tokens_per_s", "mean"): 256.0,
        ("total_tokens_per_s", "mean"): 900.0,
    }


def test_a_key_with_its_unit_stands_over_one_without() -> None:
    assert read(mean_ttft=0.3, mean_ttft_ms=120.0) == {("ttft_ms", "mean"): 120.0}


def test_a_number_without_unit_that_would_outlast_the_run_is_not_taken() -> None:
    found, left = figures({"mean_ttft": 120.0, "duration": 60.0, "mean_tpot_ms": 8.0})
    assert dict(found) == {("tpot_ms", "mean"): 8.0}
    assert left == [("mean_ttft", "no unit, and as seconds 120 is longer than the run of 60 s")]


def test_what_no_record_has_a_place_for_is_named() -> None:
    _, left = figures(
        {"std_ttft_ms": 3.0, "request_goodput": 1.0, "max_ttft_ms": 9.0, "date": "x", "note": 3}
    )
    assert {key for key, _ in left} == {"std_ttft_ms", "request_goodput", "max_ttft_ms"}
    assert dict(left)["request_goodput"] == NOT_RECORDED


@given(st.dictionaries(st.text(max_size=12), st.none() | st.booleans() | st.text() | st.lists(st.integers())))
def test_keys_of_any_kind_are_read_past(document: dict[str, Any]) -> None:
    found, left = figures(document)
    assert dict(found) == {}
    assert all(isinstance(key, str) for key, _ in left)


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"output_lens": [128, 128, 127]}, "constant"),
        ({"output_lens": [128, 64]}, "distribution"),
        ({"total_output_tokens": 1_280}, "constant"),
        ({"total_output_tokens": 1_281}, "distribution"),
        ({}, "distribution"),
    ],
)
def test_answers_of_one_length_are_constant(document: dict[str, Any], kind: str) -> None:
    assert lengths(document, 10) == kind


def test_an_answer_without_a_token_and_without_an_error_is_counted() -> None:
    assert empty_answers({"output_lens": [128, 0, 0], "errors": ["", "", "timed out"]}) == 1
    assert empty_answers({"output_lens": [0, 0]}) == 2
    assert empty_answers({"output_lens": [0, 0], "errors": [""]}) == 2  # a list of another run's length
    assert empty_answers({"output_lens": "many"}) == 0


def test_numbers_of_a_list_leave_out_what_is_none() -> None:
    assert numbers([1, 2.5, None, "x", []]) == [1.0, 2.5]
    assert numbers({"a": 1}) == []


STARTS = [float(n) for n in range(LEAST_REQUESTS)]


def test_a_queue_that_grows_shows_in_the_first_tokens() -> None:
    growing = [0.1 + 0.05 * start for start in STARTS]
    found = ttft_growth({"start_times": STARTS, "ttfts": growing})
    assert found is not None
    assert found > 2
    assert ttft_growth({"start_times": STARTS, "ttfts": [0.1] * len(STARTS)}) == 1.0


def test_order_of_the_file_does_not_matter_to_the_growth() -> None:
    growing = [0.1 + 0.05 * start for start in STARTS]
    assert growth(STARTS[::-1], growing[::-1]) == growth(STARTS, growing)


def test_too_few_requests_or_lists_of_other_lengths_say_nothing() -> None:
    assert growth(STARTS[:-1], STARTS[:-1]) is None
    assert growth(STARTS, STARTS[:-1]) is None
    assert growth(STARTS, [0.0] * len(STARTS)) is None


def test_a_pace_is_the_time_of_an_answer_over_its_tokens() -> None:
    count = len(STARTS)
    steady = {
        "start_times": STARTS, "ttfts": [0.1] * count, "output_lens": [11] * count,
        "itls": [[0.01] * 10 for _ in STARTS],
    }  # fmt: skip
    assert pace_drift(steady) == pytest.approx(1.0)
    slower = {**steady, "itls": [[0.01 * (1 + start)] * 10 for start in STARTS]}
    drift = pace_drift(slower)
    assert drift is not None
    assert drift > 2
    assert pace_drift({**steady, "itls": [[0.01]]}) is None
