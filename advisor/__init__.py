"""quantadvise: which quantization format to deploy, on which GPU and how many, and how sure.

The whole public surface of the library; names are loaded when first used:

    from advisor import recommend
    answer = recommend("Llama-3.1-8B-Instruct", "chat", gpus=["A6000", "L40S"])
    for assessment in answer.ranked[:3]:
        print(assessment.deployment.format.name, assessment.usd_per_million_output_tokens)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from advisor.advise.ask import compare, crossover, measure_next
    from advisor.advise.assessment import Assessment, Cost, Refusal
    from advisor.advise.choose import Recommendation
    from advisor.advise.compare import Difference
    from advisor.advise.crossover import Crossover
    from advisor.advise.decision import Decision, decision
    from advisor.advise.measure_next import Suggestion
    from advisor.advise.recommend import predict, recommend
    from advisor.cost.estimate import Estimate
    from advisor.cost.prediction import Prediction
    from advisor.errors import QuantAdviseError
    from advisor.report.document import prediction_document, recommendation_document
    from advisor.spec.deployment import Deployment
    from advisor.spec.engine import Engine, parse_engine
    from advisor.spec.format import QuantFormat
    from advisor.spec.formats import find_format, known_formats
    from advisor.spec.gpu import GpuSpec
    from advisor.spec.gpus import find_gpu, known_gpus
    from advisor.spec.model import ModelSpec
    from advisor.spec.models import find_model, known_models, typical_model
    from advisor.spec.profile import known_workloads, load_workload
    from advisor.spec.workload import Arrival, LatencyLimit, Lengths, Load, Workload

_HOME = {
    "recommend": "advisor.advise.recommend",
    "predict": "advisor.advise.recommend",
    "crossover": "advisor.advise.ask",
    "compare": "advisor.advise.ask",
    "measure_next": "advisor.advise.ask",
    "decision": "advisor.advise.decision",
    "Crossover": "advisor.advise.crossover",
    "Difference": "advisor.advise.compare",
    "Decision": "advisor.advise.decision",
    "Suggestion": "advisor.advise.measure_next",
    "Recommendation": "advisor.advise.choose",
    "Assessment": "advisor.advise.assessment",
    "Refusal": "advisor.advise.assessment",
    "Cost": "advisor.advise.assessment",
    "Prediction": "advisor.cost.prediction",
    "Estimate": "advisor.cost.estimate",
    "recommendation_document": "advisor.report.document",
    "prediction_document": "advisor.report.document",
    "find_model": "advisor.spec.models",
    "known_models": "advisor.spec.models",
    "typical_model": "advisor.spec.models",
    "ModelSpec": "advisor.spec.model",
    "find_gpu": "advisor.spec.gpus",
    "known_gpus": "advisor.spec.gpus",
    "GpuSpec": "advisor.spec.gpu",
    "find_format": "advisor.spec.formats",
    "known_formats": "advisor.spec.formats",
    "QuantFormat": "advisor.spec.format",
    "parse_engine": "advisor.spec.engine",
    "Engine": "advisor.spec.engine",
    "load_workload": "advisor.spec.profile",
    "known_workloads": "advisor.spec.profile",
    "Workload": "advisor.spec.workload",
    "Load": "advisor.spec.workload",
    "Lengths": "advisor.spec.workload",
    "Arrival": "advisor.spec.workload",
    "LatencyLimit": "advisor.spec.workload",
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
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
