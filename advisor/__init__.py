"""quantadvise: which quantization format to deploy, on which GPU and how many, and how sure.

The whole public surface of the library; names are loaded when first used:

    from advisor import recommend
    answer = recommend("Llama-3.1-8B-Instruct", "chat", gpus=["A6000", "L40S"])
    for assessment in answer.ranked[:3]:
        print(assessment.deployment.format.name, assessment.usd_per_million_output_tokens)
"""

from __future__ import annotations

TYPE_CHECKING = False  # without typing: an interrupt before main() runs is Python's own traceback
if TYPE_CHECKING:
    from typing import Any

    from advisor.advise.api import predict, recommend
    from advisor.advise.api_follow_up import compare, crossover, measure_next, mixed_fleet
    from advisor.advise.certainty_and_sensitivity import Decision, decision
    from advisor.advise.choose.assessment import Assessment, Cost, Refusal
    from advisor.advise.choose.recommendation import Recommendation
    from advisor.advise.compare.deployments import Difference
    from advisor.advise.measuring.best_measurements import Suggestion
    from advisor.advise.mixed.fleet import Mix
    from advisor.advise.sensitivity.crossover import Crossover
    from advisor.cost.estimate_with_interval import Estimate
    from advisor.cost.predict.prediction import Prediction
    from advisor.errors import QuantAdviseError
    from advisor.report.documents.prediction_document import prediction_document
    from advisor.report.documents.recommendation_document import recommendation_document
    from advisor.spec.deployment import Deployment
    from advisor.spec.engines.engine import Engine, parse_engine
    from advisor.spec.formats.catalog import find_format, known_formats
    from advisor.spec.formats.format import QuantFormat
    from advisor.spec.hardware.catalog import known_gpus
    from advisor.spec.hardware.gpu import GpuSpec
    from advisor.spec.hardware.gpu_by_name import find_gpu
    from advisor.spec.models.catalog import find_model, known_models, typical_model
    from advisor.spec.models.model import ModelSpec
    from advisor.spec.workloads.read_profile import known_workloads, load_workload
    from advisor.spec.workloads.workload import Arrival, LatencyLimit, Lengths, Load, Workload

_HOME = {
    "recommend": "advisor.advise.api",
    "predict": "advisor.advise.api",
    "crossover": "advisor.advise.api_follow_up",
    "compare": "advisor.advise.api_follow_up",
    "measure_next": "advisor.advise.api_follow_up",
    "mixed_fleet": "advisor.advise.api_follow_up",
    "decision": "advisor.advise.certainty_and_sensitivity",
    "Crossover": "advisor.advise.sensitivity.crossover",
    "Difference": "advisor.advise.compare.deployments",
    "Decision": "advisor.advise.certainty_and_sensitivity",
    "Mix": "advisor.advise.mixed.fleet",
    "Suggestion": "advisor.advise.measuring.best_measurements",
    "Recommendation": "advisor.advise.choose.recommendation",
    "Assessment": "advisor.advise.choose.assessment",
    "Refusal": "advisor.advise.choose.assessment",
    "Cost": "advisor.advise.choose.assessment",
    "Prediction": "advisor.cost.predict.prediction",
    "Estimate": "advisor.cost.estimate_with_interval",
    "recommendation_document": "advisor.report.documents.recommendation_document",
    "prediction_document": "advisor.report.documents.prediction_document",
    "find_model": "advisor.spec.models.catalog",
    "known_models": "advisor.spec.models.catalog",
    "typical_model": "advisor.spec.models.catalog",
    "ModelSpec": "advisor.spec.models.model",
    "find_gpu": "advisor.spec.hardware.gpu_by_name",
    "known_gpus": "advisor.spec.hardware.catalog",
    "GpuSpec": "advisor.spec.hardware.gpu",
    "find_format": "advisor.spec.formats.catalog",
    "known_formats": "advisor.spec.formats.catalog",
    "QuantFormat": "advisor.spec.formats.format",
    "parse_engine": "advisor.spec.engines.engine",
    "Engine": "advisor.spec.engines.engine",
    "load_workload": "advisor.spec.workloads.read_profile",
    "known_workloads": "advisor.spec.workloads.read_profile",
    "Workload": "advisor.spec.workloads.workload",
    "Load": "advisor.spec.workloads.workload",
    "Lengths": "advisor.spec.workloads.workload",
    "Arrival": "advisor.spec.workloads.workload",
    "LatencyLimit": "advisor.spec.workloads.workload",
    "Deployment": "advisor.spec.deployment",
    "QuantAdviseError": "advisor.errors",
}

__all__ = [
    "Arrival",
    "Assessment",
    "Cost",
    "Crossover",
    "Decision",
    "Deployment",
    "Difference",
    "Engine",
    "Estimate",
    "GpuSpec",
    "LatencyLimit",
    "Lengths",
    "Load",
    "Mix",
    "ModelSpec",
    "Prediction",
    "QuantAdviseError",
    "QuantFormat",
    "Recommendation",
    "Refusal",
    "Suggestion",
    "Workload",
    "compare",
    "crossover",
    "decision",
    "find_format",
    "find_gpu",
    "find_model",
    "known_formats",
    "known_gpus",
    "known_models",
    "known_workloads",
    "load_workload",
    "measure_next",
    "mixed_fleet",
    "parse_engine",
    "predict",
    "prediction_document",
    "recommend",
    "recommendation_document",
    "typical_model",
]


def __getattr__(name: str) -> Any:
    """A public name, imported when first asked for: `import advisor` itself costs nothing."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'advisor' has no attribute '{name}'")
    import importlib

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
