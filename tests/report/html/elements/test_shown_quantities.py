"""The quantities of a page: each with its unit, its limit and what it reads of an answer."""

from __future__ import annotations

import pytest

from advisor.report.html.elements.shown_quantities import Quantity, quantities
from advisor.spec.workloads.workload import Arrival, LatencyLimit, Quality, Workload
from tests.advise.builders import around, assessed, deployment, llama_8b, prediction, workload

RATE = Arrival(kind="rate", value=2.0)
LIMITS = (
    LatencyLimit(metric="ttft", statistic="p95", max_ms=300.0),
    LatencyLimit(metric="e2e", statistic="p50", max_ms=9_000.0),
)


def of(under: Workload) -> dict[str, Quantity]:
    return {one.key: one for one in quantities(under, llama_8b())}


def test_a_latency_is_of_the_statistic_that_its_limit_is_on_and_else_of_the_mean() -> None:
    made = of(workload(arrival=RATE, limits=LIMITS))
    assert [key for key in made if key.endswith("_ms")] == ["ttft_p95_ms", "tpot_mean_ms", "e2e_p50_ms"]
    assert (made["ttft_p95_ms"].name, made["ttft_p95_ms"].unit) == ("TTFT p95", "ms")


def test_a_whole_request_is_told_in_seconds_with_its_limit() -> None:
    e2e = of(workload(limits=LIMITS))["e2e_p50_ms"]
    assert (e2e.unit, e2e.limit, e2e.limit_text) == ("s", 9.0, "limit 9 s")


def test_an_open_loop_must_carry_its_rate_and_a_closed_one_has_a_throughput() -> None:
    opened = of(workload(arrival=RATE))["capacity_requests_per_s"]
    assert (opened.at_least, opened.limit_text) == (2.0, "at least 2 requests/s")
    closed = of(workload())
    assert "capacity_requests_per_s" not in closed
    assert closed["requests_per_s"].limit_text == ""


def test_all_at_once_has_no_latency() -> None:
    made = of(workload(arrival=Arrival(kind="maximum")))
    assert not any(key.endswith("_ms") for key in made)
    assert "usd_per_million_output_tokens" in made


@pytest.mark.parametrize(("floor", "text"), [(None, ""), (0.9875, "at least 98.75 %")])
def test_a_recovery_floor_is_told_in_per_cent(floor: float | None, text: str) -> None:
    quality = Quality() if floor is None else Quality(min_recovery=floor)
    assert of(workload(quality=quality))["recovery"].limit_text == text


def test_each_quantity_reads_its_figure_in_its_unit() -> None:
    under = workload(arrival=RATE, limits=LIMITS)
    made = assessed(
        prediction(
            deployment(),
            under=under,
            latency_ms={("ttft", "p95"): around(200.0), ("e2e", "p50"): around(4_000.0)},
            capacity=6.0,
            recovery=around(0.98, 0.01),
        ),
        under,
    )
    read = {key: q.read(made) for key, q in of(under).items()}
    values = {key: None if e is None else round(e.value, 4) for key, e in read.items()}
    assert values["ttft_p95_ms"] == 200.0
    assert values["tpot_mean_ms"] == 20.0
    assert values["e2e_p50_ms"] == 4.0  # seconds
    assert values["capacity_requests_per_s"] == 6.0
    assert values["recovery"] == 98.0  # per cent
    # 0.80 USD an hour for 2 requests a second of 256 tokens
    assert values["usd_per_million_output_tokens"] == pytest.approx(0.8 / 3_600 / 512 * 1e6, abs=1e-4)
    assert values["usd_per_thousand_queries"] == pytest.approx(0.8 / 3_600 / 2 * 1_000, abs=1e-4)


def test_what_is_not_known_is_not_read() -> None:
    under = workload(arrival=RATE)
    made = assessed(prediction(deployment(gpu="H100"), under=under), under)
    read = {key: q.read(made) for key, q in of(under).items()}
    assert read["usd_per_million_output_tokens"] is None  # no price of an H100 here
    assert read["recovery"] is None
