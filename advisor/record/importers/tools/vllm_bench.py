"""`vllm bench serve --save-result` JSON, plain, with `--save-detailed`, one of many in a file that
`--append-result` or `vllm bench sweep` wrote, and forks of it.

Keys were read in vllm/benchmarks/serve.py and sweep/serve.py of vLLM 0.33.0. Flat; latencies in ms; names no
GPU and no version unless the user passed `--metadata`. `request_rate` is the text "inf" where all is sent at
once. ITL pools all gaps (long answers weigh more); TPOT is one value per request. Percentiles are those of
`--metric-percentiles`. A sweep adds the run's number and the server settings that it varied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advisor.errors import UnknownNameError
from advisor.record.importers.imported_run import Run, day, needed, number, spread, whole
from advisor.record.importers.stated_facts import (
    DeploymentFacts,
    engine_name,
    known_gpu,
    known_model,
    unknown_gpu,
)
from advisor.record.importers.tools import shared_by_flat_formats
from advisor.spec.engines.kernel_choice import KvFormat
from advisor.spec.engines.settings_from_conditions import written_settings
from advisor.spec.formats.catalog import find_kv_format

TOOL = "vllm bench serve"
_FACTS: Mapping[str, tuple[str, ...]] = {
    "model": ("base_model", "model_id"),
    "format": ("format", "quantization"),
    "gpu": ("gpu", "gpu_type", "hardware"),
    "num_gpus": ("num_gpus", "tensor_parallel_size", "tp"),
    "version": ("engine_version", "vllm_version"),
    "kv": ("kv_cache_dtype",),
    "replicas": ("replicas", "data_parallel_size", "dp"),
    "stages": ("pipeline_parallel_size", "pp"),
    "max_num_seqs": ("max_num_seqs",),
    "speculative": ("speculative_config", "speculative_model", "num_speculative_tokens"),
    "prefix_caching": ("enable_prefix_caching",),
}
"""Keys that `--metadata` and `vllm bench sweep` put beside the figures, by what they state."""
_SETTINGS = (
    *("max_num_seqs", "max_num_batched_tokens", "gpu_memory_utilization", "stream_interval"),
    *("async_scheduling", "enforce_eager", "allreduce_fusion"),
)
_WRITTEN = {
    *("date", "endpoint_type", "backend", "label", "model_id", "tokenizer_id", "num_prompts", "run_number"),
    *("request_rate", "burstiness", "max_concurrency", "duration", "completed", "failed", "rtfx"),
    *("total_input_tokens", "total_output_tokens", "max_output_tokens_per_s", "max_concurrent_requests"),
    *("ramp_up_strategy", "ramp_up_start_rps", "ramp_up_end_rps", "engine", "rps_change_events"),
    *shared_by_flat_formats.DETAILS,
    *_SETTINGS,
    *(key for keys in _FACTS.values() for key in keys),
}
_ENDPOINTS = ("openai", "openai-chat", "openai-responses", "openai-comp", "generic")
"""Backends that say how requests were sent and not which engine answered."""


def recognises(document: Any) -> bool:
    if not isinstance(document, Mapping) or not {"model_id", "request_rate"} <= document.keys():
        return False
    return {"request_throughput", "completed"} <= document.keys() or _trimmed(document)


def _trimmed(document: Mapping[str, Any]) -> bool:
    """Whether it is a result that a script cut down to latencies: neither counts nor throughput are there."""
    counts = {"request_throughput", "completed", "total_input_tokens", "total_output_tokens"}
    return "mean_ttft_ms" in document and not counts & document.keys()


def runs(document: Mapping[str, Any], *, where: str) -> list[Run]:
    """The one run of the document. Raises DataError when a key is missing that every version writes."""
    completed = tokens_in = None
    if not _trimmed(document):
        completed = whole(needed(document, "completed", where=where))
        tokens_in = number(needed(document, "total_input_tokens", where=where))
    tokens_out = number(document.get("total_output_tokens"))
    requests = whole(document.get("num_prompts"))
    load, value, no_load = shared_by_flat_formats.load(document, requests)
    ttfts = shared_by_flat_formats.numbers(document.get("ttfts"))
    figures, left_out = shared_by_flat_formats.figures(document)
    if completed and tokens_out == completed:
        figures = shared_by_flat_formats.without_gaps(figures)
    return [
        Run(
            name=_name(document),
            load=load,
            load_value=value,
            input_tokens=tokens_in / completed if completed and tokens_in is not None else None,
            output_tokens=tokens_out / completed if completed and tokens_out is not None else None,
            lengths=shared_by_flat_formats.lengths(document, completed),
            figures=figures,
            completed=completed,
            failed=_failed(document, completed),
            requests=requests,
            input_std=spread(document.get("input_lens")),
            output_std=spread(document.get("output_lens")),
            burstiness=number(document.get("burstiness")),
            duration_s=number(document.get("duration")),
            date=day(document.get("date")),
            ttft_max_ms=1000 * max(ttfts) if ttfts else None,
            ttft_growth=shared_by_flat_formats.ttft_growth(document),
            pace_drift=shared_by_flat_formats.pace_drift(document),
            sent_together=requests or completed if load == "maximum" else None,
            max_num_seqs=whole(number(_first(document, "max_num_seqs"))) or _count(document, "max_num_seqs"),
            left_out=(*left_out, *_unused(document)),
            refused=_pooling(document)
            or no_load
            or _empty(document, completed)
            or _divided(document)
            or _contradiction(document, completed),
            suspect=_suspect(document),
            conditions="; ".join(_conditions(document, load)),
            facts=_facts(document),
        )
    ]


def _first(document: Mapping[str, Any], fact: str) -> Any:
    """The value that states a fact: a sweep writes numbers, `--metadata` text; keys with `-` or `_`."""
    for key in _FACTS[fact]:
        for spelt in (key, key.replace("_", "-")):
            if document.get(spelt) not in (None, ""):
                return document[spelt]
    return None


def _text(document: Mapping[str, Any], fact: str) -> str | None:
    value = _first(document, fact)
    return None if value is None else str(value)


def _count(document: Mapping[str, Any], fact: str) -> int | None:
    text = _text(document, fact)
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None


def _name(document: Mapping[str, Any]) -> str:
    """A sweep's summary repeats a combination: its run's number tells the repeats apart."""
    number_of_run = whole(document.get("run_number"))
    return "" if number_of_run is None else f"run {number_of_run}"


def _failed(document: Mapping[str, Any], completed: int | None) -> int | None:
    """Older versions count no failures: a prompt without a completed answer is one."""
    failed, prompts = whole(document.get("failed")), whole(document.get("num_prompts"))
    if failed is None and prompts is not None and completed is not None:
        return max(prompts - completed, 0)
    return failed


def _empty(document: Mapping[str, Any], completed: int | None) -> str:
    """vLLM counts an answer of no token as completed, with a TTFT of 0."""
    empty = shared_by_flat_formats.empty_answers(document)
    if not completed or empty <= 0.01 * completed:
        return ""
    return f"{empty} of {completed} answers are empty: their zeros count in the latencies"


def _pooling(document: Mapping[str, Any]) -> str:
    if document.get("input_sequence_throughput") is None:
        return ""
    return "requests of an embedding or ranking model: they generate no text"


def _contradiction(document: Mapping[str, Any], completed: int | None) -> str:
    """Where requests, duration and throughput of the same run are far apart: one of them is not its own."""
    seconds, per_s = number(document.get("duration")), number(document.get("request_throughput"))
    if not completed or seconds is None or per_s is None:
        return ""
    if 0.5 * completed <= per_s * seconds <= 2.0 * completed:
        return ""
    return f"{completed} requests in {seconds:g} s are not the {per_s:g} requests/s that it states"


def _divided(document: Mapping[str, Any]) -> str:
    """Why a run is no record of one tensor-parallel replica."""
    replicas, stages = _text(document, "replicas") or "1", _text(document, "stages") or "1"
    if replicas != "1":
        return f"{replicas} replicas shared the load, a record is of one; send one of them its part of it"
    return "" if stages == "1" else f"{stages} pipeline stages: a record is of tensor parallelism alone"


def _suspect(document: Mapping[str, Any]) -> str:
    method = _text(document, "speculative")
    if document.get("spec_decode_num_drafts") or (
        method and method.lower() not in ("none", "null", "0", "{}")
    ):
        return "speculative decoding"
    return ""


def _conditions(document: Mapping[str, Any], load: str | None) -> list[str]:
    found = ["throughput over the whole run, ramp and drain included"]
    burstiness = number(document.get("burstiness"))
    if load == "rate" and burstiness not in (None, 1.0):
        found.append(f"burstiness {burstiness:g}")
    if document.get("label"):
        found.append(f"label {document['label']}")
    for key in _SETTINGS:
        value = document.get(key, document.get(key.replace("_", "-")))
        if value is not None:
            found += written_settings({key: value})
    caching = _text(document, "prefix_caching")
    if caching is not None:
        found.append(f"prefix caching {'on' if caching.lower() in ('true', '1', 'on') else 'off'}")
    return found


def _unused(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Keys that neither vLLM's releases nor this reader know: a fork's, or `--metadata` of one's own."""
    return [
        (key, "an unknown key")
        for key, value in document.items()
        if key.replace("-", "_") not in _WRITTEN
        and not key.startswith(("spec_decode_", "probe_", "diffusion_"))
        and isinstance(value, (str, bool))
    ]


def _facts(document: Mapping[str, Any]) -> DeploymentFacts:
    """The model, and what `--metadata KEY=VALUE` or a sweep put beside the figures."""
    backend = str(document.get("engine") or document.get("backend") or document.get("endpoint_type") or "")
    return DeploymentFacts(
        model=known_model(document.get("base_model"))
        or known_model(document.get("model_id"))
        or known_model(document.get("tokenizer_id")),
        format=_text(document, "format"),
        gpu=known_gpu(_text(document, "gpu")),
        unknown_gpu=unknown_gpu(_text(document, "gpu")),
        num_gpus=_count(document, "num_gpus"),
        engine=None if backend in _ENDPOINTS or not backend else engine_name(backend),
        engine_version=_text(document, "version"),
        kv_format=_kv_format(_text(document, "kv")),
    )


def _kv_format(name: str | None) -> KvFormat | None:
    if name is None:
        return None
    try:
        return find_kv_format(name).name
    except UnknownNameError:
        return None  # a flag says it
