"""llm-d Benchmark Report, version 0.1, in the shape of version 0.2.

Keys were read in schema_v0_1.py and br_v0_1_example.yaml of llm-d/llm-d-benchmark. Hosts, accelerators and
engines are lists of equal length; throughput is plain numbers per second; the load states no rate of its own
but in the arguments of the tool.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advisor.record.importers.imported_run import number, section

_RATES = {
    "input_tokens_per_sec": ("input_token_rate", "tokens/s"),
    "output_tokens_per_sec": ("output_token_rate", "tokens/s"),
    "total_tokens_per_sec": ("total_token_rate", "tokens/s"),
    "requests_per_sec": ("request_rate", "queries/s"),
}
_RATE_KEYS = ("qps_values", "rate", "request_rate", "request-rate")
_CONCURRENCY_KEYS = ("max_concurrency", "max-concurrency", "concurrency")


def recognises(document: Any) -> bool:
    return (
        str(section(document, "version")).startswith("0.1")
        and section(document, "metrics", "latency") is not None
        and section(document, "scenario") is not None
    )


def as_v02(document: Mapping[str, Any]) -> dict[str, Any]:
    """The report under the keys of version 0.2."""
    metrics = document["metrics"]
    throughput = section(metrics, "throughput") or {}
    return {
        "version": "0.2",
        "run": {"time": section(metrics, "time") or {}},
        "scenario": {"stack": _stack(document["scenario"]), "load": {"standardized": _load(document)}},
        "results": {
            "request_performance": {
                "aggregate": {
                    "requests": section(metrics, "requests") or {},
                    "latency": section(metrics, "latency"),
                    "throughput": {
                        _RATES.get(key, (key, ""))[0]: {
                            "units": _RATES.get(key, (key, "/s"))[1],
                            "mean": value,
                        }
                        for key, value in throughput.items()
                        if number(value) is not None
                    },
                }
            }
        },
    }


def _stack(scenario: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A component per accelerator of the lists, with its host's role and its engine."""
    roles, accelerators, engines = (
        found if isinstance(found := section(scenario, *path), list) else []
        for path in (("host", "type"), ("host", "accelerator"), ("platform", "engine"))
    )
    stack = []
    for at, accelerator in enumerate(accelerators):
        engine = engines[at] if at < len(engines) else {}
        stack.append(
            {
                "standardized": {
                    "kind": "inference_engine",
                    "tool": section(engine, "name"),
                    "tool_version": section(engine, "version"),
                    "role": roles[at] if at < len(roles) else None,
                    "replicas": 1,
                    "model": section(scenario, "model"),
                    "accelerator": accelerator,
                },
                "native": {"args": section(engine, "args")},
            }
        )
    return stack


def _load(document: Mapping[str, Any]) -> dict[str, Any]:
    arguments = section(document, "scenario", "load", "args")
    arguments = arguments if isinstance(arguments, Mapping) else {}

    def first(keys: tuple[str, ...]) -> float | None:
        values = (number(arguments.get(key)) for key in keys)
        return next((value for value in values if value is not None), None)

    return {
        "tool": section(document, "scenario", "load", "name"),
        "rate_qps": first(_RATE_KEYS),
        "concurrency": first(_CONCURRENCY_KEYS),
    }
