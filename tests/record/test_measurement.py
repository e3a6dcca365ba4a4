"""Records refuse what cannot be a record."""

from __future__ import annotations

import math

import pytest

from tests.record import build


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": 0.0}, "value is 0.0; a finite number above 0"),
        ({"value": math.nan}, "value is nan; a finite number above 0"),
        ({"num_gpus": 0}, "num_gpus is 0; a whole number from 1 to 100,000"),
        ({"half_width": -1.0}, "half_width is -1.0; a finite number, 0 or more"),
        ({"source": ""}, "source is empty"),
        ({"load": "concurrency"}, "load_value is None though load is 'concurrency'"),
        ({"statistic": "p0"}, "statistic is 'p0'; mean or a percentile like p99"),
        ({"statistic": "p٩٩"}, "statistic is 'p٩٩'; mean or a percentile like p99"),
        ({"date": "2026-13"}, "date is '2026-13'; write 2025-03-31, 2025-03 or 2025"),
        ({"date": "2026-02-30"}, "date is '2026-02-30'; write 2025-03-31, 2025-03 or 2025"),
        ({"statistic": "p100"}, "statistic is 'p100'; mean or a percentile like p99"),
        ({"kv_format": "int8"}, "kv_format is 'int8'; one of 16bit, fp8"),
        ({"date": "yesterday"}, "date is 'yesterday'; write 2025-03-31, 2025-03 or 2025"),
    ],
)
def test_a_speed_figure_that_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        build.speed(**changes)


def test_a_score_needs_a_task_and_a_finite_value() -> None:
    with pytest.raises(ValueError, match="task is empty"):
        build.quality(task="")
    with pytest.raises(ValueError, match="value is inf; a finite number"):
        build.quality(value=math.inf)


def test_a_failure_needs_a_known_reason() -> None:
    with pytest.raises(ValueError, match="reason is 'tired'; one of crash, out_of_memory"):
        build.failure(reason="tired")


def test_recovery_needs_a_baseline() -> None:
    assert build.quality(value=81.2, baseline=82.8).recovery == pytest.approx(0.98068, abs=1e-5)
    assert build.quality(baseline=None).recovery is None
    assert build.quality(value=0.0, baseline=0.0).recovery is None


def test_the_price_that_latency_and_queries_per_dollar_agree_on() -> None:
    # 3600 / (24.5 s x 183) = 0.803 $/h; both are rounded
    low, high = build.cost().implied_usd_per_hour
    assert low == pytest.approx(3600 / (24.55 * 183.5))
    assert high == pytest.approx(3600 / (24.45 * 182.5))
    assert low < 0.80 < high


def test_the_price_that_a_rate_and_queries_per_dollar_agree_on() -> None:
    # 1.5 requests/s and 6800 queries per dollar: 0.794 $/h
    cost = build.cost(
        metric="requests_per_s",
        load="maximum",
        value=1.5,
        half_width=0.05,
        queries_per_usd=6800.0,
        queries_half_width=50.0,
    )
    low, high = cost.implied_usd_per_hour
    assert low == pytest.approx(1.45 * 3600 / 6850)
    assert high == pytest.approx(1.55 * 3600 / 6750)


def test_a_figure_that_rounds_to_nothing_leaves_the_price_open() -> None:
    cost = build.cost(
        metric="requests_per_s", load="maximum", value=0.04, half_width=0.05, queries_per_usd=0.4
    )
    assert cost.implied_usd_per_hour == (0.0, math.inf)
