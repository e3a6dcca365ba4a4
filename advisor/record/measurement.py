"""Measurements: one published or own figure each, with every condition it depends on."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from advisor.spec.engines.kernel_choice import KvFormat
from advisor.spec.metrics import MetricName
from advisor.spec.parallelism import MAX_GPUS
from advisor.spec.workloads.load_kind import LoadKind
from advisor.units import MS_PER_S, S_PER_HOUR

Origin = Literal["published", "derived", "measured", "imported"]
"""derived: recovered from a finer printed figure (queries per dollar). measured: by our own tool."""
OWN_ORIGINS: tuple[Origin, ...] = ("measured", "imported")
"""Origins of a user's own records."""
LengthKind = Literal["constant", "distribution"]
Stage = Literal["quantize", "serve", "bench", "evaluate"]
FailureReason = Literal["out_of_memory", "unsupported", "crash", "timeout", "unsteady", "too_many_failures"]

_METRICS: frozenset[str] = frozenset(get_args(MetricName))
_LOADS: frozenset[str] = frozenset(get_args(LoadKind))
_LOADS_WITHOUT_VALUE = frozenset({"single", "maximum"})
_ORIGINS: frozenset[str] = frozenset(get_args(Origin))
_KV_FORMATS: frozenset[str] = frozenset(get_args(KvFormat))
_LENGTHS: frozenset[str] = frozenset(get_args(LengthKind))
_STAGES: frozenset[str] = frozenset(get_args(Stage))
_REASONS: frozenset[str] = frozenset(get_args(FailureReason))
_STATISTIC = re.compile(r"mean|p\d{1,2}(\.\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedMeasurement:
    """One speed figure. No money: cost is computed."""

    # of: all that must be equal to pool two rows
    model: str
    """Catalog name."""
    format: str
    """Canonical format name, as stored; how the GPU runs it follows from GPU and engine."""
    kv_format: KvFormat
    gpu: str
    """Catalog name."""
    num_gpus: int
    """Tensor parallel; one replica."""
    input_tokens: float
    output_tokens: float
    """Means over requests."""
    lengths: LengthKind
    load: LoadKind
    load_value: float | None
    """Concurrency, requests per second or batch size; None for single and maximum."""
    engine: str
    """`vllm`."""
    engine_version: str | None
    metric: MetricName
    statistic: str
    """`mean`, `p50`, `p99` …; throughputs are `mean`."""
    # seen
    value: float
    half_width: float | None
    """Half a unit of the last printed digit: the true value lies in value ± half_width."""
    samples: int | None
    stderr: float | None
    # who
    origin: Origin
    source: str
    """Table, card or run: `arXiv:2411.02355v4 Table 5`."""
    licence: str
    date: str | None
    conditions: str = ""
    """Engine arguments and harness, as the source states them."""
    suspect: str = ""
    """Why the fit leaves this row out; empty = sound."""
    printed: str = ""
    """The figure as its source prints it, in the metric's unit, where `value` was recovered from a
    finer one beside it (`origin` is then derived); empty = `value` is what is printed."""
    # the benchmark run, where it is known; see `row_run.run_of`
    requests: int | None = None
    """Sent in one repeat."""
    repeats: int | None = None
    input_std: float | None = None
    output_std: float | None = None
    """Standard deviations of the lengths over requests."""
    burstiness: float | None = None
    """Gamma shape of the gaps between an open loop's arrivals."""

    def __post_init__(self) -> None:
        if not (self.model and self.format and self.gpu and self.engine and self.source and self.licence):
            _refuse_empty(self, ("model", "format", "gpu", "engine", "source", "licence"))
        _one_of("kv_format", self.kv_format, _KV_FORMATS)
        _one_of("lengths", self.lengths, _LENGTHS)
        _one_of("load", self.load, _LOADS)
        _one_of("metric", self.metric, _METRICS)
        _one_of("origin", self.origin, _ORIGINS)
        known = _STATISTIC.fullmatch(self.statistic)
        if known is None or (self.statistic != "mean" and float(self.statistic[1:]) == 0):
            raise ValueError(f"statistic is '{self.statistic}'; mean or a percentile like p99")
        if (self.load_value is None) != (self.load in _LOADS_WITHOUT_VALUE):
            raise ValueError(f"load_value is {self.load_value} though load is '{self.load}'")
        _gpus(self.num_gpus)
        _positive("input_tokens", self.input_tokens)
        _positive("output_tokens", self.output_tokens)
        _positive("load_value", self.load_value)
        _positive("value", self.value)
        _positive("samples", self.samples)
        _not_negative("half_width", self.half_width)
        _not_negative("stderr", self.stderr)
        _positive("requests", self.requests)
        _positive("repeats", self.repeats)
        _not_negative("input_std", self.input_std)
        _not_negative("output_std", self.output_std)
        _positive("burstiness", self.burstiness)
        _dated(self.date)


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityMeasurement:
    """One benchmark score, higher is better; comparable only under the same protocol."""

    model: str
    format: str
    algorithm: str
    """`gptq`, `rtn`, `awq`, `smoothquant+gptq`, `autoround`, `none` (BF16)."""
    task: str
    metric: str
    protocol: str
    """Few-shot, filter, template: rows compare only when this is equal."""
    value: float
    baseline: float | None
    """The BF16 score under the same protocol, as the same source prints it."""
    stderr: float | None
    samples: int | None
    origin: Origin
    source: str
    licence: str
    date: str | None
    suspect: str = ""
    """Why the fit leaves this row out; empty = sound."""
    conditions: str = ""
    """What else shapes the score, as the source states it: group size, simulated kernels, engine."""
    printed_recovery_pct: float | None = None
    """Recovery in per cent where the source prints one; it may come from unrounded scores."""
    paired_stderr: float | None = None
    """Standard error of value - baseline over the same items, answered by both; None = items not paired."""

    def __post_init__(self) -> None:
        fields = ("model", "format", "algorithm", "task", "metric", "source", "licence")
        _refuse_empty(self, fields)
        _one_of("origin", self.origin, _ORIGINS)
        _finite("value", self.value)
        _finite("baseline", self.baseline)
        _finite("printed_recovery_pct", self.printed_recovery_pct)
        _not_negative("stderr", self.stderr)
        _not_negative("paired_stderr", self.paired_stderr)
        _positive("samples", self.samples)
        _dated(self.date)

    @property
    def recovery(self) -> float | None:
        """value / baseline; None when the source prints no baseline."""
        return None if not self.baseline else self.value / self.baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRun:
    """A run that ended without a result, and why: it teaches where the border lies."""

    model: str
    format: str
    kv_format: KvFormat
    gpu: str
    num_gpus: int
    max_context: int | None
    engine: str
    engine_version: str | None
    stage: Stage
    reason: FailureReason
    detail: str
    source: str
    date: str | None
    load: LoadKind | None = None
    """What it was asked for when it failed, with the means of the lengths; None before any load."""
    load_value: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None

    def __post_init__(self) -> None:
        _refuse_empty(self, ("model", "format", "gpu", "engine", "source"))
        if self.load is not None:
            _one_of("load", self.load, _LOADS)
        for name in ("load_value", "input_tokens", "output_tokens"):
            _positive(name, getattr(self, name))
        _one_of("kv_format", self.kv_format, _KV_FORMATS)
        _one_of("stage", self.stage, _STAGES)
        _one_of("reason", self.reason, _REASONS)
        _gpus(self.num_gpus)
        _positive("max_context", self.max_context)
        _dated(self.date)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedCost:
    """Queries per US dollar as a source prints them beside a speed figure: material for `check` only.

    Costs of ours are computed from speed and today's prices; this says which price the source used.
    """

    model: str
    format: str
    gpu: str
    num_gpus: int
    input_tokens: float
    output_tokens: float
    load: LoadKind
    metric: MetricName
    """`e2e_ms` for one query at a time, `requests_per_s` for maximum throughput."""
    value: float
    """The speed figure beside it, as printed, in the metric's unit."""
    half_width: float
    """Half a unit of the last printed digit of `value`."""
    queries_per_usd: float
    queries_half_width: float
    """Half a unit of the last printed digit of `queries_per_usd`."""
    usd_per_hour: float
    """The source's own price for `num_gpus` of this GPU, from its price table."""
    source: str
    licence: str
    suspect: str = ""
    """What is known to be wrong with the price; empty = it agrees."""

    def __post_init__(self) -> None:
        _refuse_empty(self, ("model", "format", "gpu", "source", "licence"))
        _one_of("load", self.load, _LOADS)
        _one_of("metric", self.metric, frozenset({"e2e_ms", "requests_per_s"}))
        _gpus(self.num_gpus)
        for name in ("input_tokens", "output_tokens", "value", "queries_per_usd", "usd_per_hour"):
            _positive(name, getattr(self, name))
        _not_negative("half_width", self.half_width)
        _not_negative("queries_half_width", self.queries_half_width)

    @property
    def implied_usd_per_hour(self) -> tuple[float, float]:
        """The lowest and highest price that the two printed figures agree on, their rounding included."""
        queries = (
            self.queries_per_usd - self.queries_half_width,
            self.queries_per_usd + self.queries_half_width,
        )
        low, high = self.value - self.half_width, self.value + self.half_width
        if self.metric == "requests_per_s":
            per_hour = (low * S_PER_HOUR, high * S_PER_HOUR)
        else:
            per_hour = (_ratio(S_PER_HOUR * MS_PER_S, high), _ratio(S_PER_HOUR * MS_PER_S, low))
        return max(per_hour[0], 0.0) / queries[1], _ratio(per_hour[1], queries[0])


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else math.inf


def _one_of(name: str, value: str, allowed: frozenset[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} is '{value}'; one of {', '.join(sorted(allowed))}")


def _gpus(count: int) -> None:
    if not 1 <= count <= MAX_GPUS:
        raise ValueError(f"num_gpus is {count}; a whole number from 1 to {MAX_GPUS:,}")


def _positive(name: str, value: float | None) -> None:
    if value is not None and not 0 < value < math.inf:
        raise ValueError(f"{name} is {value}; a finite number above 0")


def _not_negative(name: str, value: float | None) -> None:
    if value is not None and not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value}; a finite number, 0 or more")


def _finite(name: str, value: float | None) -> None:
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{name} is {value}; a finite number")


def _refuse_empty(record: object, names: tuple[str, ...]) -> None:
    for name in names:
        if not getattr(record, name):
            raise ValueError(f"{name} is empty")


def _dated(value: str | None) -> None:
    if value is None:
        return
    try:
        known = _DATE.fullmatch(value) is not None
        date.fromisoformat(value + "-01-01"[len(value) - 4 :])
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"date is '{value}'; write 2025-03-31, 2025-03 or 2025")
