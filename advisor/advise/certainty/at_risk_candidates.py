"""Candidates that may keep the limits where none does with the confidence asked for, and the best of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.certainty.choice_probability import MAX_RIVALS, Contest
from advisor.advise.certainty.error_draws import draw
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.array_table import Floats

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor

MIN_PROBABILITY = 0.05
"""Probability of keeping every limit below which a deployment is given up: its predictions would have to be
further off than nine of ten are."""
MISS_COST = 3.0
"""What a choice that misses a limit counts, where 1 is the first's cost: it must be replaced, after its users
were disappointed. With it, a deployment that may miss a limit with 5 % is worth a saving of 10 %."""
MAX_SAMPLED = 256
"""Deployments of which joint draws are made, the likeliest first."""


def at_risk_candidates(recommendation: Recommendation, predictor: Predictor) -> Contest | None:
    """Refused deployments that keep every limit with 5 % or more; the first is the best to take untested.
    None where there are none."""
    choice, table = recommendation.choice, recommendation.table
    if choice is None or table is None:
        return None
    refused = np.arange(len(recommendation.ranked), len(table.deployments))
    refused = refused[np.isfinite(table.objective.value[0, refused])]
    if not len(refused):
        return None
    found = table.only(refused).served_as_fixed()
    likeliest = np.argsort(-found.keeps_all[0], kind="stable")[:MAX_SAMPLED]
    if not len(likeliest):
        return None
    keeps = draw(found, 0, likeliest, predictor.fit.shared).keeps.mean(axis=0)
    order = np.argsort(_with_misses(found.objective.value[0, likeliest], keeps), kind="stable")
    chosen = likeliest[order[keeps[order] >= MIN_PROBABILITY]][:MAX_RIVALS]
    if not len(chosen):
        return None
    left = found.only(chosen)
    return Contest(choice, left, draw(left, 0, np.arange(len(chosen)), predictor.fit.shared))


def _with_misses(objective: Floats, keeps: Floats) -> Floats:
    """The objective with what a miss adds to it on average."""
    return objective * (keeps + MISS_COST * (1.0 - keeps))
