"""Merges imported rows into a measurement file: no row twice, no model under two names."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from advisor.errors import InputError
from advisor.record.checksummed_file import locked
from advisor.record.measurement import QualityMeasurement, SpeedMeasurement
from advisor.record.store import append_quality, append_speed, read_quality, read_speed
from advisor.spec.formats.recipes import UNQUANTIZED

_DIGEST = re.compile(r"\(sha256 ([0-9a-f]{12})\)$")
_DEPLOYMENT = ("model", "format", "gpu", "num_gpus", "engine", "engine_version", "kv_format")


def add_speed(path: Path, rows: Sequence[SpeedMeasurement]) -> int:
    """Append the rows that `path` does not hold; how many that were.

    Raises InputError when the same result file was imported before as another deployment.
    """
    with locked(path):
        known = read_speed(path) if path.exists() else []
        held = {_speed_key(row): row for row in known}
        fresh = []
        for row in rows:
            before = held.get(_speed_key(row))
            if before is None:
                fresh.append(row)
                held[_speed_key(row)] = row
                continue
            for name in _DEPLOYMENT:
                old, new = getattr(before, name), getattr(row, name)
                if old != new:
                    raise InputError(
                        f"{path}: {row.source} is already stored with {name} {old}, now it is {new}; "
                        "delete its rows or correct the flag"
                    )
        if fresh:
            append_speed(path, fresh)
        return len(fresh)


def add_quality(path: Path, rows: Sequence[QualityMeasurement]) -> int:
    """Append the scores that `path` does not hold; how many that were.

    A score takes the 16-bit one of the same protocol as its baseline.
    """
    with locked(path):
        known = read_quality(path) if path.exists() else []
        held = {_quality_key(row): row for row in known}
        fresh = []
        for row in with_baselines(rows, known):
            before = held.get(_quality_key(row))
            if before is None:
                fresh.append(row)
                held[_quality_key(row)] = row
            elif (before.model, before.format) != (row.model, row.format):
                raise InputError(
                    f"{path}: {row.source} is already stored as {before.model} in {before.format}, now it is "
                    f"{row.model} in {row.format}; delete its rows or correct the flag"
                )
        if fresh:
            append_quality(path, fresh)
        return len(fresh)


def with_baselines(
    rows: Iterable[QualityMeasurement], known: Iterable[QualityMeasurement] = ()
) -> list[QualityMeasurement]:
    """Each score with the unquantized model's under the very same protocol, where one is there."""
    rows = list(rows)
    base = {_protocol_key(row): row.value for row in (*known, *rows) if row.format in UNQUANTIZED}
    return [dataclasses.replace(row, baseline=base.get(_protocol_key(row), row.baseline)) for row in rows]


def _protocol_key(row: QualityMeasurement) -> tuple[str, ...]:
    return (row.model, row.task, row.metric, row.protocol)


def _digest(source: str) -> str:
    match = _DIGEST.search(source)
    return source if match is None else match[1]


def _speed_key(row: SpeedMeasurement) -> tuple[object, ...]:
    """What names a figure within its file, whatever the file is called."""
    run = row.conditions.partition(";")[0]
    return (_digest(row.source), row.load, row.load_value, row.metric, row.statistic, run)


def _quality_key(row: QualityMeasurement) -> tuple[object, ...]:
    return (_digest(row.source), row.task, row.metric, row.protocol)
