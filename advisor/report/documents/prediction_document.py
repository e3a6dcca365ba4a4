"""The prediction of one deployment as plain values, and what a replayed log adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.advise.choose.assessment import Assessment
from advisor.report.documents.recommendation_document import (
    VERSION,
    assessment_document,
    model_document,
    workload_document,
)
from advisor.spec.workloads.workload import Workload

if TYPE_CHECKING:
    from advisor.cost.predict.replayed_log import Replay
    from advisor.report.documents.document_types import PredictionAnswer


def prediction_document(assessment: Assessment, workload: Workload) -> PredictionAnswer:
    """One deployment in full; beside it what a hosted API asks, where the workload states its price."""
    made: PredictionAnswer = {
        "version": VERSION,
        "model": model_document(assessment.deployment.model),
        "workload": workload_document(workload),
        "prediction": assessment_document(assessment),
    }
    if (usd := workload.api_usd_per_request) is not None:
        made["api_usd_per_thousand_queries"] = 1_000 * usd
    return made


def replay_document(replayed: Replay) -> dict[str, Any]:
    """A request log simulated one by one: latencies over all of its requests."""
    latency: dict[str, dict[str, float]] = {}
    for (metric, statistic), value in replayed.latency_ms.items():
        latency.setdefault(f"{metric}_ms", {})[statistic] = round(value, 3)
    return {
        "requests": replayed.requests,
        "longest_wait_s": round(replayed.longest_wait_s, 4),
        "most_in_flight": replayed.most_in_flight,
        **latency,
    }
