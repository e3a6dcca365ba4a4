"""How a row was made, by its own statement and that of its source: the engine and the benchmark run."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

from advisor.record.benchmark_run_of_row import run_of
from advisor.record.measurement import OWN_ORIGINS, SpeedMeasurement
from advisor.record.sources import Sources
from advisor.spec.benchmark_run import BenchmarkRun
from advisor.spec.engines.engine import Engine, parse_engine
from advisor.spec.engines.settings_from_conditions import stated_settings

_OLDEST = "0.6.0"
"""Where neither the row nor measurements/sources.yaml states a version."""


@lru_cache(maxsize=4096)
def engine_of(engine: str, version: str, conditions: str) -> Engine:
    """The engine that made a row, with the settings that its conditions state; the rest are defaults."""
    made = parse_engine(f"{engine} {version}")
    return replace(made, **stated_settings(conditions))


def row_engine(row: SpeedMeasurement, sources: Sources) -> Engine:
    """The engine that made a row; its version by the row, else by the row's source."""
    entry = sources.of(row.source)
    version = row.engine_version or (entry and entry.engine_version) or _OLDEST
    made = engine_of(row.engine, version, row.conditions)
    if entry is None or not entry.engine_settings:
        return made
    given = {name: value for name, value in entry.engine_settings.items() if name not in made.stated}
    return _with_settings(made, tuple(given.items()))


@lru_cache(maxsize=4096)
def _with_settings(engine: Engine, settings: tuple[tuple[str, object], ...]) -> Engine:
    return replace(engine, **dict(settings))  # type: ignore[arg-type]


def benchmark_run(row: SpeedMeasurement, sources: Sources) -> BenchmarkRun:
    """The run that made a row, by the row and what is known of its source."""
    entry = None if row.origin in OWN_ORIGINS else sources.of(row.source)
    return run_of(row, None if entry is None else entry.requests_per_client)


def requests_per_client(row: SpeedMeasurement, run: BenchmarkRun) -> float:
    """Requests of each client of a row's closed loop; inf where the row does not show the loop's start.

    Medians do not show the first burst, unless it is all there is.
    """
    if row.statistic == "p50" and run.requests_per_client > 1.0:
        return math.inf
    return run.requests_per_client
