"""Moves the fit that ships by the user's own records; needs neither scikit-learn nor held-out rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.fit_file import Fit
from advisor.cost.fitting.corrections import base_classes, effects, is_gap_of_chunks
from advisor.cost.fitting.evidence import (
    DeploymentKey,
    Evidence,
    MeasuredCell,
    deployment_key,
    settings_of,
)
from advisor.cost.fitting.observations import Observations, is_free_arrangement, observe, unclear
from advisor.cost.fitting.row_noise import shown_error
from advisor.cost.fitting.run_conditions import benchmark_run
from advisor.cost.fitting.step_estimator import fit_speed, teaches
from advisor.cost.step.design import expert_keys
from advisor.cost.step.fitted_speed import FittedSpeed
from advisor.cost.uncertainty.intervals import Intervals
from advisor.record.measurement import OWN_ORIGINS, SpeedMeasurement
from advisor.record.sources import Sources
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.metrics import METRICS
from advisor.spec.models.model import ModelSpec

LEFT_OUT = "own_rows_left_out"
"""In a fit's summary: how many of the user's own rows name what is unknown, by the reason."""


def learn_more(
    rows: Sequence[SpeedMeasurement],
    base: Fit,
    *,
    models: Mapping[str, ModelSpec] = MappingProxyType({}),
    gpus: Mapping[str, GpuSpec] = MappingProxyType({}),
    sources: Sources | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Fit:
    """The fit `base` moved by `rows`, which are all there are: those it was made from and new ones.

    models, gpus: those of the rows that stand in no catalog, by the name the rows use.

    Its intervals stay: what is new shortens the distance of the deployments and GPUs it speaks of, not the
    error at that distance.
    """
    seen = observe(rows, models=models, gpus=gpus, sources=sources)
    progress(f"fitting {len(seen.rows):,} rows of {len(seen.deployments)} deployments")
    speed = fit_speed(seen, start=base.speed, progress=progress)
    summary = {**base.summary, "rows": len(seen.rows), "deployments": len(seen.deployments)}
    summary[LEFT_OUT] = dict(
        Counter(
            why
            for row, why in seen.left_out
            if row.origin in OWN_ORIGINS and not row.suspect and not unclear(row)
        )
    )
    fit = assembled(speed, seen, base.intervals, summary)
    return replace(fit, ratios=base.ratios, shared=base.shared)


def row_keys(seen: Observations) -> list[DeploymentKey]:
    """The key of the deployment that each row is a measurement of."""
    return [
        deployment_key(d, any_arrangement=is_free_arrangement(row, seen.sources))
        for row, d in zip(seen.rows, seen.row_deployments, strict=True)
    ]


def assembled(
    speed: FittedSpeed,
    seen: Observations,
    intervals: Intervals,
    summary: Mapping[str, object],
) -> Fit:
    """A Fit of parameters with the corrections and the evidence that the observations give."""
    errors = _as_answered(seen, speed)
    keys = row_keys(seen)
    used = np.array([teaches(row) for row in seen.rows]) & ~is_gap_of_chunks(seen.rows)
    return Fit(
        speed=speed,
        intervals=intervals,
        effects=effects(errors, keys, base_classes(seen), seen.rows, used),
        evidence=_evidence(seen, keys),
        measured=_measured(seen, keys, errors),
        summary=summary,
        experts=_experts(seen),
    )


def _experts(seen: Observations) -> frozenset[str]:
    """Where mixtures of experts were measured, as `Fit.experts` names it."""
    keys = expert_keys(seen.arrays)
    return frozenset(key for key, experts in zip(keys, seen.arrays.experts, strict=True) if experts > 0)


def _as_answered(seen: Observations, speed: FittedSpeed) -> Floats:
    """log(measured ÷ physics) of each row, with what an answer knows: not whose harness it was."""
    nobody = ("",) * len(seen.arrays)
    arrays = replace(seen.arrays, harness=nobody, client=nobody)
    made = speed.step_costs(arrays)
    return np.asarray(seen.log_value - np.log(replace(seen, arrays=arrays).predict(made)))


def _evidence(seen: Observations, keys: Sequence[DeploymentKey]) -> tuple[Evidence, ...]:
    places = seen.loads.deployment[seen.first_cells].tolist()
    groups: dict[tuple[DeploymentKey, str, str], list[int]] = {}
    for i, (row, key) in enumerate(zip(seen.rows, keys, strict=True)):
        groups.setdefault((key, row.model, seen.sources.family(row.source)), []).append(i)
    found = []
    for (key, model, source), at in groups.items():
        row, place = seen.rows[at[0]], places[at[0]]
        found.append(
            Evidence(
                model=model,
                format=row.format,
                gpu=seen.arrays.gpu[place],
                num_gpus=row.num_gpus,
                engine=f"{row.engine} {row.engine_version or '(version not stated)'}",
                source=source,
                rows=len(at),
                kernel=seen.arrays.kernel[place],
                key=key,
            )
        )
    return tuple(sorted(found, key=lambda e: (e.model, e.gpu, e.num_gpus, e.format, e.source, e.engine)))


def _measured(
    seen: Observations, keys: Sequence[DeploymentKey], errors: Floats
) -> dict[DeploymentKey, list[MeasuredCell]]:
    """Mean log(measured ÷ physics) of each cell that was seen, by deployment."""
    found: dict[DeploymentKey, dict[MeasuredCell, list[tuple[float, float]]]] = {}
    gaps = is_gap_of_chunks(seen.rows)
    for row, key, d, error, gap in zip(seen.rows, keys, seen.row_deployments, errors, gaps, strict=True):
        kind = _cell_quantity(row)
        if kind is None or gap or not np.isfinite(error):
            continue
        own = row.origin in OWN_ORIGINS
        if not own and benchmark_run(row, seen.sources).sent_together is not None:
            continue  # somebody's run that fills and drains is not the load that lasts, which is asked about
        cell = MeasuredCell(
            release=d.engine.release,
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            load=row.load,
            level=row.load_value,
            quantity=kind,
            log_ratio=0.0,
            rows=0,
            settings=settings_of(d) if own else "",
        )
        shown = shown_error(row) if own else 0.0
        found.setdefault(key, {}).setdefault(cell, []).append((float(error), shown))
    return {
        key: [_with_figures(cell, figures) for cell, figures in sorted(cells.items(), key=repr)]
        for key, cells in found.items()
    }


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


def _with_figures(cell: MeasuredCell, figures: Sequence[tuple[float, float]]) -> MeasuredCell:
    """The cell with the mean of its (log ratio, standard error) pairs."""
    ratios, shown = np.array(figures).T
    scatter = float(np.sqrt(np.mean(shown**2) / len(shown)))
    return cell._replace(
        log_ratio=round(float(np.mean(ratios)), 5), rows=len(ratios), scatter=round(scatter, 5)
    )
