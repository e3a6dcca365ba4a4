"""What `vllm bench serve` and SGLang's `bench_serving` print, as the result they save with `--save-result`.

Labels were read in vllm/benchmarks/serve.py of vLLM 0.33.0 and python/sglang/bench_serving.py. A log of a
terminal may hold several tables, each after the arguments (`Namespace(…)`) and the traffic of its run.
Figures have two decimals, so requests per second are counted from requests and duration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

HEAD = re.compile(r"^\s*=+ ?Serving Benchmark Result ?=+\s*$", re.MULTILINE)
_LINE = re.compile(r"^\s*([A-Za-z][^:\n]*?)\s*:\s+(\S[^\n]*?)\s*$", re.MULTILINE)
_LATENCY = re.compile(r"(Mean|Median|P[\d.]+) (TTFT|TPOT|ITL|E2EL|E2E Latency) \(ms\)", re.IGNORECASE)
_ARGUMENT = re.compile(r"\b(model|request_rate|max_concurrency|num_prompts|backend)=('[^']*'|[^,()\s]+)")
_KEYS = {
    "successful requests": "completed",
    "failed requests": "failed",
    "benchmark duration (s)": "duration",
    "total input tokens": "total_input_tokens",
    "total generated tokens": "total_output_tokens",
    "request throughput (req/s)": "request_throughput",
    "output token throughput (tok/s)": "output_throughput",
    "total token throughput (tok/s)": "total_token_throughput",
    "maximum request concurrency": "max_concurrency",
    "max request concurrency": "max_concurrency",
    "traffic request rate": "request_rate",
    "request rate configured (rps)": "request_rate",
    "burstiness factor": "burstiness",
    "backend": "backend",
}
"""Lines of a table, and those before it, by the key of the saved result."""
_TRAFFIC = ("request_rate", "max_concurrency", "burstiness", "backend")


def recognises(text: str) -> bool:
    """Whether a text holds such a table."""
    return HEAD.search(text) is not None


def results(text: str) -> list[dict[str, Any]]:
    """The results of all tables, in the order printed."""
    return list(_results(text))


def _results(text: str) -> Iterator[dict[str, Any]]:
    heads = list(HEAD.finditer(text))
    for at, head in enumerate(heads):
        before = text[heads[at - 1].end() if at else 0 : head.start()]
        after = text[head.end() : heads[at + 1].start() if at + 1 < len(heads) else len(text)]
        table = after[: end.start()] if (end := re.search(r"^\s*={20,}\s*$", after, re.MULTILINE)) else after
        found = {**_arguments(before), **_lines(before, _TRAFFIC), **_lines(table, tuple(_KEYS.values()))}
        found |= {
            f"{match[1].lower()}_{_metric(match[2])}_ms": _number(value)
            for label, value in _LINE.findall(table)
            if (match := _LATENCY.fullmatch(label))
        }
        completed, duration = found.get("completed"), found.get("duration")
        if isinstance(completed, (int, float)) and isinstance(duration, (int, float)) and duration > 0:
            found["request_throughput"] = completed / duration
        yield found if "mean_e2e_latency_ms" in found else {"model_id": "", "request_rate": "inf", **found}


def _arguments(text: str) -> dict[str, Any]:
    """What the printed arguments of the command say; None among them is nothing."""
    names = {"model": "model_id"}
    found = {
        names.get(name, name): _number(value.strip("'"))
        for name, value in _ARGUMENT.findall(text)
        if value not in ("None", "''")
    }
    return {key: value for key, value in found.items() if key != "model_id" or isinstance(value, str)}


def _lines(text: str, keys: tuple[str, ...]) -> dict[str, Any]:
    known = {label: key for label, key in _KEYS.items() if key in keys}
    return {
        known[label.lower()]: _number(value.split(" (")[0])
        for label, value in _LINE.findall(text)
        if label.lower() in known and value != "None"
    }


def _metric(name: str) -> str:
    return name.lower().replace(" ", "_")


def _number(text: str) -> Any:
    """The number of a text, whole where written so; `inf` and words stay text, as in the saved result."""
    if re.fullmatch(r"[0-9]+", text):
        return int(text)
    return float(text) if re.fullmatch(r"[0-9]*\.[0-9]+", text) else text
