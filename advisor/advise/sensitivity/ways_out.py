"""Where nothing keeps the limits: what would have to change for something to keep them, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Literal

import numpy as np

from advisor.advise.choose.certainty_frontier import EVEN
from advisor.advise.choose.joint import deviate, keeps_all
from advisor.advise.choose.judge import judge, judge_fixed
from advisor.advise.choose.judged import JudgedLimit, JudgedTable, least_margins
from advisor.advise.choose.limits import end_at, recovery_at
from advisor.advise.choose.question import Choice
from advisor.advise.choose.rank import best
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.choose.space import deployments
from advisor.advise.sensitivity.axis import between, load_at
from advisor.cost.arrays import Floats, each_column
from advisor.spec.deployment import Deployment

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.recovery import QualityModel

Change = Literal["limit", "confidence", "gpus", "gpu"]
"""limit: one limit is loosened. confidence: less of it is asked for. gpus: more GPUs or a larger budget are
allowed. gpu: any GPU with a known price is."""
MAX_CERTAINTY = 0.999
FEWEST = 0.01
"""Times the rate that is asked for: to serve fewer requests than that is another question."""
RATES = 33
"""Rates that are judged at once; each time between the highest that is kept and the next."""
DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """One change to the question, and the deployment that then keeps all limits."""

    change: Change
    deployment: Deployment
    usd_per_hour: float | None
    keeps_all_limits: float
    """With the change."""
    limit: str = ""
    """`ttft_p95_ms`, `capacity`, `recovery`: what is loosened."""
    bound: float | None = None
    """From this bound, in the limit's unit."""
    to: float | None = None
    """To this one."""


def ways_out(
    recommendation: Recommendation, predictor: Predictor, quality: QualityModel | None = None
) -> tuple[WayOut, ...]:
    """Empty where something keeps the limits."""
    choice, table = recommendation.choice, recommendation.table
    if choice is None or recommendation.ranked:
        return ()
    found: list[WayOut] = []
    if table is not None:
        shared = predictor.fit.shared.first_token
        slower = _slower(choice, table, predictor, quality)
        found += [] if slower is None else [slower]
        limits = [limit for limit in table.uncertain if limit.kind != "capacity"]
        found += [one for limit in limits if (one := _loosened(table, limit, shared)) is not None]
        found += _less_certain(table)
    for change, other in _wider(choice):
        found += _first_of(change, other, predictor, quality)
    return tuple(found)


def _slower(
    choice: Choice, table: JudgedTable, predictor: Predictor, quality: QualityModel | None
) -> WayOut | None:
    """The highest rate at which a deployment, as it is, keeps all limits; None where a hundredth is too much.

    Latencies change with the rate, and beyond the capacity there are none: each rate is judged anew.
    """
    load, rows = choice.workload.load, np.flatnonzero(table.possible[0])
    if load.arrival.kind != "rate" or not load.arrival.value or not len(rows):
        return None
    asked = load.arrival.value
    among = [table.deployment(0, i) for i in rows.tolist()]
    low, high = FEWEST * asked, asked
    highest = np.zeros(len(rows))
    for _ in range(3):
        rates = sorted({rounded(rate, up=False) for rate in between(low, high, RATES, whole=False)})
        loads = [load_at(load, "rate", rate) for rate in rates]
        judged = judge_fixed(choice, loads, among, predictor, quality)
        kept = judged.kept & judged.settled
        highest = np.maximum(highest, np.where(kept, np.array(rates)[:, None], 0.0).max(axis=0))
        most = float(highest.max())
        if most <= 0:
            return None
        low, high = most, min((rate for rate in rates if rate > most), default=most)
        if low >= high:
            break
    usd = np.nan_to_num(table.usd_per_hour[0, rows], nan=np.inf)
    i = int(np.lexsort((usd, -highest))[0])
    confidence = table.workload.confidence
    return way_out(
        "limit", table, int(rows[i]), confidence, limit="capacity", bound=asked, to=float(highest[i])
    )


def _loosened(table: JudgedTable, limit: JudgedLimit, first_token: float) -> WayOut | None:
    """The deployment for which the limit must be loosened least; None where the other limits stay missed."""
    to = bounds_needed(table, limit, first_token)
    bound = float(limit.bound[0, 0])
    loosened = {i: _share(bound, value) for i, value in to.items()}
    if not loosened:
        return None
    usd = table.usd_per_hour[0]
    i = min(loosened, key=lambda i: (round(loosened[i], 2), np.nan_to_num(usd[i], nan=np.inf)))
    return way_out("limit", table, i, table.workload.confidence, limit=limit.key, bound=bound, to=to[i])


def bounds_needed(table: JudgedTable, limit: JudgedLimit, first_token: float) -> dict[int, float]:
    """The bound on one limit with which a row keeps all of them with the confidence asked for, by row; of the
    rows that keep the others so.

    Errors that limits share make all of them hold together more often than the product says, so the bound
    suffices.
    """
    confidence = table.workload.confidence
    others = [one for one in table.uncertain if one is not limit]
    rest = np.where(table.possible[0], 1.0, 0.0)
    if others:
        rest = rest * keeps_all(least_margins(others), first_token)[0]
    enough = np.flatnonzero(rest >= confidence)
    needed = np.minimum(confidence / np.maximum(rest, confidence), MAX_CERTAINTY)
    to = {i: _bound(table, limit, i, float(needed[i])) for i in enough.tolist()}
    return {i: value for i, value in to.items() if value is not None and value > 0}


def _bound(table: JudgedTable, limit: JudgedLimit, i: int, probability: float) -> float | None:
    """The bound that row `i` keeps with a probability."""
    z = deviate(probability)
    if limit.kind == "recovery":
        recovery = table.recoveries[i]
        return None if recovery is None or recovery.loss is None else recovery_at(recovery, z)
    if limit.predicted is None:
        return None
    one = each_column(lambda column: column[0, i : i + 1], limit.predicted)
    value = float(end_at(one, z)[0])
    return value if np.isfinite(value) else None


def rounded(value: float, *, up: bool) -> float:
    """To the digits that are shown, towards the looser: what is shown may be asked for."""
    step = 10.0 ** (floor(log10(value)) - DIGITS + 1)
    return round((ceil if up else floor)(value / step) * step, 9)


def _share(bound: float, to: float) -> float:
    """By what factor a limit is loosened."""
    return max(bound / to, to / bound)


def _less_certain(table: JudgedTable) -> Iterator[WayOut]:
    """What keeps the limits with the greatest probability there is, where that is more often than not."""
    keeps: Floats = table.keeps_all[0]
    most = float(keeps.max(initial=0.0))
    if most >= EVEN:
        near = np.flatnonzero(keeps >= most - 0.005)
        usd = np.nan_to_num(table.usd_per_hour[0, near], nan=np.inf)
        i = int(near[np.argmin(usd)])
        yield way_out(
            "confidence", table, i, float(keeps[i]), to=float(keeps[i]), bound=table.workload.confidence
        )


def _wider(choice: Choice) -> Iterator[tuple[Change, Choice]]:
    """The question with bounds on GPUs taken away, then with every GPU."""
    space = choice.space
    free = replace(choice, space=space.unbounded(), max_usd_per_hour=None)
    if space.is_bounded or choice.max_usd_per_hour is not None:
        yield "gpus", free
    if choice.every_gpu and not set(choice.every_gpu) <= set(space.gpus):
        priced = tuple(gpu for gpu in choice.every_gpu if choice.price_of(gpu, 1) is not None)
        yield "gpu", replace(choice, space=replace(space, gpus=priced))


def _first_of(
    change: Change, choice: Choice, predictor: Predictor, quality: QualityModel | None
) -> Iterator[WayOut]:
    if not deployments(choice.space):
        return
    table = judge(choice, [choice.workload.load], predictor, quality)
    i = int(best(table)[0])
    if i >= 0:
        yield way_out(change, table, i, float(table.keeps_all[0, i]))


def way_out(
    change: Change,
    table: JudgedTable,
    i: int,
    keeps: float,
    *,
    limit: str = "",
    bound: float | None = None,
    to: float | None = None,
) -> WayOut:
    """A change after which the row at `i`, as it stands, keeps all limits with the probability `keeps`."""
    usd = float(table.usd_per_hour[0, i])
    return WayOut(
        change=change,
        deployment=table.deployment(0, i),
        usd_per_hour=usd if np.isfinite(usd) else None,
        keeps_all_limits=keeps,
        limit=limit,
        bound=bound,
        to=to,
    )
