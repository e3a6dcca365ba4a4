"""GuideLLM `benchmarks.json`, version 2 (checked on 0.8.1) and the unnumbered older one.

`*_ms` are milliseconds, `request_latency` is in **seconds**. TPOT as we define it is GuideLLM's
`inter_token_latency_ms`; its `time_per_output_token_ms` is E2E/n, first token included, and left out.
0.8.1 weights `inter_token_latency_ms` by each answer's tokens less one, so that its mean is over tokens:
with answers of one length that is the same as over requests, else the row says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.record.importers import refuse_untrue_runs
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
from advisor.record.importers.stated_facts import DeploymentFacts, known_model
from advisor.record.measurement import LengthKind
from advisor.spec.metrics import MetricName
from advisor.spec.workloads.load_kind import LoadKind
from advisor.units import MS_PER_S

TOOL = "GuideLLM"
_LATENCIES: Mapping[str, tuple[MetricName, float]] = {
    "time_to_first_token_ms": ("ttft_ms", 1.0),
    "inter_token_latency_ms": ("tpot_ms", 1.0),
    "request_latency": ("e2e_ms", MS_PER_S),
}
_RATES: Mapping[str, MetricName] = {
    "requests_per_second": "requests_per_s",
    "output_tokens_per_second": "output_tokens_per_s",
    "tokens_per_second": "total_tokens_per_s",
}
_PERCENTILES = {"p50": "p50", "p75": "p75", "p90": "p90", "p95": "p95", "p99": "p99", "p999": "p99.9"}
_ONE_LENGTH = 1.02
EQUAL_GAPS = 1000.0
"""Burstiness of arrivals with equal gaps between them, as far as an arrival's goes."""


def recognises(document: Any) -> bool:
    return section(document, "benchmarks", 0, "metrics", "request_latency") is not None


def runs(document: Mapping[str, Any], *, where: str) -> list[Run]:
    """A run per benchmark: a sweep has many. Raises DataError when a key is missing."""
    version = section(document, "metadata", "guidellm_version")
    return [
        _run(row, at, "" if version is None else f"GuideLLM {version}", where)
        for at, row in enumerate(document["benchmarks"], start=1)
    ]


def _run(row: Mapping[str, Any], at: int, tool: str, where: str) -> Run:
    metrics = needed(row, "metrics", where=f"{where}: benchmark {at}")
    # Older files keep the strategy under `args` and the counts under `run_stats`.
    strategy = section(row, "config", "strategy") or section(row, "args", "strategy") or {}
    totals = (
        section(metrics, "request_totals")
        or section(row, "scheduler_metrics", "requests_made")
        or section(row, "run_stats", "requests_made")
        or section(row, "request_totals")
        or {}
    )
    load, value, refused = _load(strategy, whole(totals.get("total")) or whole(totals.get("successful")))
    lengths = _lengths(metrics)
    requests = section(row, "requests", "successful")
    requests = requests if isinstance(requests, list) else []
    starts = [number(section(one, "request_start_time")) for one in requests]
    ttfts = [number(section(one, "time_to_first_token_ms")) for one in requests]
    paces = [_pace(one) for one in requests]
    conditions = [tool, f"strategy {strategy.get('type_', 'unknown')}"]
    if lengths != "constant":
        conditions.append("TPOT weighted by tokens")
    start = number(row.get("start_time")) or number(section(row, "run_stats", "start_time"))
    return Run(
        name=f"benchmark {at}",
        load=load,
        load_value=value,
        input_tokens=_mean(metrics, "prompt_token_count"),
        output_tokens=_mean(metrics, "output_token_count"),
        lengths=lengths,
        figures=_figures(metrics),
        left_out=tuple(_left_out(metrics)),
        completed=whole(totals.get("successful")),
        failed=whole(totals.get("errored")),
        is_steady=bool(number(row.get("warmup_duration")) or number(strategy.get("rampup_duration"))),
        input_std=_std(metrics, "prompt_token_count"),
        output_std=_std(metrics, "output_token_count"),
        burstiness=EQUAL_GAPS if strategy.get("type_") == "constant" else None,
        duration_s=number(row.get("duration")) or number(row.get("run_duration")),
        date=day(start),
        ttft_max_ms=number(section(metrics, "time_to_first_token_ms", "successful", "max")),
        ttft_growth=_growth(starts, ttfts),
        pace_drift=_growth(starts, paces),
        sent_together=_sent_together(load, totals),
        refused=refused,
        suspect=_cached(requests, row),
        conditions="; ".join(part for part in conditions if part),
        facts=DeploymentFacts(model=known_model(_model(row))),
    )


def _load(strategy: Mapping[str, Any], requests: int | None) -> tuple[LoadKind | None, float | None, str]:
    kind = strategy.get("type_")
    if kind == "synchronous":
        return "single", None, ""
    if kind == "concurrent":
        return "concurrency", number(strategy.get("streams")), ""
    if kind in ("constant", "poisson", "async"):
        return "rate", number(strategy.get("rate")), ""
    if kind == "throughput":
        cap = number(strategy.get("max_concurrency"))
        is_reached = cap is not None and not (requests is not None and requests <= cap)
        return ("concurrency", cap, "") if is_reached else ("maximum", None, "")
    return None, None, f"strategy {kind} is not a known load"


def _sent_together(load: LoadKind | None, totals: Mapping[str, Any]) -> int | None:
    """Requests of a throughput run that ended with its last answer; one that time cut off kept its queue."""
    if load != "maximum" or whole(totals.get("incomplete")):
        return None
    return whole(totals.get("total")) or whole(totals.get("successful"))


def _figures(metrics: Mapping[str, Any]) -> Figures:
    found: dict[tuple[MetricName, str], float] = {}
    one_token = _mean(metrics, "output_token_count") == 1
    for key, (metric, factor) in _LATENCIES.items():
        if metric == "tpot_ms" and one_token:
            continue
        block = section(metrics, key, "successful")
        if whole(section(block, "count")) == 0:
            continue  # without streaming there is no first token; a summary of nothing is zeros
        mean = number(section(block, "mean"))
        if mean is not None:
            found[metric, "mean"] = factor * mean
        for theirs, ours in _PERCENTILES.items():
            value = number(section(block, "percentiles", theirs))
            if value is not None and ours in STATISTICS:
                found[metric, ours] = factor * value
    for key, metric in _RATES.items():
        value = _mean(metrics, key)
        if value is not None:
            found[metric, "mean"] = value
    return found


_USED = frozenset({*_LATENCIES, *_RATES, "request_totals", "prompt_token_count", "output_token_count"})


def _left_out(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What of a benchmark gives no row, with the reason."""
    yield "mode, std_dev, min, max and percentiles below p50 of each", NO_LIMIT
    for key in metrics:
        if key == "time_per_output_token_ms":
            yield key, "end-to-end time over tokens, the first included: no TPOT"
        elif key not in _USED:
            yield key, NOT_RECORDED
    if whole(section(metrics, "time_to_first_token_ms", "successful", "count")) == 0:
        yield "time_to_first_token_ms", "answers were not streamed: nothing is known of their first token"
    if _mean(metrics, "output_token_count") == 1:
        yield "inter_token_latency_ms", "answers of one token have no gap"


def _mean(metrics: Mapping[str, Any], key: str) -> float | None:
    return number(section(metrics, key, "successful", "mean"))


def _std(metrics: Mapping[str, Any], key: str) -> float | None:
    return number(section(metrics, key, "successful", "std_dev"))


def _lengths(metrics: Mapping[str, Any]) -> LengthKind:
    for key in ("prompt_token_count", "output_token_count"):
        low = number(section(metrics, key, "successful", "min"))
        high = number(section(metrics, key, "successful", "max"))
        if low is None or high is None or high > _ONE_LENGTH * low:
            return "distribution"
    return "constant"


def _pace(request: Mapping[str, Any]) -> float | None:
    latency, tokens = number(request.get("request_latency")), number(request.get("output_tokens"))
    return latency / tokens if latency is not None and tokens else None


def _growth(starts: list[float | None], values: list[float | None]) -> float | None:
    pairs = [(s, v) for s, v in zip(starts, values, strict=True) if s is not None and v is not None]
    return refuse_untrue_runs.growth([s for s, _ in pairs], [v for _, v in pairs])


def _cached(requests: list[Any], row: Mapping[str, Any]) -> str:
    """The server's own word on prompt tokens it had already."""
    cached = sum(number(section(one, "input_metrics", "cached_tokens")) or 0 for one in requests)
    if cached:
        return f"prefix cache in use: {cached:.0f} prompt tokens were cached"
    if "prefix_tokens" in str(section(row, "config", "requests") or ""):
        return "prompts share a prefix: the prefix cache may have answered"
    return ""


def _model(row: Mapping[str, Any]) -> Any:
    return section(row, "config", "backend", "model") or section(row, "worker", "backend_model")
