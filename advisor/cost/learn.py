"""Records → Fit: parameters, measured cells, intervals, evidence and the held-out report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from advisor.cost.evaluation.error_correlation import format_pairs, learn_ratios, learn_shares
from advisor.cost.evaluation.error_metrics import errors_of
from advisor.cost.evaluation.fit_without_rows import Optimum
from advisor.cost.evaluation.held_out_errors import (
    HeldOut,
    families,
    leave_groups_out,
    leave_rows_out,
    leave_sources_out,
    near_capacity,
)
from advisor.cost.evaluation.held_out_report import report
from advisor.cost.fit_file import Fit
from advisor.cost.fit_report import FitReport
from advisor.cost.fitting.fit_step_time import fit_speed
from advisor.cost.fitting.kernel_estimator import fit_kernels
from advisor.cost.fitting.measured_deployments import shape_key
from advisor.cost.fitting.observations import observe
from advisor.cost.learn_from_own_records import assembled, row_keys
from advisor.cost.step.fitted_step_model import FittedSpeed
from advisor.cost.uncertainty.intervals import build
from advisor.errors import DataError
from advisor.record.kernel_timing import KernelTiming
from advisor.record.measurement import SpeedMeasurement
from advisor.record.sources import Sources


def learn(
    rows: Sequence[SpeedMeasurement],
    *,
    kernels: Sequence[KernelTiming] = (),
    start: FittedSpeed | None = None,
    sources: Sources | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Fit, FitReport]:
    """Fit to all sound rows with intervals from rows held out, and how far off it is on those.

    kernels: timings of kernels alone, where the step's efficiencies start. sources: what is known of the
    rows' sources; by default those that ship.
    Raises DataError when no row can be used.
    """
    sound = [row for row in rows if not row.suspect]
    if not sound:
        raise DataError("measurements: no sound row to fit on; quantadvise check says what is wrong")
    seen = observe(rows, sources=sources)
    progress(f"fitting {len(seen.rows):,} rows of {len(seen.deployments)} deployments")
    speed = fit_speed(seen, start=start, kernels=fit_kernels(kernels))
    optimum = Optimum.of(seen, speed)
    held = hold_out(optimum, progress)
    progress("scoring")
    fit = assemble(speed, held)
    keys = row_keys(held.seen)
    return fit, report(optimum, held, keys, str(fit.summary["text"]))


def hold_out(optimum: Optimum, progress: Callable[[str], None] = lambda _: None) -> HeldOut:
    """Errors with rows, models, GPUs and sources left out in turn."""
    seen = optimum.problem.seen
    of_row = seen.row_deployments
    keys = row_keys(seen)
    progress("holding out rows")
    row = leave_rows_out(optimum)
    progress("holding out models")
    model = leave_groups_out(optimum, [shape_key(d.model) for d in of_row])
    progress("holding out GPUs")
    gpu = leave_groups_out(optimum, [d.gpu.name for d in of_row])
    progress("holding out sources")
    source, elsewhere = leave_sources_out(optimum, families(seen), keys)
    return HeldOut(
        seen=seen,
        row=row,
        model=model,
        gpu=gpu,
        source=source,
        elsewhere=elsewhere,
        near_capacity=near_capacity(optimum),
    )


def assemble(speed: FittedSpeed, held: HeldOut) -> Fit:
    """The Fit of parameters and their held-out errors."""
    intervals = build(held.error_classes, held.metrics, held.errors, held.makes_intervals)
    ratios = learn_ratios(format_pairs(held))
    summary = _summary(held)
    fit = assembled(speed, held.seen, intervals, summary)
    return replace(fit, ratios=ratios, shared=learn_shares(held, intervals, ratios))


def _summary(held: HeldOut) -> dict[str, object]:
    seen, ours, kind = held.seen, held.is_reference, held.loads
    by_load = {
        "single-stream latency": held.model[ours & (kind == "single")],
        "maximum throughput": held.model[ours & (kind == "maximum")],
        "under load": held.model[kind == "loaded"],
    }
    figures = {name: errors_of(e) for name, e in by_load.items() if np.isfinite(e).any()}
    sources = sorted(set(held.sources))
    held_text = [
        f"{name} {figures[name].mean:.1%} (median {figures[name].median:.1%})"
        for name in ("single-stream latency", "maximum throughput")
        if name in figures
    ]
    text = (
        f"Fitted on {len(seen.rows):,} measurements of {len(seen.deployments)} deployments from "
        f"{len(sources)} sources; mean error on models left out: {'; '.join(held_text)}."
    )
    return {
        "text": text,
        "rows": len(seen.rows),
        "rows_left_out": len(seen.left_out),
        "deployments": len(seen.deployments),
        "sources": sources,
        "held_out_model": {
            name: {"rows": found.rows, "mean": found.mean, "median": found.median}
            for name, found in figures.items()
        },
    }
