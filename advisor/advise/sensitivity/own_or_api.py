"""At which traffic a fleet of one's own costs less than a hosted API, and at which it costs more again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, log2
from typing import TYPE_CHECKING, Literal

import numpy as np

from advisor.advise.choose.choice import Choice
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.sensitivity.fleet_cost_curve import FleetCurve, Market
from advisor.advise.sensitivity.varied_load_property import between, level_of
from advisor.advise.sensitivity.why_best_changes import INTERVAL_PROBABILITY
from advisor.cost.array_table import Bools, Floats, Ints
from advisor.cost.estimate_with_interval import Basis
from advisor.spec.api_price import ApiPrice
from advisor.spec.deployment import Deployment
from advisor.spec.hardware.gpu import Price
from advisor.spec.reading.amounts import HOURS_PER_DAY
from advisor.spec.workloads.workload import MAX_REQUESTS_PER_S
from advisor.units import S_PER_HOUR

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

TRAFFIC_RANGE = 256.0
"""Traffic is looked at up to so many times that at which the API costs as much as the cheapest GPU."""
PER_OCTAVE = 2
ROUNDS, PARTS = 2, 8
"""A step in which a fleet may grow dearer than the API is split into so many parts, so often: to 1 %."""
AROUND = (0.5, 0.6, 0.7, 0.8, 0.9, 0.96, 1.0 - 1e-6, 1.0 + 1e-6, 1.04, 1.1, 1.25, 1.4, 1.7, 2.0)
"""Multiples of a break-even's traffic at which owning is compared with the API again."""
SAME_TRAFFIC = 1e-5
"""An end of an interval this near to its value is the value: nothing but prices decides it."""

Cheaper = Literal["own", "api"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficPoint:
    """What both cost at one traffic."""

    requests_per_s: float
    """On average over the day."""
    api_usd_per_day: float
    fleet: Deployment | None
    """The cheapest that keeps all limits at the traffic it is sized for; None: nothing does."""
    own_usd_per_day: float | None
    own_cheaper: float
    """The probability that some fleet which costs no more than the API keeps all limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficBreakEven:
    """A traffic above which the other of the two is the cheaper one."""

    requests_per_s: float
    """On average over the day."""
    low: float | None
    high: float | None
    """Nine times of ten the change truly lies between these, for errors of the predictions: prices and mean
    lengths are taken as stated. None: it cannot be told from the change before, or after, it, or lies beyond
    the traffic looked at."""
    cheaper: Cheaper
    """What costs less above it."""
    fleet: Deployment | None
    """The cheapest just above it; None: nothing keeps the limits there."""
    price: Price | None
    """Price of the fleet's GPUs."""
    basis: Basis | None
    """What the fleet's prediction rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnOrApi:
    """Cost of a day over the traffic, of the cheapest own fleet and of the API, and where they cross."""

    api_price: ApiPrice
    usd_per_request: float
    """What the API asks for one request, at the workload's mean lengths and prefix hit rate."""
    utilization: float
    """Mean traffic ÷ the traffic that a fleet is sized for; it stands all day."""
    is_assumed: bool
    """True: the workload states no utilization, and traffic is taken as even day and night."""
    points: tuple[TrafficPoint, ...]
    """Ascending; between two points the cost of a fleet lies between theirs. Empty: no GPU of the choice has
    a price."""
    break_evens: tuple[TrafficBreakEven, ...]
    """Ascending. Fleets grow in steps, so there may be several."""
    here: TrafficPoint | None
    """At the workload's own rate; None where it has none."""

    @property
    def first(self) -> TrafficBreakEven | None:
        """The least traffic from which owning is cheaper."""
        return next((one for one in self.break_evens if one.cheaper == "own"), None)

    @property
    def lasting(self) -> TrafficBreakEven | None:
        """Where owning becomes cheaper for as far as was looked; None where the API is cheaper in the end."""
        last = self.break_evens[-1] if self.break_evens else None
        return last if last is not None and last.cheaper == "own" else None

    @property
    def least_ratio(self) -> float | None:
        """The least that owning costs, as a share of the API's price; None where nothing keeps the limits."""
        ratios = [p.own_usd_per_day / p.api_usd_per_day for p in self.points if p.own_usd_per_day is not None]
        return min(ratios, default=None)


def own_or_api(
    recommendation: Recommendation, predictor: Predictor, quality: QualityModel | None = None
) -> OwnOrApi | None:
    """The break-evens with the workload's `api_price`; None where it states none.

    A fleet is sized for the traffic ÷ utilization, keeps every limit there with the confidence asked for, and
    is paid for all day. Of the API only the price is known: whether it keeps the limits is for the reader to
    judge.
    """
    choice = recommendation.choice
    if choice is None or choice.workload.api_price is None:
        return None
    return _Comparison(choice, choice.workload.api_price, Market(choice, predictor, quality)).made()


class _Comparison:
    """A choice against an API's price, along the mean traffic of a day."""

    def __init__(self, choice: Choice, price: ApiPrice, market: Market) -> None:
        self.price, self.market = price, market
        usd = choice.workload.api_usd_per_request
        assert usd is not None, "the workload states the price"
        self.usd_per_request = usd
        stated = choice.workload.utilization
        self.utilization, self.is_assumed = stated or 1.0, stated is None
        self.own_rate = level_of(choice.workload.load, "rate")
        """What the workload's own fleet is sized for."""

    def made(self) -> OwnOrApi:
        rates = self._rates()
        if not rates:
            return self._answer(())
        survey = self.market.curve(rates)
        curve = survey
        for _ in range(ROUNDS):
            new = [
                rate
                for ends in self._undecided(curve)
                for rate in between(*ends, PARTS + 1, whole=False)[1:-1]
            ]
            if not new:
                break
            curve = curve.with_rates(new, self.market)
        curve = curve.at_steps(rates)
        changes = self._changes(curve)
        low, high = rates[0], rates[-1]
        ends = (changes[0], changes[-1]) if changes else ()
        around = {one.requests_per_s / self.utilization * part for one in ends for part in AROUND}
        every = np.array(sorted({*curve.rates, *(rate for rate in around if low < rate < high)}))
        worlds = np.stack([self._own_cheaper(survey, rate) for rate in every.tolist()])
        chance = dict(zip(every.tolist(), worlds.mean(axis=1).tolist(), strict=True))
        points = tuple(self._point(curve, i, chance[rate]) for i, rate in enumerate(curve.rates))
        return self._answer(points, _with_intervals(changes, every * self.utilization, worlds))

    def _answer(
        self, points: tuple[TrafficPoint, ...], break_evens: tuple[TrafficBreakEven, ...] = ()
    ) -> OwnOrApi:
        own = None if self.own_rate is None else self.own_rate * self.utilization
        return OwnOrApi(
            api_price=self.price,
            usd_per_request=self.usd_per_request,
            utilization=self.utilization,
            is_assumed=self.is_assumed,
            points=points,
            break_evens=break_evens,
            here=next((point for point in points if point.requests_per_s == own), None),
        )

    def _rates(self) -> list[float]:
        """Rates that fleets are sized for, from below what one GPU of the cheapest kind costs."""
        of = self.market.choice
        prices = [of.price_of(gpu, 1) for gpu in of.space.gpus]
        hourly = [price.usd_per_gpu_hour for price in prices if price is not None]
        if not hourly:
            return []
        least = min(hourly) / S_PER_HOUR / self.usd_per_request / self.utilization
        own = [] if self.own_rate is None else [self.own_rate]
        high = min(max(least * TRAFFIC_RANGE, *(2.0 * rate for rate in own), 0.0), MAX_REQUESTS_PER_S)
        low = min(least / 2.0, high / 4.0, *(rate / 2.0 for rate in own), high)
        count = ceil(PER_OCTAVE * log2(high / low)) + 1
        return sorted({*between(low, high, count, whole=False), *own})

    def _api_usd_per_hour(self, rate: float) -> float:
        """At the mean traffic of a fleet that is sized for a rate."""
        return rate * self.utilization * self.usd_per_request * S_PER_HOUR

    def _undecided(self, curve: FleetCurve) -> list[tuple[float, float]]:
        """Steps in which the fleet grows and may become dearer than the API, or already is."""
        own = curve.usd_per_hour
        return [
            (one, two)
            for i, (one, two) in enumerate(pairwise(curve.rates))
            if own[i + 1] > own[i]
            and self._api_usd_per_hour(one) < own[i + 1]
            and self._api_usd_per_hour(two) > own[i]
        ]

    def _point(self, curve: FleetCurve, i: int, own_cheaper: float) -> TrafficPoint:
        usd = float(curve.usd_per_hour[i])
        return TrafficPoint(
            requests_per_s=curve.rates[i] * self.utilization,
            api_usd_per_day=HOURS_PER_DAY * self._api_usd_per_hour(curve.rates[i]),
            fleet=curve.fleet(i),
            own_usd_per_day=HOURS_PER_DAY * usd if np.isfinite(usd) else None,
            own_cheaper=own_cheaper,
        )

    def _changes(self, curve: FleetCurve) -> list[TrafficBreakEven]:
        """The break-evens without their intervals.

        Between two rates stands the fleet of the upper one: the API overtakes where a fleet must grow, owning
        where the API has come to cost what the fleet does.
        """
        made = []
        rates, usd = curve.rates, curve.usd_per_hour.tolist()
        owning = usd[0] <= self._api_usd_per_hour(rates[0])
        for i, cost in enumerate(usd[1:], start=1):
            before, here = (self._api_usd_per_hour(rate) for rate in (rates[i - 1], rates[i]))
            if owning and cost > before:
                made.append(self._change(curve, i, "api", rates[i - 1]))
                owning = False
            if not owning and cost <= here:
                rate = cost / S_PER_HOUR / self.usd_per_request / self.utilization
                made.append(self._change(curve, i, "own", max(rate, rates[i - 1])))
                owning = True
        return made

    def _change(self, curve: FleetCurve, i: int, cheaper: Cheaper, rate: float) -> TrafficBreakEven:
        return TrafficBreakEven(
            requests_per_s=rate * self.utilization,
            low=None,
            high=None,
            cheaper=cheaper,
            fleet=curve.fleet(i),
            price=curve.price(i),
            basis=curve.basis(i),
        )

    def _own_cheaper(self, survey: FleetCurve, rate: float) -> Bools:
        """(draws,): whether a fleet that costs no more than the API keeps all limits, in each joint draw."""
        usd = self._api_usd_per_hour(rate) * (1.0 + 1e-9)
        return self.market.keeps_in_worlds(
            rate, self.market.affordable(survey.found, survey.contenders(rate), usd)
        )


def _with_intervals(
    changes: Sequence[TrafficBreakEven], levels: Floats, worlds: Bools
) -> tuple[TrafficBreakEven, ...]:
    """worlds: (levels, draws), whether owning is cheaper.

    Each draw has its own first break-even and its own lasting one: the first and the last traffic at which
    owning begins to be cheaper. Of one between others the interval lies within its neighbours.
    """
    begins = np.where(worlds.any(axis=0), worlds.argmax(axis=0), len(levels))
    lasts = np.where(worlds.all(axis=0), 0, len(levels) - worlds[::-1].argmin(axis=0))
    owning = [n for n, one in enumerate(changes) if one.cheaper == "own"]
    made = []
    for n, one in enumerate(changes):
        low, high = _within_neighbours(changes, n, levels, worlds)
        if n in owning[:1]:
            low = _before(levels, begins)
            high = _after(levels, begins)
        if n in owning[-1:] and n == len(changes) - 1:
            low = low if len(owning) == 1 else _before(levels, lasts)
            high = _after(levels, lasts)
        made.append(replace(one, low=_snapped(low, one, min), high=_snapped(high, one, max)))
    return tuple(made)


def _before(levels: Floats, positions: Ints) -> float | None:
    """The level that a change lies above with 95 %; positions: of each draw the first level after it."""
    at = int(np.quantile(positions, 1.0 - INTERVAL_PROBABILITY, method="inverted_cdf"))
    return float(levels[max(at - 1, 0)])


def _after(levels: Floats, positions: Ints) -> float | None:
    """The level that a change lies below with 95 %; None: beyond them all."""
    at = int(np.quantile(positions, INTERVAL_PROBABILITY, method="inverted_cdf"))
    return float(levels[at]) if at < len(levels) else None


def _within_neighbours(
    changes: Sequence[TrafficBreakEven], n: int, levels: Floats, worlds: Bools
) -> tuple[float | None, float | None]:
    """Where a change has happened with 5 % and with 95 %, between the changes before and after it."""
    one = changes[n]
    happened = (worlds if one.cheaper == "own" else ~worlds).mean(axis=1)
    first = changes[n - 1].requests_per_s if n else -np.inf
    last = changes[n + 1].requests_per_s if n + 1 < len(changes) else np.inf
    below = (levels <= one.requests_per_s) & (levels > first) & (happened <= 1.0 - INTERVAL_PROBABILITY)
    above = (levels > one.requests_per_s) & (levels < last) & (happened >= INTERVAL_PROBABILITY)
    return (
        float(levels[below].max()) if below.any() else None,
        float(levels[above].min()) if above.any() else None,
    )


def _snapped(end: float | None, of: TrafficBreakEven, side: Callable[[float, float], float]) -> float | None:
    """An end of the interval, on its side of the value."""
    if end is None:
        return None
    value = of.requests_per_s
    return value if abs(end / value - 1.0) < SAME_TRAFFIC else side(end, value)
