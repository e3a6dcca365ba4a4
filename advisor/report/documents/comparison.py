"""Two deployments or two sets of results side by side, as plain values for JSON and YAML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.report.documents.recommendation_document import VERSION, workload_document

if TYPE_CHECKING:
    from advisor.advise.compare.deployments import Difference
    from advisor.report.documents.document_types import (
        ComparisonAnswer,
    )
    from advisor.spec.workloads.workload import Workload


def comparison_document(
    first: str,
    second: str,
    differences: Sequence[Difference],
    notes: Sequence[str],
    workload: Workload | None = None,
) -> ComparisonAnswer:
    """The document of `comparison.schema.json`."""
    return {
        "version": VERSION,
        "a": first,
        "b": second,
        "workload": None if workload is None else workload_document(workload),
        "differences": [
            {
                "name": d.name,
                "unit": d.unit,
                "a": d.first,
                "b": d.second,
                "change": d.change,
                "change_is": "share" if d.is_share else "points",
                "low": d.low,
                "high": d.high,
                "significant": d.significant,
                "rests_on": d.basis,
            }
            for d in differences
        ],
        "notes": list(notes),
    }
