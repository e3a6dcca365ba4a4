"""FleetCurve: what the cheapest fleet costs that keeps all limits, over the rate of requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.certainty.error_draws import DRAWS, draw
from advisor.advise.choose.choice import Choice, searches_replicas
from advisor.advise.choose.deployment_cost import most_replicas
from advisor.advise.choose.gpu_count import unpriced
from advisor.advise.choose.judge import judge, judge_fixed
from advisor.advise.choose.judged_table import JudgedTable
from advisor.advise.choose.rank import best
from advisor.advise.sensitivity.crossover import under
from advisor.advise.sensitivity.varied_load_property import load_at
from advisor.cost.array_table import Bools, Floats, Ints
from advisor.cost.estimate_with_interval import Basis
from advisor.spec.deployment import Deployment
from advisor.spec.hardware.gpu import Price

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

CLOSE = 1.25
"""Fleets that nowhere cost less than this times the cheapest are not looked at between the rates surveyed."""
CONTENDER_FACTOR = 2.2
"""Fleets within this factor of the cheapest may truly be the cheapest."""
CONTENDERS = 24
"""Kinds of fleet that errors are drawn for at one rate, the cheapest."""


class Market:
    """A choice whose requests arrive at a rate, ranked by cost; with what judges it."""

    def __init__(self, choice: Choice, predictor: Predictor, quality: QualityModel | None) -> None:
        workload = replace(choice.workload, objective="cost")
        asked = replace(choice, workload=workload)
        gone = unpriced(asked)
        space = replace(choice.space, gpus=tuple(gpu for gpu in choice.space.gpus if gpu not in gone))
        self.choice = under(replace(asked, space=space), load_at(workload.load, "rate", 1.0))
        self.predictor, self.quality = predictor, quality

    def curve(self, rates: Sequence[float], among: Sequence[Deployment] | None = None) -> FleetCurve:
        """The cheapest fleets at ascending rates; of the deployments `among`, of all without it."""
        loads = [load_at(self.choice.workload.load, "rate", rate) for rate in rates]
        return FleetCurve(rates, judge(self.choice, loads, self.predictor, self.quality, among=among))

    def keeps_in_worlds(self, rate: float, fleets: Sequence[Deployment]) -> Bools:
        """(draws,): whether one of the fleets keeps all limits, in each joint draw of the errors.

        A draw is the same world at every rate.
        """
        none = np.zeros(DRAWS, dtype=bool)
        if not fleets:
            return none
        load = load_at(self.choice.workload.load, "rate", rate)
        found = judge_fixed(self.choice, [load], fleets, self.predictor, self.quality)
        at = np.flatnonzero(found.possible[0])
        if not len(at):
            return none
        return np.asarray(draw(found, 0, at, self.predictor.fit.shared).keeps.any(axis=1))

    def affordable(self, of: JudgedTable, at: Ints, usd_per_hour: float) -> list[Deployment]:
        """The largest fleet of each deployment at `at` that costs no more.

        A replica more never makes a latency worse."""
        space, budget = self.choice.space, self.choice.max_usd_per_hour
        most_usd = usd_per_hour if budget is None else min(usd_per_hour, budget)
        fleets = []
        for i in at.tolist():
            single, price = of.deployments[i], of.prices[i]
            if price is None:
                continue
            most = most_replicas(price, single.tensor_parallel, most_usd)
            if space.max_gpus is not None:
                most = min(most, space.max_gpus // single.tensor_parallel)
            if searches_replicas(self.choice):
                fleets += [single.times(most)] if most else []
            elif most >= single.replicas:
                fleets.append(single)
        return fleets


class FleetCurve:
    """The cheapest fleet at each of some ascending rates.

    One that keeps the limits at a rate is taken to keep them at every lower one: the curve never falls.
    """

    def __init__(self, rates: Sequence[float], found: JudgedTable) -> None:
        self.rates, self.found = list(rates), found
        self._first = best(found)
        cost = np.array(
            [np.inf if at < 0 else found.usd_per_hour[row, at] for row, at in enumerate(self._first.tolist())]
        )
        cost = np.where(np.isfinite(cost), cost, np.inf)
        self._source = _least_from(cost)
        self.usd_per_hour = cost[self._source]
        """inf where nothing keeps the limits, or what does has no price."""

    def near(self, factor: float) -> Bools:
        """(rates, deployments): what may keep the limits, and costs at most `factor` × the cheapest."""
        usd = self._usd_of_likely()
        return np.asarray((usd <= factor * usd.min(axis=1)[:, None]) & np.isfinite(usd))

    def contenders(self, rate: float) -> Ints:
        """Positions of the deployments that may truly be the cheapest fleet at a rate, cheapest first."""
        i = int(np.searchsorted(self.rates, rate))
        around = slice(max(i - 1, 0), min(i, len(self.rates) - 1) + 1)
        usd = self._usd_of_likely()[around].min(axis=0)
        order = np.argsort(usd, kind="stable")[:CONTENDERS]
        return np.asarray(
            order[usd[order] <= CONTENDER_FACTOR * usd[order[0]]][: int(np.isfinite(usd).sum())]
        )

    def _usd_of_likely(self) -> Floats:
        """USD per hour of what keeps the limits by confidence or by central estimates; else inf."""
        found = self.found
        usd = np.where(found.kept | found.likely, found.usd_per_hour, np.inf)
        return np.asarray(np.where(np.isfinite(usd), usd, np.inf))

    def fleet(self, i: int) -> Deployment | None:
        """None: nothing keeps the limits there."""
        row = int(self._source[i])
        return (
            self.found.deployment(row, int(self._first[row])) if np.isfinite(self.usd_per_hour[i]) else None
        )

    def price(self, i: int) -> Price | None:
        """Price of the GPUs of the fleet at position `i`."""
        row = int(self._source[i])
        return self.found.prices[int(self._first[row])] if np.isfinite(self.usd_per_hour[i]) else None

    def basis(self, i: int) -> Basis | None:
        """What the fleet's prediction rests on."""
        row = int(self._source[i])
        at = row * len(self.found.deployments) + int(self._first[row])
        return self.found.answers.basis(at) if np.isfinite(self.usd_per_hour[i]) else None

    def with_rates(self, rates: Sequence[float], market: Market) -> FleetCurve:
        """With more rates, at which only what is close to the cheapest is looked at."""
        close = np.flatnonzero(self.near(CLOSE).any(axis=0))
        own = self.found.only(close)
        more = market.curve(rates, own.deployments).found
        every = np.array([*self.rates, *rates])
        order = np.argsort(every, kind="stable")
        return FleetCurve(every[order].tolist(), own.joined(more).take(order))

    def at_steps(self, kept: Sequence[float]) -> FleetCurve:
        """Without the rates between which the fleet costs the same, except those to be `kept`."""
        usd = self.usd_per_hour
        wanted = set(kept)
        steps = {j for i, (one, two) in enumerate(pairwise(usd)) if one != two for j in (i, i + 1)}
        order = np.array([i for i, rate in enumerate(self.rates) if i in steps or rate in wanted])
        return FleetCurve([self.rates[i] for i in order.tolist()], self.found.take(order))


def _least_from(cost: np.ndarray) -> Ints:
    """For each position, the position of the least value from there on; the first among equals."""
    source = np.arange(len(cost))
    for i in range(len(cost) - 2, -1, -1):
        if cost[source[i + 1]] < cost[i]:
            source[i] = source[i + 1]
    return source
