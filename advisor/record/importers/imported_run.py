"""One benchmark run in our own units, whatever tool wrote it; rows of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import pstdev
from typing import Any

from advisor.errors import DataError
from advisor.record.importers.stated_facts import DeploymentFacts, Served
from advisor.record.measurement import LengthKind, QualityMeasurement, SpeedMeasurement
from advisor.spec.metrics import LATENCIES_MS, MetricName
from advisor.spec.workloads.load_kind import LoadKind

STATISTICS = ("mean", "p50", "p75", "p90", "p95", "p99", "p99.9")
"""What is kept of a distribution: limits are set on these."""

NOT_RECORDED = "no quantity of a record"
NO_LIMIT = f"kept are {', '.join(STATISTICS)}"
"""Why another statistic of a metric gives no row."""
Figures = Mapping[tuple[MetricName, str], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a file says of one run. None = it does not say."""

    name: str
    """Within its file: `benchmark 2`; empty where the file is one run."""
    load: LoadKind | None
    load_value: float | None
    input_tokens: float | None
    """Mean per request."""
    output_tokens: float | None
    lengths: LengthKind | None
    figures: Figures
    """Milliseconds and per second."""
    completed: int | None
    failed: int | None
    requests: int | None = None
    """Sent; None = as many as were completed."""
    is_steady: bool = False
    """Whether the figures leave out the run's start, when all clients send together."""
    input_std: float | None = None
    output_std: float | None = None
    burstiness: float | None = None
    """Gamma shape of the gaps between an open loop's arrivals."""
    duration_s: float | None = None
    date: str | None = None
    ttft_max_ms: float | None = None
    ttft_growth: float | None = None
    """Median TTFT of the last third of requests over that of the first third."""
    pace_drift: float | None = None
    """Median time per token of the last third of requests over that of the first third: 1 = steady."""
    sent_together: int | None = None
    """Requests that were all sent at the start, where the run ended with the last answer; else None."""
    tokens_per_request: float | None = None
    """Mean tokens of prompt and answer together, where the file states only their sum."""
    max_num_seqs: int | None = None
    """Most sequences in one batch (vLLM's --max-num-seqs), where the file states it."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Entries of the file that give no row: the key, and the reason."""
    refused: str = ""
    """Why the tool itself, or what it says of the run, rules it out."""
    suspect: str = ""
    """Why the fit is to leave it out, though it happened."""
    conditions: str = ""
    facts: DeploymentFacts = field(default_factory=DeploymentFacts)
    """What the file says of the deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a file gave."""

    speed: tuple[SpeedMeasurement, ...] = ()
    quality: tuple[QualityMeasurement, ...] = ()
    refused: tuple[str, ...] = ()
    """Runs that say nothing true about the deployment, each with the reason."""
    notes: tuple[str, ...] = ()


def rows(run: Run, served: Served, *, source: str, licence: str) -> list[SpeedMeasurement]:
    """One row per figure. Where all requests are sent at once, a latency is a place in the queue: only rates
    are kept."""
    assert run.load is not None
    assert run.input_tokens is not None
    assert run.output_tokens is not None
    single = run.load in ("concurrency", "batch") and run.load_value == 1
    load: LoadKind = "single" if single else run.load
    steady = "steady window" if run.is_steady else ""
    # A maximum that time cut off kept its queue to the end: it is no run of so many requests.
    requests = run.sent_together if load == "maximum" else run.requests or run.completed
    found = []
    for (metric, statistic), value in sorted(run.figures.items()):
        if metric in LATENCIES_MS and (load == "maximum" or run.sent_together is not None):
            continue
        found.append(
            SpeedMeasurement(
                model=served.model,
                format=served.format,
                kv_format=served.kv_format,
                gpu=served.gpu,
                num_gpus=served.num_gpus,
                input_tokens=round(run.input_tokens, 1),
                output_tokens=round(run.output_tokens, 1),
                lengths=run.lengths or "distribution",
                load=load,
                load_value=None if load in ("single", "maximum") else run.load_value,
                engine=served.engine,
                engine_version=served.engine_version,
                metric=metric,
                statistic=statistic,
                value=value,
                half_width=None,
                samples=run.completed,
                stderr=None,
                origin="imported",
                source=source,
                licence=licence,
                date=run.date,
                conditions="; ".join(part for part in (run.name, run.conditions, steady) if part),
                suspect=run.suspect,
                requests=requests,
                repeats=None if requests is None else 1,
                input_std=run.input_std,
                output_std=run.output_std,
                burstiness=run.burstiness if load == "rate" else None,
            )
        )
    return found


def number(value: Any) -> float | None:
    """A JSON number; None for anything else (`null`, "N/A"). NaN and infinities come through, and what is too
    large for a float as one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def whole(value: Any) -> int | None:
    found = number(value)
    return None if found is None or not found.is_integer() else int(found)


def spread(values: Any) -> float | None:
    """Standard deviation of a list of lengths; None where there is none."""
    known = [one for raw in values if (one := number(raw)) is not None] if isinstance(values, list) else []
    return pstdev(known) if known else None


def section(document: Any, *path: str | int) -> Any:
    """The value at `path`; None where any step of it is missing."""
    for step in path:
        inside = step in document if isinstance(document, Mapping) else _holds(document, step)
        if not inside:
            return None
        document = document[step]
    return document


def _holds(document: Any, step: str | int) -> bool:
    return isinstance(document, list) and isinstance(step, int) and step < len(document)


def needed(document: Any, *path: str | int, where: str) -> Any:
    """The section at `path`. Raises DataError where it is missing."""
    found = section(document, *path)
    if found is None:
        name = ".".join(map(str, path))
        raise DataError(f"{where}: has no {name}; import the file as the tool wrote it")
    return found


def day(value: Any) -> str | None:
    """The date of an ISO text, of vLLM's 20261123-114715, or of seconds since 1970."""
    if isinstance(value, str):
        # Seconds since 1970 have ten digits in a row.
        match = re.match(r"(\d{4})-?(\d{2})-?(\d{2})(?!\d)", value)
        return None if match is None else "-".join(match.groups())
    seconds = number(value)
    if seconds is None or not 0 < seconds < 4e9:
        return None
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc).date().isoformat()
