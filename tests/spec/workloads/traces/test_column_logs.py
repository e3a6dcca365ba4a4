"""Columns of request logs: which name stands for which fact, and what is no count and no time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import DataError, InputError
from advisor.spec.workloads.traces.column_logs import (
    Columns,
    count,
    folded,
    instant,
    read_columns,
    spans_of,
    usage_of_span,
)

LOG = Path("log.csv")


@pytest.mark.parametrize(
    ("names", "prompt", "answer", "time", "form"),
    [
        (["TIMESTAMP", "ContextTokens", "GeneratedTokens"], "ContextTokens", "GeneratedTokens", "TIMESTAMP",
         "azure"),
        (["Timestamp", "Model", "Request tokens", "Response tokens"], "Request tokens", "Response tokens",
         "Timestamp", "burstgpt"),
        (["startTime", "prompt_tokens", "completion_tokens"], "prompt_tokens", "completion_tokens",
         "startTime", "columns"),
        (["input-len", "output len"], "input-len", "output len", None, "columns"),
    ],
)  # fmt: skip
def test_the_names_of_known_logs(
    names: list[str], prompt: str, answer: str, time: str | None, form: str
) -> None:
    columns = Columns(names)
    assert columns.found
    assert (columns.prompt, columns.answer, columns.time, columns.format) == (prompt, answer, time, form)


@given(st.text())
def test_a_name_is_folded_to_small_letters_and_digits(name: str) -> None:
    assert folded(folded(name)) == folded(name)
    assert all(one.isdigit() or one.islower() for one in folded(name))


def test_a_log_without_answers_says_which_column_is_missing() -> None:
    with pytest.raises(InputError, match=r"^log.csv:1: no column of answer tokens among t, prompt_tokens"):
        read_columns("t,prompt_tokens\n1,2\n", LOG)
    with pytest.raises(InputError, match="no column of prompt tokens among t, out"):
        read_columns("t,out\n1,2\n", LOG)


def test_a_count_that_is_none_is_told_with_its_line() -> None:
    with pytest.raises(
        DataError, match=r"^log.csv:3: .*'many', not a number of tokens; correct or delete the line"
    ):
        read_columns("t,prompt_tokens,output_tokens\n1,512,64\n2,many,64\n", LOG)


def test_the_requests_of_a_log() -> None:
    found = read_columns("timestamp,prompt_tokens,output_tokens\n10,512,64\n12.5,1e3,32\n", LOG)
    assert [(r.input_tokens, r.output_tokens) for r in found.requests] == [(512, 64), (1_000, 32)]
    assert found.format == "columns"


@pytest.mark.parametrize(
    ("value", "tokens"), [(512, 512), ("512", 512), (512.0, 512), ("1e3", 1_000), (0, 0)]
)
def test_a_count_is_a_whole_number_as_number_or_text(value: Any, tokens: int) -> None:
    assert count(value, "log:1", "input_tokens") == tokens


@pytest.mark.parametrize("value", [None, -1, 1.5, "1.5", "", "nan", "inf", True, [], 1e9, "9" * 400])
def test_what_is_no_count(value: Any) -> None:
    with pytest.raises(DataError, match=r"^log:1: input_tokens is "):
        count(value, "log:1", "input_tokens")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (12.5, 12.5),
        ("12.5", 12.5),
        ("1e3", 1_000.0),
        (1_700_000_000, 1_700_000_000.0),
        (1_700_000_000_123, 1_700_000_000.123),  # milliseconds
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01 00:00:10", 10.0),  # without a zone: UTC
        ("1970-01-01T01:00:10+01:00", 10.0),
        ("1970-01-01 00:00:10.1234567", 10.123456),  # Azure's seven decimals
        ("1970-01-01 00:00:10.5", 10.5),
    ],
)
def test_a_time_is_seconds_milliseconds_or_iso_text(value: Any, seconds: float) -> None:
    assert instant(value, "log:1") == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize("value", ["soon", "", "12:00", None, True, [], "2024-13-01", 1e300])
def test_what_is_no_time(value: Any) -> None:
    with pytest.raises(DataError, match=r"^log:1: time .* is neither an ISO time nor a number"):
        instant(value, "log:1")


@given(
    st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2100, 1, 1)),
    st.integers(-12 * 60, 14 * 60),
)
def test_iso_text_is_the_instant_whatever_its_zone(moment: datetime, minutes: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert instant(zoned.isoformat(), "log:1") == pytest.approx(zoned.timestamp(), abs=1e-6)


SPAN = {
    "spanId": "1",
    "startTimeUnixNano": "1700000000500000000",
    "attributes": [
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "512"}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "64"}},
    ],
}


def test_a_span_of_otlp_and_one_of_an_exporter_say_the_same() -> None:
    flat = {
        "span_id": "1",
        "start_time_unix_nano": 1_700_000_000_500_000_000,
        "attributes": {"llm.usage.prompt_tokens": "512", "gen_ai.usage.completion_tokens": "64"},
    }
    expected = {
        "timestamp": 1_700_000_000.5,
        "prompt_tokens": "512",
        "completion_tokens": "64",
        "cached_tokens": None,
    }
    assert usage_of_span(SPAN) == usage_of_span(flat) == expected


def test_a_span_of_something_else_is_no_request() -> None:
    assert usage_of_span({"spanId": "1", "attributes": {"http.method": "POST"}}) is None
    assert usage_of_span({"spanId": "1", "attributes": 7}) is None


def test_spans_are_found_in_the_entry_of_a_resource() -> None:
    entry = {"scopeSpans": [{"spans": [SPAN, {"name": "no attributes"}]}, "odd", {"spans": None}]}
    assert spans_of(entry) == [SPAN]
    assert spans_of(SPAN) == [SPAN]
    assert spans_of({"prompt_tokens": 1}) == []
