"""Minimises a robust sum of squares whose derivatives cost thirty times as much as its residuals.

Levenberg-Marquardt on soft-L1 reweighted squares. Derivatives are reused for further steps as long as these
reduce the sum as predicted; SciPy's solver, which evaluates them at every step, took three times as long
here.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from advisor.cost.array_table import Floats

TRUST = 1.0
"""Longest step of one entry: log-odds or logs."""
_GIVE_UP = 1e4
_MOST_SLOPES = 60


class Problem(Protocol):
    """Errors of rows and their weights, with a prior about zero for each entry."""

    weight: Floats
    sd: Floats

    def errors(self, vector: Floats) -> Floats: ...

    def slopes(self, vector: Floats) -> Floats: ...


def soft_weights(errors: Floats, weight: Floats) -> Floats:
    """Weight of each squared error: under soft-L1 a residual of r counts as its square ÷ sqrt(1 + r²)."""
    return np.asarray(weight**2 / np.sqrt(1.0 + (errors * weight) ** 2))


def newton(p: Problem, vector: Floats, errors: Floats, slopes: Floats, soft: Floats) -> tuple[Floats, Floats]:
    """(curvature, gradient) of the loss with its priors."""
    prior = 1.0 / p.sd**2
    counted = np.flatnonzero(soft)
    weighted = slopes[counted] * np.sqrt(soft[counted])[:, None]
    # A matrix times its own transpose is symmetric: NumPy computes one half.
    curvature = weighted.T @ weighted + np.diag(prior)
    return curvature, weighted.T @ (np.sqrt(soft[counted]) * errors[counted]) + prior * vector


def step(curvature: Floats, gradient: Floats) -> Floats:
    """A Newton step, no entry of it longer than slopes can be trusted."""
    return np.asarray(np.clip(-np.linalg.solve(curvature, gradient), -TRUST, TRUST))


def loss(p: Problem, vector: Floats, errors: Floats) -> float:
    """Soft-L1 of errors, squares of the distances from the priors: far off is unlikely, not merely far."""
    residuals = errors * p.weight
    return float((np.sqrt(1.0 + residuals**2) - 1.0).sum() + 0.5 * ((vector / p.sd) ** 2).sum())


def minimise(p: Problem, vector: Floats, *, tolerance: float) -> tuple[Floats, float, int]:
    """(the vector of least loss from `vector` on, its loss, how often slopes were taken).

    Ends when a step along fresh slopes promises less than `tolerance` of the loss. Deterministic.
    """
    errors, slopes, taken, fresh, damping = p.errors(vector), p.slopes(vector), 1, True, 1e-3
    least = loss(p, vector, errors)
    while taken < _MOST_SLOPES and damping < _GIVE_UP:
        curvature, gradient = newton(p, vector, errors, slopes, soft_weights(errors, p.weight))
        move = step(curvature + damping * np.diag(np.diag(curvature)), gradient)
        promised = float(-(gradient @ move + 0.5 * move @ curvature @ move))
        there = vector + move
        errors_there = p.errors(there)
        gain = least - loss(p, there, errors_there)
        is_small = promised < tolerance * least
        if gain > 0.0:
            vector, errors, least = there, errors_there, least - gain
        kept = gain > 0.25 * promised
        if fresh and is_small and (kept or gain <= 0.0):
            break
        if kept:
            damping = max(damping / 5.0, 1e-6)
        elif fresh:
            damping *= 10.0
        renew = (is_small or gain < 0.5 * promised) if kept else (gain > 0.0 or not fresh)
        if renew:
            slopes, taken = p.slopes(vector), taken + 1
        # A step refused along fresh slopes leaves them fresh.
        fresh = renew or (fresh and gain <= 0.0)
    return vector, least, taken
