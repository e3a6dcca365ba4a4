"""The value of information: the expected improvement of the choice by measurements.

Errors are normal and made of independent parts (`loadings`), so that what a measurement of one says of all
the others is exact. The expected loss of the best action after it, averaged over what might be seen, is what
remains; the difference is the value of information.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.cost.array_table import Floats, Ints

WORLDS, DRAWS, PRIOR_DRAWS = 32, 512, 4_096
"""Outcomes of a measurement that are imagined, draws of what is still unknown in each, and of all now."""
SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A choice among actions under errors that are not known."""

    loadings: Floats
    """(errors, parts): how much of each independent part is in each error."""
    losses: Callable[[Floats], Floats]
    """Errors (draws, errors) → the loss of each action (draws, actions)."""
    reveals: tuple[Ints, ...]
    """Indices of the errors that each measurement shows."""
    noise: tuple[Floats, ...]
    """Noise of each measurement, in standard deviations of the error it shows."""


def losses_now(problem: Problem, known: Sequence[tuple[int, Floats]] = ()) -> Floats:
    """Expected loss of each action, given measurements and what they showed."""
    return np.asarray(problem.losses(errors_given(problem, known)).mean(axis=0))


def errors_given(problem: Problem, known: Sequence[tuple[int, Floats]] = (), *, draws: int = DRAWS) -> Floats:
    """Draws of all errors, given measurements (their number) and what they showed."""
    parts, noise = _standard(problem, draws)
    errors = parts @ problem.loadings.T
    if not known:
        return np.asarray(errors)
    at, sd = _shown(problem, [number for number, _ in known])
    seen = np.concatenate([value for _, value in known])
    return _conditioned(problem, errors, noise[:, : len(at)], at, sd, seen)


def best_now(problem: Problem) -> int:
    """The action of least expected loss before anything is measured."""
    return int(np.argmin(problem.losses(errors_given(problem, draws=PRIOR_DRAWS)).mean(axis=0)))


def gain(problem: Problem, measured: Sequence[int], now: int | None = None) -> float:
    """Expected loss that knowing all of these measurements saves, over taking `now` (the best now)."""
    if now is None:
        now = best_now(problem)
    at, sd = _shown(problem, measured)
    parts, noise = _standard(problem, DRAWS)
    errors = parts @ problem.loadings.T
    worlds = _normals("world", WORLDS, problem.loadings.shape[1]) @ problem.loadings[at].T
    worlds = worlds + _normals("shown", WORLDS, len(at)) * sd
    saved = 0.0
    for seen in worlds:
        lost = problem.losses(_conditioned(problem, errors, noise[:, : len(at)], at, sd, seen))
        # Chosen on one half of the draws and judged on the other: no action looks good by chance. A half has
        # every other draw and its opposite.
        means = [lost[part::2].mean(axis=0) for part in (0, 1)]
        for chosen, judged in (means, means[::-1]):
            saved += float(judged[now] - judged[int(np.argmin(chosen))])
    return saved / (2 * WORLDS)


def held_for_sure(problem: Problem, measured: Sequence[int], bounds: Floats, sure: float) -> float:
    """Probability that, once these are known, some action holds for sure: each of its errors stays below its
    bound by `sure` standard deviations of what is then still unknown.

    bounds: (kinds, actions), laid out as the errors are.
    """
    at, sd = _shown(problem, measured)
    parts = _normals("world", PRIOR_DRAWS, problem.loadings.shape[1])
    # Column by column, so that a further measurement leaves the noise of those before it as it was.
    noise = np.random.default_rng([SEED, 5]).standard_normal((len(at), PRIOR_DRAWS)).T
    seen = parts @ problem.loadings[at].T + noise * sd
    shared = problem.loadings[at] @ problem.loadings.T
    pull = _pull(problem, at, sd)
    left = np.sqrt(np.maximum((problem.loadings**2).sum(axis=1) - (pull * shared).sum(axis=0), 0.0))
    held = (seen @ pull + sure * left <= bounds.ravel()).reshape(-1, *bounds.shape)
    return float(held.all(axis=1).any(axis=1).mean())


def greedy(problem: Problem, costs: Sequence[float], count: int, *, least: float) -> list[tuple[int, float]]:
    """Up to `count` measurements, each with what it adds to the gain: the most per unit of cost first.

    Stops where the next would add less than `least`.
    """
    chosen: list[int] = []
    found: list[tuple[int, float]] = []
    so_far = 0.0
    now = best_now(problem)
    candidates = list(range(len(problem.reveals)))
    while len(chosen) < count:
        rest = [number for number in candidates if number not in chosen]
        added = [(gain(problem, [*chosen, number], now) - so_far, number) for number in rest]
        worth = [(more / costs[number], more, number) for more, number in added if more >= least]
        if not worth:
            break
        # What alone is worth little seldom becomes worth much beside others: half of them stay.
        candidates = [n for _, n in sorted(added, reverse=True)[: max(count + 1, (len(added) + 1) // 2)]]
        _, more, best = max(worth, key=lambda one: (one[0], -one[2]))
        chosen.append(best)
        found.append((best, more))
        so_far += more
    return found


def _conditioned(
    problem: Problem, errors: Floats, noise: Floats, at: Ints, sd: Floats, seen: Floats
) -> Floats:
    """The draws moved to what was seen (Matheron's rule): exact for normal errors."""
    return np.asarray(errors + (seen - errors[:, at] - noise * sd) @ _pull(problem, at, sd))


def _pull(problem: Problem, at: Ints, sd: Floats) -> Floats:
    """By how much each error moves with what is seen."""
    shown = problem.loadings[at]
    covariance = shown @ shown.T + np.diag(sd**2)
    return np.asarray(np.linalg.solve(covariance, shown @ problem.loadings.T))


def _shown(problem: Problem, measured: Sequence[int]) -> tuple[Ints, Floats]:
    at = np.concatenate([problem.reveals[number] for number in measured]).astype(np.intp)
    # A little noise always: the same thing shown twice must not make the equations singular.
    sd = np.maximum(np.concatenate([problem.noise[number] for number in measured]), 1e-3)
    return at, sd


def _standard(problem: Problem, draws: int) -> tuple[Floats, Floats]:
    parts = _normals("parts", draws, problem.loadings.shape[1])
    return parts, _normals("noise", draws, problem.loadings.shape[0] * 2)


def _normals(what: str, rows: int, columns: int) -> Floats:
    """Standard normals in opposite pairs: their mean is zero."""
    seeds = {"parts": 1, "noise": 2, "world": 3, "shown": 4}
    half = np.random.default_rng([SEED, seeds[what]]).standard_normal((rows // 2, columns))
    return np.concatenate([half, -half])


__all__ = ["Problem", "errors_given", "gain", "greedy", "held_for_sure", "losses_now"]
