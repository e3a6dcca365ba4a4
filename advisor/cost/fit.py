"""Learns the step time's efficiencies from records: robust least squares in log space with priors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.cost.features import Floats
from advisor.cost.observe import METRICS, Observations
from advisor.cost.steptime import (
    Design,
    coefficient_columns,
    coefficients,
    column_of,
    prior_sd,
    used_names,
    with_column,
)
from advisor.record.measurement import SpeedMeasurement

_STEP = 1e-4
_MAX_ITERATIONS = 40
_UNPREDICTED = 1.0
"""Log error that a row counts when the model says that it does not fit at all."""


def family(source: str) -> str:
    """Whose harness made a row: sources of one family share their habits and err alike."""
    for start, name in FAMILIES:
        if source.startswith(start):
            return name
    return source


FAMILIES = (
    ("arXiv:2411.02355", "seed paper"),
    ("model card", "model cards"),
    ("AccelMark", "AccelMark"),
    ("GPUStack", "GPUStack"),
    ("InferenceX", "InferenceX"),
    ("aiconfigurator-core 0.12: InferenceX", "InferenceX"),
    ("aiconfigurator-core 0.12: silicon", "aiconfigurator"),
    ("aiconfigurator, forward", "aiconfigurator"),
    ("LLM-Inference-Bench", "LLM-Inference-Bench"),
    ("ROCm", "ROCm"),
    ("dstack", "dstack"),
    ("ML.ENERGY", "ML.ENERGY"),
    ("silybench", "silybench"),
    ("inference-perf", "inference-perf"),
    ("sapir-pirski", "sapir-pirski"),
    ("LLMServingSim", "LLMServingSim"),
    ("MLPerf", "MLPerf"),
    ("KAITO", "KAITO"),
    ("llm-k8s", "llm-k8s"),
)


def noise(row: SpeedMeasurement) -> float:
    """Expected scatter of a row about a perfect model, in log units: its harness and its metric.

    From repeats and from cells that two sources measured: 70B on the same set-up differs by 4 % (mean)
    between the paper and the card in single-stream latency, by 7 % in maximum throughput.
    """
    load, name = row.load, family(row.source)
    if load == "maximum" and row.metric == "tpot_ms":
        return 1.0  # a queue of a thousand: how prompts and decodes take turns is the scheduler's whim
    if name in ("seed paper", "model cards") or row.origin in ("measured", "imported"):
        base = {"single": 0.035, "maximum": 0.07}.get(load, 0.06)
    else:
        base = {"single": 0.10, "concurrency": 0.10, "batch": 0.20, "maximum": 0.25, "rate": 0.15}[load]
        if name in ("LLM-Inference-Bench", "ROCm", "dstack", "GPUStack"):
            base = max(base, 0.30)
    return base * (2.0 if row.metric == "ttft_ms" else 1.0)


def teaches(row: SpeedMeasurement) -> bool:
    """Whether the fit learns from a row. Tails are only scored: arrivals make them."""
    return row.statistic in ("mean", "p50")


def crowding(rows: Sequence[SpeedMeasurement]) -> Floats:
    """Weight of each row: a deployment swept over a hundred loads must not outvote one seen once."""
    counts: dict[tuple[object, ...], int] = {}
    keys = [(r.model, r.format, r.gpu, r.num_gpus, family(r.source), r.load, r.metric) for r in rows]
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    return np.array([min(1.0, (8.0 / counts[key]) ** 0.5) for key in keys])


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedSpeed:
    """The learnt part of the step-time model."""

    theta: Mapping[str, float]
    """See `steptime.PARAMETERS`; a missing entry is zero."""

    def vector(self, names: Sequence[str]) -> Floats:
        return np.array([self.theta.get(name, 0.0) for name in names], dtype=np.float64)


class SpeedProblem:
    """Residuals of observations and priors as functions of Theta as a vector."""

    def __init__(self, seen: Observations, rows: np.ndarray | None = None) -> None:
        self.seen = seen
        self.names = used_names(seen.arrays)
        self.design = Design(seen.arrays, self.names)
        self.sd = np.array([prior_sd(name) for name in self.names])
        self.taught = np.array([teaches(row) for row in seen.rows], dtype=bool)
        mask = self.taught if rows is None else self.taught & rows
        self.weight = np.where(mask, crowding(seen.rows) / np.array([noise(row) for row in seen.rows]), 0.0)
        self.tolerance = np.minimum(seen.half_width, 0.2) / 2
        self._incidence = self.design.incidence()
        self._directions = self._disjoint_directions()

    def predict(self, vector: Floats) -> Floats:
        """Predicted value of each row, in its metric's unit."""
        return self.seen.predict(coefficients(self.seen.arrays, self.design.values(vector)))

    def errors(self, vector: Floats) -> Floats:
        """log(predicted ÷ measured), less what the printed precision excuses; of rows that teach."""
        made = coefficients(self.seen.arrays, self.design.values(vector))
        error = np.log(self.seen.predict(made, self.taught)) - self.seen.log_value
        error = np.sign(error) * np.maximum(np.abs(error) - self.tolerance, 0.0)
        return np.where(np.isfinite(error), error, _UNPREDICTED)

    def residuals(self, vector: Floats) -> Floats:
        return np.concatenate([self.errors(vector) * self.weight, vector / self.sd])

    def jacobian(self, vector: Floats) -> Floats:
        """Derivatives of `residuals`."""
        return np.vstack([self.slopes(vector) * self.weight[:, None], np.diag(1.0 / self.sd)])

    def slopes(self, vector: Floats) -> Floats:
        """Derivatives of `errors`, (rows, Theta), by the chain rule through the coefficients.

        A row depends on its deployment's two dozen coefficients, and each of those on a few entries of
        Theta: differences of the first are taken over all rows at once, of the second over the
        deployments, which are few.
        """
        made = coefficients(self.seen.arrays, self.design.values(vector))
        base, chosen = self.seen.predict_with_choice(made, self.taught)
        log_base = np.log(base)
        inside = np.isfinite(log_base) & (np.abs(log_base - self.seen.log_value) > self.tolerance)
        moved = [
            coefficients(self.seen.arrays, self.design.values(vector + _STEP * direction))
            for direction in self._directions
        ]
        out = np.zeros((len(base), len(vector)))
        for name, column in coefficient_columns(made):
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
    progress: Callable[[str], None] | None = None,
) -> FittedSpeed:
    """Efficiencies that explain the observations (those in the mask `rows`, when given).

    Soft-L1 loss, so that a cell far off pulls like a distance, not like a square. Deterministic: the
    same rows give the same result to the last digit. `start` only saves time.
    """
    from scipy.optimize import least_squares  # costs 0.4 s to import, and only a fit needs it

    problem = SpeedProblem(seen, rows)
    first = np.zeros(len(problem.names)) if start is None else start.vector(problem.names)
    found = least_squares(
        problem.residuals,
        first,
        jac=problem.jacobian,
        loss="soft_l1",
        method="trf",
        max_nfev=_MAX_ITERATIONS,
        ftol=1e-4,
        xtol=1e-4,
    )
    if progress is not None:
        progress(f"{found.nfev} iterations, cost {found.cost:.1f}")
    return FittedSpeed(
        theta={n: round(float(v), 6) for n, v in zip(problem.names, found.x, strict=True) if abs(v) >= 5e-7}
    )


__all__ = ["METRICS", "FittedSpeed", "SpeedProblem", "family", "fit_speed", "noise"]
