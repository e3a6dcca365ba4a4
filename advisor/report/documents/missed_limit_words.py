"""A missed limit in words: what was requested, and what is expected instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from advisor.advise.choose.assessment import Assessment, Refusal, RefusalKind
from advisor.advise.choose.recorded_failures import failure_text, memory_text
from advisor.display_text import latency_name, number, span
from advisor.spec.engines.engine import is_older
from advisor.spec.engines.model_starts import starts_of
from advisor.spec.workloads.workload import Goodput
from advisor.units import GB

Words = Callable[[Assessment, Refusal], str]


def refusal_text(assessment: Assessment, refusal: Refusal) -> str:
    """`TTFT p95 <= 500 ms: 812 (700–950) ms`."""
    return f"{limit_text(assessment, refusal)}: {finding(assessment, refusal)}"


def limit_text(assessment: Assessment, refusal: Refusal) -> str:
    """What was requested: `TTFT p95 <= 500 ms`."""
    return _LIMITS[refusal.kind](assessment, refusal)


def finding(assessment: Assessment, refusal: Refusal) -> str:
    """What is expected instead: `812 (700–950) ms`."""
    return _FINDINGS[refusal.kind](assessment, refusal)


def worst_refusal(assessment: Assessment) -> Refusal:
    """The limit missed by most; one that is no matter of degree comes before all others."""
    return max(assessment.refusals, key=lambda r: float("inf") if r.excess is None else r.excess)


def _bound(refusal: Refusal) -> str:
    return number(refusal.bound or 0.0)


def release_that_starts(assessment: Assessment) -> tuple[Literal[">=", "<="], str] | None:
    """The vLLM release that starts what this one does not, and whether it is a later one or an earlier one;
    None where no release does."""
    d = assessment.deployment
    served = starts_of(d.model).release_that_serves(
        d.format.name, d.gpu, d.engine, d.parallelism, d.kv_format
    )
    if served is None:
        return None
    return ">=" if is_older(d.engine.version, served[0]) else "<=", served[0]


def needs_engine(assessment: Assessment) -> str:
    """The release that starts it, where one does."""
    d = assessment.deployment
    what = d.model.name if d.kernels.refused_by == "model" else f"{d.format.name} on {d.gpu.name}"
    served = release_that_starts(assessment)
    return f"{d.engine} starts {what}" if served is None else f"vLLM {served[0]} {served[1]} for {what}"


def _fits_in(assessment: Assessment, refusal: Refusal) -> str:
    prediction = assessment.prediction
    assert prediction is not None, "memory is judged on a prediction"
    return f"must fit in {prediction.memory.usable_bytes / GB:.3g} GB per GPU"


def _memory(assessment: Assessment, refusal: Refusal) -> str:
    prediction = assessment.prediction
    assert prediction is not None, "memory is judged on a prediction"
    return memory_text(prediction.memory)


def _context(assessment: Assessment, refusal: Refusal) -> str:
    prediction = assessment.prediction
    if refusal.expected is not None:
        return f"its KV cache holds {span(refusal.expected)}"
    return "" if prediction is None else f"its KV cache holds {prediction.memory.max_context:,}"


def _capacity(assessment: Assessment, refusal: Refusal) -> str:
    capacity, rate = refusal.expected, refusal.bound or 0.0
    if refusal.run is not None:
        served = number(refusal.run.load_value or 0.0)
        return f"was seen to saturate at {served} requests/s per replica"
    if capacity is None:
        return "its capacity cannot be said"
    return f"{'saturates' if capacity.value < rate else 'may saturate'} at {span(capacity)}"


def _latency_limit(assessment: Assessment, refusal: Refusal) -> str:
    return f"{latency_name(refusal.metric, refusal.statistic)} <= {_bound(refusal)} ms"


def _latency(assessment: Assessment, refusal: Refusal) -> str:
    expected = refusal.expected
    return "cannot be said of this deployment" if expected is None else f"{span(expected)} ms"


def _goodput_limit(assessment: Assessment, refusal: Refusal) -> str:
    assert refusal.goodput is not None
    percent = number(100 * refusal.goodput.min_share)
    limits = goodput_text(refusal.goodput)
    return f"goodput: {percent} % of requests keep {limits} ({_latency_limit(assessment, refusal)})"


def goodput_text(goodput: Goodput) -> str:
    """The thresholds as vLLM's --goodput writes them: `ttft:500 tpot:50`, ms."""
    thresholds = (("ttft", goodput.ttft_ms), ("tpot", goodput.tpot_ms), ("e2el", goodput.e2e_ms))
    return " ".join(f"{name}:{number(ms)}" for name, ms in thresholds if ms is not None)


def _recovery(assessment: Assessment, refusal: Refusal) -> str:
    if refusal.expected is not None:
        return f"{span(refusal.expected.scaled(100), digits=4)} %"
    prediction = assessment.prediction
    note = "" if prediction is None else prediction.recovery_note
    return f"no evidence ({note or 'no accuracy of this format was ever measured'})"


def _evidence(assessment: Assessment, refusal: Refusal) -> str:
    prediction = assessment.prediction
    note = "" if prediction is None else prediction.recovery_note
    return f"{note or 'nobody did'}; --formats {assessment.deployment.format.name} takes it all the same"


def _price_limit(assessment: Assessment, refusal: Refusal) -> str:
    return "must have a price" if refusal.bound is None else _budget_limit(assessment, refusal)


def _price(assessment: Assessment, refusal: Refusal) -> str:
    if refusal.bound is not None:
        return "no price is known"
    name = assessment.deployment.gpu.name
    return f"no price of {name} is known; say --price {name}=USD_PER_HOUR"


def _budget_limit(assessment: Assessment, refusal: Refusal) -> str:
    return f"at most {_bound(refusal)} USD per hour"


def _budget(assessment: Assessment, refusal: Refusal) -> str:
    return "" if assessment.cost is None else f"{number(assessment.cost.usd_per_hour)} USD"


_LIMITS: dict[RefusalKind, Words] = {
    "convention": lambda a, r: "the split of GPUs that the workload's convention takes",
    "format": lambda a, r: f"{a.deployment.gpu.name} must run {a.deployment.format.name}",
    "engine": lambda a, r: needs_engine(a),
    "seen": lambda a, r: f"must have served on {a.deployment.gpu.name} when tried",
    "memory": _fits_in,
    "context": lambda a, r: f"must hold a request of {r.bound or 0:,.0f} tokens",
    "capacity": lambda a, r: f"capacity >= {_bound(r)} requests/s",
    "latency": _latency_limit,
    "goodput": _goodput_limit,
    "recovery": lambda a, r: f"recovery >= {number(100 * (r.bound or 0.0))} %",
    "evidence": lambda a, r: f"the accuracy of {a.deployment.format.name} must have been measured",
    "price": _price_limit,
    "budget": _budget_limit,
}
_FINDINGS: dict[RefusalKind, Words] = {
    "convention": lambda a, r: "another split is taken",
    "format": lambda a, r: a.deployment.kernels.why or "no speed of it is known",
    "engine": lambda a, r: f"{a.deployment.engine} does not start it ({a.deployment.kernels.why})",
    "seen": lambda a, r: "" if r.run is None else failure_text(r.run),
    "memory": _memory,
    "context": _context,
    "capacity": _capacity,
    "latency": _latency,
    "goodput": _latency,
    "recovery": _recovery,
    "evidence": _evidence,
    "price": _price,
    "budget": _budget,
}
