"""Prediction: all that is expected of one deployment under one load, and its making from a row of the
table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.estimate_with_interval import Basis, Estimate
from advisor.cost.predict.deployment_table import DeploymentTable
from advisor.cost.predict.nearest_measurements import EvidenceIndex
from advisor.cost.predict.own_measurements import OtherEngine
from advisor.cost.predict.prediction_table import PredictionTable, Range
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.mean_latencies import typical_steps
from advisor.cost.step.bottleneck import Bottleneck, bottleneck, times_ms
from advisor.cost.step.kernel_breakdown import KernelShare, kernel_shares
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
    kv_low_bytes: float
    """Ends of the 90 % interval of what is left."""
    kv_high_bytes: float
    usable_bytes: float
    """Memory × gpu_memory_utilization."""
    max_context: int
    """Longest sequence that one request can hold; bounded by the model's own."""
    max_concurrency: int
    """Sequences of the load's mean length that fit at once, over all replicas."""

    @property
    def kv(self) -> Estimate:
        """Bytes left for the KV cache, with the 90 % interval; 0 where the weights do not fit."""
        value, low, high = (max(b, 0.0) for b in (self.kv_bytes, self.kv_low_bytes, self.kv_high_bytes))
        return Estimate(value=value, low=low, high=high, basis="fitted")

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
    regime_prefill: Bottleneck | None = None
    regime_decode: Bottleneck | None = None
    prefill_ms: Mapping[Bottleneck, float] = field(default_factory=dict, hash=False)
    decode_ms: Mapping[Bottleneck, float] = field(default_factory=dict, hash=False)
    """What one prompt, and one decode step, spends its time on."""
    prefill_kernels: tuple[KernelShare, ...] = ()
    decode_kernels: tuple[KernelShare, ...] = ()
    """Milliseconds of a decode step by kernel family, the longest first."""
    nearest_evidence: str = ""
    on_other_engines: tuple[OtherEngine, ...] = ()
    """What the user measured under this load on another release of the engine, or with other settings."""
    batch: float | None = None
    """Mean sequences in a decode step."""
    kv_use: float | None = None
    """Share of the KV cache in use, averaged over time."""
    prefix_hits: float | None = None
    """Share of prompt tokens that the prefix cache has, if conversations stay with their replica; None where
    requests stand alone."""
    prefix_hits_spread: float | None = None
    """The share if each turn went to any of the replicas."""
    first_turn_ttft_ms: Estimate | None = None
    """Mean TTFT of the first turns of conversations; None: requests stand alone, or were not simulated."""
    later_turn_ttft_ms: Estimate | None = None
    """Mean TTFT of all later turns; None as above."""


def predictions_of(
    p: DeploymentTable,
    loads: Sequence[Load],
    rows: LoadTable,
    table: PredictionTable,
    goodput_share: Range | None,
    evidence: EvidenceIndex,
    kernels: Mapping[str, float],
    on_other_engines: Sequence[tuple[OtherEngine, ...]],
) -> list[Prediction]:
    """One prediction per deployment, each under the load of its place.

    goodput_share: of requests within their limits. kernels: what kernels timed alone say (`FittedSpeed`).
    on_other_engines: of each deployment.
    """
    m, r, turns = table.stats, p.replica, table.turns
    plans = memory_plans(p, table)
    bases = [table.basis(i) if plan.fits else None for i, plan in enumerate(plans)]
    of = {name: _estimates(ms, _bases_of(table, name, plans)) for name, ms in table.latency_ms.items()}
    served = _bases_of(table, ("throughput", "mean"), plans)
    rates = _estimates(table.requests_per_s, served)
    tokens = _estimates(table.output_tokens_per_s, served)
    capacities = _estimates(table.capacity_requests_per_s, served)
    shares = _estimates(goodput_share, bases)
    first_turns = _estimates(None if turns is None else turns.first_ttft_ms, bases)
    later_turns = _estimates(None if turns is None else turns.later_ttft_ms, bases)
    prompt, decode = typical_steps(r.arrays, r.costs, rows, m)
    prefill_ms = times_ms(prompt, r.costs, rows.input_tokens * (1.0 - rows.prefix_hit_rate))
    decode_ms = times_ms(decode, r.costs, np.where(np.isfinite(m.batch), m.batch, 1.0))
    prefill_kernels, decode_kernels = (kernel_shares(one, r.arrays, kernels) for one in (prompt, decode))
    batch, kv_use = m.batch.tolist(), m.kv_use.tolist()
    endless, waiting = (~np.isfinite(m.tpot_s)).tolist(), m.saturated.tolist()
    return [
        Prediction(
            deployment=deployment,
            load=loads[i],
            memory=plan,
            status=_status(plan.fits, loads[i], endless=endless[i], waiting=waiting[i]),
            latency={name: e for name, values in of.items() if (e := values[i]) is not None},
            requests_per_s=rates[i],
            output_tokens_per_s=tokens[i],
            capacity_requests_per_s=capacities[i],
            regime_prefill=bottleneck(prefill_ms[i]),
            regime_decode=bottleneck(decode_ms[i]),
            prefill_ms=prefill_ms[i],
            decode_ms=decode_ms[i],
            prefill_kernels=prefill_kernels[i],
            decode_kernels=decode_kernels[i],
            nearest_evidence=evidence.nearest(deployment, p.keys[i]),
            on_other_engines=on_other_engines[i],
            batch=batch[i] if plan.fits else None,
            kv_use=kv_use[i] if plan.fits else None,
            goodput_share=shares[i],
            prefix_hits=_float_at(table.prefix_hits, i),
            prefix_hits_spread=_float_at(table.prefix_hits_spread, i),
            first_turn_ttft_ms=first_turns[i],
            later_turn_ttft_ms=later_turns[i],
        )
        for i, (deployment, plan) in enumerate(zip(p.deployments, plans, strict=True))
    ]


def _float_at(values: Floats | None, i: int) -> float | None:
    return None if values is None else float(values[i])


def _bases_of(
    table: PredictionTable, name: tuple[str, str], plans: Sequence[MemoryPlan]
) -> list[Basis | None]:
    """Basis of one figure in each row; None where the deployment does not fit."""
    return [table.basis_of(i, *name) if plan.fits else None for i, plan in enumerate(plans)]


def _status(fits: bool, load: Load, *, endless: bool, waiting: bool) -> Status:
    """endless: it has no latency, as its queue would grow without bound. waiting: requests queue."""
    if not fits:
        return "does not fit"
    if load.arrival.kind == "rate" and endless:
        return "backlogged"
    return "saturated" if waiting else "stable"


def memory_plans(p: DeploymentTable, table: PredictionTable) -> list[MemoryPlan]:
    """What must fit on a GPU of each deployment."""
    held = p.replica.memory
    columns = (
        held.weight_bytes,
        held.overhead_bytes,
        held.kv_bytes,
        held.kv_low_bytes,
        held.kv_high_bytes,
        held.usable_bytes,
        table.max_context,
        table.max_concurrency,
    )
    return [
        MemoryPlan(
            weight_bytes=weight,
            overhead_bytes=overhead,
            kv_bytes=kv,
            kv_low_bytes=low,
            kv_high_bytes=high,
            usable_bytes=usable,
            max_context=context,
            max_concurrency=concurrency,
        )
        for weight, overhead, kv, low, high, usable, context, concurrency in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _estimates(of: Range | None, bases: Sequence[Basis | None]) -> list[Estimate | None]:
    """Each entry as an Estimate; None where the value does not exist, or has no basis to be stated on."""
    if of is None:
        return [None] * len(bases)
    return [
        Estimate(value=value, low=low, high=high, basis=basis) if known and basis is not None else None
        for known, value, low, high, basis in zip(
            np.isfinite(of.value).tolist(),
            of.value.tolist(),
            of.low.tolist(),
            of.high.tolist(),
            bases,
            strict=True,
        )
    ]
