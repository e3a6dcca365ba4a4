"""How numbers, limits and deployments are written for people, everywhere alike."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor, log10

from advisor.cost.estimate import Estimate
from advisor.spec.deployment import Deployment


def number(value: float, *, digits: int = 3) -> str:
    """`value` with at least its whole part and at most `digits` significant digits, never with an exponent.

    Trailing zeros after the point are dropped: 0.430 → 0.43, 1234.5 → 1,234.
    """
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - floor(log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def low_high(estimate: Estimate, *, digits: int = 3) -> str:
    """The interval alone: `700–950`."""
    return f"{number(estimate.low, digits=digits)}–{number(estimate.high, digits=digits)}"


def span(estimate: Estimate, *, digits: int = 3) -> str:
    """The value with its interval, `812 (700–950)`; the value alone when the interval has no width."""
    value = number(estimate.value, digits=digits)
    if estimate.low == estimate.high:
        return value
    return f"{value} ({low_high(estimate, digits=digits)})"


def latency_name(metric: str, statistic: str) -> str:
    """`p95 TTFT`: the percentile is always said, because every tool has another default."""
    return f"{statistic} {metric.upper()}"


def share(ratio: float) -> str:
    """A share as per cent: 0.0312 → `3.1 %`."""
    return f"{number(100 * ratio, digits=2)} %"


def missed_by(excess: float) -> str:
    """How far a limit is missed: `missed by 13 %`, `missed 9.2-fold`."""
    return f"missed by {share(excess)}" if excess < 1 else f"missed {number(1 + excess, digits=2)}-fold"


def gpus_text(deployment: Deployment) -> str:
    """`4× A6000`; replicas are told apart: `3 replicas of 2× L40S`."""
    one = f"{deployment.tensor_parallel}× {deployment.gpu.label}"
    return one if deployment.replicas == 1 else f"{deployment.replicas} replicas of {one}"


def deployment_text(deployment: Deployment) -> str:
    """`int4 on 4× A6000`, with the KV cache where it is not at 16 bits."""
    kv = " with FP8 KV cache" if deployment.kv_format == "fp8" else ""
    return f"{deployment.format.name}{kv} on {gpus_text(deployment)}"


def listed(names: Iterable[str], *, most: int = 4) -> str:
    """`a, b, c, d and 12 more`."""
    every = list(names)
    shown = ", ".join(every[:most])
    return shown if len(every) <= most else f"{shown} and {len(every) - most:,} more"


def too_old_text(deployment: Deployment) -> str | None:
    """That the engine is too old for the deployment, and what is not; None where it is not too old."""
    need = deployment.needs_engine
    if need is None:
        return None
    of = f"{need.what} on {deployment.gpu.name}" if need.what == deployment.format.name else need.what
    return (
        f"{of}: {deployment.engine} is too old for it; vLLM {need.since} runs it, "
        "or say --ignore-engine-version"
    )
