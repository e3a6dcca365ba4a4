"""How numbers, limits and deployments are written for people, everywhere alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import floor, inf, log10, sqrt

from advisor.cost.estimate_with_interval import Estimate
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import is_older
from advisor.spec.engines.model_starts import starts_of
from advisor.spec.engines.start_table import known_releases
from advisor.spec.formats.catalog import known_formats
from advisor.spec.models.model import ModelSpec
from advisor.spec.reading.amounts import HOURS_PER_MONTH
from advisor.spec.workloads.workload import Load

EVEN_CLIENTS = 10
"""Clients of each replica from which on one more or less makes no difference worth saying."""
WIDE = 1.6
"""Intervals are written as a factor from this factor on, as per cent below it."""


def number(value: float, *, digits: int = 3) -> str:
    """`value` with at least its whole part and at most `digits` significant digits, never with an exponent.

    Trailing zeros after the point are dropped: 0.430 → 0.43, 1234.5 → 1,234.
    """
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - floor(log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def amount_text(value: float, unit: str, *, digits: int = 3) -> str:
    """`1 request/s`, `1,024 prompt tokens`."""
    said = number(value, digits=digits)
    return f"{said} {unit.replace('requests', 'request') if said == '1' else unit}"


def rate_text(per_s: float) -> str:
    """`1 request/s`, `0.575 requests/s`."""
    return amount_text(per_s, "requests/s")


def accuracy_text(model: ModelSpec) -> str:
    """What recovery is a share of: a model that is released quantized has no BF16 to compare with."""
    return "BF16's accuracy" if model.native_format is None else "the released model's accuracy"


def low_high(estimate: Estimate, *, digits: int = 3) -> str:
    """The interval alone: `700–950`."""
    return f"{number(estimate.low, digits=digits)}–{number(estimate.high, digits=digits)}"


def span(estimate: Estimate, *, digits: int = 3) -> str:
    """The value with its interval, `812 (700–950)`; the value alone when the interval has no width."""
    value = number(estimate.value, digits=digits)
    if estimate.low == estimate.high:
        return value
    return f"{value} ({low_high(estimate, digits=digits)})"


def plus_minus(estimate: Estimate, *, digits: int = 3, points: bool = False) -> str:
    """The value and its interval in one: `13.5 ±16 %`, `178 ×÷2.3`; in the value's own unit with `points`.

    The interval of a ratio has equal factors up and down: wide ones are written as that factor.
    """
    value = number(estimate.value, digits=digits)
    if estimate.low == estimate.high:
        return value
    if points:
        return f"{value} ±{number((estimate.high - estimate.low) / 2, digits=2)}"
    factor = sqrt(estimate.high / estimate.low) if estimate.low > 0 else inf
    if factor < WIDE:
        return f"{value} ±{100 * (factor - 1):.0f} %"
    return f"{value} ×÷{number(factor, digits=2)}" if factor < inf else value


def bill_text(usd_per_hour: float | None) -> str:
    """`1.09 USD/h (796 a month)`."""
    if usd_per_hour is None:
        return "price unknown"
    return f"{number(usd_per_hour)} USD/h ({usd_per_hour * HOURS_PER_MONTH:,.0f} a month)"


def latency_name(metric: str, statistic: str) -> str:
    """`TTFT p95`: the percentile is always said, because every tool has another default."""
    return f"{metric.upper()} {statistic}"


def share(ratio: float) -> str:
    """A share as per cent: 0.0312 → `3.1 %`."""
    return f"{number(100 * ratio, digits=2)} %"


def stated_share(ratio: float) -> str:
    """A share that somebody asked for, as it was asked: 0.995 → `99.5 %`."""
    return f"{number(100 * ratio, digits=6)} %"


def chance(probability: float, asked: float | None = None) -> str:
    """A probability as per cent, never 0 % or 100 %, and never rounded up, so that none reads as one that it
    does not reach: 0.799 is `79 %`.

    asked: the probability asked for. What is less than a point below it has a decimal (`79.9 %`), as all have
    where it is itself no whole per cent.
    """
    if probability > 0.995 and (asked is None or asked <= 0.99):
        return "over 99 %"
    if probability < 0.01:
        return "under 1 %"
    parts = 1
    if asked is not None:
        whole = abs(100 * asked - round(100 * asked)) <= ROUNDING
        parts = 10 if not whole or asked - 0.01 < probability < asked else 1
    percent = min(floor(100 * parts * probability + ROUNDING), 100 * parts - 1)
    return f"{percent / parts:g} %"


ROUNDING = 1e-6
"""Error of a product of floats, in per cent."""

DISCERNIBLE_SHARE = 0.0005
"""Share by which two figures must differ to be printed as different: a smaller one reads 0.0 %."""


def missed_by(excess: float) -> str:
    """How far a limit is missed: `missed by 13 %`, `missed 9.2-fold`."""
    return f"missed by {share(excess)}" if excess < 1 else f"missed {number(1 + excess, digits=2)}-fold"


def gpus_text(deployment: Deployment) -> str:
    """`4× A6000`; with replicas `3 replicas of 2× L40S`."""
    one = f"{deployment.tensor_parallel}× {deployment.gpu.label}"
    return one if deployment.replicas == 1 else f"{deployment.replicas:,} replicas of {one}"


def spread_text(deployment: Deployment, load: Load) -> str:
    """How few requests in flight spread over replicas: `1 in flight: 3 of the 4 replicas stay idle`, `6 in
    flight: 2 of the 4 replicas have 2 of them, the others 1`; empty where all have as many, or so many each
    that one more is no matter."""
    kind, replicas = load.arrival.kind, deployment.replicas
    if kind not in ("single", "concurrency"):
        return ""
    clients = int(load.arrival.value or 1.0)
    whole, more = divmod(clients, replicas)
    whose = "user" if load.conversation.pauses else "in flight"
    asked = f"{clients:,} {whose}{'s' if whose == 'user' and clients != 1 else ''}"
    if whole == 0:
        idle = replicas - clients
        return f"{asked}: {idle:,} of the {replicas:,} replicas {'stays' if idle == 1 else 'stay'} idle"
    if more == 0 or whole >= EVEN_CLIENTS:
        return ""
    have = "has" if more == 1 else "have"
    return (
        f"{asked}: {more:,} of the {replicas:,} replicas {have} {whole + 1:,} of them, the others {whole:,}"
    )


def deployment_text(deployment: Deployment) -> str:
    """`int4 on 4× A6000`, with the KV cache where it is not at 16 bits."""
    return f"{served_text(deployment)} on {gpus_text(deployment)}"


def served_text(deployment: Deployment) -> str:
    """`int4`, or `int4 with FP8 KV cache`."""
    kv = " with FP8 KV cache" if deployment.kv_format == "fp8" else ""
    return f"{deployment.format.name}{kv}"


def short_text(deployment: Deployment) -> str:
    """`int8 with FP8 KV on 2 × 8× H100`: two replicas of eight GPUs, as a table has room for."""
    kv = " with FP8 KV" if deployment.kv_format == "fp8" else ""
    several = "" if deployment.replicas == 1 else f"{deployment.replicas:,} × "
    gpus = f"{several}{deployment.tensor_parallel}× {deployment.gpu.label}"
    return f"{deployment.format.name}{kv} on {gpus}"


def capitalized(text: str) -> str:
    """A clause as a sentence begins: its first letter large, the rest as it is."""
    return text[:1].upper() + text[1:]


def listed(names: Iterable[str], *, most: int = 4) -> str:
    """`a, b, c, d and 12 more`."""
    every = list(names)
    shown = ", ".join(every[:most])
    return shown if len(every) <= most else f"{shown} and {len(every) - most:,} more"


def sizes_text(sizes: Iterable[int]) -> str:
    """`tensor parallel sizes 1, 2 and 4 load`."""
    known = [str(size) for size in sizes]
    if not known:
        return "no tensor parallel size loads"
    if len(known) == 1:
        return f"tensor parallel size {known[0]} loads"
    return f"tensor parallel sizes {', '.join(known[:-1])} and {known[-1]} load"


def start_text(d: Deployment) -> str | None:
    """Why vLLM does not start a deployment, and what it does start; None where it starts it."""
    choice = d.kernels
    if choice.starts:
        return None
    starts, release = starts_of(d.model), d.engine
    if choice.refused_by == "split":
        sizes = sizes_text(starts.sizes_that_load(d.format.name, d.gpu, release, d.kv_format))
        of = f"{d.format.name} of {d.model.name}" if choice.by_format else d.model.name
        return f"{of} over {d.tensor_parallel} GPUs: {choice.why}; {sizes}"
    served = starts.release_that_serves(d.format.name, d.gpu, release, d.parallelism, d.kv_format)
    of = d.model.name if choice.refused_by == "model" else f"{d.format.name} on {d.gpu.name}"
    if served is None:
        newest = replace(d, engine=replace(release, version=known_releases()[0])).kernels
        return f"{of}: {newest.why}; {_formats_text(d)}"
    version, start = served
    if is_older(release.version, version):
        return (
            f"{of}: {release} is too old for it ({choice.why}); vLLM {version} runs it, "
            "or say --ignore-engine-version"
        )
    packaging = start.checkpoint.kind.packaging
    as_what = "" if packaging == "none" else f" (a {packaging} checkpoint)"
    older = replace(d, engine=replace(release, version=version))
    return (
        f"{of}: {release} does not start it ({choice.why}); vLLM {version} is the newest that does{as_what}: "
        f"--engine 'vllm {version}', where {_formats_text(older)}"
    )


def _formats_text(d: Deployment) -> str:
    """`this GPU runs bf16, int8`, of the formats that start on as many GPUs of this release."""
    able = [
        fmt.name
        for fmt in known_formats()
        if fmt.execution(d.gpu) is not None and replace(d, format=fmt, checkpoint=None).kernels.starts
    ]
    return f"this GPU runs {', '.join(able)}" if able else "this GPU runs none of the model's formats"
