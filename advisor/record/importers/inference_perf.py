"""inference-perf: `stage_N_lifecycle_metrics.json`; all times in seconds.

`time_per_output_token` is (E2E - TTFT)/(n - 1); `normalized_time_per_output_token` is E2E/n and left out.
A `summary_` file pools all stages, so it says no load.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advisor.record.importers.run import STATISTICS, Figures, Run, needed, number, section, whole
from advisor.record.measurement import LengthKind, LoadKind, Metric
from advisor.units import MS_PER_S

TOOL = "inference-perf"
_LATENCIES: Mapping[str, Metric] = {
    "time_to_first_token": "ttft_ms",
    "time_per_output_token": "tpot_ms",
    "inter_token_latency": "itl_ms",
    "request_latency": "e2e_ms",
}
_RATES: Mapping[str, Metric] = {
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
            input_tokens=number(section(successes, "prompt_len", "mean")),
            output_tokens=number(section(successes, "output_len", "mean")),
            lengths=_lengths(successes),
            figures=figures,
            completed=completed,
            failed=whole(section(document, "failures", "count")),
            duration_s=completed / came if completed and came else None,
            ttft_max_ms=None if ttft_max is None else MS_PER_S * ttft_max,
        )
    ]


def _load(document: Mapping[str, Any]) -> tuple[LoadKind | None, float | None]:
    concurrency = number(section(document, "load_summary", "concurrency"))
    if concurrency is not None:
        return "concurrency", concurrency
    rate = number(section(document, "load_summary", "requested_rate"))
    return (None, None) if rate is None else ("rate", rate)


def _figures(successes: Mapping[str, Any]) -> Figures:
    found: dict[tuple[Metric, str], float] = {}
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
    for key in ("prompt_len", "output_len"):
        low = number(section(successes, key, "min"))
        high = number(section(successes, key, "max"))
        if low is None or high is None or high > 1.02 * low:
            return "distribution"
    return "constant"
