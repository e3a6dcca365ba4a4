"""Crossovers and suggested measurements as whole documents, with the question they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.report.documents.certainty_and_sensitivity_document import (
    crossover_document,
    suggestion_document,
)
from advisor.report.documents.recommendation_document import VERSION, workload_document
from advisor.spec.models.model import ModelSpec
from advisor.spec.workloads.workload import Workload
from advisor.spec.workloads.workload_words import not_weighed

if TYPE_CHECKING:
    from advisor.advise.measuring.best_measurements import Suggestion
    from advisor.advise.sensitivity.crossover import Crossover
    from advisor.report.documents.document_types import (
        CrossoverAnswer,
        SuggestionAnswer,
    )


def crossover_answer(model: ModelSpec, workload: Workload, found: Crossover) -> CrossoverAnswer:
    """The document of `crossover.schema.json`."""
    return {
        "version": VERSION,
        "model": model.name,
        "workload": workload_document(workload),
        **crossover_document(found),
        "notes": list(not_weighed(workload)),
    }


def suggestion_answer(model: ModelSpec, workload: Workload, found: Suggestion) -> SuggestionAnswer:
    """The document of `suggestion.schema.json`."""
    return {
        "version": VERSION,
        "model": model.name,
        "workload": workload_document(workload),
        "suggestion": suggestion_document(found),
        "notes": list(not_weighed(workload)),
    }
