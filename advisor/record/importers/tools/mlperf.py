"""MLPerf inference `mlperf_log_summary.txt`: loadgen's text, latencies in nanoseconds.

Written by loadgen's results.cc. Figures count for the whole system under test, which may hold several
replicas: `num_gpus` must be that of one replica, so a submission of more is not imported as one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from advisor.record.importers.imported_run import NO_LIMIT, STATISTICS, Run, number
from advisor.spec.metrics import MetricName
from advisor.spec.workloads.load_kind import LoadKind

TOOL = "MLPerf loadgen"
_NS_PER_MS = 1e6
_HEAD = "MLPerf Results Summary"
_LINE = re.compile(r"^\s*([^:]+?)\s*:\s*(.+?)\s*$")
_LATENCY = re.compile(
    r"(Mean|[\d.]+ percentile) (first token latency|time (?:to|per) output token|latency) \(ns\)",
    re.IGNORECASE,
)
_METRIC: Mapping[str, MetricName] = {
    "first token latency": "ttft_ms",
    "time to output token": "tpot_ms",
    "time per output token": "tpot_ms",
    "latency": "e2e_ms",
}


def recognises(document: Any) -> bool:
    return isinstance(document, str) and _HEAD in document


def runs(document: str, *, where: str) -> list[Run]:
    """The one run of the summary."""
    lines = _pairs(document)
    scenario = lines.get("Scenario", "")
    kind: LoadKind | None = {"Offline": "maximum", "Server": "rate", "SingleStream": "single"}.get(
        scenario.replace(" ", "")
    )  # type: ignore[assignment]
    figures: dict[tuple[MetricName, str], float] = {}
    samples = _first(lines, "Completed samples per second", "Samples per second")
    tokens = _first(lines, "Completed tokens per second", "Tokens per second")
    if samples is not None:
        figures["requests_per_s", "mean"] = samples
    if tokens is not None:
        figures["output_tokens_per_s", "mean"] = tokens
    left: list[tuple[str, str]] = []
    for key, text in lines.items():
        match = _LATENCY.fullmatch(key)
        if match is None:
            if key.endswith("(ns)") and key[0].isupper():  # in small letters stand the scenario's limits
                left.append((key, NO_LIMIT))
            continue
        word = match[1].split()[0].lower()
        statistic = "mean" if word == "mean" else f"p{float(word):g}"
        if statistic in STATISTICS:
            figures[_METRIC[match[2].lower()], statistic] = float(text) / _NS_PER_MS
        else:
            left.append((key, NO_LIMIT))
    scheduled = _first(lines, "Scheduled samples per second", "target_qps")
    return [
        Run(
            name=f"{scenario} scenario",
            load=kind,
            load_value=scheduled if kind == "rate" else None,
            input_tokens=None,
            output_tokens=tokens / samples if tokens and samples else None,
            lengths="distribution",
            figures=figures,
            left_out=tuple(left),
            completed=None,
            failed=None,
            refused=_refused(lines, scenario),
        )
    ]


def _pairs(text: str) -> dict[str, str]:
    """First occurrence of each key; loadgen repeats none in one summary."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is not None:
            found.setdefault(match[1], match[2])
    return found


def _first(lines: Mapping[str, str], *keys: str) -> float | None:
    for key in keys:
        if key in lines:
            try:
                return number(float(lines[key]))
            except ValueError:
                continue
    return None


def _refused(lines: Mapping[str, str], scenario: str) -> str:
    verdict = lines.get("Result is", "")
    if verdict != "VALID":
        return f"loadgen calls the result {verdict or 'nothing'}, not VALID"
    if lines.get("Mode") not in ("PerformanceOnly", "Performance"):
        return f"mode {lines.get('Mode')} measures no speed"
    if scenario.replace(" ", "") not in ("Offline", "Server", "SingleStream"):
        return f"scenario {scenario} is not a load of one stream of requests"
    return ""
