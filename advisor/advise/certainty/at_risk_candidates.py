"""Where nothing keeps the limits for sure: what may keep them, weighed against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.certainty.choice_probability import MOST, Contest
from advisor.advise.certainty.error_draws import draw
from advisor.advise.choose.rank import objective_value
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.choose.survey import standings_of
from advisor.cost.arrays import Floats

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.recovery import QualityModel

LEAST = 0.05
"""Probability of keeping every limit below which a deployment is given up: its predictions would have to be
further off than nine of ten are."""
MISS = 3.0
"""What a choice that misses a limit counts, where 1 is the first's cost: it must be replaced, after its users
were disappointed. With it, a deployment that may miss a limit with 5 % is worth a saving of 10 %."""
FEW = 256
"""Deployments of which joint draws are made, the likeliest first."""


def hopefuls(
    recommendation: Recommendation, predictor: Predictor, quality: QualityModel | None = None
) -> Contest | None:
    """Those refused that keep every limit with 5 % or more; the first is the best to take untested. None
    where there are none."""
    choice, objective = recommendation.choice, recommendation.workload.objective
    every = [
        a.deployment
        for a in recommendation.refused
        if a.prediction is not None and objective_value(a, objective) is not None
    ]
    if choice is None or not every:
        return None
    found = standings_of(choice, [choice.workload.load], every, predictor, quality)
    reach = np.where(found.possible[0], np.inf, -np.inf)
    for limit in found.limits:
        reach = np.minimum(reach, limit.reach[0])
    likeliest = np.argsort(-reach, kind="stable")[:FEW]
    likeliest = likeliest[np.isfinite(found.objective[0, likeliest])]
    if not len(likeliest):
        return None
    keeps = draw(found, 0, likeliest, predictor.fit.shared).keeps.mean(axis=0)
    order = np.argsort(_cost(found.objective[0, likeliest], keeps), kind="stable")
    chosen = likeliest[order[keeps[order] >= LEAST]][:MOST]
    if not len(chosen):
        return None
    left = found.only(chosen)
    return Contest(choice, left, draw(left, 0, np.arange(len(chosen)), predictor.fit.shared))


def _cost(objective: Floats, keeps: Floats) -> Floats:
    """The objective with what a miss adds to it on average."""
    return objective * (keeps + MISS * (1.0 - keeps))
