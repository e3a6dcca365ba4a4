"""Beside an answer: the one limit that, a little looser, lets something cheaper keep them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.judged_table import JudgedLimit, JudgedTable
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.sensitivity.ways_out_if_infeasible import WayOut, bounds_needed, rounded, way_out

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

LOOSER = 1.25
"""Times a latency may be, or the accuracy that may be lost: more is another question, not the same one."""
WORTH = 0.9
"""Times the bill of the first from which the change is worth a word."""


def loosened(
    recommendation: Recommendation, predictor: Predictor, quality: QualityModel | None = None
) -> WayOut | None:
    """The cheapest offer of the frontier that keeps all limits once one of them is up to a quarter looser;
    None where that saves less than a tenth, nothing is ranked, or the question is not about cost.

    Limits are loosened one at a time, and no further than it takes.
    """
    choice, first = recommendation.choice, recommendation.winner
    if choice is None or first is None or first.cost is None or choice.workload.objective != "cost":
        return None
    most = WORTH * first.cost.usd_per_hour
    cheaper = [o.deployment for o in recommendation.frontier if o.usd_per_hour and o.usd_per_hour <= most]
    if not cheaper:
        return None
    table = judge_fixed(choice, [choice.workload.load], cheaper, predictor, quality)
    shared = predictor.fit.shared.first_token
    found = [
        one
        for limit in table.uncertain
        if limit.kind in ("latency", "recovery") and (one := _cheapest(table, limit, shared)) is not None
    ]
    return min(found, key=lambda one: (one.usd_per_hour or 0.0, _factor(one)), default=None)


def _cheapest(table: JudgedTable, limit: JudgedLimit, first_token: float) -> WayOut | None:
    """The cheapest that the limit alone keeps out, and only just."""
    bound, usd = float(limit.bound[0, 0]), table.usd_per_hour[0]
    out = np.isfinite(usd) & ~table.kept[0]
    near = {
        i: to
        for i, to in bounds_needed(table, limit, first_token).items()
        if out[i] and _times(limit.key, bound, to) <= LOOSER
    }
    if not near:
        return None
    i = min(near, key=usd.__getitem__)
    to = rounded(near[i], up=limit.kind == "latency")
    return way_out("limit", table, i, table.workload.confidence, limit=limit.key, bound=bound, to=to)


def _factor(one: WayOut) -> float:
    return _times(one.limit, one.bound or 0.0, one.to or 0.0)


def _times(limit: str, bound: float, to: float) -> float:
    """How much looser: the latency, or the accuracy that may be lost, over what it was."""
    return (1.0 - to) / max(1.0 - bound, 1e-9) if limit == "recovery" else to / bound
