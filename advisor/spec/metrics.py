"""Metric: a speed figure with its unit, its definition and its name in other tools; keys of percentiles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

LatencyMetric = Literal["ttft", "tpot", "itl", "e2e"]
"""TTFT: request sent to first token. TPOT: (E2E − TTFT)/(output tokens − 1) per request, as vLLM
defines it. ITL: each gap between tokens, pooled over requests. E2E: request sent to last token."""

MetricName = Literal[
    "ttft_ms",
    "tpot_ms",
    "itl_ms",
    "e2e_ms",
    "requests_per_s",
    "output_tokens_per_s",
    "total_tokens_per_s",
]

Quantity = Literal["ttft", "tpot", "e2e", "throughput"]
"""What predictions are corrected by and intervals are made for: metrics of one quantity err alike."""

Statistic = str
"""`mean`, or a percentile `p50` … `p99`, `p99.9`."""

_PERCENTILE = re.compile(r"p([1-9][0-9]?(?:\.[0-9]{0,3}[1-9])?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A speed metric: its unit and definition, and what other tools call it."""

    name: MetricName
    unit: str
    quantity: Quantity
    meaning: str
    vllm: str = "–"
    guidellm: str = "–"
    aiperf: str = "–"
    seconds: str = "–"
    """In inference-perf and the llm-d report, which state seconds."""

    @property
    def latency(self) -> LatencyMetric | None:
        """`ttft` for `ttft_ms`; None for a rate."""
        return next((one for one in LATENCIES if self.name == f"{one}_ms"), None)


_METRICS = (
    Metric(
        name="ttft_ms",
        unit="ms",
        quantity="ttft",
        meaning="request sent to first token",
        vllm="`ttft`",
        guidellm="`time_to_first_token_ms`",
        aiperf="`time_to_first_token`",
        seconds="`time_to_first_token`",
    ),
    Metric(
        name="tpot_ms",
        unit="ms",
        quantity="tpot",
        meaning="(E2E − TTFT) ÷ (output tokens − 1) of one request; of requests with two tokens or more",
        vllm="`tpot`",
        guidellm="`inter_token_latency_ms` (its `time_per_output_token_ms` counts the first token in)",
        aiperf="`inter_token_latency`",
        seconds="`time_per_output_token`, not the `normalized_` one",
    ),
    Metric(
        name="itl_ms",
        unit="ms",
        quantity="tpot",
        meaning="gap between two tokens, the gaps of all requests pooled",
        vllm="`itl`",
        aiperf="`inter_chunk_latency`",
        seconds="`inter_token_latency`",
    ),
    Metric(
        name="e2e_ms",
        unit="ms",
        quantity="e2e",
        meaning="request sent to last token",
        vllm="`e2el`",
        guidellm="`request_latency`, in seconds",
        aiperf="`request_latency`",
        seconds="`request_latency`",
    ),
    Metric(
        name="requests_per_s",
        unit="1/s",
        quantity="throughput",
        meaning="requests answered per second of the whole run",
    ),
    Metric(
        name="output_tokens_per_s",
        unit="1/s",
        quantity="throughput",
        meaning="answer tokens per second of the whole run",
    ),
    Metric(
        name="total_tokens_per_s",
        unit="1/s",
        quantity="throughput",
        meaning="prompt and answer tokens per second",
    ),
)
METRICS: Mapping[MetricName, Metric] = {metric.name: metric for metric in _METRICS}
LATENCIES: tuple[LatencyMetric, ...] = get_args(LatencyMetric)
LATENCIES_MS: tuple[MetricName, ...] = tuple(metric.name for metric in _METRICS if metric.unit == "ms")
RATES: tuple[MetricName, ...] = tuple(metric.name for metric in _METRICS if metric.unit != "ms")
MEAN_LATENCIES: tuple[tuple[LatencyMetric, Statistic], ...] = (
    ("ttft", "mean"),
    ("tpot", "mean"),
    ("e2e", "mean"),
)
"""The means that every prediction has."""


def percentile_of(statistic: Statistic) -> float | None:
    """95.0 for `p95`, None for `mean`; ValueError for what is neither, or a second spelling (`p95.0`)."""
    if statistic == "mean":
        return None
    match = _PERCENTILE.fullmatch(statistic)
    if match is None:
        raise ValueError(f"statistic '{statistic}' is neither mean nor a percentile from p1 to p99.9999")
    return float(match[1])


def latency_key(metric: str, statistic: Statistic) -> str:
    """Key of a latency's statistic in files, profiles and documents: `ttft_p95_ms`."""
    return f"{metric}_{statistic}_ms"


def latency_of_key(key: str) -> tuple[str, Statistic] | None:
    """("ttft", "p95") for `ttft_p95_ms`; None for another key."""
    metric, _, statistic = key.removesuffix("_ms").partition("_")
    return (metric, statistic) if metric in LATENCIES and key.endswith("_ms") else None
