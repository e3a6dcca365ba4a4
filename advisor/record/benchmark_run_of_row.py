"""The benchmark run behind a speed record."""

from __future__ import annotations

import math
import re

from advisor.record.measurement import SpeedMeasurement
from advisor.spec.benchmark_run import BenchmarkRun

SHAREGPT_VARIATION = 1.0
"""Standard deviation ÷ mean of prompts and answers of that data set, as benchmarks cut it."""
UNSTATED_VARIATION = 0.5
"""Where a source says that lengths vary and not how: a lone stream's p99 TTFT is 1.7 of its p50 there."""
_REPEATED = re.compile(r"\b([0-9]{1,9}) requests x ([0-9]{1,9})\b")
_UNIFORM = re.compile(r"(\d+(?:\.\d+)?) to (\d+(?:\.\d+)?) x ")
_AT_ONCE = "prompts at once"
_STEADY = "steady window"


def run_of(row: SpeedMeasurement, requests_per_client: float | None = None) -> BenchmarkRun:
    """The run that made a row: by its columns, else by its conditions, else as one repeat of its samples.

    requests_per_client: what the row's source is known to have sent in closed loops; inf: without a start.
    """
    requests, repeats = _requests(row)
    is_steady = _STEADY in row.conditions
    if requests_per_client is not None and row.load == "concurrency" and row.load_value is not None:
        is_steady = is_steady or math.isinf(requests_per_client)
        requests = None if is_steady else max(1, round(requests_per_client * row.load_value))
    variation = length_variation(row)
    return BenchmarkRun(
        load=row.load,
        level=row.load_value,
        requests=requests,
        repeats=repeats,
        is_steady=is_steady,
        input_std=variation * row.input_tokens if row.input_std is None else row.input_std,
        output_std=variation * row.output_tokens if row.output_std is None else row.output_std,
        burstiness=1.0 if row.burstiness is None else row.burstiness,
    )


def _requests(row: SpeedMeasurement) -> tuple[int | None, int]:
    """(requests of one repeat, repeats)."""
    if row.requests is not None:
        return row.requests, row.repeats or 1
    stated = _REPEATED.search(row.conditions)
    if stated is not None:
        return int(stated[1]), int(stated[2])
    if row.load == "maximum" and _AT_ONCE not in row.conditions:
        return None, 1  # a queue that lasted, of whatever `samples` count, unless the row says otherwise
    return row.samples, 1


def length_variation(row: SpeedMeasurement) -> float:
    """Standard deviation of a row's lengths ÷ their mean, as its conditions state them."""
    if row.lengths == "constant":
        return 0.0
    uniform = _UNIFORM.search(row.conditions)
    if uniform is not None:
        low, high = float(uniform[1]), float(uniform[2])
        return (high - low) / (low + high) / 3**0.5
    return SHAREGPT_VARIATION if "ShareGPT" in row.conditions else UNSTATED_VARIATION
