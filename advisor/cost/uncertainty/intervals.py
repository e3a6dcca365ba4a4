"""How far predictions were off on data they had not seen, by quantity, load and distance.

The 90 % interval of a prediction is the range in which nine of ten held-out measurements of its kind
fell: split-conformal in log space. Distance tells what was new to the fit when the error was taken.

Rows of one model (GPU, source) err together, so that they are not exchangeable with a row of another: a few
large groups would speak for all. A group's weight is therefore the root of its rows; and the quantiles are
stretched until nine of ten rows lie within when each group is judged by the others.

A user's own machine is a source that the fit has not seen. The intervals of an unseen model and GPU hold for
such a source as they are (ACCURACY.md counts it). Those of a deployment that was seen do not: leaving out
rows leaves the same machine's other rows in. They are made of the errors on deployments that *another* source
has measured as well. All rows of a source left out are reported beside, and not taken: with InferenceX or the
model cards out, most of what is known of an engine is out, which is no user's case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from advisor.cost.arrays import Floats

Distance = Literal["seen", "model", "gpu"]
"""seen: this model, GPU and format together are in the fit. model: the model is not, the GPU is.
gpu: nothing was measured on the GPU with this generation of the engine."""
DISTANCES: tuple[Distance, ...] = ("seen", "model", "gpu")
QUANTITIES = ("ttft", "tpot", "e2e", "throughput")
LOADS = ("single", "loaded", "maximum", "batch")
"""batch: static batches, which nobody asks about but the fit learns from."""

CROWD = "crowded"
"""What the name of a row's quantity ends in where its load is; see `serving_stats.near_capacity`."""
ALL = "all"
"""In place of an engine class: rows of every generation."""
COVERAGE = 0.90
_FEWEST = 25
"""Held-out rows below which a class borrows from the next wider one."""
_FEWEST_GROUPS, _FEWEST_OF_GROUP = 3, 5
"""Groups, of so many rows each, below which nothing can be said of how one differs from the others."""
_STRETCH = (0.8, 1.6)
"""Bounds of what judging each group by the others may make of the quantiles: it rests on few groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Quantiles of log(measured ÷ predicted)."""

    low: float
    high: float
    rows: int


@dataclass(frozen=True, slots=True)
class Errors:
    """log(measured ÷ predicted) per row, NaN where it was not held out, and what was held out with it."""

    values: Floats
    groups: Sequence[str] | None = None
    """None: single rows, which are exchangeable."""


def engine_class(generation: str, *, moe: bool) -> str:
    """`v1-dense`, `v1-moe`: whose errors a deployment's intervals are made of.

    A step of experts depends on which of them its tokens choose, which no data sheet says: its errors are
    half as large again, and in one class with dense models' the one's intervals hold too little and the
    other's too much.
    """
    return f"{generation}-{'moe' if moe else 'dense'}"


def members(generations: Sequence[str], moe: Sequence[bool]) -> dict[str, np.ndarray]:
    """Each engine class and what contains it → its rows (a mask)."""
    generation, experts = np.array(generations), np.array(moe, dtype=np.bool_)
    found = {ALL: np.ones(len(generation), dtype=np.bool_)}
    for one in sorted(set(generations)):
        found[one] = generation == one
        for has in (False, True):
            found[engine_class(one, moe=has)] = (generation == one) & (experts == has)
    return found


def nearest(
    find: Callable[[str, str, str], Interval | None], quantity: str, load: str, engine: str
) -> Interval | None:
    """The interval of the narrowest class that `find` (quantity, load, engine class) has and that contains
    the one asked: dense or MoE models on a generation of the engine, all on it, all on any.

    Lone streams were timed on V0 for the most part. Where a generation has too few of its own, its errors
    under load tell what else may be wrong with it: the wider end counts.
    """
    generation = engine.partition("-")[0]
    # First tokens wait for queues and prompts, in which dense and MoE models err alike.
    for one in (generation,) if quantity.startswith("ttft") else (engine, generation):
        found = find(quantity, load, one)
        if found is not None:
            return found
    found = find(quantity, load, ALL)
    loaded = find(quantity, "loaded", generation) if load == "single" else None
    return found if loaded is None else _wider(found, loaded)


def key(quantity: str, load: str, engine: str, distance: str) -> str:
    return f"{quantity} {load} {engine} {distance}"


def tail(metric: str) -> str:
    """The quantity that stands for percentiles beyond the median."""
    return f"{metric}-tail"


def tail_classes(metric: str, load: str, *, crowded: bool) -> tuple[str, ...]:
    """The classes that a percentile's interval is made of, beside its mean's."""
    if load == "single":
        return ()
    return (tail(metric), *((tail(f"{metric}-{CROWD}"),) if crowded and metric == "ttft" else ()))


def interval_class(name: str) -> str:
    """The quantity whose interval a row's or an answer's has: `ttft p99` → `ttft-tail`, `itl p50` → `itl`.

    Percentiles of TTFT in a crowd (`ttft p99 crowded`) are a class of their own.
    """
    metric, _, statistic = name.partition(" ")
    percentile, _, crowd = statistic.partition(" ")
    if percentile in ("", "mean", "p50"):
        return metric
    return tail(f"{metric} {crowd}".replace(" ", "-") if crowd and metric == "ttft" else metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Interval by class; every class asked for has one, if need be a wider class's."""

    table: Mapping[str, Interval]

    def of(self, quantity: str, load: str, engine: str, distance: Distance) -> Interval:
        """The narrowest class with evidence that contains the one asked; the widest we have otherwise.

        engine: see `engine_class`.
        """
        found = self.known(quantity, load, engine, distance)
        if found is not None:
            return found
        loads = [self.table[k] for k in self.table if k.startswith(f"{quantity} ")]
        everything = loads or list(self.table.values()) or [Interval(low=-1.0, high=1.0, rows=0)]
        return max(everything, key=lambda i: i.high - i.low)

    def known(self, quantity: str, load: str, engine: str, distance: Distance) -> Interval | None:
        """The narrowest class with evidence that contains the one asked."""
        for d in DISTANCES[DISTANCES.index(distance) :]:

            def here(name: str, of: str, which: str, far: str = d) -> Interval | None:
                return self.table.get(key(name, of, which, far))

            found = nearest(here, quantity, load, engine)
            if found is not None:
                return found
        return None

    def of_tail(
        self, metric: str, load: str, engine: str, distance: Distance, *, crowded: bool = False
    ) -> Interval:
        """Of a percentile beyond the median: never narrower than its mean's, nor in a crowd than elsewhere.

        A lone stream's has the mean's: what sources print there is the slowest of a few dozen requests,
        mostly the first, when nothing was warm.
        """
        mean = self.of("tpot" if metric == "itl" else metric, load, engine, distance)
        found = mean
        for name in tail_classes(metric, load, crowded=crowded):
            own = self.known(name, load, engine, distance)
            if own is not None:
                found = _wider(own, found)
        return found


def conformal(errors: Floats, groups: np.ndarray | None = None) -> Interval:
    """The central 90 % of `errors` = log(measured ÷ predicted), widened for their finite number.

    groups: of each error, where errors of one group go together.
    """
    low, high = _quantiles(errors) if groups is None else _stretched(errors, groups)
    # Rounded, so that the last bits of another machine's linear algebra do not show in the file.
    return Interval(low=round(min(low, 0.0), 5), high=round(max(high, 0.0), 5), rows=len(errors))


def _quantiles(errors: Floats) -> tuple[float, float]:
    ordered = np.sort(errors)
    n = len(ordered)
    share = (1.0 - COVERAGE) / 2.0
    # The k-th of n+1 places: with exchangeable errors each tail then holds at most its share.
    low = ordered[max(0, int(np.floor((n + 1) * share)) - 1)]
    high = ordered[min(n - 1, int(np.ceil((n + 1) * (1.0 - share))) - 1)]
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class _Ordered:
    """Errors in ascending order with the group and the weight of each."""

    errors: Floats
    group: np.ndarray
    weight: Floats

    def quantiles(self, without: int = -1) -> tuple[float, float]:
        """Of all groups but one."""
        weight = self.weight * (self.group != without)
        reached = np.cumsum(weight)
        share = (1.0 - COVERAGE) / 2.0
        at = np.searchsorted(reached, np.array([share, 1.0 - share]) * reached[-1])
        low, high = self.errors[np.minimum(at, len(self.errors) - 1)]
        return min(float(low), -_NARROWEST), max(float(high), _NARROWEST)


_NARROWEST = 1e-3


def _stretched(errors: Floats, groups: np.ndarray) -> tuple[float, float]:
    _, of, count = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(errors, kind="stable")
    weight = 1.0 / np.sqrt(count.astype(np.float64))
    ordered = _Ordered(errors[order], of[order], weight[of][order])
    low, high = ordered.quantiles()
    if np.sum(count >= _FEWEST_OF_GROUP) < _FEWEST_GROUPS:
        return low, high
    needed = np.empty(len(errors))
    for group in range(len(count)):
        low_of_others, high_of_others = ordered.quantiles(group)
        mine = ordered.group == group
        own = ordered.errors[mine]
        needed[mine] = np.where(own < 0, own / low_of_others, own / high_of_others)
    factor = float(np.clip(np.quantile(needed, COVERAGE), *_STRETCH))
    return low * factor, high * factor


def build(
    quantity: Sequence[str],
    load: Sequence[str],
    engines: Mapping[str, np.ndarray],
    held_out: Mapping[Distance, Sequence[Errors]],
) -> Intervals:
    """Intervals from held-out errors: `held_out[distance]` has one per row, NaN where not held out; of
    several kinds of error at one distance the wider end counts. engines: see `members`.

    Under one load TPOT, E2E and the throughput that follows from them are one error seen three ways;
    so are they pooled.
    """
    table: dict[str, Interval] = {}
    for distance, kinds in held_out.items():
        for errors in kinds:
            for which, rows in engines.items():
                for name, interval in classes(quantity, load, errors, rows).items():
                    one, kind = name
                    at = key(one, kind, which, distance)
                    table[at] = _wider(table.get(at), interval)
    _widen_with_distance(table)
    return Intervals(table=table)


def classes(
    quantity: Sequence[str], load: Sequence[str], errors: Errors, rows: np.ndarray
) -> dict[tuple[str, str], Interval]:
    """(quantity, load) → the interval of the errors in the mask `rows`, where there are enough."""
    q, group = np.array([interval_class(one) for one in quantity]), np.array(load)
    labels = None if errors.groups is None else np.array(errors.groups)
    known = np.isfinite(errors.values) & rows
    found: dict[tuple[str, str], Interval] = {}
    for kind in LOADS:
        for one, (chosen, sign) in _pooled(q, known & (group == kind), kind).items():
            at = np.flatnonzero(chosen)
            if len(at) >= _FEWEST:
                found[one, kind] = conformal(
                    sign[at] * errors.values[at], None if labels is None else labels[at]
                )
    return found


def _pooled(quantity: np.ndarray, here: np.ndarray, load: str) -> dict[str, tuple[np.ndarray, Floats]]:
    """Rows that make each quantity's interval under one load, and the sign of each one's error."""
    plain = np.ones(len(quantity))
    found = {
        name: (here & (quantity == name), plain) for name in sorted(set(quantity[here])) if name not in _SLOW
    }
    if load in ("single", "maximum"):
        # Lone streams: tokens that a client times one by one scatter more than answers that it times whole.
        return found | {name: (here & (quantity == name), plain) for name in _SLOW}
    slow = here & np.isin(quantity, _SLOW)
    sign = np.where(quantity == "throughput", -1.0, 1.0)
    return found | {"tpot": (slow, sign), "e2e": (slow, sign), "throughput": (slow, -sign)}


_SLOW = ("tpot", "e2e", "throughput")


def _wider(one: Interval | None, other: Interval) -> Interval:
    if one is None:
        return other
    return Interval(
        low=min(one.low, other.low), high=max(one.high, other.high), rows=max(one.rows, other.rows)
    )


def _widen_with_distance(table: dict[str, Interval]) -> None:
    """What is further from the data is never surer."""
    for start in {name.rpartition(" ")[0] for name in table}:
        nearer: Interval | None = None
        for distance in DISTANCES:
            found = table.get(f"{start} {distance}")
            if found is None:
                continue
            if nearer is not None:
                low, high = min(found.low, nearer.low), max(found.high, nearer.high)
                found = table[f"{start} {distance}"] = Interval(low=low, high=high, rows=found.rows)
            nearer = found
