"""Prediction: all that is expected of one deployment under one load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from advisor.cost.estimate import Estimate
from advisor.cost.step.bottleneck import Regime
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Load

Status = Literal["stable", "saturated", "backlogged", "does not fit"]
"""saturated: more clients of a closed loop than the batch holds; they wait, and each is served in time.
backlogged: an open loop asks for more than the capacity; no latency exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """What must fit on one GPU of the deployment, bytes; one replica."""

    weight_bytes: float
    overhead_bytes: float
    """CUDA context, graphs, activations at peak, NCCL."""
    kv_bytes: float
    """Left for the KV cache; negative means that it does not fit."""
    usable_bytes: float
    """Memory × gpu_memory_utilization."""
    max_context: int
    """Longest sequence that one request can hold; bounded by the model's own."""
    max_concurrency: int
    """Sequences of the load's mean length that fit at once, over all replicas."""

    @property
    def fits(self) -> bool:
        return self.max_concurrency >= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Expected behaviour of one deployment (all replicas together) under one load."""

    deployment: Deployment
    load: Load
    memory: MemoryPlan
    status: Status
    latency: Mapping[tuple[str, str], Estimate] = field(hash=False)
    """(metric, statistic) → ms: ("ttft", "mean"), ("tpot", "p99") …"""
    requests_per_s: Estimate | None
    output_tokens_per_s: Estimate | None
    capacity_requests_per_s: Estimate | None
    """The most it can serve; what saturation is judged against."""
    goodput_share: Estimate | None = None
    recovery: Estimate | None = None
    """Quantized ÷ BF16 over the workload's tasks; None = no evidence, refused a number."""
    recovery_note: str = ""
    regime_prefill: Regime | None = None
    regime_decode: Regime | None = None
    prefill_ms: Mapping[Regime, float] = field(default_factory=dict, hash=False)
    decode_ms: Mapping[Regime, float] = field(default_factory=dict, hash=False)
    """What one prompt, and one decode step, spends its time on."""
    nearest_evidence: str = ""
    batch: float | None = None
    """Mean sequences in a decode step."""
    kv_use: float | None = None
    """Share of the KV cache in use, averaged over time."""
