"""Noise of each benchmark's scores: by its kind and questions, and what the scores themselves show beyond.

Harnesses differ by benchmark: prompts, answer parsing and sampling add errors that the number of questions
does not tell (MMLU-Pro has 1.7 times its kind's, BBH 1.2 times), and answers that rarely flip have less.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advisor.cost.quality.fitting.maximum_likelihood import Problem, Solution, expected, likeliest_spread
from advisor.cost.quality.loss_covariance import Spread, deviations, inverse, noise_sd, noises

_NOISE_PRIOR_SCORES = 10.0
"""Scores that "as noisy as its kind" counts as."""
_NOISE_ROUNDS, _NOISE_STEPS = 2, 8


def likeliest_errors(p: Problem, usual: Spread) -> tuple[Spread, dict[str, float], Solution]:
    """Spread, noise of each benchmark, and factors that make the cells likeliest, in turn."""
    spread, solution = likeliest_spread(p, usual)
    noise: dict[str, float] = {}
    for _ in range(_NOISE_ROUNDS):
        noise = likeliest_noise(p, spread, solution)
        p = dataclasses.replace(p, noise=noise)
        spread, solution = likeliest_spread(p, usual, start=spread)
    return spread, noise, solution


def likeliest_noise(p: Problem, spread: Spread, found: Solution) -> dict[str, float]:
    """Benchmark → noise over that of its kind, drawn towards 1 (expectation maximization).

    Each score's noise is what its residual leaves to it beside the deviations and the factors' errors.
    """
    loss = expected(p.x, found.theta, p.gain)
    names = np.array([c.benchmark for c in p.cells])
    benchmarks = sorted(set(names.tolist()))
    ratio = np.array([p.noise.get(name, 1.0) for name in benchmarks])
    at = np.searchsorted(benchmarks, names)
    usual = noise_sd(p.cells, spread) / np.sqrt(found.weight)
    blocks = []
    for rows in p.blocks:
        slopes = p.x[rows] * loss[rows, None]
        who = p.shared.take(rows)
        true = deviations(who, who, (loss[rows], loss[rows]), (p.gain[rows], p.gain[rows]), spread)
        blocks.append((rows, who, true + slopes @ found.covariance @ slopes.T))
    count = np.bincount(at, minlength=len(benchmarks))
    for _ in range(_NOISE_STEPS):
        share = np.empty(len(at))
        for rows, who, true in blocks:
            error = noises(who, usual[rows] * ratio[at[rows]], spread)
            lean = error @ inverse(true + error)
            own = lean @ (p.y[rows] - loss[rows])
            left = np.diag(error) - np.einsum("ij,ji->i", lean, error)
            share[rows] = (own**2 + left) / usual[rows] ** 2
        total = np.bincount(at, weights=share, minlength=len(benchmarks))
        ratio = np.sqrt((total + _NOISE_PRIOR_SCORES) / (count + _NOISE_PRIOR_SCORES))
    return {name: round(float(r), 3) for name, r in zip(benchmarks, ratio, strict=True)}
