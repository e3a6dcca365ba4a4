"""Splits an iteration's time into memory bandwidth, compute, overhead and communication."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from advisor.cost.array_table import Floats
from advisor.cost.step.step_time import StepBreakdown, StepCosts
from advisor.units import MS_PER_S

Bottleneck = Literal["memory bandwidth", "compute", "overhead", "communication", "KV memory"]


def times_ms(breakdown: StepBreakdown, c: StepCosts, tokens: Floats) -> list[dict[Bottleneck, float]]:
    """Milliseconds of each iteration by cause, `tokens` of each going through the matrices at once.

    A GEMM reads weights and multiplies at the same time; its seconds are split in the proportions that the
    overlap formula gives the two.
    """
    columns = (
        breakdown.weights_s,
        breakdown.kv_s + breakdown.head_s,
        breakdown.attention_s + breakdown.elementwise_s,
        breakdown.overhead_s + breakdown.eager_s + breakdown.launch_s,
        breakdown.communication_s,
    )
    shares = _read_shares(c, tokens)
    return [
        {
            "memory bandwidth": MS_PER_S * (weights * read + streamed),
            "compute": MS_PER_S * (weights * (1.0 - read) + computed),
            "overhead": MS_PER_S * overhead,
            "communication": MS_PER_S * communication,
        }
        for read, weights, streamed, computed, overhead, communication in zip(
            shares, *(column.tolist() for column in columns), strict=True
        )
    ]


def bottleneck(time_ms: Mapping[Bottleneck, float]) -> Bottleneck:
    """What most of the time goes into."""
    return max(time_ms, key=lambda name: time_ms[name])


def _read_shares(c: StepCosts, tokens: Floats) -> list[float]:
    """Which part of the matrices' time reading them is, the rest multiplying."""
    columns = (tokens, c.active_share, c.spread, c.weights_s, c.experts_s, c.token_s, c.overlap_exponent)
    return [_read_share(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _read_share(
    tokens: float,
    active: float,
    spread: float,
    weights_s: float,
    experts_s: float,
    token_s: float,
    overlap_exponent: float,
) -> float:
    touched = 1.0 - (1.0 - active) ** max(1.0, tokens * spread) if active > 0 else 0.0
    read, multiply = weights_s + experts_s * touched, tokens * token_s
    if read <= 0 or multiply <= 0:
        return 1.0 if multiply <= 0 else 0.0
    ratio: float = (multiply / read) ** min(overlap_exponent, 50.0)
    return 1.0 / (1.0 + ratio)
