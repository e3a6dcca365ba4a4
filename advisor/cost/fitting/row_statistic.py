"""What a row is a measurement of: a mean, or a percentile by its name."""

from __future__ import annotations

from advisor.cost.fitting.observations import Observations
from advisor.record.measurement import SpeedMeasurement
from advisor.spec.metrics import METRICS


def is_mean(row: SpeedMeasurement) -> bool:
    """Whether a row counts as its quantity's mean: so do medians, but not of the gaps between tokens."""
    return row.statistic == "mean" or (row.statistic == "p50" and row.metric != "itl_ms")


def quantity(seen: Observations) -> list[str]:
    """ttft, tpot, e2e or throughput, per row; a percentile that is no mean's kin is named: `ttft p99`."""
    return [
        METRICS[row.metric].quantity if is_mean(row) else f"{row.metric.removesuffix('_ms')} {row.statistic}"
        for row in seen.rows
    ]
