"""The expected scatter of a row about a perfect model, by its harness and metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from advisor.cost.array_table import Floats
from advisor.record.measurement import OWN_ORIGINS, SpeedMeasurement
from advisor.record.sources import Sources
from advisor.spec.benchmark_run import REPEATS
from advisor.spec.metrics import METRICS, percentile_of
from advisor.spec.workloads.load_kind import LOAD_CLASS, LoadClass

_OWN_SCATTER = {"single": 0.035, "maximum": 0.07}
_OWN_SCATTER_UNDER_LOAD = 0.06
_SCATTER = {"single": 0.10, "concurrency": 0.10, "batch": 0.20, "maximum": 0.25, "rate": 0.15}
"""Scatter of a published source's rows by load, where measurements/sources.yaml gives none."""

_BELIEF_ROWS = 10.0
"""What is expected of a class of rows counts as many rows as this."""
_FARTHEST = 1.0


def harness(row: SpeedMeasurement, sources: Sources) -> str:
    """The harness (machines and client) that made a published row; empty for own runs."""
    return "" if row.origin in OWN_ORIGINS else sources.harness(row.source)


def expected_noise(row: SpeedMeasurement, sources: Sources) -> float:
    """Scatter of a row about a perfect model in log units, before any fit: by its source, load and metric.

    From repeats and from cells that two sources measured: 70B on the same set-up differs by 4 % (mean)
    between the paper and the card in single-stream latency, by 7 % in maximum throughput.
    """
    load = row.load
    if load == "maximum" and row.metric == "tpot_ms":
        return 0.5  # a thousand at once: the client and the server's own process may be what limits them
    if row.origin in OWN_ORIGINS:
        base = _own_scatter(row, _OWN_SCATTER.get(load, _OWN_SCATTER_UNDER_LOAD))
    else:
        entry = sources.of(row.source)
        base = _SCATTER[load] if entry is None else entry.scatter.get(load, _SCATTER[load])
    return base * (2.0 if row.metric == "ttft_ms" else 1.0)


def _own_scatter(row: SpeedMeasurement, usual: float) -> float:
    """Scatter of one's own mean: the usual one and the standard error over repeats, both.

    The usual one is of `REPEATS` repeats; fewer average less away.
    """
    repeats = REPEATS if row.repeats is None else min(row.repeats, REPEATS)
    seen = 0.0 if row.stderr is None else row.stderr / row.value
    return math.hypot(usual * math.sqrt(REPEATS / repeats), seen)


def shown_error(row: SpeedMeasurement) -> float:
    """Relative standard error of one's own figure beyond what any of `REPEATS` repeats scatters by.

    It is that over repeats where there are enough of them. A percentile of one or two repeats scatters as an
    order statistic of an exponential tail does: `sqrt(q / ((1 - q) n)) / -log(1 - q)` of `n` requests. Fewer
    repeats average less of the usual scatter away.
    """
    known = 0.0 if row.stderr is None else row.stderr / row.value
    repeats = REPEATS if row.repeats is None else min(row.repeats, REPEATS)
    percent = percentile_of(row.statistic) if row.statistic != "mean" else None
    if percent is not None and row.samples is not None and (row.stderr is None or repeats < REPEATS):
        below = percent / 100.0
        known = max(known, math.sqrt(below / ((1.0 - below) * row.samples)) / -math.log1p(-below))
    usual = _OWN_SCATTER.get(row.load, _OWN_SCATTER_UNDER_LOAD)
    return math.hypot(known, usual * math.sqrt(REPEATS / repeats - 1.0))


def load_class_of(row: SpeedMeasurement) -> LoadClass:
    """single, loaded, maximum or batch."""
    return LOAD_CLASS[row.load]


def base_class(row: SpeedMeasurement) -> str:
    """Quantity and load of a row; a tail has its mean's."""
    return f"{METRICS[row.metric].quantity} {load_class_of(row)}"


def noise_class(row: SpeedMeasurement, sources: Sources) -> str | None:
    """Rows that scatter alike: of one harness, quantity and load. None: one's own, which are trusted."""
    whose = harness(row, sources)
    return f"{whose}: {base_class(row)}" if whose else None


def noise(rows: Sequence[SpeedMeasurement], seen: Mapping[str, float], sources: Sources) -> Floats:
    """Scatter of each row: of its class as `seen`, else as expected."""
    return np.array([seen.get(noise_class(row, sources) or "", expected_noise(row, sources)) for row in rows])


def seen_noise(
    rows: Sequence[SpeedMeasurement], errors: Floats, used: np.ndarray, sources: Sources
) -> dict[str, float]:
    """Each class's scatter about a fit, from the log errors of the rows `used` (mask).

    Robust (the median and the deviation from it, both), so that a few rows gone wrong do not silence a good
    source, and drawn towards what was expected where rows are few. A source that none has repeated is never
    trusted more than was expected: what all its rows have in common the fit follows, and no scatter shows.
    """
    members: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        name = noise_class(row, sources)
        if used[number] and name is not None:
            members.setdefault(name, []).append(number)
    found: dict[str, float] = {}
    for name, at in sorted(members.items()):
        error = np.clip(np.nan_to_num(errors[at], nan=_FARTHEST), -_FARTHEST, _FARTHEST)
        middle = float(np.median(error))
        deviation = 1.4826 * float(np.median(np.abs(error - middle)))
        expected = float(np.mean([expected_noise(rows[i], sources) for i in at]))
        total = _BELIEF_ROWS * expected**2 + len(at) * (middle**2 + deviation**2)
        scatter = float(np.sqrt(total / (_BELIEF_ROWS + len(at))))
        reference = sources.is_reference(rows[at[0]].source)
        found[name] = round(scatter if reference else max(expected, scatter), 4)
    return found
