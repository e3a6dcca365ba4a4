"""How much load a deployment takes and keeps all limits: for each level of distance below its capacity.

The deployments are judged with one replica at many loads, by the judge of every other answer. Between two
loads margins are interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.certainty.error_draws import DRAWS, errors_of
from advisor.advise.choose.choice import Choice
from advisor.advise.choose.deployment_cost import lots
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.judged_table import JudgedTable
from advisor.cost.array_table import Bools, Floats, Ints
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Load

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

LEVELS = np.concatenate([[0.0], 1.0 - np.geomspace(0.5, 0.0005, 120)])
"""For each level, the share of its own best certainty that a deployment keeps, where that is more than the
confidence asked for. The best certainty is that at the lightest load."""
MOST_SHARES = 256
"""A deployment that takes less than so small a part of the load is no part of a fleet."""
COARSE, FINE = 40, 320
"""Loads at which every deployment is judged, and those that may be part of a fleet."""
MAX_PER_KIND = 8
"""Deployments of each kind of GPU that may be part of a fleet, at most."""
_FAR = 8.0
"""Standard deviations that no error exceeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """One deployment of one replica: what it takes, and how its errors turn out."""

    deployment: Deployment
    lots: tuple[tuple[int, float], ...]
    """(replicas that it holds, USD per hour) of everything that can be bought at once."""
    loads: Floats
    """Rising."""
    margins: dict[str, Floats]
    """By cause, at each load, in standard deviations."""
    errors: dict[str, Floats]
    """By cause, a draw each; of what is shared with other deployments the same draws."""
    at_level: Floats
    """The load at each of `LEVELS`; 0 where it never keeps the limits with the confidence asked for."""

    def keeps(self, load: float) -> Bools:
        """Draws in which all limits are kept under this load."""
        kept = np.ones(DRAWS, dtype=bool)
        for cause, errors in self.errors.items():
            kept &= errors <= np.interp(load, self.loads, self.margins[cause])
        return kept


def capacities(
    choice: Choice,
    deployments: Sequence[Deployment],
    predictor: Predictor,
    quality: QualityModel | None = None,
) -> list[Capacity]:
    """For each kind of GPU, the deployments that may be part of the cheapest fleet, with what they take.

    Those without a price are left out, and those that keep the limits under no load.
    """
    alone = replace(choice, max_usd_per_hour=None)
    singles = list({d.times(1).key: d.times(1) for d in deployments}.values())
    singles = [d for d in singles if choice.price_of(d.gpu, d.tensor_parallel) is not None]
    if not singles:
        return []
    loads = _loads(choice.workload.load, COARSE)
    coarse = judge_fixed(alone, loads, singles, predictor, quality)
    able = [singles[i] for i in _worth(coarse, _values(loads)).tolist()]
    if not able:
        return []
    loads = _loads(choice.workload.load, FINE)
    fine = judge_fixed(alone, loads, able, predictor, quality)
    made = [_capacity(fine, i, _values(loads), predictor) for i in range(len(able))]
    return [one for one in made if one.at_level.all()]


def _loads(asked: Load, count: int) -> list[Load]:
    """Loads up to the one asked for, each a share of it; whole numbers in a closed loop."""
    whole = asked.arrival.value or 1.0
    values = whole * np.geomspace(1.0 / MOST_SHARES, 1.0, count)
    if asked.arrival.kind == "concurrency":
        values = np.unique(np.maximum(np.round(values), 1.0))
    values[-1] = whole
    return [replace(asked, arrival=replace(asked.arrival, value=float(value))) for value in values]


def _values(loads: Sequence[Load]) -> Floats:
    return np.array([load.arrival.value or 1.0 for load in loads])


def falling_keeps(table: JudgedTable) -> Floats:
    """(loads, deployments): the least probability at this load and every lighter one."""
    return np.asarray(np.minimum.accumulate(table.keeps_all, axis=0))


def _worth(table: JudgedTable, values: Floats) -> Ints:
    """Positions of those that no other on the same kind of GPU beats: one of which so many replicas as take
    no less, at the confidence asked for and with more to spare, cost no more."""
    keeps = falling_keeps(table)
    confidence = table.workload.confidence
    surer = (1.0 + confidence) / 2.0
    takes = np.stack([_highest(values, keeps, level) for level in (confidence, surer)])
    chosen: list[int] = []
    by_gpu: dict[str, list[int]] = {}
    for i, d in enumerate(table.deployments):
        if takes[0, i] > 0:
            by_gpu.setdefault(d.gpu.name, []).append(i)
    for own in by_gpu.values():
        usd = {i: float(table.usd_per_hour[0, i]) for i in own}
        order = sorted(own, key=lambda i: (usd[i] / takes[0, i], table.deployments[i].key))
        left = [i for i in order if not any(_beats(j, i, usd, takes) for j in own if j != i)]
        chosen += left[:MAX_PER_KIND]
    return np.array(sorted(chosen), dtype=np.intp)


def _beats(one: int, other: int, usd: dict[int, float], takes: Floats) -> bool:
    """Whether replicas of one take what the other does and cost no more; of equals the first."""
    if not takes[:, one].all():
        return False
    replicas = float(np.ceil(takes[:, other] / takes[:, one]).max())
    equal = usd[one] == usd[other] and bool((takes[:, one] == takes[:, other]).all())
    return one < other if equal else replicas * usd[one] <= usd[other]


def _highest(values: Floats, keeps: Floats, level: float) -> Floats:
    """The highest value, in each column, at which this probability is reached; 0 where none is."""
    return np.asarray(np.where(keeps >= level, values[:, None], 0.0).max(axis=0))


def _capacity(table: JudgedTable, i: int, values: Floats, predictor: Predictor) -> Capacity:
    causes = list(dict.fromkeys(limit.cause for limit in table.uncertain))
    possible = table.possible[:, i]
    margins = {
        cause: np.clip(np.where(possible, table.margin_sd(cause)[:, i], -_FAR), -_FAR, _FAR)
        for cause in causes
    }
    at = np.array([i], dtype=np.intp)
    middle = len(values) // 2
    errors = {
        cause: errors_of(table, middle, at, predictor.fit.shared, cause, DRAWS)[:, 0] for cause in causes
    }
    keeps = falling_keeps(table)[:, i]
    price = table.prices[i]
    assert price is not None, "what has no price was left out"
    return Capacity(
        deployment=table.deployments[i],
        lots=lots(price, table.deployments[i].tensor_parallel),
        loads=values,
        margins=margins,
        errors=errors,
        at_level=_at_levels(values, keeps, table.workload.confidence),
    )


def _at_levels(values: Floats, keeps: Floats, confidence: float) -> Floats:
    """The highest load at which each level's probability is reached, between the loads by interpolation."""
    wanted = np.maximum(confidence, LEVELS * keeps[0])
    reached = keeps[None, :] >= wanted[:, None]
    last = reached.sum(axis=1) - 1
    following = np.minimum(last + 1, len(values) - 1)
    drop = keeps[last] - keeps[following]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(drop > 0, (keeps[last] - wanted) / drop, 0.0)
    between = values[last] + part * (values[following] - values[last])
    return np.where(last >= 0, between, 0.0)


def together(some: Sequence[Capacity], level: int) -> float:
    """The probability that all of these keep the limits, each at its load of this level."""
    kept = np.ones(DRAWS, dtype=bool)
    for one in some:
        kept &= one.keeps(float(one.at_level[level]))
    return float(kept.mean())


def level_needed(some: Sequence[Capacity], confidence: float) -> int | None:
    """The lowest of `LEVELS` at which these keep the limits together with this probability; None: at none."""
    low, high = 0, len(LEVELS) - 1
    if together(some, high) < confidence:
        return None
    while low < high:
        middle = (low + high) // 2
        if together(some, middle) >= confidence:
            high = middle
        else:
            low = middle + 1
    return high
