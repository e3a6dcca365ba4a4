"""Points where figures of a deployment are measured or asked for, and the correlation of errors at two.

Read from published runs whose source was left out of the fit; `python -m benchmarks.own_runs` prints it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from advisor.cost.array_table import ArrayTable, Bools, Floats
from advisor.cost.fitting.measured_deployments import MeasuredCell, settings_of
from advisor.cost.predict.nearest_measurements import SAME_LENGTH
from advisor.cost.serving.load_table import LoadTable
from advisor.spec.deployment import Deployment

ANY_LOAD = 0.5
"""Correlation of the errors at two loads of one deployment, however far apart and of whatever kind."""
LOAD_SCALE, LENGTH_SCALE = 3.0, 6.0
"""Differences in the logarithm of the load, and of a length, over which the rest of a correlation falls by e.
Published runs: 0.87 of TPOT's error within a factor of 2 in the load, 0.72 at a factor of 12 to 50, 0.36
beyond; 0.97 at lengths a factor of 3 to 7 apart, 0.69 at 7 to 20, 0.5 beyond."""
OTHER_ENGINE = 0.5
"""Correlation across releases or settings of the engine: two published groups have 0.47 and 0.95."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points(ArrayTable):
    """Where something is measured or asked for, on one replica; arrays of shape (n,)."""

    kind: npt.NDArray[np.str_]
    """Kind of load; a single stream is a closed loop of one client."""
    load: Floats
    """Logarithm of the clients or requests per second; 0 where the load has none."""
    input_tokens: Floats
    output_tokens: Floats
    cached: Floats
    """Minus the logarithm of the share of prompt tokens to compute: 0 without a prefix cache."""
    engine: npt.NDArray[np.str_]
    """Release and settings."""


def asked_points(d: Deployment, rows: LoadTable) -> Points:
    """Rows of one deployment as points."""
    count = len(rows)
    with np.errstate(divide="ignore"):
        cached = -np.log(np.maximum(1.0 - rows.prefix_hit_rate, 0.0))
    return Points(
        kind=np.array([_kind(kind) for kind in rows.kind.tolist()]),
        load=_log_load(rows.level),
        input_tokens=np.log(rows.input_tokens),
        output_tokens=np.log(np.maximum(rows.output_tokens, 1.0)),
        cached=cached,
        engine=np.full(count, engine_name(d.engine.release, settings_of(d))),
    )


def points_of(cells: Sequence[MeasuredCell]) -> Points:
    return Points(
        kind=np.array([_kind(cell.load) for cell in cells]),
        load=_log_load(np.array([cell.level or 1.0 for cell in cells])),
        input_tokens=np.log([cell.input_tokens for cell in cells]),
        output_tokens=np.log([cell.output_tokens for cell in cells]),
        cached=np.zeros(len(cells)),
        engine=np.array([engine_name(cell.release, cell.settings) for cell in cells]),
    )


def _kind(load: str) -> str:
    return "concurrency" if load == "single" else load


def engine_name(release: str, settings: str) -> str:
    return f"{release} {settings}"


def _log_load(level: Floats) -> Floats:
    return np.log(np.where(np.isfinite(level) & (level > 0), level, 1.0))


def at_its_cell(asked: Points, cells: Points) -> Points:
    """The points, at a cell's lengths where they are those but for a benchmark's draw."""
    near = _same_lengths(asked, cells)
    cell, has_one = near.argmax(axis=1), near.any(axis=1)
    return replace(
        asked,
        input_tokens=np.where(has_one, cells.input_tokens[cell], asked.input_tokens),
        output_tokens=np.where(has_one, cells.output_tokens[cell], asked.output_tokens),
    )


def correlation(one: Points, other: Points) -> Floats:
    """Of the errors at all pairs of points, (n, m)."""
    lengths = (
        _apart(one.input_tokens, other.input_tokens)
        + _apart(one.output_tokens, other.output_tokens)
        + _apart(one.cached, other.cached)
    )
    same_kind = one.kind[:, None] == other.kind[None, :]
    of_load = np.where(same_kind, np.exp(-_apart(one.load, other.load) / LOAD_SCALE), 0.0)
    engine = np.where(one.engine[:, None] == other.engine[None, :], 1.0, OTHER_ENGINE)
    return np.asarray(engine * np.exp(-lengths / LENGTH_SCALE) * (ANY_LOAD + (1.0 - ANY_LOAD) * of_load))


def same_cell(one: Points, other: Points) -> Bools:
    """Which pairs of points are the same but for a benchmark's draw of lengths, (n, m)."""
    same = (one.kind[:, None] == other.kind[None, :]) & (one.engine[:, None] == other.engine[None, :])
    same &= (_apart(one.load, other.load) < 1e-9) & (_apart(one.cached, other.cached) == 0.0)
    return np.asarray(same & _same_lengths(one, other))


def _same_lengths(one: Points, other: Points) -> Bools:
    most = np.log1p(SAME_LENGTH)
    near = _apart(one.input_tokens, other.input_tokens) <= most
    return np.asarray(near & (_apart(one.output_tokens, other.output_tokens) <= most))


def _apart(one: Floats, other: Floats) -> Floats:
    """Distances of all pairs, (n, m)."""
    return np.asarray(np.abs(one[:, None] - other[None, :]))
