"""What flat benchmark results have in common: `p99_ttft_ms` keys, lists of every request, a rate and a cap.

vLLM's `bench serve`, SGLang's `bench_serving` (a fork of it) and their own forks write such files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from advisor.record.importers import refuse_untrue_runs
from advisor.record.importers.imported_run import NO_LIMIT, NOT_RECORDED, STATISTICS, Figures, number, whole
from advisor.record.measurement import LengthKind
from advisor.spec.metrics import MetricName
from advisor.spec.reading.amounts import plain_number
from advisor.spec.workloads.load_kind import LoadKind
from advisor.units import MS_PER_S

_LATENCY: Mapping[str, MetricName] = {
    "ttft": "ttft_ms",
    "tpot": "tpot_ms",
    "itl": "itl_ms",
    "e2el": "e2e_ms",
    "e2e": "e2e_ms",
    "e2e_latency": "e2e_ms",
}
_RATE: Mapping[str, MetricName] = {
    "request_throughput": "requests_per_s",
    "output_throughput": "output_tokens_per_s",
    "total_token_throughput": "total_tokens_per_s",
    "total_throughput": "total_tokens_per_s",
}
_KEY = re.compile(r"(mean|avg|median|std|min|max|p[\d.]+)_(ttft|tpot|itl|e2el|e2e_latency|e2e)(_ms|_s)?")
_QUANTITY = re.compile(r"\w+_(ms|s|throughput|per_s|goodput|latency)|(mean|median|std|p[\d.]+)_\w+")
_WORD = {"median": "p50", "avg": "mean"}
DETAILS = (
    *("input_lens", "output_lens", "ttfts", "itls", "latencies", "start_times", "queue_times"),
    *("generated_texts", "errors"),
)
"""Lists with an entry per request, which `--save-detailed` keeps."""
NO_NUMBER = "no number stands there"


def figures(document: Mapping[str, Any]) -> tuple[Figures, list[tuple[str, str]]]:
    """Every figure in our units, and what was not taken with the reason.

    A key that ends in `_ms` or `_s` states its unit. Forks drop the suffix and divide by 1000, so such
    figures are seconds, unless an answer would then last longer than the run.
    """
    found: dict[tuple[MetricName, str], float] = {}
    left: list[tuple[str, str]] = []
    bare: dict[str, tuple[MetricName, str, float]] = {}
    for key, raw in document.items():
        value, match = number(raw), _KEY.fullmatch(key)
        if value is None:
            if match is not None or key in _RATE:
                left.append((key, NO_NUMBER))
            continue
        if key in _RATE:
            found[_RATE[key], "mean"] = value
        elif match is None:
            if _QUANTITY.fullmatch(key):
                left.append((key, NOT_RECORDED))
        elif (statistic := _WORD.get(match[1], match[1])) not in STATISTICS:
            left.append((key, NO_LIMIT))
        elif match[3] is None:
            bare[key] = (_LATENCY[match[2]], statistic, value)
        else:
            found[_LATENCY[match[2]], statistic] = value * (1.0 if match[3] == "_ms" else MS_PER_S)
    duration = number(document.get("duration"))
    longest = max((v for metric, _, v in bare.values() if metric in ("e2e_ms", "ttft_ms")), default=0.0)
    if duration is not None and longest > duration:
        reason = f"no unit, and as seconds {longest:g} is longer than the run of {duration:g} s"
        return found, left + [(key, reason) for key in bare]
    for metric, statistic, value in bare.values():
        found.setdefault((metric, statistic), MS_PER_S * value)
    return found, left


def without_gaps(found: Figures) -> Figures:
    """Figures of answers of one token, which have no gap: tools write 0 there."""
    return {key: value for key, value in found.items() if key[0] not in ("tpot_ms", "itl_ms")}


def load(document: Mapping[str, Any], requests: int | None) -> tuple[LoadKind | None, float | None, str]:
    """Kind, value, and why the run is none that a record holds."""
    if document.get("ramp_up_strategy"):
        low, high = document.get("ramp_up_start_rps"), document.get("ramp_up_end_rps")
        return (
            None,
            None,
            f"the rate was raised from {low} to {high} requests/s: no one load has these figures",
        )
    raw = document.get("request_rate")
    if raw == "trace":
        return None, None, "requests came at a trace's times, not at a rate; import runs at a rate"
    rate = None if raw == "inf" or number(raw) == math.inf else stated(document, "request_rate")
    cap = stated(document, "max_concurrency")
    if cap is not None and requests is not None and cap >= requests and rate is not None:
        cap = None  # never reached
    if rate is not None and cap is not None:
        reason = f"a rate of {rate:g}/s under a cap of {cap:g} in flight is neither load; drop one"
        return "rate", rate, reason
    if rate is not None:
        return "rate", rate, ""
    return ("maximum", None, "") if cap is None else ("concurrency", cap, "")


def stated(document: Mapping[str, Any], key: str) -> float | None:
    """The number of a setting, also where a tool wrote it as text; None where none stands there.

    Raises ValueError for what is no number: a run of an unknown load would be taken for another.
    """
    value = document.get(key)
    found = plain_number(value) if isinstance(value, str) else number(value)
    if value is not None and found is None:
        raise ValueError(f"{key} is {value!r:.40}; a number")
    return found


def empty_answers(document: Mapping[str, Any]) -> int:
    """Requests that ended without an error and without a token, which tools count as completed."""
    lengths, errors = document.get("output_lens"), document.get("errors")
    if not isinstance(lengths, list):
        return 0
    if not isinstance(errors, list) or len(errors) != len(lengths):
        errors = [""] * len(lengths)
    return sum(number(n) == 0 and not error for n, error in zip(lengths, errors, strict=True))


def lengths(document: Mapping[str, Any], completed: int | None) -> LengthKind:
    """Constant where all answers are equally long; without details, where their total divides evenly."""
    counts = numbers(document.get("output_lens"))
    if counts:
        return "constant" if max(counts) <= 1.02 * min(counts) else "distribution"
    total = whole(document.get("total_output_tokens"))
    return "constant" if total and completed and total % completed == 0 else "distribution"


def ttft_growth(document: Mapping[str, Any]) -> float | None:
    return refuse_untrue_runs.growth(numbers(document.get("start_times")), numbers(document.get("ttfts")))


def pace_drift(document: Mapping[str, Any]) -> float | None:
    return refuse_untrue_runs.growth(numbers(document.get("start_times")), _paces(document))


def _paces(document: Mapping[str, Any]) -> list[float]:
    """Seconds per token of each request: TTFT and all gaps over its tokens."""
    ttfts, counts, gaps = (document.get(key) or [] for key in ("ttfts", "output_lens", "itls"))
    if not len(ttfts) == len(counts) == len(gaps):
        return []
    rows = zip(ttfts, counts, gaps, strict=True)
    return [(ttft + sum(own)) / count for ttft, count, own in rows if count > 0 and isinstance(own, list)]


def numbers(value: Any) -> list[float]:
    if not isinstance(value, list):
        return []
    return [one for raw in value if (one := number(raw)) is not None]
