"""What one's own records correct: the mean error of a deployment, by quantity and kind of load."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advisor.cost.arrays import Bools, Floats
from advisor.cost.fitting.evidence import DeploymentKey
from advisor.cost.fitting.observations import Observations
from advisor.cost.fitting.row_noise import load_class_of
from advisor.record.measurement import OWN_ORIGINS, SpeedMeasurement
from advisor.spec.metrics import METRICS

SHRINK_ROWS = 2.0
"""A deployment's correction by own records counts n/(n + this): so many rows say 'no correction'."""


def is_mean(row: SpeedMeasurement) -> bool:
    """Whether a row counts as its quantity's mean: so do medians, but not of the gaps between tokens."""
    return row.statistic == "mean" or (row.statistic == "p50" and row.metric != "itl_ms")


def quantity(seen: Observations) -> list[str]:
    """ttft, tpot, e2e or throughput, per row; a percentile that is no mean's kin is named: `ttft p99`."""
    return [
        METRICS[row.metric].quantity if is_mean(row) else f"{row.metric.removesuffix('_ms')} {row.statistic}"
        for row in seen.rows
    ]


def base_classes(seen: Observations) -> list[tuple[str, str]]:
    """What corrects a row: its quantity and load. A tail is corrected as its mean is."""
    return [(METRICS[row.metric].quantity, load_class_of(row)) for row in seen.rows]


def is_gap_of_chunks(rows: Sequence[SpeedMeasurement]) -> Bools:
    """Own rows that are the mean ITL of a run whose mean TPOT is known.

    A client counts gaps between chunks, and a chunk may hold several tokens: such a mean lies above TPOT,
    which is what an answer states (by a quarter on a busy CPU).
    """
    with_tpot = {_run(row) for row in rows if (row.metric, row.statistic) == ("tpot_ms", "mean")}
    return np.array(
        [
            row.origin in OWN_ORIGINS
            and (row.metric, row.statistic) == ("itl_ms", "mean")
            and _run(row) in with_tpot
            for row in rows
        ],
        dtype=np.bool_,
    )


def _run(row: SpeedMeasurement) -> tuple[object, ...]:
    """What the figures of one benchmark share."""
    return (
        *(row.model, row.format, row.kv_format, row.gpu, row.num_gpus, row.input_tokens, row.output_tokens),
        *(row.load, row.load_value, row.engine_version, row.conditions, row.source),
    )


def effects(
    errors: Floats,
    keys: Sequence[DeploymentKey],
    classes: Sequence[tuple[str, str]],
    rows: Sequence[SpeedMeasurement],
    used: np.ndarray,
) -> dict[tuple[str, str], dict[DeploymentKey, float]]:
    """Mean log(measured ÷ predicted) of each deployment and class over own rows `used`, shrunk toward 0.

    Own records are of the machine that is asked about. What the rows of a published source have in common
    beyond the fit is that run's and not the deployment's: carried to another source's rows of the same
    deployment it made TTFT, TPOT and throughput under load worse by a tenth to a third, maximum throughput no
    better, lone streams better by half a point.
    """
    sums: dict[tuple[tuple[str, str], DeploymentKey], list[float]] = {}
    for error, key, kind, row, use in zip(errors, keys, classes, rows, used, strict=True):
        if use and np.isfinite(error) and row.origin in OWN_ORIGINS:
            sums.setdefault((kind, key), []).append(float(np.clip(error, -0.7, 0.7)))
    found: dict[tuple[str, str], dict[DeploymentKey, float]] = {}
    for (kind, key), values in sums.items():
        shrunk = float(np.median(values)) * len(values) / (len(values) + SHRINK_ROWS)
        found.setdefault(kind, {})[key] = round(shrunk, 5)
    return found
