"""Errors on rows that the fit had not seen: a model, a GPU, a source, or single rows left out.

A refit without each group would cost minutes. From the optimum a Newton step to the optimum without the
group, and three more along the same slopes, come close to it (a test compares them with full refits). For
single rows, whose pull is small, one step does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advisor.cost.arrays import Bools, Floats
from advisor.cost.fitting.evidence import DeploymentKey, shape_key
from advisor.cost.fitting.least_squares import newton, soft_weights, step
from advisor.cost.fitting.observations import Observations
from advisor.cost.fitting.row_noise import load_class_of
from advisor.cost.fitting.step_estimator import FittedSpeed, SpeedProblem
from advisor.cost.serving.replica import replica_stats
from advisor.cost.serving.serving_stats import near_capacity as is_near_capacity
from advisor.cost.step.step_time import step_costs
from advisor.cost.uncertainty.error_class import MEANS, EngineClass, ErrorClass, Metric, error_class
from advisor.cost.uncertainty.intervals import HeldOutErrors
from advisor.record.measurement import OWN_ORIGINS, SpeedMeasurement
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import defaults
from advisor.spec.metrics import METRICS
from advisor.spec.workloads.load_kind import LoadClass

SHRINK_ROWS = 2.0
"""A deployment's correction by own records counts n/(n + this): so many rows say 'no correction'."""
ROW_FOLDS = 10
GROUP_STEPS = 4
"""Steps to the optimum without a group: two stop short of a refit where the group is large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """log(measured ÷ predicted) of each observed row, by what was left out; NaN where nothing was."""

    seen: Observations
    deployments: tuple[Deployment, ...]
    """Of each row: its first arrangement."""
    row: Floats
    """One row in ten."""
    model: Floats
    """All rows of the model's shape."""
    gpu: Floats
    """All rows of the GPU."""
    source: Floats
    """All rows of the source's family."""
    elsewhere: Floats
    """The same, for deployments that another source has measured: what a user's own machine meets."""
    near_capacity: Bools
    """Whether the row's load is near the deployment's capacity."""

    @property
    def generations(self) -> list[str]:
        """Engine generation of each row."""
        return [defaults(d.engine, d.gpu).generation for d in self.deployments]

    @property
    def moe(self) -> list[bool]:
        """Of each row: whether its model is a mixture of experts."""
        return [d.model.is_moe for d in self.deployments]

    @property
    def shapes(self) -> list[str]:
        """Of each row: what its model has in common with those as fast as it."""
        return [shape_key(d.model) for d in self.deployments]

    @property
    def gpus(self) -> list[str]:
        return [d.gpu.name for d in self.deployments]

    @property
    def sources(self) -> list[str]:
        """The source family of each row."""
        return [self.seen.sources.family(row.source) for row in self.seen.rows]

    @property
    def kernels(self) -> list[str]:
        """The kernel family that each row's deployment runs in."""
        at = self.seen.loads.deployment[self.seen.first_cells]
        return [self.seen.arrays.kernel[i] for i in at.tolist()]

    @property
    def engines(self) -> list[EngineClass]:
        return [EngineClass(g, m) for g, m in zip(self.generations, self.moe, strict=True)]

    @property
    def error_classes(self) -> list[ErrorClass]:
        """The class of each row's error; its distance is another question."""
        columns = zip(
            self.seen.rows, load_class(self.seen), self.engines, self.near_capacity.tolist(), strict=True
        )
        return [
            error_class(row_metric(row), row.statistic, load, engine, near_capacity=near)
            for row, load, engine, near in columns
        ]

    @property
    def metrics(self) -> list[Metric]:
        return [row_metric(row) for row in self.seen.rows]

    @property
    def makes_intervals(self) -> Bools:
        """Whether intervals are made of a row: not of the slowest of a few lone requests."""
        return np.array(
            [load_class_of(row) == "loaded" or row.statistic in MEANS for row in self.seen.rows], dtype=bool
        )

    @property
    def errors(self) -> HeldOutErrors:
        """All that intervals are made of."""
        return HeldOutErrors(
            row=self.row,
            model=self.model,
            gpu=self.gpu,
            other_source=self.elsewhere,
            shapes=self.shapes,
            gpus=self.gpus,
            sources=self.sources,
        )


def row_metric(row: SpeedMeasurement) -> Metric:
    """The metric whose error a row's is; gaps between tokens have one of their own."""
    return "itl" if row.metric == "itl_ms" else METRICS[row.metric].quantity


def quantity(seen: Observations) -> list[str]:
    """ttft, tpot, e2e or throughput, per row; a percentile that is no mean's kin is named: `ttft p99`."""
    return [
        METRICS[row.metric].quantity if is_mean(row) else f"{row.metric.removesuffix('_ms')} {row.statistic}"
        for row in seen.rows
    ]


def near_capacity(optimum: Optimum) -> Bools:
    """Whether each row's load needs so much of the capacity that its queue depends on the rest."""
    seen, p = optimum.problem.seen, optimum.problem
    made = step_costs(seen.arrays, p.design.values(optimum.vector))
    stats = replica_stats(seen.arrays, made, seen.kv_bytes, seen.loads, capacity=False)
    return np.asarray(is_near_capacity(stats, seen.loads)[seen.first_cells])


def is_mean(row: SpeedMeasurement) -> bool:
    """Whether a row counts as its quantity's mean: so do medians, but not of the gaps between tokens."""
    return row.statistic == "mean" or (row.statistic == "p50" and row.metric != "itl_ms")


def base_classes(seen: Observations) -> list[tuple[str, str]]:
    """What corrects a row: its quantity and load. A tail is corrected as its mean is."""
    return [(METRICS[row.metric].quantity, load_class_of(row)) for row in seen.rows]


def load_class(seen: Observations) -> list[LoadClass]:
    """single, loaded, maximum or batch, per row."""
    return [load_class_of(row) for row in seen.rows]


@dataclass(frozen=True, slots=True)
class Optimum:
    """A fit with its linearisation."""

    problem: SpeedProblem
    vector: Floats
    errors: Floats
    """log(predicted ÷ measured), tolerance taken off, per row."""
    slopes: Floats
    """Their derivatives, (rows, Theta)."""
    soft: Floats
    """Weight of each squared error at the optimum: the soft-L1 loss as a quadratic."""
    curvature: Floats
    """Σ soft × slope slopeᵀ over all rows and the priors, (Theta, Theta)."""
    gradient: Floats

    @classmethod
    def of(cls, seen: Observations, fitted: FittedSpeed) -> Optimum:
        p = SpeedProblem(seen, noise=fitted.noise)
        vector = fitted.vector(p.names)
        errors, slopes = p.errors(vector), p.slopes(vector)
        soft = soft_weights(errors, p.weight)
        return cls(p, vector, errors, slopes, soft, *newton(p, vector, errors, slopes, soft))

    def without(self, rows: np.ndarray, *, steps: int = 1) -> Floats:
        """Theta refitted without `rows` (mask)."""
        slopes, soft = self.slopes[rows], self.soft[rows]
        curvature = self.curvature - (slopes * soft[:, None]).T @ slopes
        gradient = self.gradient - slopes.T @ (soft * self.errors[rows])
        vector = self.vector + step(curvature, gradient)
        for _ in range(steps - 1):
            # Along the slopes that are known: anew they would cost thirty times as much, for errors that are
            # the same within a hundredth.
            errors = self.problem.errors(vector)
            soft = np.where(rows, 0.0, soft_weights(errors, self.problem.weight))
            curvature, gradient = newton(self.problem, vector, errors, self.slopes, soft)
            vector = vector + step(curvature, gradient)
        return np.asarray(vector)

    def log_errors(self, vector: Floats) -> Floats:
        """log(measured ÷ predicted) of every row under another Theta; NaN where nothing is predicted."""
        return np.asarray(self.problem.seen.log_value - np.log(self.problem.predict(vector)))


def leave_groups_out(optimum: Optimum, groups: Sequence[object]) -> Floats:
    """log(measured ÷ predicted) of each row, its whole group left out; NaN for group None."""
    errors = np.full(len(groups), np.nan)
    for rows in _masks(groups):
        errors[rows] = optimum.log_errors(optimum.without(rows, steps=GROUP_STEPS))[rows]
    return errors


def leave_sources_out(
    optimum: Optimum, sources: Sequence[str], keys: Sequence[DeploymentKey]
) -> tuple[Floats, Floats]:
    """The same for sources; and again for those rows alone whose deployment another source has measured, with
    the corrections that the others make."""
    taught, classes = optimum.problem.taught, base_classes(optimum.problem.seen)
    errors, elsewhere = np.full(len(keys), np.nan), np.full(len(keys), np.nan)
    for rows in _masks(sources):
        plain = optimum.log_errors(optimum.without(rows, steps=GROUP_STEPS))
        errors[rows] = plain[rows]
        table = effects(plain, keys, classes, optimum.problem.seen.rows, ~rows & taught)
        own = np.array([table.get(kind, {}).get(key, 0.0) for kind, key in zip(classes, keys, strict=True)])
        others = {key for key, left_out in zip(keys, rows.tolist(), strict=True) if not left_out}
        known = rows & np.array([key in others for key in keys])
        elsewhere[known] = (plain - own)[known]
    return errors, elsewhere


def _masks(groups: Sequence[object]) -> list[np.ndarray]:
    """Rows of each group, one group after the other; of a lone group, none are left without it."""
    known = sorted({str(g) for g in groups if g is not None})
    labels = np.array(["" if g is None else str(g) for g in groups])
    return [labels == name for name in known]


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


def leave_rows_out(optimum: Optimum, keys: Sequence[DeploymentKey]) -> Floats:
    """log(measured ÷ predicted) of each row, one row in ten left out, corrections applied."""
    seen = optimum.problem.seen
    classes, taught = base_classes(seen), optimum.problem.taught
    fold = np.arange(len(seen.rows)) % ROW_FOLDS
    errors = np.full(len(seen.rows), np.nan)
    for number in range(ROW_FOLDS):
        out = fold == number
        plain = optimum.log_errors(optimum.without(out))
        table = effects(plain, keys, classes, seen.rows, ~out & taught)
        own = [table.get(kind, {}).get(key, 0.0) for kind, key in zip(classes, keys, strict=True)]
        errors[out] = (plain - np.array(own))[out]
    return errors
