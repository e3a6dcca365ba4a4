"""Calibration of stated uncertainty: ratios of formats, intervals by width, probabilities of limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import LeaveOneGroupOut

from advisor.cost.array_table import Bools, Floats
from advisor.cost.evaluation.error_correlation import FormatPairs, format_pairs
from advisor.cost.evaluation.error_metrics import errors_of, intervals_of
from advisor.cost.evaluation.held_out_errors import HeldOut
from advisor.cost.evaluation.interval_coverage import Judged
from advisor.cost.fit_report import DecileRow, DeploymentRow, PointRow, RatioRow, ReliabilityRow
from advisor.cost.fitting.measured_deployments import DeploymentKey
from advisor.cost.uncertainty.conformal import Z90
from advisor.cost.uncertainty.error_class import Distance
from advisor.cost.uncertainty.error_distribution import probability_below
from advisor.cost.uncertainty.intervals import build

_FEWEST = 8
_FEWEST_GROUPS = 2
BINS = 10
LIMIT_RANGE = (0.7, 1.4)
"""Limits are drawn between these multiples of the measured value, evenly in logs."""
_SAMPLES = 20_000
COMMONEST = 10
POINTS = 300
"""Rows of each metric in the plot."""


def ratio_rows(held: HeldOut) -> tuple[RatioRow, ...]:
    """Ratios of two formats, each group's against intervals from the other groups' pairs."""
    pairs = format_pairs(held)
    folds: tuple[tuple[str, Distance, Floats, Sequence[str]], ...] = (
        ("source, its deployments known", "seen", pairs.held.other_source, pairs.held.sources),
        ("model", "model", pairs.held.model, pairs.held.shapes),
        ("GPU", "gpu", pairs.held.gpu, pairs.held.gpus),
    )
    rows: list[RatioRow] = []
    for name, distance, errors, groups in folds:
        if len(set(groups)) < _FEWEST_GROUPS:
            continue
        high = _ends_of_ratios(pairs, groups, distance)
        for (what, kernels), chosen in _kinds_of_ratio(pairs).items():
            known = chosen & np.isfinite(errors) & np.isfinite(high)
            if known.sum() // 2 < _FEWEST:
                continue
            rows.append(
                RatioRow(
                    left_out=name,
                    quantity=what,
                    kernels=kernels,
                    pairs=int(known.sum()) // 2,
                    median=round(float(np.median(np.abs(errors[known]))), 4),
                    intervals=intervals_of(errors[known], -high[known], high[known]),
                )
            )
    return tuple(rows)


def _ends_of_ratios(pairs: FormatPairs, groups: Sequence[str], distance: Distance) -> Floats:
    """The upper end that the other groups' pairs give each pair; the lower one is its opposite."""
    labels, high = np.array(groups), np.full(len(groups), np.nan)
    for _, out in LeaveOneGroupOut().split(labels[:, None], groups=labels):
        left_out = np.zeros(len(labels), dtype=bool)
        left_out[out] = True
        made = build(pairs.classes, pairs.metrics, pairs.held.without(left_out))
        for i in out.tolist():
            high[i] = made.of(pairs.classes[i].at(distance)).high
    return high


def _kinds_of_ratio(pairs: FormatPairs) -> dict[tuple[str, str], Bools]:
    names = [
        (
            f"{'TTFT' if c.metric == 'ttft' else 'token rate'}, {c.load}",
            "FP4 in one of them" if c.engine.fp4 else "others",
        )
        for c in pairs.classes
    ]
    return {one: np.array([name == one for name in names]) for one in sorted(set(names))}


def deciles(held: HeldOut, judged: Judged) -> tuple[DecileRow, ...]:
    """Whether narrow intervals hold as often as wide ones: rows under load by tenths of stated width."""
    kinds, loads = held.quantities, held.loads
    rows: list[DecileRow] = []
    for name, chosen in (
        ("TPOT, E2E and throughput under load", np.isin(kinds, ("tpot", "e2e", "throughput"))),
        ("TTFT under load", kinds == "ttft"),
    ):
        at = np.flatnonzero(chosen & (loads == "loaded") & judged.known)
        order = at[np.argsort(judged.high[at] - judged.low[at], kind="stable")]
        for number, part in enumerate(np.array_split(order, BINS), start=1):
            if len(part) >= _FEWEST:
                figures = intervals_of(judged.error[part], judged.low[part], judged.high[part])
                rows.append(DecileRow(quantity=name, decile=number, rows=len(part), intervals=figures))
    return tuple(rows)


def reliability(held: HeldOut, judged: Judged) -> tuple[ReliabilityRow, ...]:
    """How often limits are kept of which that probability is said; one limit for each row.

    A limit is drawn at 0.7 to 1.4 of the measured value, so that it is kept where it is above (a latency) or
    below (a throughput).
    """
    rng = np.random.default_rng(0)
    kinds, loads = held.quantities, held.loads
    usable = judged.known & (loads == "loaded") & np.isin(kinds, ("ttft", "tpot", "e2e", "throughput"))
    chosen = np.flatnonzero(usable)
    if len(chosen) < BINS:
        return ()
    slack = rng.uniform(float(np.log(LIMIT_RANGE[0])), float(np.log(LIMIT_RANGE[1])), size=len(chosen))
    is_rate = kinds[chosen] == "throughput"
    # A throughput must reach its limit: the log of measured ÷ predicted counts upside down.
    error = np.where(is_rate, -judged.error[chosen], judged.error[chosen])
    low = np.where(is_rate, -judged.high[chosen], judged.low[chosen])
    high = np.where(is_rate, -judged.low[chosen], judged.high[chosen])
    room = slack + error
    said = probability_below(Z90 * room / np.where(room >= 0, high, -low))
    return _bins(said, slack >= 0, rng)


def _bins(said: Floats, kept: Bools, rng: np.random.Generator) -> tuple[ReliabilityRow, ...]:
    place = np.minimum((said * BINS).astype(int), BINS - 1)
    rows = []
    for number in range(BINS):
        here = place == number
        count = int(here.sum())
        if count < _FEWEST:
            continue
        # The share that so many limits, each kept with the probability said, would show.
        drawn = (rng.random((_SAMPLES, count)) < said[here]).mean(axis=1)
        low, high = np.quantile(drawn, (0.05, 0.95))
        rows.append(
            ReliabilityRow(
                low=number / BINS,
                high=(number + 1) / BINS,
                limits=count,
                said=round(float(said[here].mean()), 4),
                kept=round(float(kept[here].mean()), 4),
                range_low=round(float(low), 4),
                range_high=round(float(high), 4),
            )
        )
    return tuple(rows)


def known_best(held: HeldOut, keys: Sequence[DeploymentKey], judged: Judged) -> tuple[DeploymentRow, ...]:
    """The deployments that most sources, then most rows, have measured under load on current vLLM."""
    kinds, loads = held.quantities, held.loads
    usable = (loads == "loaded") & np.array([key.generation == "v1" for key in keys])
    rows_of: dict[DeploymentKey, list[int]] = {}
    for i in np.flatnonzero(usable & judged.known).tolist():
        rows_of.setdefault(keys[i], []).append(i)
    order = sorted(
        rows_of.items(), key=lambda item: (-len({held.sources[i] for i in item[1]}), -len(item[1]), item[0])
    )
    found: list[DeploymentRow] = []
    for _, at in order[:COMMONEST]:
        row = held.seen.rows[at[0]]
        gpus = f"{row.num_gpus} × {row.gpu}" if row.num_gpus > 1 else row.gpu
        for metric in ("tpot", "ttft", "throughput"):
            mine = np.array([i for i in at if kinds[i] == metric], dtype=np.intp)
            if len(mine) < _FEWEST:
                continue
            errors = judged.error[mine]
            found.append(
                DeploymentRow(
                    deployment=f"{row.model} {row.format} on {gpus}",
                    load="under load",
                    sources=len({held.sources[i] for i in mine.tolist()}),
                    metric=metric,
                    errors=errors_of(errors),
                    intervals=intervals_of(errors, judged.low[mine], judged.high[mine]),
                )
            )
    return tuple(found)


def points(held: HeldOut, judged: Judged) -> tuple[PointRow, ...]:
    """TTFT and TPOT under load as measured and as predicted with the source left out; every so-and-so-many
    row."""
    kinds, loads = held.quantities, held.loads
    rows: list[PointRow] = []
    for metric in ("tpot", "ttft"):
        at = np.flatnonzero((kinds == metric) & (loads == "loaded") & judged.known)
        for i in at[:: max(1, len(at) // POINTS)].tolist():
            measured = float(np.exp(held.seen.log_value[i]))
            predicted = measured * float(np.exp(-judged.error[i]))
            rows.append(PointRow(metric=metric, measured=round(measured, 2), predicted=round(predicted, 2)))
    return tuple(rows)
