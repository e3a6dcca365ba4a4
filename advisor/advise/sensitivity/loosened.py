"""Beside an answer: the one limit that, a little looser, lets something cheaper keep them all."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.choose.joint import deviate, keeps_all
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.judged import JudgedLimit, JudgedTable, least_margins
from advisor.advise.choose.limits import end_at, margin_sd, recovery_at
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.sensitivity.ways_out import MAX_CERTAINTY, WayOut, rounded
from advisor.cost.arrays import Bools, Floats, Ints

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.recovery import QualityModel

LOOSER = 1.25
"""Times a latency may be, or the accuracy that may be lost: more is another question, not the same one."""
WORTH = 0.9
"""Times the bill of the first from which the change is worth a word."""


def loosened(
    recommendation: Recommendation, predictor: Predictor, quality: QualityModel | None = None
) -> WayOut | None:
    """The cheapest offer of the frontier that keeps all limits once one of them is up to a quarter looser;
    None where that saves less than a tenth, nothing is ranked, or the question is not about cost.

    Limits are loosened one at a time, and no further than it takes. Errors that limits share make all of
    them hold together more often than the product says, so the bound suffices.
    """
    choice, first = recommendation.choice, recommendation.winner
    if choice is None or first is None or first.cost is None or choice.workload.objective != "cost":
        return None
    most = WORTH * first.cost.usd_per_hour
    cheaper = [o.deployment for o in recommendation.frontier if o.usd_per_hour and o.usd_per_hour <= most]
    if not cheaper:
        return None
    table = judge_fixed(choice, [choice.workload.load], cheaper, predictor, quality)
    rows = np.flatnonzero(table.possible[0] & np.isfinite(table.usd_per_hour[0]) & ~table.kept[0])
    shared = predictor.fit.shared.first_token
    found = [
        way
        for limit in table.uncertain
        if limit.kind in ("latency", "recovery")
        and (way := _cheapest(table, limit, rows, shared)) is not None
    ]
    return min(found, key=lambda way: (way.usd_per_hour or 0.0, _factor(way)), default=None)


def _cheapest(table: JudgedTable, limit: JudgedLimit, rows: Ints, first_token: float) -> WayOut | None:
    """Of these rows the cheapest that the limit alone keeps out, and only just."""
    confidence = table.workload.confidence
    others = [one for one in table.uncertain if one is not limit]
    rest = np.ones(len(rows))
    if others:
        margins = {cause: margin[:1, rows] for cause, margin in least_margins(others).items()}
        rest = keeps_all(margins, first_token)[0]
    enough = rest >= confidence
    rows, rest = rows[enough], rest[enough]
    needed = [deviate(min(confidence / share, MAX_CERTAINTY)) for share in rest.tolist()]
    near = _within(table, limit, rows, np.array(needed))
    if not near.any():
        return None
    usd = table.usd_per_hour[0, rows[near]]
    at = int(np.flatnonzero(near)[np.argmin(usd)])
    return _way(table, limit, int(rows[at]), needed[at])


def _within(table: JudgedTable, limit: JudgedLimit, rows: Ints, needed: Floats) -> Bools:
    """Whether the rows keep the limit, loosened as far as may be, with the deviates they need."""
    bound = float(limit.bound[0, 0])
    if limit.kind == "recovery":
        lost = LOOSER * (1.0 - bound)
        known = (table.recoveries[i] for i in rows.tolist())
        margins = [-np.inf if r is None or r.loss is None else r.loss.deviate(lost) for r in known]
        return np.asarray(np.array(margins, dtype=np.float64) >= needed)
    predicted = limit.predicted
    assert predicted is not None, "a latency is judged by a prediction"
    of = type(predicted)(
        value=predicted.value[0, rows], low=predicted.low[0, rows], high=predicted.high[0, rows]
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        margin = margin_sd(log(LOOSER * bound) - np.log(of.value), of, at_least=False)
    return np.asarray(margin >= needed)


def _way(table: JudgedTable, limit: JudgedLimit, row: int, needed: float) -> WayOut:
    bound = float(limit.bound[0, 0])
    if limit.kind == "recovery":
        recovery = table.recoveries[row]
        assert recovery is not None
        to = rounded(recovery_at(recovery, needed), up=False)
    else:
        predicted = limit.predicted
        assert predicted is not None
        one = slice(row, row + 1)
        of = type(predicted)(
            value=predicted.value[0, one], low=predicted.low[0, one], high=predicted.high[0, one]
        )
        to = rounded(float(end_at(of, needed)[0]), up=True)
    return WayOut(
        change="limit",
        deployment=table.deployment(0, row),
        usd_per_hour=float(table.usd_per_hour[0, row]),
        keeps_all_limits=table.workload.confidence,
        limit=limit.key,
        bound=bound,
        to=to,
    )


def _factor(way: WayOut) -> float:
    """How much looser."""
    bound, to = way.bound or 0.0, way.to or 0.0
    if way.limit == "recovery":
        return (1.0 - to) / max(1.0 - bound, 1e-9)
    return to / bound
