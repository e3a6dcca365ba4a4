"""Learning curves: the error on a GPU left out, by the number of its cells that are added to the fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advisor.cost.evaluation.fit_without_rows import GROUP_STEPS, Optimum
from advisor.cost.evaluation.most_informative_cells import most_informative
from advisor.cost.fit_report import LearningRow
from advisor.cost.fitting.row_noise import noise

POINTS = (0, 1, 3, 5, 10)
_FEWEST = 40
_DRAWS = 3


def learning_curve(optimum: Optimum, gpus: Sequence[str], chosen: np.ndarray) -> tuple[LearningRow, ...]:
    """Mean error on a GPU's rows with 0, 1, 3, 5, 10 of them known, chosen by `suggest` and at random.

    gpus: of each row. chosen: mask of the rows that count. Every other GPU's rows are known throughout. The
    error is on the rows that were not shown; `all` is that of the fit that knows them all.
    """
    names = np.array(gpus)
    seen = optimum.problem.seen
    scatter = noise(seen.rows, optimum.problem.noise, seen.sources)
    rows: list[LearningRow] = []
    for gpu in sorted(set(names[chosen])):
        mine = np.flatnonzero(chosen & (names == gpu))
        if len(mine) < _FEWEST:
            continue
        out = names == gpu
        soft = optimum.soft[out][:, None]
        curvature = optimum.curvature - (optimum.slopes[out] * soft).T @ optimum.slopes[out]
        order = mine[most_informative(optimum.slopes[mine], scatter[mine], curvature, max(POINTS))]
        rng = np.random.default_rng(0)
        draws = [rng.permutation(mine) for _ in range(_DRAWS)]
        suggested = {str(k): _error(optimum, out, mine, order[:k]) for k in POINTS}
        random = {
            str(k): float(np.mean([_error(optimum, out, mine, draw[:k]) for draw in draws]))
            for k in POINTS[1:]
        }
        known = np.abs(np.exp(-optimum.log_errors(optimum.vector)[mine]) - 1.0)
        rows.append(
            LearningRow(
                gpu=str(gpu),
                rows=len(mine),
                suggested={k: round(value, 4) for k, value in suggested.items()},
                random={k: round(value, 4) for k, value in random.items()},
                all=round(float(np.nanmean(known)), 4),
            )
        )
    return tuple(rows)


def _error(optimum: Optimum, out: np.ndarray, mine: np.ndarray, shown: np.ndarray) -> float:
    hidden = out.copy()
    hidden[shown] = False
    errors = optimum.log_errors(optimum.without(hidden, steps=GROUP_STEPS))
    rest = np.setdiff1d(mine, shown)
    return float(np.nanmean(np.abs(np.exp(-errors[rest]) - 1.0)))
