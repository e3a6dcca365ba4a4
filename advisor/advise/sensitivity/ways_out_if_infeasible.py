"""Where nothing keeps the limits: what would have to change for something to keep them, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, floor, log10, sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np

from advisor.advise.choose.candidate_deployments import deployments
from advisor.advise.choose.certainty_frontier import EVEN
from advisor.advise.choose.choice import Choice
from advisor.advise.choose.judge import judge, judge_fixed
from advisor.advise.choose.judged_table import JudgedLimit, JudgedTable, least_margins
from advisor.advise.choose.limits import TimedLimit, end_at, recovery_at, timed_limits
from advisor.advise.choose.rank import order
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.sensitivity.varied_load_property import between, load_at
from advisor.cost.array_table import each_column
from advisor.cost.uncertainty.joint_probability import deviate, keeps_all
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import MAX_LATENCY_MS

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

Change = Literal["limit", "confidence", "budget", "gpus", "budget and gpus", "gpu"]
"""limit: one limit is loosened. confidence: less of it is asked for. budget: a larger one is allowed. gpus:
more GPUs are. budget and gpus: both, where neither alone is enough. gpu: any GPU with a known price is."""
MAX_CERTAINTY = 0.999
FEWEST = 0.01
"""Times the rate that is asked for: to serve fewer requests than that is another question."""
RATES = 33
"""Rates that are judged at once; each time between the highest that is kept and the next."""
DIGITS = 3
FAR_APART = 2.0
"""Factor between two bounds of one limit from which a third between them is named."""
ANY_RECOVERY = 1e-6
"""A share of the score that every format keeps."""
DRAWN = 0.001
"""Share by which a bound is loosened further: its probability was computed, that of all limits is drawn."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Relaxed:
    """The question with one change."""

    change: Change
    choice: Choice
    timed: tuple[TimedLimit, ...] | None = None
    """Limits on latencies in place of the workload's."""
    limit: str = ""
    bound: float | None = None
    to: float | None = None

    @property
    def only_timed(self) -> list[tuple[TimedLimit, ...]] | None:
        """Its limits on latencies for its one load, as `judge` takes them."""
        return None if self.timed is None else [self.timed]


def ways_out(
    recommendation: Recommendation, predictor: Predictor, quality: QualityModel | None = None
) -> tuple[WayOut, ...]:
    """Each the smallest change of its kind after which something keeps the limits, with the cheapest
    deployment that then does; after the smallest for a limit, the one that lets the cheapest fleet in, with
    one between them where they are far apart. Empty where something keeps them as it is."""
    choice, table = recommendation.choice, recommendation.table
    if choice is None or recommendation.ranked:
        return ()
    # More replicas than the limits ask for would be no smallest change, whatever the aim.
    choice = replace(choice, workload=replace(choice.workload, objective="cost"))

    def first_of(*relaxed: _Relaxed | None) -> list[WayOut]:
        ways = (_cheapest_of(one, predictor, quality) for one in relaxed if one is not None)
        return [way for way in ways if way is not None][:1]

    found: list[WayOut] = []
    if table is not None:
        found += first_of(_slower(choice, table, predictor, quality))
        for limit in table.uncertain:
            if limit.kind not in ("capacity", "context"):
                found += _loosened(choice, table, limit, predictor, quality)
        found += first_of(_less_certain(choice, table))
    for either in _wider(choice):
        found += first_of(*either)
    return tuple(found)


def _slower(
    choice: Choice, table: JudgedTable, predictor: Predictor, quality: QualityModel | None
) -> _Relaxed | None:
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
    to = float(highest.max())
    slower = replace(choice.workload, load=load_at(load, "rate", to))
    return _Relaxed(
        change="limit", choice=replace(choice, workload=slower), limit="capacity", bound=asked, to=to
    )


def _loosened(
    choice: Choice, table: JudgedTable, limit: JudgedLimit, predictor: Predictor, quality: QualityModel | None
) -> list[WayOut]:
    """The least that a limit must be loosened for, and then what it takes for the cheapest fleet that keeps
    the others, where that costs less; empty where the other limits stay missed."""
    shared, recovery = predictor.fit.shared.first_token, limit.kind == "recovery"
    least = _least_loosened(choice, table, limit, shared)
    if least is None or (way := _cheapest_of(least, predictor, quality)) is None:
        return []
    # The replicas of `table` are those that come nearest to the limit: without it there may be fewer.
    free = _with_bound(choice, limit, ANY_RECOVERY if recovery else MAX_LATENCY_MS)
    others = judge(free.choice, [choice.workload.load], predictor, quality, timed=free.only_timed)
    [same] = [one for one in others.uncertain if (one.key, one.goodput) == (limit.key, limit.goodput)]
    needed = bounds_needed(others, same, shared)
    if not needed:
        return [way]
    cheapest = min(needed, key=lambda i: (*_bill(others, i), -needed[i] if recovery else needed[i]))
    if not _bill(others, cheapest) < (round(way.usd_per_hour or np.inf, 4), way.deployment.num_gpus):
        return [way]
    further = _cheapest_of(_to(choice, limit, needed[cheapest]), predictor, quality)
    if further is None:
        return [way]
    return [way, *_between(choice, limit, (way, further), predictor, quality), further]


def _between(
    choice: Choice,
    limit: JudgedLimit,
    ends: tuple[WayOut, WayOut],
    predictor: Predictor,
    quality: QualityModel | None,
) -> list[WayOut]:
    """Where two bounds of a limit are far apart, the one midway in ratio, if its bill lies between theirs."""
    least, most = (end.to or 0.0 for end in ends)
    if min(least, most) <= 0 or _share(least, most) < FAR_APART:
        return []
    middle = rounded(sqrt(least * most), up=least < most)
    way = _cheapest_of(_with_bound(choice, limit, middle), predictor, quality)
    dear, usd, cheap = (
        round(one.usd_per_hour or np.inf, 4) if one else np.inf for one in (ends[0], way, ends[1])
    )
    return [way] if way is not None and dear > usd > cheap else []


def _least_loosened(
    choice: Choice, table: JudgedTable, limit: JudgedLimit, first_token: float
) -> _Relaxed | None:
    needed = bounds_needed(table, limit, first_token)
    if not needed:
        return None
    bound = float(limit.bound[0, 0])
    # Of bounds that are alike to the per cent, the one that lets the least bill in.
    usd = np.nan_to_num(table.usd_per_hour[0], nan=np.inf)
    least = min(needed, key=lambda i: (round(_share(bound, needed[i]), 2), float(usd[i])))
    return _to(choice, limit, needed[least])


def _to(choice: Choice, limit: JudgedLimit, needed: float) -> _Relaxed:
    """The question with the bound that is needed, as it is shown."""
    looser = limit.kind != "recovery"
    return _with_bound(choice, limit, rounded(needed * (1.0 + DRAWN if looser else 1.0 - DRAWN), up=looser))


def _with_bound(choice: Choice, limit: JudgedLimit, to: float) -> _Relaxed:
    """The question with another bound on one limit."""
    bound = float(limit.bound[0, 0])
    if limit.kind == "recovery":
        quality = replace(choice.workload.quality, min_recovery=to)
        choice = replace(choice, workload=replace(choice.workload, quality=quality))
        return _Relaxed(change="limit", choice=choice, limit=limit.key, bound=bound, to=to)
    timed = tuple(
        replace(one, limit=replace(one.limit, max_ms=to)) if _is_on(one, limit) else one
        for one in timed_limits(choice.workload)
    )
    return _Relaxed(change="limit", choice=choice, timed=timed, limit=limit.key, bound=bound, to=to)


def _bill(table: JudgedTable, i: int) -> tuple[float, int]:
    """What makes one row cheaper than another: its bill, and on how many GPUs where no price is known."""
    usd = float(np.nan_to_num(table.usd_per_hour[0, i], nan=np.inf))
    return round(usd, 4), table.deployment(0, i).num_gpus


def _is_on(timed: TimedLimit, judged: JudgedLimit) -> bool:
    """Whether a judged limit is this one."""
    one = timed.limit
    return (one.metric, one.statistic, timed.goodput) == (judged.metric, judged.statistic, judged.goodput)


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
    return value if value <= MAX_LATENCY_MS else None


def rounded(value: float, *, up: bool) -> float:
    """To the digits that are shown, towards the looser: what is shown may be asked for."""
    step = 10.0 ** (floor(log10(value)) - DIGITS + 1)
    return round((ceil if up else floor)(value / step) * step, 9)


def _share(bound: float, to: float) -> float:
    """By what factor a limit is loosened."""
    return max(bound / to, to / bound)


def _less_certain(choice: Choice, table: JudgedTable) -> _Relaxed | None:
    """The greatest probability with which anything keeps the limits, to the per cent, where that is more
    often than not."""
    most = floor(100 * float(table.keeps_all[0].max(initial=0.0))) / 100
    if most < EVEN:
        return None
    asked = choice.workload.confidence
    less = replace(choice, workload=replace(choice.workload, confidence=most))
    return _Relaxed(change="confidence", choice=less, bound=asked, to=most)


def _wider(choice: Choice) -> Iterator[tuple[_Relaxed, ...]]:
    """The question with a larger budget, with more GPUs, with both where more GPUs do not suffice, and with
    every GPU; of each tuple the first that something keeps."""
    space = choice.space
    dearer = replace(choice, max_usd_per_hour=None)
    more = replace(choice, space=space.unbounded())
    limited, bounded = choice.max_usd_per_hour is not None, space.is_bounded
    if limited:
        yield (_Relaxed(change="budget", choice=dearer),)
    if bounded:
        both = _Relaxed(change="budget and gpus", choice=replace(more, max_usd_per_hour=None))
        yield (_Relaxed(change="gpus", choice=more), *((both,) if limited else ()))
    if choice.every_gpu and not set(choice.every_gpu) <= set(space.gpus):
        priced = tuple(gpu for gpu in choice.every_gpu if choice.price_of(gpu, 1) is not None)
        # How many GPUs there are of the kinds named says nothing of others.
        anyone = replace(space, gpus=priced, num_gpus=None, stock={})
        yield (_Relaxed(change="gpu", choice=replace(choice, space=anyone)),)


def _cheapest_of(relaxed: _Relaxed, predictor: Predictor, quality: QualityModel | None) -> WayOut | None:
    """The deployment of the least bill that keeps the limits after a change, on the fewest GPUs where no
    price is known, and of equals the one that ranks first; None where nothing keeps them."""
    choice = relaxed.choice
    if not deployments(choice.space):
        return None
    table = judge(choice, [choice.workload.load], predictor, quality, timed=relaxed.only_timed)
    kept = order(table, 0, np.flatnonzero(table.kept[0] & table.settled[0])).tolist()
    if not kept:
        return None
    i = min(kept, key=lambda i: _bill(table, i))
    keeps = float(table.keeps_all[0, i])
    return way_out(relaxed.change, table, i, keeps, limit=relaxed.limit, bound=relaxed.bound, to=relaxed.to)


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
    return WayOut(
        change=change,
        deployment=table.deployment(0, i),
        usd_per_hour=table.bill(0, i),
        keeps_all_limits=keeps,
        limit=limit,
        bound=bound,
        to=to,
    )
