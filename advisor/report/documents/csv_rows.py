"""Ranked deployments as flat rows, for CSV: columns are listed by hand, they are a contract."""

from __future__ import annotations

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.choice import statistics_of
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.estimate_with_interval import Estimate
from advisor.report.commands.serve_commands import commands_for
from advisor.spec.metrics import latency_key


def recommendation_rows(recommendation: Recommendation, *, top: int | None = None) -> list[dict[str, object]]:
    """One row per ranked deployment, best first."""
    return [
        {"rank": place, **assessment_row(assessment)}
        for place, assessment in enumerate(recommendation.ranked[:top], start=1)
    ]


def recommendation_columns(recommendation: Recommendation) -> list[str]:
    """The columns of `recommendation_rows`, which are the same where nothing is ranked."""
    latencies = [latency_key(*measured) for measured in statistics_of(recommendation.workload)]
    figures = [*latencies, *_FIGURES]
    return ["rank", *_DEPLOYMENT, *(key for name in figures for key in _three(name, None)), *_REST]


_DEPLOYMENT = (
    "model",
    "format",
    "kv_format",
    "gpu",
    "num_gpus",
    "tensor_parallel",
    "replicas",
    "engine",
)
_FIGURES = (
    "requests_per_s",
    "output_tokens_per_s",
    "capacity_requests_per_s",
    "usd_per_million_output_tokens",
    "usd_per_thousand_queries",
    "recovery",
)
_REST = ("keeps_all_limits", "basis", "recovery_basis", "usd_per_hour", "checkpoint", "serve")


def assessment_row(assessment: Assessment) -> dict[str, object]:
    """One deployment; latencies that were not asked for have no column."""
    deployment, prediction, cost = assessment.deployment, assessment.prediction, assessment.cost
    row: dict[str, object] = {
        "model": deployment.model.name,
        "format": deployment.format.name,
        "kv_format": deployment.kv_format,
        "gpu": deployment.gpu.name,
        "num_gpus": deployment.num_gpus,
        "tensor_parallel": deployment.tensor_parallel,
        "replicas": deployment.replicas,
        "engine": f"{deployment.engine.name} {deployment.engine.version}",
    }
    if prediction is None:
        return row
    for (metric, statistic), estimate in prediction.latency.items():
        row |= _three(latency_key(metric, statistic), estimate)
    row |= _three("requests_per_s", prediction.requests_per_s)
    row |= _three("output_tokens_per_s", prediction.output_tokens_per_s)
    row |= _three("capacity_requests_per_s", prediction.capacity_requests_per_s)
    row |= _three(
        "usd_per_million_output_tokens", None if cost is None else cost.usd_per_million_output_tokens
    )
    row |= _three("usd_per_thousand_queries", None if cost is None else cost.usd_per_thousand_queries)
    row |= _three("recovery", prediction.recovery)
    speed = assessment.estimate("e2e") or prediction.requests_per_s
    commands = commands_for(prediction)
    return row | {
        "keeps_all_limits": assessment.keeps_all_limits,
        "basis": None if speed is None else speed.basis,
        "recovery_basis": None if prediction.recovery is None else prediction.recovery.basis,
        "usd_per_hour": None if cost is None else cost.usd_per_hour,
        "checkpoint": commands.checkpoint,
        "serve": commands.serve,
    }


def _three(name: str, estimate: Estimate | None) -> dict[str, object]:
    return {
        name: None if estimate is None else estimate.value,
        f"{name}_low": None if estimate is None else estimate.low,
        f"{name}_high": None if estimate is None else estimate.high,
    }
