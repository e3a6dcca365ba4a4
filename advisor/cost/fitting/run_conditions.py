"""What a row's source and conditions say of its run: the engine, how long it lasted, how lengths vary."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

import numpy as np

from advisor.cost.serving.load_table import CLOSED_LOOP_PROMPTS
from advisor.record.measurement import SpeedMeasurement
from advisor.record.sources import Sources
from advisor.spec.engines.engine import Engine, parse_engine

_OLDEST = "0.6.0"
"""Where neither the row nor measurements/sources.yaml states a version."""
_STATED = re.compile(r"\b(max_num_seqs|max_num_batched_tokens|gpu_memory_utilization)=([\d.]+)")


@lru_cache(maxsize=4096)
def engine_of(engine: str, version: str, conditions: str) -> Engine:
    """The engine that made a row, with the settings that its conditions state; the rest are defaults."""
    made = parse_engine(f"{engine} {version}")
    stated = {name: float(value) for name, value in _STATED.findall(conditions)}
    seqs, budget = stated.get("max_num_seqs"), stated.get("max_num_batched_tokens")
    return replace(
        made,
        max_num_seqs=None if seqs is None else int(seqs),
        max_num_batched_tokens=None if budget is None else int(budget),
        gpu_memory_utilization=stated.get("gpu_memory_utilization"),
    )


def row_engine(row: SpeedMeasurement, sources: Sources) -> Engine:
    """The engine that made a row; its version by the row, else by the row's source."""
    entry = sources.of(row.source)
    version = row.engine_version or (entry and entry.engine_version) or _OLDEST
    return engine_of(row.engine, version, row.conditions)


def sent_together(row: SpeedMeasurement) -> float | None:
    """Requests of a run that sent all of them at once and ended with the last one; None: it did not."""
    is_run = row.load == "maximum" and "prompts at once" in row.conditions
    return float(row.samples) if is_run and row.samples else None


def prompts_per_client(row: SpeedMeasurement) -> float:
    """Requests that each client of a row's closed loop sent; inf where the loop has no start to speak of.

    Of a source that counts them: as it says. Else as vLLM's own benchmark is mostly run. Medians do not
    see the first burst, nor do those who wait until the batch is full.
    """
    if sent_together(row) is not None:
        return 1.0
    if row.load != "concurrency" or row.statistic == "p50" or "steady window" in row.conditions:
        return np.inf
    if row.samples and row.load_value:
        return max(1.0, row.samples / row.load_value)
    return CLOSED_LOOP_PROMPTS


def length_variation(row: SpeedMeasurement) -> float:
    """Standard deviation of a row's lengths ÷ their mean, as its conditions state them."""
    if row.lengths == "constant":
        return 0.0
    uniform = _UNIFORM.search(row.conditions)
    if uniform is not None:
        low, high = float(uniform[1]), float(uniform[2])
        return (high - low) / (low + high) / 3**0.5
    return SHAREGPT_VARIATION if "ShareGPT" in row.conditions else UNSTATED_VARIATION


_UNIFORM = re.compile(r"(\d+(?:\.\d+)?) to (\d+(?:\.\d+)?) x ")
SHAREGPT_VARIATION = 1.0
"""Of prompts and answers of that data set, as benchmarks cut it."""
UNSTATED_VARIATION = 0.5
"""Where a source says that lengths vary and not how: a lone stream's p99 TTFT is 1.7 of its p50 there."""
