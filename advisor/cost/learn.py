"""Records → Fit: parameters, corrections, intervals, evidence and the held-out report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.evaluation.error_correlation import format_pairs, learn_ratios, learn_shares
from advisor.cost.evaluation.held_out import (
    HeldOut,
    Optimum,
    base_classes,
    effects,
    leave_groups_out,
    leave_rows_out,
    leave_sources_out,
    load_class,
    near_capacity,
    quantity,
)
from advisor.cost.evaluation.report import report
from advisor.cost.fit_file import Fit
from advisor.cost.fitting.evidence import (
    DeploymentKey,
    Evidence,
    MeasuredCell,
    deployment_key,
    release,
    shape_key,
)
from advisor.cost.fitting.observations import Observations, is_free_arrangement, observe
from advisor.cost.fitting.run_conditions import benchmark_run
from advisor.cost.fitting.step_estimator import FittedSpeed, fit_speed, teaches
from advisor.cost.step.step_time import Design, step_costs, used_names
from advisor.cost.uncertainty.intervals import Intervals, build
from advisor.errors import DataError
from advisor.record.measurement import OWN_ORIGINS, SpeedMeasurement
from advisor.record.sources import Sources
from advisor.spec.deployment import Deployment
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.model import ModelSpec


def learn(
    rows: Sequence[SpeedMeasurement],
    *,
    start: FittedSpeed | None = None,
    sources: Sources | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Fit, HeldOut]:
    """Fit to all sound rows, with intervals from rows held out.

    sources: what is known of the rows' sources; by default those that ship.
    Raises DataError when no row can be used.
    """
    sound = [row for row in rows if not row.suspect]
    if not sound:
        raise DataError("measurements: no sound row to fit on; quantadvise check says what is wrong")
    seen = observe(rows, sources=sources)
    progress(f"fitting {len(seen.rows):,} rows of {len(seen.deployments)} deployments")
    speed = fit_speed(seen, start=start, progress=progress)
    optimum = Optimum.of(seen, speed)
    held = hold_out(optimum, progress)
    progress("scoring")
    fit = assemble(speed, held)
    return replace(fit, summary={**fit.summary, "report": report(optimum, held, _keys(held))}), held


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
    fit = _assembled(speed, seen, seen.row_deployments, base.intervals, summary)
    return replace(fit, ratios=base.ratios, shared=base.shared)


def hold_out(optimum: Optimum, progress: Callable[[str], None] = lambda _: None) -> HeldOut:
    """Errors with rows, models, GPUs and sources left out in turn."""
    seen = optimum.problem.seen
    of_row = seen.row_deployments
    keys = [row_key(row, d, seen.sources) for row, d in zip(seen.rows, of_row, strict=True)]
    progress("holding out rows")
    row = leave_rows_out(optimum, keys)
    progress("holding out models")
    model = leave_groups_out(optimum, [shape_key(d.model) for d in of_row])
    progress("holding out GPUs")
    gpu = leave_groups_out(optimum, [d.gpu.name for d in of_row])
    progress("holding out sources")
    source, elsewhere = leave_sources_out(optimum, families(seen), keys)
    return HeldOut(
        seen=seen,
        deployments=of_row,
        row=row,
        model=model,
        gpu=gpu,
        source=source,
        elsewhere=elsewhere,
        near_capacity=near_capacity(optimum),
    )


def families(seen: Observations) -> list[str]:
    """The source family of each row."""
    return [seen.sources.family(row.source) for row in seen.rows]


def row_key(row: SpeedMeasurement, d: Deployment, sources: Sources) -> DeploymentKey:
    """Key of the deployment that a row speaks of."""
    return deployment_key(d, any_arrangement=is_free_arrangement(row, sources))


def assemble(speed: FittedSpeed, held: HeldOut) -> Fit:
    """The Fit of parameters and their held-out errors."""
    intervals = build(held.error_classes, held.metrics, held.errors, held.makes_intervals)
    ratios = learn_ratios(format_pairs(held))
    summary = _summary(held, load_class(held.seen))
    fit = _assembled(speed, held.seen, held.deployments, intervals, summary)
    return replace(fit, ratios=ratios, shared=learn_shares(held, intervals, ratios))


def _keys(held: HeldOut) -> list[DeploymentKey]:
    """The key of each row's deployment."""
    sources = held.seen.sources
    return [row_key(row, d, sources) for row, d in zip(held.seen.rows, held.deployments, strict=True)]


def _assembled(
    speed: FittedSpeed,
    seen: Observations,
    deployments: Sequence[Deployment],
    intervals: Intervals,
    summary: Mapping[str, object],
) -> Fit:
    errors = _as_answered(seen, speed)
    keys = [row_key(row, d, seen.sources) for row, d in zip(seen.rows, deployments, strict=True)]
    return Fit(
        speed=speed,
        intervals=intervals,
        effects=effects(
            errors, keys, base_classes(seen), seen.rows, np.array([teaches(row) for row in seen.rows])
        ),
        evidence=_evidence(seen, deployments, keys),
        measured=_measured(seen, keys, deployments, errors),
        summary=summary,
    )


def _as_answered(seen: Observations, speed: FittedSpeed) -> Floats:
    """log(measured ÷ physics) of each row, with what an answer knows: not whose harness it was."""
    arrays = replace(seen.arrays, harness=("",) * len(seen.arrays))
    names = used_names(arrays)
    made = step_costs(arrays, Design(arrays, names).values(speed.vector(names)))
    return np.asarray(seen.log_value - np.log(replace(seen, arrays=arrays).predict(made)))


def _evidence(
    seen: Observations, deployments: Sequence[Deployment], keys: Sequence[DeploymentKey]
) -> tuple[Evidence, ...]:
    groups: dict[tuple[DeploymentKey, str, str], list[int]] = {}
    for i, (row, key) in enumerate(zip(seen.rows, keys, strict=True)):
        groups.setdefault((key, row.model, seen.sources.family(row.source)), []).append(i)
    found = []
    for (key, model, source), at in groups.items():
        row, d = seen.rows[at[0]], deployments[at[0]]
        found.append(
            Evidence(
                model=model,
                format=row.format,
                gpu=d.gpu.name,
                num_gpus=row.num_gpus,
                engine=f"{row.engine} {row.engine_version or '(version not stated)'}",
                source=source,
                rows=len(at),
                kernel=seen.arrays.kernel[seen.deployments.index(d)],
                key=key,
            )
        )
    return tuple(sorted(found, key=lambda e: (e.model, e.gpu, e.num_gpus, e.format, e.source, e.engine)))


def _measured(
    seen: Observations, keys: Sequence[DeploymentKey], deployments: Sequence[Deployment], errors: Floats
) -> dict[DeploymentKey, list[MeasuredCell]]:
    """Mean log(measured ÷ physics) of each cell that was seen, by deployment."""
    found: dict[DeploymentKey, dict[tuple[str, float, float, str, float | None, str], list[float]]] = {}
    kinds = zip(seen.rows, keys, deployments, quantity(seen), errors, strict=True)
    for row, key, d, kind, error in kinds:
        rate_of_tokens = kind == "throughput" and row.metric != "requests_per_s"
        if row.load == "batch" or row.statistic != "mean" or rate_of_tokens or not np.isfinite(error):
            continue
        if row.origin not in OWN_ORIGINS and benchmark_run(row, seen.sources).sent_together is not None:
            continue  # somebody's run that fills and drains is not the load that lasts, which is asked about
        cell = (release(d), row.input_tokens, row.output_tokens, row.load, row.load_value, kind)
        found.setdefault(key, {}).setdefault(cell, []).append(float(error))
    return {
        key: [
            MeasuredCell(*cell, round(float(np.mean(v)), 5), len(v))
            for cell, v in sorted(cells.items(), key=repr)
        ]
        for key, cells in found.items()
    }


def error_share(log_errors: Floats) -> Floats:
    """|predicted ÷ measured − 1| from log(measured ÷ predicted); NaN stays out."""
    known = log_errors[np.isfinite(log_errors)]
    return np.asarray(np.abs(np.exp(-known) - 1.0))


def _summary(held: HeldOut, loads: Sequence[str]) -> dict[str, object]:
    seen = held.seen
    ours = np.array([seen.sources.is_reference(r.source) for r in seen.rows])
    kind = np.array(loads)
    single = error_share(held.model[ours & (kind == "single")])
    maximum = error_share(held.model[ours & (kind == "maximum")])
    loaded = error_share(held.model[kind == "loaded"])

    def share(errors: Floats) -> dict[str, float | int]:
        if not len(errors):
            return {"rows": 0}
        return {
            "rows": len(errors),
            "mean": round(float(errors.mean()), 4),
            "median": round(float(np.median(errors)), 4),
        }

    sources = sorted(set(families(seen)))
    held_text = [
        f"{name} {float(errors.mean()):.1%} (median {float(np.median(errors)):.1%})"
        for name, errors in (("single-stream latency", single), ("maximum throughput", maximum))
        if len(errors)
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
            "single-stream latency": share(single),
            "maximum throughput": share(maximum),
            "under load": share(loaded),
        },
    }


__all__ = ["HeldOut", "Intervals", "assemble", "error_share", "hold_out", "learn"]
