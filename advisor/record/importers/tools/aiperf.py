"""AIPerf `profile_export_aiperf.json`: a block per metric, whose `unit` is authoritative.

By NVIDIA's own rules for readers: an absent field does not apply, the set of fields is open, units are never
inferred from a metric's name. `inter_token_latency` is one average per request, our TPOT;
`inter_chunk_latency` is the gap between chunks, our ITL.
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
    number,
    section,
    whole,
)
from advisor.record.importers.stated_facts import DeploymentFacts, known_gpu, known_model, unknown_gpu
from advisor.record.measurement import LengthKind
from advisor.spec.metrics import MetricName
from advisor.spec.workloads.load_kind import LoadKind

TOOL = "AIPerf"
MISCOUNT = 1.03
"""A tokenizer that is off by more is not the server's."""
_LATENCIES: Mapping[str, MetricName] = {
    "time_to_first_token": "ttft_ms",
    "inter_token_latency": "tpot_ms",
    "inter_chunk_latency": "itl_ms",
    "request_latency": "e2e_ms",
}
_RATES: Mapping[str, MetricName] = {
    "request_throughput": "requests_per_s",
    "output_token_throughput": "output_tokens_per_s",
    "total_token_throughput": "total_tokens_per_s",
}
_MS_PER: Mapping[str, float] = {
    "ms": 1.0,
    "milliseconds": 1.0,
    "s": 1e3,
    "sec": 1e3,
    "seconds": 1e3,
    "us": 1e-3,
    "ns": 1e-6,
    "nanoseconds": 1e-6,
}


def recognises(document: Any) -> bool:
    if not isinstance(document, Mapping) or section(document, "request_latency", "unit") is None:
        return False
    return "aiperf_version" in document or "input_config" in document or "schema_version" in document


def runs(document: Mapping[str, Any], *, where: str) -> list[Run]:
    """The one run of the file. Raises DataError for a unit we do not know."""
    load, value = _load(document)
    errors = document.get("error_summary") or []
    failed = sum(whole(section(error, "count")) or 0 for error in errors)
    if not failed:
        failed = whole(section(document, "error_request_count", "avg")) or 0
    return [
        Run(
            name="",
            load=load,
            load_value=value,
            input_tokens=_tokens(document, "usage_prompt_tokens", "input_sequence_length"),
            output_tokens=_tokens(document, "usage_completion_tokens", "output_sequence_length"),
            lengths=_lengths(document),
            input_std=_token_std(document, "usage_prompt_tokens", "input_sequence_length"),
            output_std=_token_std(document, "usage_completion_tokens", "output_sequence_length"),
            figures=_figures(document, where),
            left_out=tuple(_left_out(document)),
            completed=whole(section(document, "request_count", "avg")),
            failed=failed,
            duration_s=_duration(document),
            date=day(document.get("start_time")),
            ttft_max_ms=_ms(document.get("time_to_first_token"), "max", where),
            refused=_refused(document),
            suspect=_suspect(document),
            conditions=_conditions(document),
            facts=_facts(document),
        )
    ]


def _ms(block: Any, key: str, where: str) -> float | None:
    value = number(section(block, key))
    if value is None:
        return None
    unit = str(section(block, "unit"))
    if unit not in _MS_PER:
        raise DataError(f"{where}: unit '{unit}' of a latency is unknown; one of {', '.join(_MS_PER)}")
    return _MS_PER[unit] * value


def _figures(document: Mapping[str, Any], where: str) -> Figures:
    found: dict[tuple[MetricName, str], float] = {}
    for key, metric in _LATENCIES.items():
        for statistic in STATISTICS:
            theirs = "avg" if statistic == "mean" else statistic
            value = _ms(document.get(key), theirs, where)
            if value is not None:
                found[metric, statistic] = value
    for key, metric in _RATES.items():
        value = number(section(document, key, "avg"))
        if value is None:
            continue
        unit = str(section(document, key, "unit"))
        if not unit.endswith(("/sec", "/s")):
            raise DataError(f"{where}: unit '{unit}' of {key} is not a rate per second")
        found[metric, "mean"] = value
    return _recounted(found, document) if _miscounted(document) else found


_USED = frozenset(
    {
        *(*_LATENCIES, *_RATES, "request_count", "completed_request_count", "error_request_count"),
        *("input_sequence_length", "output_sequence_length", "usage_prompt_tokens"),
        *("usage_completion_tokens", "benchmark_duration"),
    }
)


def _left_out(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What of the file gives no row, with the reason."""
    yield "min, max, std and percentiles below p50 of each", NO_LIMIT
    for key, block in document.items():
        if key not in _USED and number(section(block, "avg")) is not None:
            yield key, NOT_RECORDED
    if _miscounted(document):
        yield "inter_token_latency", "AIPerf counted other tokens than the server made"


def _miscounted(document: Mapping[str, Any]) -> bool:
    """Whether AIPerf, which tokenizes answers anew, counted other tokens than the server made."""
    counted = number(section(document, "output_sequence_length", "avg"))
    said = number(section(document, "usage_completion_tokens", "avg"))
    return bool(counted and said and not 1 / MISCOUNT < said / counted < MISCOUNT)


def _recounted(found: dict[tuple[MetricName, str], float], document: Mapping[str, Any]) -> Figures:
    """Without TPOT, which is of each request's own count, and with token rates by the server's."""
    kept = {key: value for key, value in found.items() if key[0] != "tpot_ms"}
    requests = kept.get(("requests_per_s", "mean"))
    answer = number(section(document, "usage_completion_tokens", "avg"))
    prompt = number(section(document, "usage_prompt_tokens", "avg"))
    both = None if answer is None or prompt is None else answer + prompt
    rates: Mapping[MetricName, float | None] = {"output_tokens_per_s": answer, "total_tokens_per_s": both}
    for metric, tokens in rates.items():
        kept.pop((metric, "mean"), None)
        if requests is not None and tokens is not None:
            kept[metric, "mean"] = requests * tokens
    return kept


def _values(node: Any, key: str) -> Iterator[float]:
    """Every number under `key`, however deep: the layout of `input_config` changed between versions."""
    if isinstance(node, Mapping):
        if node.get("exclude_from_results") is True:
            return  # a warm-up
        for name, inner in node.items():
            if str(name).rsplit(".", 1)[-1] == key and number(inner) is not None:
                yield float(inner)
            else:
                yield from _values(inner, key)
    elif isinstance(node, list):
        for inner in node:
            yield from _values(inner, key)


def _load(document: Mapping[str, Any]) -> tuple[LoadKind | None, float | None]:
    """From the point of the sweep, else the command line, else the configuration."""
    varied = section(document, "run_info", "variation_values")
    command = str(
        section(document, "run_info", "cli_command") or section(document, "input_config", "cli_command") or ""
    )
    for kind, key, flag in (
        ("concurrency", "concurrency", "concurrency"),
        ("rate", "request_rate", "request-rate"),
    ):
        said = re.search(rf"--{flag}[ =]([\d.]+)", command)
        value = (
            next(_values(varied, key), None)
            or (float(said[1]) if said else None)
            or next(_values(document.get("input_config"), key), None)
        )
        if value is not None and 0 < value < float("inf"):
            return kind, value  # type: ignore[return-value]
    return None, None


def _tokens(document: Mapping[str, Any], served: str, counted: str) -> float | None:
    """Mean per request: as the server says, which sees the chat template too, else as AIPerf counts."""
    said = number(section(document, served, "avg"))
    return number(section(document, counted, "avg")) if said is None else said


def _token_std(document: Mapping[str, Any], served: str, counted: str) -> float | None:
    return number(section(document, served if served in document else counted, "std"))


def _duration(document: Mapping[str, Any]) -> float | None:
    rate = number(section(document, "request_throughput", "avg"))
    count = number(section(document, "request_count", "avg"))
    return count / rate if rate and count else None


def _refused(document: Mapping[str, Any]) -> str:
    if document.get("was_cancelled") is True:
        return "the run was cancelled"
    reasons = document.get("runtime_submission_invalid_reasons")
    return f"AIPerf calls the run invalid: {', '.join(map(str, reasons))}" if reasons else ""


def _suspect(document: Mapping[str, Any]) -> str:
    cached = number(section(document, "usage_prompt_cache_read_tokens", "avg"))
    if cached:
        return f"prefix cache in use: {cached:g} prompt tokens per request were cached"
    if any(value > 0 for value in _values(document.get("input_config"), "prefix_prompt_length")):
        return "prompts share a prefix: the prefix cache may have answered"
    return ""


def _conditions(document: Mapping[str, Any]) -> str:
    version = f"AIPerf {document['aiperf_version']}" if document.get("aiperf_version") else ""
    recounted = "tokens as the server counts them, without TPOT" if _miscounted(document) else ""
    return "; ".join(part for part in (version, recounted) if part)


def _lengths(document: Mapping[str, Any]) -> LengthKind:
    for served, counted in (
        ("usage_prompt_tokens", "input_sequence_length"),
        ("usage_completion_tokens", "output_sequence_length"),
    ):
        key = served if served in document else counted
        low, high = number(section(document, key, "min")), number(section(document, key, "max"))
        if low is None or high is None or high > 1.02 * low:
            return "distribution"
    return "constant"


def _names(document: Mapping[str, Any], *path: str) -> list[Any]:
    """The `name` of each entry of a list in the configuration (AIPerf from 0.10)."""
    listed = section(document, "input_config", *path)
    return [section(one, "name") for one in listed] if isinstance(listed, list) else []


def _facts(document: Mapping[str, Any]) -> DeploymentFacts:
    names = section(document, "input_config", "endpoint", "model_names")
    name = names[0] if isinstance(names, list) and len(names) == 1 else None
    if name is None:
        said = re.search(
            r"(?:--model(?:-names)?|-m)[ =](\S+)", str(section(document, "run_info", "cli_command"))
        )
        name = said[1].strip("'\"") if said else None
    if known_model(name) is None:
        # A server may call itself anything; the tokenizer is the model's own.
        names = (*_names(document, "models", "items"), section(document, "input_config", "tokenizer", "name"))
        name = next((one for one in names if known_model(one) is not None), name)
    gpus = {
        str(section(gpu, "gpu_name"))
        for endpoint in (section(document, "telemetry_data", "endpoints") or {}).values()
        for gpu in (section(endpoint, "gpus") or {}).values()
    }
    return DeploymentFacts(
        model=known_model(name),
        gpu=known_gpu(next(iter(gpus))) if len(gpus) == 1 else None,
        unknown_gpu=unknown_gpu(next(iter(gpus))) if len(gpus) == 1 else None,
    )
