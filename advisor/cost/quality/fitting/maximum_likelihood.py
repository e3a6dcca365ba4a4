"""Maximum-likelihood factors given the cells: Gauss-Newton with correlated errors."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from advisor.cost.quality.expected_loss import Floats, Key, columns, design, point_of, prior
from advisor.cost.quality.loss_covariance import (
    Shared,
    Spread,
    deviations,
    inverse,
    noise_sd,
    noises,
    shared,
    who_of,
)
from advisor.cost.quality.scores_to_losses import Cell

_LOG_RANGE = (-14.0, 0.5)
"""Bounds of a loss's logarithm while iterating: a step may overshoot."""
_HUBER = 2.0
"""A cell further out than this many standard deviations counts less: cards have misprints we don't know."""
_LONGEST_STEP = 0.6
_CLOSE_ENOUGH = 1e-4
_WORTH_A_STEP = 0.02
"""Gain of the logarithm of the likelihood for which a spread is changed."""
_SPREAD_PRIOR_SD = 0.5
"""Standard deviation of the logarithm of each spread around its default before any score counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """All cells as arrays; a block is one base model, and blocks are independent."""

    cells: tuple[Cell, ...]
    index: dict[Key, int]
    x: Floats
    y: Floats
    gain: Floats
    shared: Shared
    blocks: tuple[NDArray[np.int64], ...]
    used: tuple[NDArray[np.int64], ...]
    """Factors that the cells of each block have."""
    prior_mean: Floats
    prior_sd: Floats
    noise: Mapping[str, float] = field(default_factory=dict)
    """Benchmark → noise over that of its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Factors, their covariance, how much each cell counts, and the logarithm of the evidence."""

    theta: Floats
    covariance: Floats
    weight: Floats
    likelihood: float


def problem_of(
    cells: Sequence[Cell], priors: Mapping[Key, tuple[float, float]] = MappingProxyType({})
) -> Problem:
    """The scores as arrays; `priors` of single factors stand before those of their sections."""
    points = [point_of(c) for c in cells]
    index = columns(points, priors)
    mean, sd = prior(index, priors)
    return _blocked(
        Problem(
            cells=tuple(cells),
            index=index,
            x=design(points, index),
            y=np.array([c.loss for c in cells]),
            gain=np.array([c.gain for c in cells]),
            shared=shared([who_of(c) for c in cells]),
            blocks=(),
            used=(),
            prior_mean=mean,
            prior_sd=sd,
        )
    )


def _blocked(p: Problem) -> Problem:
    blocks = tuple(np.flatnonzero(p.shared.group == g) for g in dict.fromkeys(p.shared.group.tolist()))
    used = tuple(np.flatnonzero(np.abs(p.x[rows]).sum(axis=0)) for rows in blocks)
    return dataclasses.replace(p, blocks=blocks, used=used)


def expected(x: Floats, theta: Floats, gain: Floats) -> Floats:
    """The expected loss of rows of a design."""
    return np.asarray(np.exp(np.clip(x @ theta, *_LOG_RANGE)) * gain)


def block_covariance(p: Problem, rows: NDArray[np.int64], loss: Floats, spread: Spread, sd: Floats) -> Floats:
    """Covariance of what was seen: deviations and noise."""
    who = p.shared.take(rows)
    gain = p.gain[rows]
    true = deviations(who, who, (loss[rows], loss[rows]), (gain, gain), spread)
    return true + noises(who, sd[rows], spread)


def solve(
    p: Problem,
    spread: Spread,
    *,
    start: Solution | None = None,
    robust: bool = True,
    steps: int = 40,
) -> Solution:
    """The factors that make the cells likeliest.

    With `robust`, cells far out are given larger errors while iterating; without, `start`'s are kept.
    """
    theta = p.prior_mean.copy() if start is None else start.theta.copy()
    weight = np.ones(len(p.y)) if start is None else start.weight.copy()
    noise = noise_sd(p.cells, spread, p.noise)
    hessian: Floats = np.eye(len(theta))
    likelihood = -np.inf
    for step in range(steps):
        loss = expected(p.x, theta, p.gain)
        hessian = np.diag(1.0 / p.prior_sd**2)
        slope = (p.prior_mean - theta) / p.prior_sd**2
        likelihood = -0.5 * float((((theta - p.prior_mean) / p.prior_sd) ** 2).sum())
        for rows, used in zip(p.blocks, p.used, strict=True):
            cov = block_covariance(p, rows, loss, spread, noise / np.sqrt(weight))
            jacobian = p.x[np.ix_(rows, used)] * loss[rows, None]
            residual = p.y[rows] - loss[rows]
            precision = inverse(cov)
            pull = precision @ residual
            hessian[np.ix_(used, used)] += jacobian.T @ precision @ jacobian
            slope[used] += jacobian.T @ pull
            likelihood -= 0.5 * float(residual @ pull) + 0.5 * float(np.linalg.slogdet(cov)[1])
            if robust:
                out = np.abs(pull) / np.sqrt(np.diag(precision))
                wanted = np.minimum(1.0, _HUBER / np.maximum(out, 1e-9))
                weight[rows] = np.sqrt(weight[rows] * wanted) if step > 2 else wanted
        move = np.clip(np.linalg.solve(hessian, slope), -_LONGEST_STEP, _LONGEST_STEP)
        theta = theta + move
        if np.abs(move).max() < _CLOSE_ENOUGH:
            break
    likelihood -= 0.5 * float(np.linalg.slogdet(hessian)[1]) + float(np.log(p.prior_sd).sum())
    covariance = np.asarray(np.linalg.inv(hessian), dtype=np.float64)
    return Solution(theta=theta, covariance=covariance, weight=weight, likelihood=likelihood)


_BOUNDS = {"baseline": (0.01, 0.8)}


def likeliest_spread(
    p: Problem, usual: Spread, rounds: int = 4, start: Spread | None = None
) -> tuple[Spread, Solution]:
    """Spread and factors that make the cells likeliest: one number at a time, in ever smaller steps.

    Each number has a prior around `usual`: a few dozen models say little about how models differ.
    """
    spread = start or usual
    best = solve(p, spread)
    best = solve(p, spread, start=best, robust=False)
    step = 0.5
    for _ in range(rounds):
        for one in dataclasses.fields(Spread):
            low, high = _BOUNDS.get(one.name, (1e-4, 3.0))
            for sign in (1.0, -1.0):
                while True:
                    value = getattr(spread, one.name) * float(np.exp(sign * step))
                    if not low <= value <= high:
                        break
                    trial = dataclasses.replace(spread, **{one.name: value})
                    found = solve(p, trial, start=best, robust=False, steps=4)
                    gained = found.likelihood - best.likelihood
                    gained += _log_prior(trial, usual) - _log_prior(spread, usual)
                    if gained < _WORTH_A_STEP:
                        break
                    spread, best = trial, found
        best = solve(p, spread, start=best)
        best = solve(p, spread, start=best, robust=False)
        step *= 0.6
    # Rounded, so that a file holds exactly what is used.
    spread = Spread(**{f.name: round(getattr(spread, f.name), 4) for f in dataclasses.fields(Spread)})
    return spread, solve(p, spread, start=best, robust=False)


def _log_prior(spread: Spread, usual: Spread) -> float:
    """Logarithm of the prior density of a spread, up to a constant."""
    logs = [math.log(getattr(spread, f.name) / getattr(usual, f.name)) for f in dataclasses.fields(Spread)]
    return -0.5 * sum((log / _SPREAD_PRIOR_SD) ** 2 for log in logs)
