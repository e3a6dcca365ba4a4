"""llm-d Benchmark Report, versions 0.1 and 0.2: YAML or JSON, `units` beside every figure is authoritative.

Keys were read in schema_v0_1.py, schema_v0_2.py, schema_v0_2_components.py and native_to_br0_2.py of
llm-d/llm-d-benchmark (August 2026). llm-d's own converters make them from results of GuideLLM, vLLM bench,
AIPerf, inference-perf and InferenceX. Everything about a component but its label stands in its `standardized`
section; a version 0.1 report has lists of hosts and engines instead, and plain numbers for throughput.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from advisor.errors import DataError
from advisor.record.importers.imported_run import (
    NO_LIMIT,
    NOT_RECORDED,
    STATISTICS,
    Figures,
    Run,
    day,
    needed,
    number,
    section,
    whole,
)
from advisor.record.importers.stated_facts import (
    DeploymentFacts,
    engine_name,
    known_gpu,
    known_model,
    unknown_gpu,
)
from advisor.record.importers.tools import llmd_report_v01
from advisor.record.measurement import LengthKind
from advisor.spec.metrics import MetricName
from advisor.spec.workloads.load_kind import LoadKind
from advisor.units import MS_PER_S, US_PER_S

TOOL = "llm-d Benchmark Report"
_LATENCIES: Mapping[str, MetricName] = {
    "time_to_first_token": "ttft_ms",
    "time_per_output_token": "tpot_ms",
    "inter_token_latency": "itl_ms",
    "request_latency": "e2e_ms",
}
_RATES: Mapping[str, MetricName] = {
    "output_token_rate": "output_tokens_per_s",
    "total_token_rate": "total_tokens_per_s",
    "request_rate": "requests_per_s",
    "requests_rate": "requests_per_s",
}
_MS_PER: Mapping[str, float] = {"s": MS_PER_S, "ms": 1.0, "us": MS_PER_S / US_PER_S}
_NOT_STATISTICS = ("units", "stddev", "mode")


def recognises(document: Any) -> bool:
    performance = section(document, "results", "request_performance", "aggregate")
    return performance is not None or llmd_report_v01.recognises(document)


def runs(document: Mapping[str, Any], *, where: str) -> list[Run]:
    """The one run of the report. Raises DataError for a unit we do not know, or another major version."""
    version = str(needed(document, "version", where=where))
    if llmd_report_v01.recognises(document):
        document = llmd_report_v01.as_v02(document)
    elif not version.startswith("0.2"):
        raise DataError(
            f"{where}: report version {version}, known are 0.1 and 0.2; convert it with llm-d's tool"
        )
    aggregate = needed(document, "results", "request_performance", "aggregate", where=where)
    requests = section(aggregate, "requests") or {}
    load = section(document, "scenario", "load", "standardized") or {}
    total, failed = whole(requests.get("total")), whole(requests.get("failures"))
    kind, value = _load(load)
    latency = section(aggregate, "latency") or {}
    engines = _engines(document)
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
            requests=total,
            input_std=number(section(requests, "input_length", "stddev")),
            output_std=number(section(requests, "output_length", "stddev")),
            duration_s=_seconds(section(document, "run", "time", "duration")),
            date=_start_day(section(document, "run", "time", "start")),
            ttft_max_ms=_ms(section(latency, "time_to_first_token"), "max", where),
            left_out=tuple(_left_out(aggregate)),
            refused=_refused(engines),
            suspect=_suspect(load, engines),
            conditions=_conditions(load, version),
            facts=_facts(engines),
        )
    ]


def _engines(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The inference engines of the stack; routers and gateways are of kind `generic`."""
    stack = section(document, "scenario", "stack")
    parts = stack if isinstance(stack, list) else []
    return [part for part in parts if section(part, "standardized", "kind") == "inference_engine"]


def _refused(engines: list[Mapping[str, Any]]) -> str:
    """Why the run is no record of one tensor-parallel replica."""
    roles = {str(section(part, "standardized", "role")) for part in engines}
    if roles & {"prefill", "decode"}:
        return "prefill and decode ran on separate engines: no single replica has these figures"
    replicas = sum(whole(section(part, "standardized", "replicas")) or 1 for part in engines)
    if replicas > 1:
        return f"{replicas} replicas shared the load, a record is of one; send one of them its part of it"
    for part in engines:
        for key, what in (("dp", "data"), ("pp", "pipeline")):
            ways = whole(section(part, "standardized", "accelerator", "parallelism", key))
            if ways is not None and ways > 1:
                return f"{what} parallelism of {ways}: a record is of tensor parallelism alone"
    return ""


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
    found: dict[tuple[MetricName, str], float] = {}
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
            raise DataError(f"{where}: units '{units}' of {key} are not a rate per second")
        found[metric, "mean"] = value
    return found


def _left_out(aggregate: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Latencies and rates of the report that no record has."""
    kept = {statistic.replace(".", "p") for statistic in STATISTICS}
    for part, known in (("latency", _LATENCIES), ("throughput", _RATES)):
        blocks = section(aggregate, part)
        for name, block in blocks.items() if isinstance(blocks, Mapping) else ():
            if name not in known:
                yield f"{part}.{name}", NOT_RECORDED
            elif part == "latency" and isinstance(block, Mapping):
                rest = [key for key in block if key not in kept and key not in _NOT_STATISTICS]
                for key in rest:
                    yield key, NO_LIMIT


def _lengths(load: Mapping[str, Any]) -> LengthKind:
    kinds = {section(load, key, "distribution") for key in ("input_seq_len", "output_seq_len")}
    return "constant" if kinds == {"fixed"} else "distribution"


def _suspect(load: Mapping[str, Any], engines: list[Mapping[str, Any]]) -> str:
    if section(load, "prefix", "prefix_len", "value") or section(load, "multi_turn", "enabled") is True:
        return "prompts share a prefix: the prefix cache may have answered"
    names = {str(key).lstrip("-").replace("_", "-") for part in engines for key in _arguments(part)}
    return "speculative decoding" if names & {"speculative-config", "speculative-model"} else ""


def _conditions(load: Mapping[str, Any], version: str) -> str:
    tool = " ".join(str(load[key]) for key in ("tool", "tool_version") if load.get(key))
    stage = f"stage {load['stage']}" if load.get("stage") is not None else ""
    return "; ".join(part for part in (tool, stage, f"report {version}") if part)


def _start_day(start: Any) -> str | None:
    """Seconds since 1970 in the first version of the schema, a time in the second."""
    return day(start if isinstance(start, (int, float)) else str(start or ""))


def _seconds(duration: Any) -> float | None:
    """ISO 8601: `PT1M49.97S`; a plain number in version 0.1."""
    if number(duration) is not None:
        return number(duration)
    match = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?", str(duration))
    if match is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def _arguments(part: Mapping[str, Any]) -> Mapping[str, Any]:
    arguments = section(part, "native", "args")
    return arguments if isinstance(arguments, Mapping) else {}


def _argument(part: Mapping[str, Any], name: str) -> str | None:
    """A server argument of the component: `--kv-cache-dtype`."""
    for key, value in _arguments(part).items():
        if str(key).lstrip("-").replace("_", "-") == name and value not in (None, ""):
            return str(value)
    return None


def _facts(engines: list[Mapping[str, Any]]) -> DeploymentFacts:
    if not engines:
        return DeploymentFacts()
    part = section(engines[0], "standardized") or {}
    tool, image = str(part.get("tool") or ""), str(part.get("tool_version") or "")
    engine = engine_name(f"{tool} {image}") if f"{tool}{image}" else None
    quantization, kv = (_argument(engines[0], name) for name in ("quantization", "kv-cache-dtype"))
    return DeploymentFacts(
        model=known_model(section(part, "model", "name")),
        format=quantization if quantization in ("fp8", "int8") else None,
        gpu=known_gpu(section(part, "accelerator", "model")),
        unknown_gpu=unknown_gpu(section(part, "accelerator", "model")),
        num_gpus=_gpus_of_a_replica(part),
        engine=engine,
        engine_version=_vllm_version(tool, image),
        kv_format="fp8" if kv is not None and kv.startswith("fp8") else None,
    )


def _gpus_of_a_replica(part: Mapping[str, Any]) -> int | None:
    """Tensor parallel; None where the count of accelerators says another number, for a flag to settle."""
    ways = whole(section(part, "accelerator", "parallelism", "tp"))
    count = whole(section(part, "accelerator", "count"))
    if not ways or not count:
        return ways or count or None
    return ways if ways == count else None


def _vllm_version(tool: str, image: str) -> str | None:
    """Release in `0.11.0` or `vllm/vllm-openai:v0.11.0`; an llm-d image has llm-d's version, not vLLM's."""
    if "vllm" not in f"{tool} {image}".lower() or "llm-d" in f"{tool} {image}".lower():
        return None
    match = re.search(r"(?:^|[:v ])v?(\d+\.\d+[\w.]*)$", image)
    return None if match is None else match[1]
