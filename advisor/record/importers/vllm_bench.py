"""`vllm bench serve --save-result` JSON, plain or with `--save-detailed`.

Flat; latencies in ms; names no GPU and no version unless the user passed `--metadata`. `request_rate` is the
text "inf" where all is sent at once. ITL pools all gaps (long answers weigh more); TPOT is one value per
request. Percentiles are those that were asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from advisor.errors import UnknownNameError
from advisor.record.importers import guard
from advisor.record.importers.facts import DeploymentFacts, known_gpu, known_model
from advisor.record.importers.run import STATISTICS, Figures, Run, day, needed, number, whole
from advisor.record.measurement import KvFormat, LengthKind, LoadKind, Metric
from advisor.spec.formats.catalog import find_kv_format

TOOL = "vllm bench serve"
_LATENCIES: Mapping[str, Metric] = {"ttft": "ttft_ms", "tpot": "tpot_ms", "itl": "itl_ms", "e2el": "e2e_ms"}
_RATES: Mapping[str, Metric] = {
    "request_throughput": "requests_per_s",
    "output_throughput": "output_tokens_per_s",
    "total_token_throughput": "total_tokens_per_s",
}
_KEY = re.compile(r"(mean|median|p[\d.]+)_(ttft|tpot|itl|e2el)_ms")


def recognises(document: Any) -> bool:
    keys = {"request_throughput", "output_throughput", "completed", "model_id", "request_rate"}
    return isinstance(document, Mapping) and keys <= document.keys()


def runs(document: Mapping[str, Any], *, where: str) -> list[Run]:
    """The one run of the file. Raises DataError when a key is missing that every version writes."""
    completed = whole(needed(document, "completed", where=where))
    tokens_in = number(needed(document, "total_input_tokens", where=where))
    tokens_out = number(needed(document, "total_output_tokens", where=where))
    load, value, mixed = _load(document)
    starts = _numbers(document.get("start_times"))
    ttfts = _numbers(document.get("ttfts"))
    conditions = ["throughput over the whole run, ramp and drain included"]
    burstiness = number(document.get("burstiness"))
    if load == "rate" and burstiness not in (None, 1.0):
        conditions.append(f"burstiness {burstiness:g}")
    if document.get("label"):
        conditions.append(f"label {document['label']}")
    return [
        Run(
            name="",
            load=load,
            load_value=value,
            input_tokens=tokens_in / completed if completed and tokens_in is not None else None,
            output_tokens=tokens_out / completed if completed and tokens_out is not None else None,
            lengths=_lengths(document, completed),
            figures=_figures(document, answers_of_one=bool(completed and tokens_out == completed)),
            completed=completed,
            failed=_failed(document, completed),
            duration_s=number(document.get("duration")),
            date=day(document.get("date")),
            ttft_max_ms=1000 * max(ttfts) if ttfts else None,
            ttft_growth=guard.growth(starts, ttfts),
            pace_drift=guard.growth(starts, _paces(document)),
            refused=mixed or _shared(document),
            conditions="; ".join(conditions),
            facts=_facts(document),
        )
    ]


def _load(document: Mapping[str, Any]) -> tuple[LoadKind, float | None, str]:
    """Kind, value, and why the two together are no load that we know."""
    rate = document.get("request_rate")
    rate = None if rate in ("inf", None) or number(rate) == float("inf") else float(rate)
    cap = number(document.get("max_concurrency"))
    requests = number(document.get("num_prompts"))
    if cap is not None and requests is not None and cap >= requests and rate is not None:
        cap = None  # never reached
    if rate is not None and cap is not None:
        return (
            "rate",
            rate,
            f"a rate of {rate:g}/s under a cap of {cap:g} in flight is neither load; drop one",
        )
    if rate is not None:
        return "rate", rate, ""
    return ("maximum", None, "") if cap is None else ("concurrency", cap, "")


def _shared(document: Mapping[str, Any]) -> str:
    """Why a run against several replicas is no record of one: `--metadata replicas=N` says so."""
    replicas = str(document.get("replicas") or "1")
    if replicas == "1":
        return ""
    return f"{replicas} replicas shared the load, a record is of one; send one of them its part of it"


def _figures(document: Mapping[str, Any], *, answers_of_one: bool) -> Figures:
    found: dict[tuple[Metric, str], float] = {}
    for key, metric in _RATES.items():
        value = number(document.get(key))
        if value is not None:
            found[metric, "mean"] = value
    for key, raw in document.items():
        match, value = _KEY.fullmatch(key), number(raw)
        if match is None or value is None:
            continue
        statistic = {"median": "p50"}.get(match[1], match[1])
        if match[2] in ("tpot", "itl") and answers_of_one:
            continue  # one token has no gap: vLLM writes 0
        if statistic in STATISTICS:
            found[_LATENCIES[match[2]], statistic] = value
    return found


def _failed(document: Mapping[str, Any], completed: int | None) -> int | None:
    """Older versions count no failures: what was asked for and did not come is one."""
    failed, asked = whole(document.get("failed")), whole(document.get("num_prompts"))
    if failed is None and asked is not None and completed is not None:
        return max(asked - completed, 0)
    return failed


def _lengths(document: Mapping[str, Any], completed: int | None) -> LengthKind:
    """Constant where all answers are equally long; without details, where their total divides evenly."""
    lengths = _numbers(document.get("output_lens"))
    if lengths:
        return "constant" if max(lengths) <= 1.02 * min(lengths) else "distribution"
    total = whole(document.get("total_output_tokens"))
    return "constant" if total and completed and total % completed == 0 else "distribution"


def _paces(document: Mapping[str, Any]) -> list[float]:
    """Seconds per token of each request: TTFT and all gaps over its tokens."""
    ttfts, lengths, gaps = (document.get(key) or [] for key in ("ttfts", "output_lens", "itls"))
    if not len(ttfts) == len(lengths) == len(gaps):
        return []
    rows = zip(ttfts, lengths, gaps, strict=True)
    return [(ttft + sum(own)) / length for ttft, length, own in rows if length > 0 and isinstance(own, list)]


def _numbers(value: Any) -> list[float]:
    if not isinstance(value, list):
        return []
    return [one for raw in value if (one := number(raw)) is not None]


def _facts(document: Mapping[str, Any]) -> DeploymentFacts:
    """The model, and what `--metadata KEY=VALUE` put beside the figures."""

    def first(*keys: str) -> str | None:
        return next((str(document[key]) for key in keys if document.get(key)), None)

    gpus = first("num_gpus", "tensor_parallel_size", "tp")
    return DeploymentFacts(
        model=known_model(first("base_model", "model_id")) or known_model(first("tokenizer_id")),
        format=first("format", "quantization"),
        gpu=known_gpu(first("gpu", "gpu_type", "hardware")),
        num_gpus=int(gpus) if gpus is not None and gpus.isdigit() else None,
        engine_version=first("engine_version", "vllm_version"),
        kv_format=_kv_format(first("kv_cache_dtype")),
    )


def _kv_format(name: str | None) -> KvFormat | None:
    if name is None:
        return None
    try:
        return find_kv_format(name).name
    except UnknownNameError:
        return None  # a flag says it
