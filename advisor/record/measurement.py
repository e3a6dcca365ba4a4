"""One number somebody saw, with everything that must be equal to pool it with another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Metric = Literal[
    "ttft_ms",
    "tpot_ms",
    "itl_ms",
    "e2e_ms",
    "requests_per_s",
    "output_tokens_per_s",
    "total_tokens_per_s",
]
LoadKind = Literal["single", "concurrency", "rate", "maximum", "batch"]
"""batch: a static batch, all started together (offline benchmarks)."""
Origin = Literal["published", "derived", "measured", "imported"]
"""derived: recovered from a finer printed figure (queries per dollar). measured: by our own tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedMeasurement:
    """One speed figure. No money: cost is computed."""

    # of: all that must be equal to pool two rows
    model: str
    """Catalog name."""
    format: str
    """Canonical format name, as stored; how the GPU runs it follows from GPU and engine."""
    kv_format: Literal["16bit", "fp8"]
    gpu: str
    """Catalog name."""
    num_gpus: int
    """Tensor parallel; one replica."""
    input_tokens: float
    output_tokens: float
    """Means over requests."""
    lengths: Literal["constant", "distribution"]
    load: LoadKind
    load_value: float | None
    """Concurrency, requests per second or batch size; None for single and maximum."""
    engine: str
    """`vllm`."""
    engine_version: str | None
    metric: Metric
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


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityMeasurement:
    """One benchmark score; comparable only under the same protocol."""

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

    @property
    def recovery(self) -> float | None:
        """value / baseline; None when the source prints no baseline."""
        return None if not self.baseline else self.value / self.baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRun:
    """A run that ended without a result, and why: it teaches where the border lies."""

    model: str
    format: str
    kv_format: Literal["16bit", "fp8"]
    gpu: str
    num_gpus: int
    max_context: int | None
    engine: str
    engine_version: str | None
    stage: Literal["quantize", "serve", "bench", "evaluate"]
    reason: Literal["out_of_memory", "unsupported", "crash", "timeout", "unsteady", "too_many_failures"]
    detail: str
    source: str
    date: str | None
