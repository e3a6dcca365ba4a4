"""Errors on rows that the fit had not seen: a model, a GPU, a source, or single rows left out.

The folds are scikit-learn's; what is left out of a fold costs a few steps from the optimum, not a refit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import LeaveOneGroupOut, PredefinedSplit, cross_val_predict

from advisor.cost.array_table import Bools, Floats
from advisor.cost.evaluation.fit_without_rows import GROUP_STEPS, Optimum
from advisor.cost.evaluation.step_model_for_sklearn import StepTimeRegressor
from advisor.cost.fitting.measured_deployments import DeploymentKey, shape_key
from advisor.cost.fitting.observations import Observations
from advisor.cost.fitting.row_noise import load_class_of
from advisor.cost.fitting.row_statistic import quantity
from advisor.cost.serving.mean_latencies import replica_stats
from advisor.cost.serving.serving_stats import near_capacity as is_near_capacity
from advisor.cost.step.step_time import step_costs
from advisor.cost.uncertainty.error_class import (
    MEANS,
    EngineClass,
    ErrorClass,
    Metric,
    error_class,
)
from advisor.cost.uncertainty.intervals import HeldOutErrors
from advisor.record.measurement import SpeedMeasurement
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import defaults
from advisor.spec.metrics import METRICS
from advisor.spec.workloads.load_kind import LoadClass

ROW_FOLDS = 10


@dataclass(frozen=True, kw_only=True)  # no slots: what is derived of all rows is worked out once
class HeldOut:
    """log(measured ÷ predicted) of each observed row, by what was left out; NaN where nothing was."""

    seen: Observations
    row: Floats
    """One row in ten."""
    model: Floats
    """All rows of the model's shape."""
    gpu: Floats
    """All rows of the GPU."""
    source: Floats
    """All rows of the source's family."""
    elsewhere: Floats
    """Errors with the source left out, for deployments that another source measured: a user's own case."""
    near_capacity: Bools
    """Whether the row's load is near the deployment's capacity."""

    @cached_property
    def deployments(self) -> tuple[Deployment, ...]:
        """The deployment of each row: the first of its possible arrangements."""
        return self.seen.row_deployments

    @cached_property
    def generations(self) -> list[str]:
        """Engine generation of each row."""
        return [defaults(d.engine, d.gpu).generation for d in self.deployments]

    @cached_property
    def is_v1(self) -> Bools:
        """Rows of vLLM V1."""
        return np.array([generation == "v1" for generation in self.generations], dtype=bool)

    @cached_property
    def is_reference(self) -> Bools:
        """Rows of the reference harness."""
        return np.array([self.seen.sources.is_reference(row.source) for row in self.seen.rows], dtype=bool)

    @cached_property
    def quantities(self) -> NDArray[np.str_]:
        """What each row is a measurement of; see `quantity`."""
        return np.array(quantity(self.seen), dtype=np.str_)

    @cached_property
    def loads(self) -> NDArray[np.str_]:
        """single, loaded, maximum or batch, per row."""
        return np.array(load_class(self.seen), dtype=np.str_)

    @cached_property
    def moe(self) -> list[bool]:
        """Whether each row's model is a mixture of experts."""
        return [d.model.is_moe for d in self.deployments]

    @cached_property
    def shapes(self) -> list[str]:
        """Key of each row's model shape: models of one shape are equally fast."""
        return [shape_key(d.model) for d in self.deployments]

    @cached_property
    def gpus(self) -> list[str]:
        return [d.gpu.name for d in self.deployments]

    @cached_property
    def is_lone_vendor(self) -> Bools:
        """Rows of a GPU that is its vendor's only one. Left out, it leaves none of the vendor's kernels, so
        that its error says nothing of a new GPU whose vendor others have measured."""
        gpus = {d.gpu.name: d.gpu.vendor for d in self.deployments}
        alone = {vendor for vendor, count in Counter(gpus.values()).items() if count == 1}
        return np.array([d.gpu.vendor in alone for d in self.deployments], dtype=bool)

    @cached_property
    def sources(self) -> list[str]:
        """The source family of each row."""
        return families(self.seen)

    @cached_property
    def kernels(self) -> list[str]:
        """The kernel family that each row's deployment runs in."""
        at = self.seen.loads.deployment[self.seen.first_cells]
        return [self.seen.arrays.kernel[i] for i in at.tolist()]

    @cached_property
    def engines(self) -> list[EngineClass]:
        return [EngineClass(g, m) for g, m in zip(self.generations, self.moe, strict=True)]

    @cached_property
    def error_classes(self) -> list[ErrorClass]:
        """The class of each row's error; its distance is another question."""
        columns = zip(
            self.seen.rows, load_class(self.seen), self.engines, self.near_capacity.tolist(), strict=True
        )
        return [
            error_class(row_metric(row), row.statistic, load, engine, near_capacity=near)
            for row, load, engine, near in columns
        ]

    @cached_property
    def metrics(self) -> list[Metric]:
        return [row_metric(row) for row in self.seen.rows]

    @cached_property
    def makes_intervals(self) -> Bools:
        """Whether intervals are made of a row: not of the slowest of a few lone requests."""
        return np.array(
            [load_class_of(row) == "loaded" or row.statistic in MEANS for row in self.seen.rows], dtype=bool
        )

    @cached_property
    def errors(self) -> HeldOutErrors:
        """All that intervals are made of."""
        return HeldOutErrors(
            row=self.row,
            model=self.model,
            gpu=np.where(self.is_lone_vendor, np.nan, self.gpu),
            other_source=self.elsewhere,
            shapes=self.shapes,
            gpus=self.gpus,
            sources=self.sources,
        )


def row_metric(row: SpeedMeasurement) -> Metric:
    """The metric whose error a row's is; gaps between tokens have one of their own."""
    return "itl" if row.metric == "itl_ms" else METRICS[row.metric].quantity


def near_capacity(optimum: Optimum) -> Bools:
    """Whether each row's load needs so much of the capacity that its queue depends on the rest."""
    seen, p = optimum.problem.seen, optimum.problem
    made = step_costs(seen.arrays, p.design.values(optimum.vector))
    stats = replica_stats(seen.arrays, made, seen.kv_bytes, seen.loads, capacity=False)
    return np.asarray(is_near_capacity(stats, seen.loads)[seen.first_cells])


def families(seen: Observations) -> list[str]:
    """The source family of each row."""
    return [seen.sources.family(row.source) for row in seen.rows]


def load_class(seen: Observations) -> list[LoadClass]:
    """single, loaded, maximum or batch, per row."""
    return [load_class_of(row) for row in seen.rows]


def leave_groups_out(optimum: Optimum, groups: Sequence[object]) -> Floats:
    """log(measured ÷ predicted) of each row, its whole group left out; NaN for group None.

    A lone group is predicted by the priors.
    """
    labels = np.array(["" if group is None else str(group) for group in groups])
    chosen = np.array([group is not None for group in groups])
    names = sorted(set(labels[chosen].tolist()))
    rows = np.arange(len(labels))[:, None]
    measured = optimum.problem.seen.log_value
    model = StepTimeRegressor(optimum=optimum, steps=GROUP_STEPS)
    if chosen.all() and len(names) > 1:
        predicted = cross_val_predict(model, rows, measured, groups=labels, cv=LeaveOneGroupOut())
        return np.asarray(measured - predicted)
    errors = np.full(len(labels), np.nan)
    for name in names:
        out = labels == name
        errors[out] = measured[out] - model.fit(rows[~out]).predict(rows[out])
    return errors


def leave_rows_out(optimum: Optimum) -> Floats:
    """log(measured ÷ predicted) of each row, one row in ten left out."""
    measured = optimum.problem.seen.log_value
    errors = np.full(len(measured), np.nan)
    for train, test in PredefinedSplit(np.arange(len(measured)) % ROW_FOLDS).split():
        model = StepTimeRegressor(optimum=optimum, steps=1).fit(train)
        errors[test] = measured[test] - model.predict(test)
    return errors


def leave_sources_out(
    optimum: Optimum, sources: Sequence[str], keys: Sequence[DeploymentKey]
) -> tuple[Floats, Floats]:
    """log(measured ÷ predicted) of each row with its source left out; and again for the rows alone whose
    deployment another source has measured."""
    errors = leave_groups_out(optimum, sources)
    measured_by: dict[DeploymentKey, set[str]] = {}
    for key, source in zip(keys, sources, strict=True):
        measured_by.setdefault(key, set()).add(source)
    known = np.array([len(measured_by[key]) > 1 for key in keys])
    return errors, np.where(known, errors, np.nan)
