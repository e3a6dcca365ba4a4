"""`vllm bench throughput --output-json` and `vllm bench latency --output-json`: runs without a server.

Keys were read in vllm/benchmarks/throughput.py and latency.py of vLLM 0.33.0. Both state no lengths and no
GPU. Throughput: all requests are there at the start; its token rate counts prompts and answers together.
Latency: one static batch again and again, in **seconds**, with `ignore_eos` and random prompts; the size of
the batch is not in the file (`--batch`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advisor.record.importers.imported_run import NO_LIMIT, STATISTICS, Run, needed, number, whole
from advisor.record.importers.stated_facts import DeploymentFacts, known_model
from advisor.spec.metrics import MetricName
from advisor.units import MS_PER_S

TOOL = "vllm bench throughput/latency"
_THROUGHPUT = {"elapsed_time", "num_requests", "total_num_tokens", "requests_per_second", "tokens_per_second"}
_LATENCY = {"avg_latency", "latencies", "percentiles"}


def recognises(document: Any) -> bool:
    return isinstance(document, Mapping) and (document.keys() >= _THROUGHPUT or document.keys() >= _LATENCY)


def runs(document: Mapping[str, Any], *, where: str) -> list[Run]:
    """The one run of the file."""
    facts = DeploymentFacts(model=known_model(document.get("model_id")), engine="vllm")
    if document.keys() >= _LATENCY:
        return [_latency(document, facts, where)]
    requests = whole(needed(document, "num_requests", where=where))
    figures: dict[tuple[MetricName, str], float] = {}
    for key, metric in (
        ("requests_per_second", "requests_per_s"),
        ("tokens_per_second", "total_tokens_per_s"),
    ):
        value = number(document[key])
        if value is not None:
            figures[metric, "mean"] = value  # type: ignore[index]
    return [
        Run(
            name="",
            load="maximum",
            load_value=None,
            input_tokens=None,
            output_tokens=None,
            lengths=None,
            figures=figures,
            completed=requests,
            failed=0,
            duration_s=number(document["elapsed_time"]),
            sent_together=requests,
            tokens_per_request=_per_request(document, requests),
            conditions="offline: no server",
            facts=facts,
        )
    ]


def _per_request(document: Mapping[str, Any], requests: int | None) -> float | None:
    """Mean tokens of a request, prompt and answer together."""
    total = number(document["total_num_tokens"])
    return total / requests if total and requests else None


def _latency(document: Mapping[str, Any], facts: DeploymentFacts, where: str) -> Run:
    figures: dict[tuple[MetricName, str], float] = {}
    left: list[tuple[str, str]] = []
    mean = number(needed(document, "avg_latency", where=where))
    if mean is not None:
        figures["e2e_ms", "mean"] = MS_PER_S * mean
    percentiles = document["percentiles"]
    for key, raw in percentiles.items() if isinstance(percentiles, Mapping) else ():
        value, statistic = number(raw), f"p{key}"
        if value is not None and statistic in STATISTICS:
            figures["e2e_ms", statistic] = MS_PER_S * value
        else:
            left.append((f"percentiles.{key}", NO_LIMIT))
    repeats = document["latencies"]
    return Run(
        name="",
        load=None,
        load_value=None,
        input_tokens=None,
        output_tokens=None,
        lengths="constant",
        figures=figures,
        completed=len(repeats) if isinstance(repeats, list) else None,
        failed=0,
        left_out=tuple(left),
        conditions="offline: no server; samples are batches",
        facts=facts,
    )
