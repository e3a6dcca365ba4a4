"""inference-perf: `stage_N_lifecycle_metrics.json`; all times in seconds.

Keys were read in inference_perf/reportgen/base.py (kubernetes-sigs/inference-perf, August 2026).
`time_per_output_token` is (E2E - TTFT)/(n - 1); `normalized_time_per_output_token` is E2E/n and left out.
Prompt lengths are `prompt_len` in older releases, `prompt_tokens` (with the cached ones) in newer; answers
are `output_tokens` as the server counts them, else `output_len`. A `summary_` file pools all stages, so it
states no load.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advisor.record.importers.imported_run import STATISTICS, Figures, Run, needed, number, section, whole
from advisor.record.measurement import LengthKind
from advisor.spec.metrics import MetricName
from advisor.spec.workloads.load_kind import LoadKind
from advisor.units import MS_PER_S

TOOL = "inference-perf"
_LATENCIES: Mapping[str, MetricName] = {
    "time_to_first_token": "ttft_ms",
    "time_per_output_token": "tpot_ms",
    "inter_token_latency": "itl_ms",
    "request_latency": "e2e_ms",
}
_RATES: Mapping[str, MetricName] = {
    "requests_per_sec": "requests_per_s",
    "output_tokens_per_sec": "output_tokens_per_s",
    "total_tokens_per_sec": "total_tokens_per_s",
}


def recognises(document: Any) -> bool:
    return isinstance(document, Mapping) and {"load_summary", "successes", "failures"} <= document.keys()


def runs(document: Mapping[str, Any], *, where: str) -> list[Run]:
    """The one stage of the file. Raises DataError when a key is missing."""
    successes = needed(document, "successes", where=where)
    completed = whole(needed(successes, "count", where=where))
    figures = _figures(successes)
    load, value = _load(document)
    came = figures.get(("requests_per_s", "mean"))
    ttft_max = number(section(successes, "latency", "time_to_first_token", "max"))
    return [
        Run(
            name="",
            load=load,
            load_value=value,
            input_tokens=_mean(successes, "prompt_tokens", "prompt_len"),
            output_tokens=_mean(successes, "output_tokens", "output_len"),
            lengths=_lengths(successes),
            figures=figures,
            completed=completed,
            failed=whole(section(document, "failures", "count")),
            duration_s=completed / came if completed and came else None,
            ttft_max_ms=None if ttft_max is None else MS_PER_S * ttft_max,
            left_out=_left_out(successes),
            refused=_refused(document),
            suspect=_suspect(successes),
        )
    ]


def _mean(successes: Mapping[str, Any], *keys: str) -> float | None:
    means = (number(section(successes, key, "mean")) for key in keys)
    return next((mean for mean in means if mean is not None), None)


def _refused(document: Mapping[str, Any]) -> str:
    if section(document, "successes", "latency") is None and section(document, "successes", "queue_len"):
        return (
            "the server's own metrics from Prometheus; import stage_N_lifecycle_metrics.json, of the requests"
        )
    status = section(document, "stage_metadata", "status")
    return "" if status in (None, "COMPLETED") else f"the stage ended as {status}: its figures are of a part"


def _suspect(successes: Mapping[str, Any]) -> str:
    cached = number(section(successes, "prompt_tokens", "cached"))
    return f"prefix cache in use: {cached:g} prompt tokens were cached" if cached else ""


def _left_out(successes: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    latency = section(successes, "latency")
    names = latency if isinstance(latency, Mapping) else {}
    return tuple(
        (f"latency.{name}", "end-to-end time over tokens, the first included: no quantity of a record")
        for name in names
        if name not in _LATENCIES and isinstance(names[name], Mapping)
    )


def _load(document: Mapping[str, Any]) -> tuple[LoadKind | None, float | None]:
    concurrency = number(section(document, "load_summary", "concurrency"))
    if concurrency is None:
        concurrency = number(section(document, "stage_metadata", "concurrent_sessions")) or None
    if concurrency is not None:
        return "concurrency", concurrency
    rate = number(section(document, "load_summary", "requested_rate"))
    return (None, None) if rate is None else ("rate", rate)


def _figures(successes: Mapping[str, Any]) -> Figures:
    found: dict[tuple[MetricName, str], float] = {}
    for key, metric in _LATENCIES.items():
        block = section(successes, "latency", key)
        for statistic, raw in block.items() if isinstance(block, Mapping) else ():
            name = {"median": "p50"}.get(statistic, statistic)
            value = number(raw)
            if name in STATISTICS and value is not None:
                found[metric, name] = MS_PER_S * value
    for key, metric in _RATES.items():
        value = number(section(successes, "throughput", key))
        if value is not None:
            found[metric, "mean"] = value
    return found


def _lengths(successes: Mapping[str, Any]) -> LengthKind:
    for newer, older in (("prompt_tokens", "prompt_len"), ("output_tokens", "output_len")):
        key = newer if section(successes, newer, "mean") is not None else older
        low = number(section(successes, key, "min"))
        high = number(section(successes, key, "max"))
        if low is None or high is None or high > 1.02 * low:
            return "distribution"
    return "constant"
