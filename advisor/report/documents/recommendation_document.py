"""A recommendation as plain values, for JSON and YAML: a contract with a version, listed by hand.

`document_types` has its types, of which `schema/` is made. A field is added freely; one that is renamed,
removed or changes its meaning raises `VERSION`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from advisor.advise.choose.assessment import Assessment, Cost
from advisor.advise.choose.judged_rows import Reason
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.estimate_with_interval import Estimate
from advisor.cost.predict.prediction import Prediction
from advisor.report.commands.serve_commands import commands_for
from advisor.report.documents.certainty_and_sensitivity_document import (
    api_price_document,
    decision_document,
    offer_document,
    pick_document,
)
from advisor.report.documents.deployment_document import deployment_document
from advisor.report.documents.missed_limit_words import finding, limit_text, worst_refusal
from advisor.spec.engines.engine_of_profile import write_engine
from advisor.spec.engines.kernel_choice import KernelChoice
from advisor.spec.formats.checkpoint import Checkpoint
from advisor.spec.hardware.price_age import days_old, today
from advisor.spec.metrics import latency_key
from advisor.spec.models.model import ModelSpec
from advisor.spec.workloads.conversations.profile_keys import write_history, write_think_time, write_turns
from advisor.spec.workloads.profile_keys import write_arrival, write_lengths
from advisor.spec.workloads.workload import Workload

if TYPE_CHECKING:
    from advisor.advise.certainty_and_sensitivity import Decision
    from advisor.report.documents.document_types import (
        ReasonDocument,
        RecommendationDocument,
        RefusedDocument,
    )
    from advisor.report.documents.shared_document_types import (
        AssessmentDocument,
        CheckpointDocument,
        CostDocument,
        EstimateDocument,
        KernelsDocument,
        ModelDocument,
        RefusalDocument,
        WorkloadDocument,
    )

VERSION: Final = "2.0"
TOP = 50
"""Ranked deployments in a document, unless the caller says otherwise."""


def recommendation_document(
    recommendation: Recommendation, *, top: int | None = TOP, decision: Decision | None = None
) -> RecommendationDocument:
    """The answer with so many of the ranked, and the refused by reason; with `top` None all of either."""
    front = {id(assessment) for assessment in recommendation.pareto}
    tied = {id(assessment) for assessment in recommendation.ties}
    return {
        "version": VERSION,
        "model": model_document(recommendation.model),
        "workload": workload_document(recommendation.workload),
        "picks": [pick_document(pick) for pick in recommendation.picks],
        "frontier": [offer_document(offer) for offer in recommendation.frontier],
        "ranked": [
            {
                "rank": place,
                **assessment_document(assessment),
                "tied_with_first": place == 1 or id(assessment) in tied,
                "pareto": id(assessment) in front,
            }
            for place, assessment in enumerate(recommendation.ranked[:top], start=1)
        ],
        "refused_by_reason": [_reason(reason) for reason in recommendation.reasons],
        "refused": [refused_document(a) for a in (recommendation.refused if top is None else ())],
        "counts": {
            "ranked": len(recommendation.ranked),
            "refused": len(recommendation.refused),
            "pareto": len(recommendation.pareto),
        },
        "smallest_that_holds": (
            None
            if recommendation.smallest is None
            else deployment_document(recommendation.smallest.deployment)
        ),
        "decision": None if decision is None else decision_document(decision),
        "notes": list(recommendation.notes),
        # The whole held-out report is ACCURACY.md's; an answer carries what it rests on in short.
        "fit": {name: value for name, value in recommendation.fit.items() if name != "report"},
    }


def _reason(reason: Reason) -> ReasonDocument:
    nearest = reason.rows[0]
    worst = worst_refusal(nearest)
    return {
        "kind": reason.kind,
        "limit": limit_text(nearest, worst),
        "count": len(reason.rows),
        "nearest": refused_document(nearest),
    }


def assessment_document(assessment: Assessment) -> AssessmentDocument:
    """One deployment with all that is expected of it; it must have a prediction."""
    prediction = assessment.prediction
    assert prediction is not None, "a format that the GPU cannot run has nothing to tell"
    commands = commands_for(prediction)
    return {
        "deployment": deployment_document(assessment.deployment),
        "keeps_all_limits": assessment.keeps_all_limits,
        "usd_per_hour": _usd_per_hour(assessment),
        "status": prediction.status,
        "estimates": _estimates(assessment, prediction),
        "cost": None if assessment.cost is None else _cost(assessment.cost),
        "memory": {
            "weight_bytes": prediction.memory.weight_bytes,
            "overhead_bytes": prediction.memory.overhead_bytes,
            "kv_bytes": prediction.memory.kv_bytes,
            "kv_low_bytes": prediction.memory.kv_low_bytes,
            "kv_high_bytes": prediction.memory.kv_high_bytes,
            "usable_bytes": prediction.memory.usable_bytes,
            "max_context": prediction.memory.max_context,
            "max_concurrency": prediction.memory.max_concurrency,
        },
        "bound_by": {"prefill": prediction.regime_prefill, "decode": prediction.regime_decode},
        "time_ms": {"prompt": dict(prediction.prefill_ms), "decode_step": dict(prediction.decode_ms)},
        "mean_batch": prediction.batch,
        "kv_use": prediction.kv_use,
        "prefix_hits": prediction.prefix_hits,
        "prefix_hits_spread": prediction.prefix_hits_spread,
        "turn_ttft_ms": {
            "first": estimate_document(prediction.first_turn_ttft_ms),
            "later": estimate_document(prediction.later_turn_ttft_ms),
        },
        "recovery_note": prediction.recovery_note or None,
        "nearest_evidence": prediction.nearest_evidence or None,
        "on_other_engines": [
            {"latency": latency_key(one.metric, one.statistic), "value": one.value, "engine": one.engine}
            for one in prediction.on_other_engines
        ],
        "checkpoint": _checkpoint(commands.start.checkpoint),
        "kernels": _kernels(commands.start.kernels),
        "commands": {
            "checkpoint": commands.checkpoint,
            "published": commands.published,
            "serve": commands.serve,
            "recipe": commands.recipe,
        },
        "refusals": _refusals(assessment),
    }


def _checkpoint(c: Checkpoint) -> CheckpointDocument:
    """What is known of the weights that are served, and how."""
    return {
        "repo": c.repo,
        "base_repo": c.base_repo,
        "packaging": c.kind.packaging,
        "scheme": c.kind.scheme,
        "group_size": c.kind.group_size,
        "kv_scales": c.kind.kv_scheme,
        "maker": c.maker or None,
        "algorithm": c.algorithm,
        "evidence": c.evidence,
        "kind_by_name": c.kind_by_name,
    }


def _kernels(k: KernelChoice) -> KernelsDocument:
    """The kernels that the figures assume, and where that was read."""
    return {
        "linear": k.kernel,
        "experts": k.experts,
        "attention": k.attention or None,
        "runs": k.runs,
        "dtype": k.dtype,
        "expert_parallel": k.expert_parallel,
        "source": k.source or None,
    }


def refused_document(assessment: Assessment) -> RefusedDocument:
    """A refused deployment: what it is and why."""
    excess = assessment.excess
    return {
        "deployment": deployment_document(assessment.deployment),
        "keeps_all_limits": assessment.keeps_all_limits,
        "usd_per_hour": _usd_per_hour(assessment),
        "excess": excess,
        "likely_kept": assessment.likely,
        "refusals": _refusals(assessment),
    }


def workload_document(workload: Workload) -> WorkloadDocument:
    """A workload in the keys of a profile."""
    goodput = workload.goodput
    load = workload.load
    return {
        "name": workload.name,
        "about": workload.about,
        "input_tokens": write_lengths(load.input_tokens),
        "output_tokens": write_lengths(load.output_tokens),
        "load": write_arrival(load.arrival),
        "prefix_hit_rate": load.prefix_hit_rate,
        "turns": write_turns(load.conversation.turns),
        "think_time_s": write_think_time(load.conversation.think_time),
        "system_tokens": load.conversation.system_tokens,
        "history": write_history(load.conversation.history),
        "longest_request_tokens": load.longest_request_tokens,
        "slo": {limit.key: limit.max_ms for limit in workload.limits},
        "goodput": (
            None
            if goodput is None
            else {
                "ttft_ms": goodput.ttft_ms,
                "tpot_ms": goodput.tpot_ms,
                "e2e_ms": goodput.e2e_ms,
                "min_share": goodput.min_share,
            }
        ),
        "quality": {
            "min_recovery": workload.quality.min_recovery,
            "recipe": workload.quality.recipe,
            "tasks": list(workload.quality.tasks),
        },
        "confidence": workload.confidence,
        "objective": workload.objective,
        "gpu_count": workload.gpu_count,
        "price_list": workload.price_list,
        "api_price": None if workload.api_price is None else api_price_document(workload.api_price),
        "utilization": workload.utilization,
        "engine": None if workload.engine is None else write_engine(workload.engine),
    }


def estimate_document(estimate: Estimate | None) -> EstimateDocument:
    if estimate is None:
        return None
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "basis": estimate.basis,
    }


def _estimates(assessment: Assessment, prediction: Prediction) -> dict[str, EstimateDocument]:
    latency = {
        latency_key(metric, statistic): estimate_document(estimate)
        for (metric, statistic), estimate in prediction.latency.items()
    }
    cost = assessment.cost
    rest: Mapping[str, Estimate | None] = {
        "requests_per_s": prediction.requests_per_s,
        "output_tokens_per_s": prediction.output_tokens_per_s,
        "capacity_requests_per_s": prediction.capacity_requests_per_s,
        "goodput_share": prediction.goodput_share,
        "usd_per_million_output_tokens": None if cost is None else cost.usd_per_million_output_tokens,
        "usd_per_thousand_queries": None if cost is None else cost.usd_per_thousand_queries,
        "recovery": prediction.recovery,
    }
    return latency | {name: estimate_document(estimate) for name, estimate in rest.items()}


def _refusals(assessment: Assessment) -> list[RefusalDocument]:
    return [
        {
            "kind": refusal.kind,
            "limit": limit_text(assessment, refusal),
            "finding": finding(assessment, refusal),
            "excess": refusal.excess,
            "probability": refusal.probability,
            "likely_kept": refusal.likely_kept,
        }
        for refusal in assessment.refusals
    ]


def _usd_per_hour(assessment: Assessment) -> float | None:
    """All GPUs together; None where no price is known."""
    return None if assessment.cost is None else assessment.cost.usd_per_hour


def _cost(cost: Cost) -> CostDocument:
    return {
        "usd_per_hour": cost.usd_per_hour,
        "usd_per_gpu_hour": cost.price.usd_per_gpu_hour,
        "gpus_paid_for": cost.gpus_bought,
        "machine": cost.price.machine or None,
        "region": cost.price.region or None,
        "provider": cost.price.provider,
        "term": cost.price.term,
        "date": cost.price.date or None,
        "days_old": days_old(cost.price.date, today()),
        "source": cost.price.source,
    }


def model_document(model: ModelSpec) -> ModelDocument:
    return {
        "name": model.name,
        "hf_id": model.hf_id,
        "params": model.total_params,
        "active_params": model.active_params,
        "native_format": model.native_format,
        "typical": model.typical,
    }
