"""Metrics, the keys of their percentiles, and the kinds of load."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.spec.metrics import (
    LATENCIES,
    LATENCIES_MS,
    METRICS,
    RATES,
    LatencyMetric,
    MetricName,
    latency_key,
    latency_of_key,
    percentile_of,
)
from advisor.spec.workloads.load_kind import LOAD_CLASS, SPELLING, ArrivalKind, LoadKind, is_maximum


def test_every_metric_that_a_record_may_have_has_a_meaning() -> None:
    assert tuple(METRICS) == get_args(MetricName) == (*LATENCIES_MS, *RATES)
    assert all(metric.name == name and metric.meaning for name, metric in METRICS.items())


def test_latencies_are_in_milliseconds_and_rates_per_second() -> None:
    assert (
        [METRICS[name].latency for name in LATENCIES_MS] == list(LATENCIES) == list(get_args(LatencyMetric))
    )
    assert all(METRICS[name].latency is None and name.endswith("_per_s") for name in RATES)


def test_gaps_between_tokens_err_as_the_time_per_token_does() -> None:
    assert METRICS["itl_ms"].quantity == METRICS["tpot_ms"].quantity == "tpot"


@given(st.sampled_from(LATENCIES), st.one_of(st.just("mean"), st.integers(1, 99).map(lambda p: f"p{p}")))
def test_a_key_names_its_metric_and_its_statistic(metric: LatencyMetric, statistic: str) -> None:
    assert latency_of_key(latency_key(metric, statistic)) == (metric, statistic)


@pytest.mark.parametrize("key", ["capacity", "recovery", "goodput", "ttft_p95", "requests_per_s"])
def test_other_keys_are_no_latency(key: str) -> None:
    assert latency_of_key(key) is None


@given(st.integers(1, 9999))
def test_a_percentile_has_one_spelling(tenths: int) -> None:
    text = f"p{tenths / 100:.10g}"
    if tenths < 100:
        with pytest.raises(ValueError, match="neither mean nor a percentile"):
            percentile_of(text)
        return
    assert percentile_of(text) == tenths / 100
    with pytest.raises(ValueError, match="neither mean nor a percentile"):
        percentile_of(f"{text}0" if "." in text else f"{text}.0")


def test_every_kind_of_load_has_a_class_and_every_arrival_a_spelling() -> None:
    assert set(LOAD_CLASS) == set(get_args(LoadKind)) == {*get_args(ArrivalKind), "batch"}
    assert set(SPELLING) == set(get_args(ArrivalKind))
    assert [is_maximum(word) for word in (SPELLING["maximum"], " Maximum ", "8", "single")] == [
        *(True, True),
        *(False, False),
    ]
