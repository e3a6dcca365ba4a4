"""SGLang's `bench_serving` JSON Lines: a fork of vLLM's tool, which measures other engines too.

Keys were read in python/sglang/bench_serving.py (sgl-project/sglang). One object a line; latencies in ms, E2E
is `e2e_latency`; the file names no model. `backend` says which engine answered: only vLLM's runs are records.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advisor.record.importers.imported_run import Run, needed, number, section, spread, whole
from advisor.record.importers.stated_facts import DeploymentFacts, engine_name, known_model
from advisor.record.importers.tools import shared_by_flat_formats

TOOL = "SGLang bench_serving"


def recognises(document: Any) -> bool:
    keys = {"backend", "request_throughput", "completed", "mean_e2e_latency_ms"}
    return isinstance(document, Mapping) and keys <= document.keys() and "model_id" not in document


def runs(document: Mapping[str, Any], *, where: str) -> list[Run]:
    """The one run of the object."""
    completed = whole(needed(document, "completed", where=where))
    tokens_in = number(needed(document, "total_input_tokens", where=where))
    tokens_out = number(needed(document, "total_output_tokens", where=where))
    load, value, no_load = shared_by_flat_formats.load(document, completed)
    figures, left_out = shared_by_flat_formats.figures(document)
    empty = shared_by_flat_formats.empty_answers(document)
    return [
        Run(
            name="",
            load=load,
            load_value=value,
            input_tokens=tokens_in / completed if completed and tokens_in is not None else None,
            output_tokens=tokens_out / completed if completed and tokens_out is not None else None,
            lengths=shared_by_flat_formats.lengths(document, completed),
            figures=shared_by_flat_formats.without_gaps(figures) if completed == tokens_out else figures,
            completed=completed,
            failed=empty or None,
            input_std=spread(document.get("input_lens")),
            output_std=spread(document.get("output_lens")),
            duration_s=number(document.get("duration")),
            sent_together=completed if load == "maximum" else None,
            left_out=tuple(left_out),
            refused=no_load,
            suspect="speculative decoding" if document.get("accept_length") else "",
            conditions=f"SGLang's client; data set {document.get('dataset_name', 'unknown')}",
            facts=DeploymentFacts(
                model=known_model(section(document, "server_info", "model_path")),
                engine=engine_name(str(document["backend"])),
            ),
        )
    ]
