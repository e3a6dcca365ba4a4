"""Moves the fit that ships by the user's own records; needs neither scikit-learn nor held-out rows."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.fit_file import EXPERTS_BY, Fit
from advisor.cost.fitting.fit_step_time import fit_speed
from advisor.cost.fitting.measured_cells import measured_cells
from advisor.cost.fitting.measured_deployments import DeploymentKey, Evidence, deployment_key
from advisor.cost.fitting.observations import Observations, is_free_arrangement, observe, unclear
from advisor.cost.step.fitted_step_model import FittedSpeed
from advisor.cost.step.parameter_vector import group_keys
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
    if text := _learnt_text(seen, base.speed):
        progress(text)
    speed = fit_speed(seen, start=base.speed)
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


def _learnt_text(seen: Observations, before: FittedSpeed) -> str:
    """`your runs ÷ what was predicted without them, medians: TTFT 0.92, TPOT 1.29`; empty without any."""
    ratios: dict[str, list[float]] = {}
    for row, error in zip(seen.rows, _as_answered(seen, before).tolist(), strict=True):
        if row.origin in OWN_ORIGINS and row.statistic == "mean" and math.isfinite(error):
            quantity = METRICS[row.metric].quantity
            name = "throughput" if quantity == "throughput" else quantity.upper()
            ratios.setdefault(name, []).append(math.exp(error))
    found = ", ".join(f"{name} {statistics.median(of):.2f}" for name, of in sorted(ratios.items()))
    return f"your runs ÷ what was predicted without them, medians: {found}" if found else ""


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
    """A Fit of parameters with the measured cells and the evidence that the observations give."""
    errors = _as_answered(seen, speed)
    keys = row_keys(seen)
    return Fit(
        speed=speed,
        intervals=intervals,
        evidence=_evidence(seen, keys),
        measured=measured_cells(seen, keys, errors),
        summary=summary,
        experts=_experts(seen),
    )


def _experts(seen: Observations) -> frozenset[str]:
    """Where mixtures of experts were measured, as `Fit.experts` names it."""
    keys = group_keys(seen.arrays, EXPERTS_BY)
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
