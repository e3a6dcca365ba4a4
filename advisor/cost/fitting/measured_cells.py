"""What was measured of each deployment, as an answer uses it: cells with their log(measured ÷ predicted)."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, hypot, log
from typing import NamedTuple

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.fitting.measured_deployments import DeploymentKey, MeasuredCell, settings_of
from advisor.cost.fitting.observations import Observations
from advisor.cost.fitting.row_noise import shown_error
from advisor.cost.fitting.run_conditions import benchmark_run
from advisor.record.measurement import OWN_ORIGINS, SpeedMeasurement
from advisor.spec.deployment import Deployment
from advisor.spec.metrics import METRICS


class _Figure(NamedTuple):
    """One row of a cell."""

    log_ratio: float
    scatter: float
    value: float


def measured_cells(
    seen: Observations, keys: Sequence[DeploymentKey], errors: Floats
) -> dict[DeploymentKey, list[MeasuredCell]]:
    """The cells of each deployment. keys, errors: deployment and log(measured ÷ predicted) of each row."""
    found: dict[DeploymentKey, dict[MeasuredCell, list[_Figure]]] = {}
    gaps = is_gap_of_chunks(seen.rows)
    for row, key, d, error, gap in zip(seen.rows, keys, seen.row_deployments, errors, gaps, strict=True):
        kind = _cell_quantity(row)
        if kind is None or gap or not np.isfinite(error):
            continue
        own = row.origin in OWN_ORIGINS
        if not own and benchmark_run(row, seen.sources).sent_together is not None:
            continue  # somebody's run that fills and drains is not the load that lasts, which is asked about
        figure = _Figure(float(error), shown_error(row) if own else 0.0, row.value)
        found.setdefault(key, {}).setdefault(_cell(row, d, kind), []).append(figure)
    return {
        key: _with_whole_requests([_with_figures(cell, of) for cell, of in sorted(cells.items(), key=repr)])
        for key, cells in found.items()
    }


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


def _cell(row: SpeedMeasurement, d: Deployment, quantity: str) -> MeasuredCell:
    """The cell of a row, without its figures; of the user's own rows with a value, 0 so far."""
    own = row.origin in OWN_ORIGINS
    return MeasuredCell(
        release=d.engine.release,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        load=row.load,
        level=row.load_value,
        quantity=quantity,
        log_ratio=0.0,
        rows=0,
        settings=settings_of(d) if own else "",
        value=0.0 if own else None,
    )


def _cell_quantity(row: SpeedMeasurement) -> str | None:
    """What a row is a cell of: a mean, or of one's own runs a percentile; None for what is asked of no cell.

    The median of a lone stream is compared with its mean, so that it is no cell of its own.
    """
    of = METRICS[row.metric].quantity
    if row.load == "batch" or (of == "throughput" and row.metric != "requests_per_s"):
        return None
    if row.statistic == "mean":
        return of
    tail = row.load in ("concurrency", "rate") or (row.load == "single" and row.statistic != "p50")
    if row.origin not in OWN_ORIGINS or not tail or of == "throughput":
        return None
    return f"{row.metric.removesuffix('_ms')} {row.statistic}"


def _with_figures(cell: MeasuredCell, figures: Sequence[_Figure]) -> MeasuredCell:
    """The cell with the mean of its rows' figures."""
    ratios, shown, values = np.array(figures).T
    return cell._replace(
        log_ratio=round(float(np.mean(ratios)), 5),
        rows=len(ratios),
        scatter=round(float(np.sqrt(np.mean(shown**2) / len(shown))), 5),
        value=None if cell.value is None else float(f"{np.exp(np.mean(np.log(values))):.6g}"),
    )


def _with_whole_requests(cells: list[MeasuredCell]) -> list[MeasuredCell]:
    """The cells with the E2E of the user's runs that state TTFT and TPOT alone, as vLLM's do: TTFT and a TPOT
    for each further token. Without it an answer would contradict itself."""
    runs: dict[MeasuredCell, dict[str, MeasuredCell]] = {}
    for cell in cells:
        if cell.value is not None:
            run = cell._replace(quantity="", log_ratio=0.0, rows=0, scatter=0.0, value=None)
            runs.setdefault(run, {})[cell.quantity] = cell
    made = list(cells)
    for of in runs.values():
        if "e2e" in of or not {"ttft", "tpot"} <= of.keys():
            continue
        first, later = of["ttft"], of["tpot"]
        assert first.value is not None
        assert later.value is not None
        rest = later.value * max(first.output_tokens - 1.0, 0.0)
        whole = first.value + rest
        predicted = first.value * exp(-first.log_ratio) + rest * exp(-later.log_ratio)
        made.append(
            first._replace(
                quantity="e2e",
                log_ratio=round(log(whole / predicted), 5),
                rows=min(first.rows, later.rows),
                scatter=round(hypot(first.value * first.scatter, rest * later.scatter) / whole, 5),
                value=float(f"{whole:.6g}"),
            )
        )
    return made
