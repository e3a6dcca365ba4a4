"""Learns the step time's efficiencies from records: robust least squares in log space with priors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.fitting.least_squares import minimise
from advisor.cost.fitting.observations import Observations
from advisor.cost.fitting.row_noise import noise as noise_of
from advisor.cost.fitting.row_noise import seen_noise
from advisor.cost.step.fitted_step_model import FittedSpeed
from advisor.cost.step.parameter_vector import Design, prior_sd, used_names
from advisor.cost.step.step_time import (
    column_of,
    step_cost_columns,
    step_costs,
    with_column,
)
from advisor.record.measurement import SpeedMeasurement
from advisor.record.sources import Sources

_STEP = 1e-4
_FARTHEST = 1.0
"""Largest log error that counts. A queue near its capacity is off by any factor, and beyond it has no latency
at all: such a row says 'elsewhere', and neither how far nor, in its slopes, where."""
_STAGES = ((0.4, 2e-3), (1.0, 5e-4), (1.0, 1e-4))
"""(share of each row's weight, tolerance of the loss). Rows weigh little at first, with noise as expected,
so that far ones pull too and the fit does not settle where it happens to pass; then wholly, with noise as
seen."""


def teaches(row: SpeedMeasurement) -> bool:
    """Whether the fit learns from a row. Tails are only scored: arrivals make them."""
    return row.statistic in ("mean", "p50")


def crowding(rows: Sequence[SpeedMeasurement], sources: Sources) -> Floats:
    """Weight of each row: a deployment swept over a hundred loads must not outvote one seen once."""
    counts: dict[tuple[object, ...], int] = {}
    keys = [(r.model, r.format, r.gpu, r.num_gpus, sources.family(r.source), r.load, r.metric) for r in rows]
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    return np.array([min(1.0, (8.0 / counts[key]) ** 0.5) for key in keys])


class SpeedProblem:
    """Residuals of observations and priors as functions of Theta as a vector."""

    def __init__(
        self,
        seen: Observations,
        rows: np.ndarray | None = None,
        noise: Mapping[str, float] = MappingProxyType({}),
        kernels: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self.seen = seen
        self.names = used_names(seen.arrays)
        self.kernels = kernels
        self.design = Design(seen.arrays, self.names, kernels)
        self.sd = np.array([prior_sd(name, kernels) for name in self.names])
        self.taught = np.array([teaches(row) for row in seen.rows], dtype=bool)
        self.used = self.taught if rows is None else self.taught & rows
        self.believe(noise)
        self.tolerance = np.minimum(seen.half_width, 0.2) / 2
        self._incidence = self.design.incidence()
        self._directions = self._disjoint_directions()

    def believe(self, noise: Mapping[str, float]) -> None:
        """Weighs each row by how far its class scatters."""
        self.noise = noise
        rows, sources = self.seen.rows, self.seen.sources
        self.weight = np.where(self.used, crowding(rows, sources) / noise_of(rows, noise, sources), 0.0)

    def predict(self, vector: Floats, only: np.ndarray | None = None) -> Floats:
        """Predicted value of each row (those in the mask `only`), in its metric's unit."""
        return self.seen.predict(step_costs(self.seen.arrays, self.design.values(vector)), only)

    def errors(self, vector: Floats) -> Floats:
        """log(predicted ÷ measured), less what the printed precision excuses, no farther than counts; of rows
        that teach."""
        made = step_costs(self.seen.arrays, self.design.values(vector))
        error = np.log(self.seen.predict(made, self.taught)) - self.seen.log_value
        error = np.sign(error) * np.maximum(np.abs(error) - self.tolerance, 0.0)
        return np.where(np.isfinite(error), np.clip(error, -_FARTHEST, _FARTHEST), _FARTHEST)

    def slopes(self, vector: Floats) -> Floats:
        """Derivatives of `errors`, (rows, Theta), by the chain rule through the step_costs.

        A row depends on its deployment's two dozen step_costs, and each of those on a few entries of
        Theta: differences of the first are taken over all rows at once, of the second over the
        deployments, which are few.
        """
        made = step_costs(self.seen.arrays, self.design.values(vector))
        base, chosen = self.seen.predict_with_choice(made, self.taught)
        log_base = np.log(base)
        error = np.abs(log_base - self.seen.log_value) - self.tolerance
        inside = np.isfinite(log_base) & (error > 0.0) & (error < _FARTHEST)
        moved = [
            step_costs(self.seen.arrays, self.design.values(vector + _STEP * direction))
            for direction in self._directions
        ]
        out = np.zeros((len(base), len(vector)))
        for name, column in step_cost_columns(made):
            here = column_of(made, name, column)
            changes = [np.asarray(column_of(m, name, column) - here) / _STEP for m in moved]
            moves = np.any([change != 0.0 for change in changes], axis=0)
            if not moves.any():
                continue
            # Most columns matter to some deployments only: experts, links, windows.
            rows = self.taught & self.seen.rows_of(moves)
            scale = np.where(here != 0.0, np.abs(here), 1.0)
            nudged = self.seen.predict(with_column(made, name, column, here + _STEP * scale), rows)
            pull = np.where(inside, (np.log(nudged) - log_base) / _STEP, 0.0)
            pull = np.where(np.isfinite(pull), pull, 0.0) / scale[chosen]
            for direction, change in zip(self._directions, changes, strict=True):
                entries = np.flatnonzero(direction)
                touched = self._incidence[chosen][:, entries]
                out[:, entries] += touched * (pull * change[chosen])[:, None]
        return out

    def _disjoint_directions(self) -> list[Floats]:
        """Theta's entries in as few groups as can be moved together: no deployment meets two of a group."""
        groups: list[tuple[str, np.ndarray, Floats]] = []
        for entry, name in enumerate(self.names):
            parameter = name.partition("@")[0]
            touched = self._incidence[:, entry]
            for kind, taken, direction in groups:
                if kind == parameter and not (taken & touched).any():
                    taken |= touched
                    direction[entry] = 1.0
                    break
            else:
                direction = np.zeros(len(self.names))
                direction[entry] = 1.0
                groups.append((parameter, touched.copy(), direction))
        return [direction for _, _, direction in groups]


def fit_speed(
    seen: Observations,
    *,
    rows: np.ndarray | None = None,
    start: FittedSpeed | None = None,
    kernels: Mapping[str, float] = MappingProxyType({}),
) -> FittedSpeed:
    """Efficiencies that explain the observations (those in the mask `rows`, when given).

    Soft-L1 loss, so that a cell far off pulls like a distance, not like a square. Rows weigh by how far their
    class scatters, which is learnt too: from a first fit with the noise that is expected, which trusts no row
    much, and once more from the second. Deterministic: the same rows give the same result to the last digit.
    A `start` has its noise already, and saves time. `kernels`: what timings of kernels alone say, where no
    `start` has it.
    """
    problem = SpeedProblem(seen, rows, kernels=kernels if start is None else start.kernels)
    vector = np.zeros(len(problem.names))
    if start is not None:
        vector = start.vector(problem.names)
        problem.believe(start.noise)
    for share, tolerance in _STAGES if start is None else _STAGES[-1:]:
        problem.weight = share * problem.weight
        vector, _, _ = minimise(problem, vector, tolerance=tolerance)
        if (share, tolerance) != _STAGES[-1]:
            errors = seen.log_value - np.log(problem.predict(vector))
            problem.believe(seen_noise(seen.rows, errors, problem.used, seen.sources))
    theta = {n: round(float(v), 6) for n, v in zip(problem.names, vector, strict=True) if abs(v) >= 5e-7}
    return FittedSpeed(theta=theta, noise=problem.noise, kernels=problem.kernels)
