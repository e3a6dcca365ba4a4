"""Workload: what is asked of a deployment, and what must hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LatencyMetric = Literal["ttft", "tpot", "itl", "e2e"]
"""TTFT: request sent to first token. TPOT: (E2E − TTFT)/(output tokens − 1) per request, as vLLM
defines it. ITL: each gap between tokens, pooled over requests. E2E: request sent to last token."""

Statistic = str
"""`mean`, or a percentile `p50` … `p99`, `p99.9`."""

Objective = Literal["cost", "latency", "throughput", "accuracy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Token counts of a request's prompt or answer."""

    kind: Literal["constant", "uniform", "lognormal", "empirical"]
    mean: float
    std: float = 0.0
    low: int = 1
    high: int | None = None
    values: tuple[int, ...] = ()
    """For `empirical`: the counts themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How requests come."""

    kind: Literal["single", "concurrency", "rate", "maximum"]
    """single: one at a time. concurrency: closed loop, `value` in flight. rate: open loop, `value`
    requests per second. maximum: all queued at once, throughput is what counts."""
    value: float | None = None
    burstiness: float = 1.0
    """Gamma shape of the gaps as in vLLM bench: 1 = Poisson, smaller = burstier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked: lengths, arrival, how much of a prompt is already cached."""

    input_tokens: Lengths
    output_tokens: Lengths
    arrival: Arrival
    prefix_hit_rate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyLimit:
    """A limit on the distribution: `statistic` of `metric` must not exceed `max_ms`."""

    metric: LatencyMetric
    statistic: Statistic
    max_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodput:
    """Limits each request must keep by itself, and the share of requests that must keep them all."""

    ttft_ms: float | None = None
    tpot_ms: float | None = None
    e2e_ms: float | None = None
    min_share: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Accuracy that must be left: recovery = quantized score / BF16 score, averaged over `tasks`."""

    min_recovery: float | None = None
    tasks: tuple[str, ...] = ()
    """Benchmark names or families (`knowledge`, `reasoning`, `code`, `chat`, `long-context`,
    `instruction`); empty = the published averages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Load, limits, accuracy and aim of one use of a model."""

    name: str
    about: str
    """One line: what it stands for."""
    load: Load
    limits: tuple[LatencyLimit, ...] = ()
    goodput: Goodput | None = None
    quality: Quality = Quality()
    objective: Objective = "cost"
    gpu_count: Literal["smallest", "same", "free"] = "free"
    """smallest: each format takes its own smallest GPU count (the paper's synchronous tables).
    same: one count for all formats, the one BF16 needs (its asynchronous tables). free: searched."""
    price_list: str | None = None
    """A named list of prices (`paper-2024-10`); None = the catalog's default."""
