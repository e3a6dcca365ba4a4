"""llm-d Benchmark Report, version 0.2: YAML or JSON, `units` beside every figure is authoritative.

Made from GuideLLM, vLLM bench, inference-perf and InferenceX results by llm-d's own converters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from advisor.errors import DataError
from advisor.record.importers.facts import DeploymentFacts, known_gpu, known_model
from advisor.record.importers.run import STATISTICS, Figures, Run, day, needed, number, section, whole
from advisor.record.measurement import LengthKind, LoadKind, Metric
from advisor.units import MS_PER_S, US_PER_S

TOOL = "llm-d Benchmark Report"
_LATENCIES: Mapping[str, Metric] = {
    "time_to_first_token": "ttft_ms",
    "time_per_output_token": "tpot_ms",
    "inter_token_latency": "itl_ms",
    "request_latency": "e2e_ms",
}
_RATES: Mapping[str, Metric] = {
    "output_token_rate": "output_tokens_per_s",
    "total_token_rate": "total_tokens_per_s",
    "request_rate": "requests_per_s",
    "requests_rate": "requests_per_s",
}
_MS_PER: Mapping[str, float] = {"s": MS_PER_S, "ms": 1.0, "us": MS_PER_S / US_PER_S}
_ENGINES = ("inference_engine", "engine")


def recognises(document: Any) -> bool:
    return section(document, "results", "request_performance", "aggregate") is not None


def runs(document: Mapping[str, Any], *, where: str) -> list[Run]:
    """The one run of the report. Raises DataError for a unit we do not know, or another major version."""
    version = str(needed(document, "version", where=where))
    if not version.startswith("0.2"):
        raise DataError(f"{where}: report version {version}, we read 0.2; convert it with llm-d's own tool")
    aggregate = needed(document, "results", "request_performance", "aggregate", where=where)
    requests = section(aggregate, "requests") or {}
    load = section(document, "scenario", "load", "standardized") or {}
    total, failed = whole(requests.get("total")), whole(requests.get("failures"))
    kind, value = _load(load)
    latency = section(aggregate, "latency") or {}
    ttft_max = _ms(section(latency, "time_to_first_token"), "max", where)
    roles = {section(part, "standardized", "role") for part in _engines(document)}
    return [
        Run(
            name="",
            load=kind,
            load_value=value,
            input_tokens=number(section(requests, "input_length", "mean")),
            output_tokens=number(section(requests, "output_length", "mean")),
            lengths=_lengths(load),
            figures=_figures(aggregate, where),
            completed=None if total is None else total - (failed or 0),
            failed=failed,
            duration_s=_seconds(section(document, "run", "time", "duration")),
            date=day(str(section(document, "run", "time", "start") or "")),
            ttft_max_ms=ttft_max,
            refused=(
                "prefill and decode ran on separate engines: no single replica has these figures"
                if roles & {"prefill", "decode"}
                else ""
            ),
            suspect=_suspect(load),
            conditions=_conditions(load),
            facts=_facts(document),
        )
    ]


def _engines(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    stack = section(document, "scenario", "stack")
    parts = stack if isinstance(stack, list) else []
    return [part for part in parts if section(part, "metadata", "kind") in _ENGINES]


def _load(load: Mapping[str, Any]) -> tuple[LoadKind | None, float | None]:
    """An infinite concurrency or rate (`.inf`) is none."""
    rate, concurrency = number(load.get("rate_qps")), number(load.get("concurrency"))
    if rate is not None and 0 < rate < float("inf"):
        return "rate", rate
    if concurrency is not None and 0 < concurrency < float("inf"):
        return "concurrency", concurrency
    return ("maximum", None) if rate == float("inf") else (None, None)


def _ms(block: Any, key: str, where: str) -> float | None:
    value = number(section(block, key))
    if value is None:
        return None
    units = str(section(block, "units"))
    factor = _MS_PER.get(units.removesuffix("/token"))
    if factor is None:
        raise DataError(f"{where}: units '{units}' of a latency are unknown; one of {', '.join(_MS_PER)}")
    return factor * value


def _figures(aggregate: Mapping[str, Any], where: str) -> Figures:
    found: dict[tuple[Metric, str], float] = {}
    for key, metric in _LATENCIES.items():
        for statistic in STATISTICS:
            value = _ms(section(aggregate, "latency", key), statistic.replace(".", "p"), where)
            if value is not None:
                found[metric, statistic] = value
    for key, metric in _RATES.items():
        block = section(aggregate, "throughput", key)
        value = number(section(block, "mean"))
        if value is None:
            continue
        units = str(section(block, "units"))
        if not units.endswith("/s"):
            raise DataError(f"{where}: units '{units}' of {key} are no rate per second")
        found[metric, "mean"] = value
    return found


def _lengths(load: Mapping[str, Any]) -> LengthKind:
    kinds = {section(load, key, "distribution") for key in ("input_seq_len", "output_seq_len")}
    return "constant" if kinds == {"fixed"} else "distribution"


def _suspect(load: Mapping[str, Any]) -> str:
    if section(load, "prefix", "prefix_len", "value") or section(load, "multi_turn", "enabled") is True:
        return "prompts share a prefix: the prefix cache may have answered"
    return ""


def _conditions(load: Mapping[str, Any]) -> str:
    tool = " ".join(str(load[key]) for key in ("tool", "tool_version") if load.get(key))
    stage = f"stage {load['stage']}" if load.get("stage") is not None else ""
    return "; ".join(part for part in (tool, stage) if part)


def _seconds(duration: Any) -> float | None:
    """ISO 8601: `PT1M49.97S`."""
    match = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?", str(duration))
    if match is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def _facts(document: Mapping[str, Any]) -> DeploymentFacts:
    engines = _engines(document)
    if not engines:
        return DeploymentFacts()
    part = section(engines[0], "standardized") or {}
    version = re.search(r"vllm[^:]*:v?(\d+\.\d+[\w.]*)", str(part.get("tool_version")))
    return DeploymentFacts(
        model=known_model(section(part, "model", "name")),
        gpu=known_gpu(section(part, "accelerator", "model")),
        num_gpus=whole(section(part, "accelerator", "parallelism", "tp")),
        engine_version=None if version is None else version[1],
    )
