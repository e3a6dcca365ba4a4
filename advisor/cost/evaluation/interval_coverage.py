"""Coverage of the intervals: each group's errors against intervals made from the other groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.evaluation.error_metrics import intervals_of
from advisor.cost.evaluation.held_out_errors import HeldOut
from advisor.cost.fit_report import IntervalFigures
from advisor.cost.fitting.measured_deployments import DeploymentKey
from advisor.cost.uncertainty.error_class import Distance
from advisor.cost.uncertainty.intervals import UNKNOWN, build, family

_FEWEST = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """Per row: log(measured ÷ predicted) and the interval that rows outside its group give it; NaN: none."""

    error: Floats
    low: Floats
    high: Floats

    @property
    def known(self) -> Bools:
        return np.asarray(np.isfinite(self.error) & np.isfinite(self.low))

    def of(self, chosen: Bools) -> IntervalFigures | None:
        """Coverage figures of the rows in the mask; None where they are too few."""
        rows = chosen & self.known
        if rows.sum() < _FEWEST:
            return None
        return intervals_of(self.error[rows], self.low[rows], self.high[rows])


def judged(
    held: HeldOut, errors: Floats, groups: Sequence[str], distance: Distance | Sequence[Distance]
) -> Judged:
    """Errors of each group beside intervals from the errors of all other groups.

    This is the coverage that a new model (GPU, source) meets. distance: of the rows from the data.
    """
    classes, metrics, every = held.error_classes, held.metrics, held.errors
    labels = np.array(groups)
    low, high = np.full(len(labels), np.nan), np.full(len(labels), np.nan)
    known = np.isfinite(errors)
    far = [distance] * len(labels) if isinstance(distance, str) else distance
    evidence = held.makes_intervals
    families = np.array([" ".join(family(one)) for one in classes])
    for group in sorted(set(labels[known].tolist())):
        mine = labels == group
        # Intervals of other metrics and loads would say nothing about these rows.
        related = np.isin(families, families[mine & known])
        made = build(classes, metrics, every.without(mine), evidence & related)
        for i in np.flatnonzero(known & mine).tolist():
            of = classes[i].at(far[i])
            if made.of(of) is not UNKNOWN:
                interval = made.of_metric(metrics[i], of)
                low[i], high[i] = interval.low, interval.high
    return Judged(errors, low, high)


def distances_without(held: HeldOut, keys: Sequence[DeploymentKey], groups: Sequence[str]) -> list[Distance]:
    """How far each row's deployment is from the rows of the other groups."""
    labels, kernels = np.array(groups), held.kernels
    found: list[Distance] = ["gpu"] * len(labels)
    hosts = [(key.gpu, key.generation) for key in keys]
    for group in sorted(set(groups)):
        others = np.flatnonzero(labels != group).tolist()
        deployments, ran_on = {keys[i] for i in others}, {hosts[i] for i in others}
        families = {kernels[i] for i in others}
        for i in np.flatnonzero(labels == group).tolist():
            if keys[i] in deployments:
                found[i] = "seen"
            elif hosts[i] in ran_on and kernels[i] in families:
                found[i] = "model"
    return found
