"""Perturbations: each assumption of a question scaled up and down, and the question that results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import log
from typing import Any

import numpy as np

from advisor.advise.choose.choice import Choice
from advisor.advise.choose.limits import TimedLimit, timed_limits
from advisor.advise.sensitivity.varied_load_property import Over, level_of, load_at
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Goodput, LatencyLimit, Lengths, Load

FACTORS = (1.1, 1.3, 1.7, 2.5, 4.0, 8.0)
"""Times by which an assumption is made larger and smaller; what changes the choice beyond is left out."""
COARSE = (1.2, 2.0, 4.0, 8.0)
"""Factors where each value needs its own evaluation."""
FOLLOWED = tuple(1.15**step for step in range(1, 26))
"""Times up to which the interval of a change is followed; its ends are met to within such a step."""
FAR = (16.0, 32.0)
"""Beyond `COARSE`, the same."""
PARTS = 6
"""A step is narrowed down by splitting it into so many parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The question with one assumption changed."""

    choice: Choice
    load: Load
    limits: tuple[TimedLimit, ...]
    """Limits on latencies; see `timed_limits`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One assumption, and the worlds in which it is another."""

    assumption: str
    """`request rate`, `ttft_p95_ms`, `goodput min_share` …"""
    unit: str
    now: float
    world: Callable[[float], World]
    """Raises ValueError for a value that cannot be."""
    whole: bool = False
    share: bool = False
    """Whether it is a share, whose distance is that of what it leaves: 0.99 is twice as strict as 0.98."""
    is_limit: bool = False
    """Whether it is a limit on a latency, named as `Flip.limit` names it."""
    alone: bool = False
    """Whether its values ask for percentiles of their own, so that they are looked at by themselves."""
    adapted: Callable[[Deployment, float], Deployment] | None = None
    """A deployment as it is at a value, where that changes it; each value then takes a look of its own."""

    def place(self, value: float) -> float:
        """Where a value stands on the scale on which distances are factors."""
        return 1.0 / (1.0 - value) if self.share else value

    def value(self, place: float) -> float:
        """The value at a place of that scale."""
        return 1.0 - 1.0 / place if self.share else place

    def values(self, near: float, far: float | None, *, rising: bool) -> list[float]:
        """Values to look at: from `near` on, or between two; those that are possible, in order."""
        if far is None:
            return self._from(near, FACTORS if self.adapted is None else COARSE, rising=rising)
        ends = log(self.place(near)), log(self.place(far))
        return self._possible(np.exp(np.linspace(*ends, PARTS + 1))[1:-1].tolist(), near, far)

    def around(self) -> list[float]:
        """Values on either side of today's, as far as an interval is followed; ascending."""
        factors = FOLLOWED if self.adapted is None else (*COARSE, *FAR)
        either = [v for rising in (True, False) for v in self._from(self.now, factors, rising=rising)]
        return sorted({self.now, *either})

    def _from(self, near: float, factors: Sequence[float], *, rising: bool) -> list[float]:
        start = self.place(near)
        places = [start * f if rising else start / f for f in factors]
        if self.share and not rising:
            places = [p for p in places if p > 1.0] + [1.0]
        return self._possible(places, near)

    def _possible(self, places: Sequence[float], *but: float) -> list[float]:
        found = [self.value(place) for place in places]
        if self.whole:
            found = [float(round(value)) for value in found]
        return [v for v in dict.fromkeys(found) if v not in but and self.possible(v)]

    def possible(self, value: float) -> bool:
        if value < 0 or (value == 0 and not self.share):
            return False
        try:
            world = self.world(value)
        except ValueError:
            return False
        return world.load.longest_context <= world.choice.space.model.max_context


def trials(choice: Choice) -> list[Trial]:
    """Everything that the question states as a number, but for prices, the budget and what accuracy is asked
    of: those need no trial."""
    return [*_of_load(choice), *_of_limits(choice), *_of_goodput(choice), *_of_engine(choice)]


def _of_load(choice: Choice) -> Iterator[Trial]:
    load, limits = choice.workload.load, timed_limits(choice.workload)
    arrival = load.arrival

    def trial(
        assumption: str, unit: str, now: float, changed: Callable[[float], Load], *, whole: bool = False
    ) -> Trial:
        def world(value: float) -> World:
            return World(choice=choice, load=changed(value), limits=limits)

        return Trial(assumption=assumption, unit=unit, now=now, world=world, whole=whole)

    overs: tuple[tuple[Over, str, str], ...] = (
        ("rate", "request rate", "requests/s"),
        ("concurrency", "concurrency", "requests in flight"),
        ("input-tokens", "prompt length", "tokens"),
        ("output-tokens", "answer length", "tokens"),
    )
    for over, name, unit in overs:
        now = level_of(load, over)
        if now is None or (over == "concurrency" and arrival.kind != "concurrency"):
            continue
        yield trial(name, unit, now, partial(load_at, load, over), whole=over != "rate")

    def spread(side: str, value: float) -> Load:
        said: dict[str, Any] = {side: replace(getattr(load, side), std=value)}
        return replace(load, **said)

    for side, name in (("input_tokens", "prompt"), ("output_tokens", "answer")):
        lengths: Lengths = getattr(load, side)
        if lengths.kind == "lognormal":
            yield trial(
                f"spread of {name} lengths",
                "tokens of standard deviation",
                lengths.std,
                partial(spread, side),
            )
    if arrival.kind == "rate":
        yield trial(
            "burstiness",
            "(Gamma shape of the gaps; 1 = Poisson)",
            arrival.burstiness,
            lambda v: replace(load, arrival=replace(arrival, burstiness=v)),
        )
    if load.conversation.repeats:
        return
    hits = trial(
        "prefix_hit_rate", "of the prompt's tokens", load.prefix_hit_rate,
        lambda v: replace(load, prefix_hit_rate=v),
    )  # fmt: skip
    yield replace(hits, share=True)


def _of_limits(choice: Choice) -> Iterator[Trial]:
    load, limits = choice.workload.load, timed_limits(choice.workload)
    for number, limit in enumerate(choice.workload.limits):

        def world(value: float, number: int = number, limit: LatencyLimit = limit) -> World:
            changed = [*limits]
            changed[number] = TimedLimit(limit=replace(limit, max_ms=value))
            return World(choice=choice, load=load, limits=tuple(changed))

        yield Trial(assumption=limit.key, unit="ms", now=limit.max_ms, world=world, is_limit=True)


def _of_goodput(choice: Choice) -> Iterator[Trial]:
    workload, goodput = choice.workload, choice.workload.goodput
    if goodput is None:
        return

    def asked(changed: Goodput) -> World:
        other = replace(workload, goodput=changed)
        return World(choice=choice, load=workload.load, limits=timed_limits(other))

    def threshold(name: str, value: float) -> World:
        said: dict[str, Any] = {name: value}
        return asked(replace(goodput, **said))

    for name in ("ttft_ms", "tpot_ms", "e2e_ms"):
        now = getattr(goodput, name)
        if now is not None:
            yield Trial(
                assumption=f"goodput {name}",
                unit="ms",
                now=now,
                world=partial(threshold, name),
            )
    yield Trial(
        assumption="goodput min_share",
        unit="of the requests",
        now=goodput.min_share,
        world=lambda v: asked(replace(goodput, min_share=v)),
        share=True,
        alone=True,
    )


def _of_engine(choice: Choice) -> Iterator[Trial]:
    """Settings that the question states; those that it leaves to vLLM are no assumption of it."""
    settings = (
        ("gpu_memory_utilization", "of the memory", False),
        ("max_num_seqs", "sequences", True),
        ("max_num_batched_tokens", "tokens", True),
    )
    engine = choice.space.engine
    for name, unit, whole in settings:
        now = getattr(engine, name)
        if now is None:
            continue

        def adapted(
            deployment: Deployment, value: float, name: str = name, whole: bool = whole
        ) -> Deployment:
            said: dict[str, Any] = {name: int(value) if whole else value}
            return replace(deployment, engine=replace(deployment.engine, **said))

        def world(value: float, name: str = name, whole: bool = whole) -> World:
            if not whole and value > 1:
                raise ValueError(f"{name} {value} is above 1")
            said: dict[str, Any] = {name: int(value) if whole else value}
            space = replace(choice.space, engine=replace(engine, **said))
            return World(
                choice=replace(choice, space=space),
                load=choice.workload.load,
                limits=timed_limits(choice.workload),
            )

        yield Trial(assumption=name, unit=unit, now=now, world=world, whole=whole, adapted=adapted)
