"""The integer program: brute force finds the same fleets, and bounds are kept."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.advise.mixed.integer_program import Bounds, Kind, cheapest_mix, usd_per_hour
from advisor.errors import MissingToolError

LEVELS = 4
LOTS: tuple[tuple[tuple[int, float], ...], ...] = (
    (),
    (),
    ((4, 3.5),),
    ((1, 1.7), (4, 4.2)),
    ((2, 2.9), (3, 3.3)),
)
"""What is bought at once: single replicas, whole machines, machines of two sizes."""
MOST = 5
"""Replicas of a kind that brute force tries."""


def kind(gpu: str, usd: float, *takes: float, gpus: int = 1, lots: Sequence[tuple[int, float]] = ()) -> Kind:
    """A kind that takes so much at each level, one figure standing for all; usd is of one replica alone."""
    levels = takes if len(takes) == LEVELS else takes * LEVELS
    return Kind(gpu=gpu, gpus=gpus, lots=tuple(lots) or ((1, usd),), capacity=np.array(levels))


def at_capacity(there: frozenset[int]) -> int | None:
    return 0


@st.composite
def kinds(draw: st.DrawFn) -> list[Kind]:
    made = []
    for gpu in draw(st.lists(st.sampled_from("ABC"), min_size=2, max_size=4)):
        falls = [1.0, *(draw(st.floats(0.7, 1.0)) for _ in range(LEVELS - 1))]
        top = draw(st.floats(0.8, 6.0))
        made.append(
            kind(
                gpu,
                draw(st.integers(10, 400)) / 100,
                *(top * np.cumprod(falls)).tolist(),
                gpus=draw(st.sampled_from([1, 2])),
                lots=draw(st.sampled_from(LOTS)),
            )
        )
    return made


@st.composite
def bounds(draw: st.DrawFn) -> Bounds:
    stock = draw(st.dictionaries(st.sampled_from("ABC"), st.integers(1, 6), max_size=2))
    return Bounds(
        demand=draw(st.floats(1.0, 7.0)),
        stock=tuple(stock.items()),
        max_gpus=draw(st.none() | st.integers(2, 10)),
        max_usd_per_hour=draw(st.none() | st.floats(2.0, 30.0)),
        most_kinds=draw(st.sampled_from([2, 3])),
    )


@st.composite
def requirements(draw: st.DrawFn) -> Callable[[frozenset[int]], int | None]:
    """Levels by kinds; kinds with others never need less than those kinds alone."""
    own = draw(st.lists(st.integers(0, LEVELS), min_size=4, max_size=4))
    more = draw(st.integers(0, 2))

    def required(there: frozenset[int]) -> int | None:
        level = max(own[i] for i in there) + more * (len(there) - 2)
        return level if level < LEVELS else None

    return required


def fits(of: Sequence[Kind], counts: Sequence[int], bound: Bounds) -> bool:
    """Whether a fleet is of several kinds of GPU, one deployment each, and within the bounds."""
    there = [i for i, count in enumerate(counts) if count]
    names = [of[i].gpu for i in there]
    gpus = {i: of[i].gpus * counts[i] for i in there}
    stock = dict(bound.stock)
    return (
        2 <= len(there) <= bound.most_kinds
        and len(set(names)) == len(names)
        and all(gpus[i] <= stock.get(of[i].gpu, 10**9) for i in there)
        and (bound.max_gpus is None or sum(gpus.values()) <= bound.max_gpus)
        and (bound.exact_gpus is None or sum(gpus.values()) == bound.exact_gpus)
        and (bound.max_usd_per_hour is None or usd_per_hour(of, counts) <= bound.max_usd_per_hour)
    )


def carries(
    of: Sequence[Kind],
    counts: Sequence[int],
    bound: Bounds,
    required: Callable[[frozenset[int]], int | None],
) -> bool:
    level = required(frozenset(i for i, count in enumerate(counts) if count))
    if level is None:
        return False
    return sum(k.capacity[level] * n for k, n in zip(of, counts, strict=True)) >= bound.demand


def by_brute_force(
    of: Sequence[Kind], bound: Bounds, required: Callable[[frozenset[int]], int | None]
) -> float | None:
    """The least cost there is."""
    tops = [min(MOST, ceil(bound.demand / k.capacity.min())) for k in of]
    every = itertools.product(*(range(top + 1) for top in tops))
    able = [c for c in every if fits(of, c, bound) and carries(of, c, bound, required)]
    return min((usd_per_hour(of, counts) for counts in able), default=None)


@settings(max_examples=150)
@given(kinds(), bounds(), requirements())
def test_brute_force_finds_no_cheaper_fleet(
    of: list[Kind], bound: Bounds, required: Callable[[frozenset[int]], int | None]
) -> None:
    counts = cheapest_mix(of, bound, required)
    least = by_brute_force(of, bound, required)
    if counts is None:
        assert least is None
        return
    assert fits(of, counts, bound)
    assert carries(of, counts, replace(bound, demand=bound.demand * (1 - 2e-5)), required)
    if least is not None:
        assert usd_per_hour(of, counts) <= least + 1e-5
    if max(counts) <= MOST:
        assert usd_per_hour(of, counts) == pytest.approx(least, abs=1e-5)


@settings(max_examples=60)
@given(kinds(), bounds(), requirements(), st.floats(1.0, 3.0))
def test_more_load_never_costs_less(
    of: list[Kind], bound: Bounds, required: Callable[[frozenset[int]], int | None], factor: float
) -> None:
    less = cheapest_mix(of, bound, required)
    more = cheapest_mix(of, replace(bound, demand=bound.demand * factor), required)
    if more is not None:
        assert less is not None
        assert usd_per_hour(of, less) <= usd_per_hour(of, more) + 1e-5


@settings(max_examples=60)
@given(kinds(), bounds(), requirements())
def test_fewer_bounds_never_cost_more(
    of: list[Kind], bound: Bounds, required: Callable[[frozenset[int]], int | None]
) -> None:
    bounded = cheapest_mix(of, bound, required)
    free = cheapest_mix(of, Bounds(demand=bound.demand), required)
    if bounded is not None:
        assert free is not None
        assert usd_per_hour(of, free) <= usd_per_hour(of, bounded) + 1e-5


def test_a_small_card_takes_what_is_left_over() -> None:
    # 23 requests/s: three large cards cost 12, two and a small one 9.5
    of = [kind("large", 4.0, 10.0), kind("small", 1.5, 3.0)]
    assert cheapest_mix(of, Bounds(demand=23.0), at_capacity) == (2, 1)


def test_one_kind_is_no_mix() -> None:
    of = [kind("A", 4.0, 10.0), kind("A", 1.0, 3.0)]
    assert cheapest_mix(of, Bounds(demand=23.0), at_capacity) is None


def test_what_is_owned_is_not_exceeded() -> None:
    of = [kind("A100", 1.0, 4.0), kind("L40S", 1.0, 2.0)]
    owned = (("A100", 4), ("L40S", 8))
    assert cheapest_mix(of, Bounds(demand=30.0, stock=owned), at_capacity) == (4, 7)
    assert cheapest_mix(of, Bounds(demand=33.0, stock=owned), at_capacity) is None


def test_machines_are_bought_whole() -> None:
    # eight large cards are sold together: as many as are paid for anyway carry the load beside one small card
    of = [kind("large", 0.0, 10.0, lots=[(8, 16.0)]), kind("small", 3.0, 3.0)]
    assert cheapest_mix(of, Bounds(demand=19.0), at_capacity) == (8, 1)


def test_of_machines_of_several_sizes_the_cheapest_are_bought() -> None:
    # one large card alone costs 3, eight cost 16: beside a small one, one is enough
    of = [kind("large", 0.0, 10.0, lots=[(1, 3.0), (8, 16.0)]), kind("small", 1.0, 3.0)]
    counts = cheapest_mix(of, Bounds(demand=12.0), at_capacity)
    assert counts == (1, 1)
    assert usd_per_hour(of, counts) == 4.0
    assert usd_per_hour(of, (7, 0)) == 16.0


def test_of_equally_cheap_fleets_the_roomiest_is_taken() -> None:
    of = [kind("A", 2.0, 5.0), kind("B", 1.0, 3.0), kind("C", 1.0, 4.0)]
    assert cheapest_mix(of, Bounds(demand=7.0), at_capacity) == (0, 1, 1)
    assert cheapest_mix(of, Bounds(demand=8.5), at_capacity) == (0, 1, 2)


def test_kinds_that_never_keep_the_limits_together_are_not_mixed() -> None:
    of = [kind("A", 1.0, 4.0), kind("B", 1.0, 4.0), kind("C", 3.0, 4.0)]

    def required(there: frozenset[int]) -> int | None:
        return None if {0, 1} <= there else 0

    counts = cheapest_mix(of, Bounds(demand=7.0), required)
    assert counts is not None
    assert usd_per_hour(of, counts) == 4.0


def test_an_exact_number_of_gpus_is_met() -> None:
    of = [kind("A", 1.0, 4.0, gpus=2), kind("B", 1.0, 4.0)]
    counts = cheapest_mix(of, Bounds(demand=4.0, exact_gpus=7), at_capacity)
    assert counts is not None
    assert 2 * counts[0] + counts[1] == 7


def test_without_scipy_the_remedy_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    real = importlib.import_module

    def without(name: str, package: str | None = None) -> object:
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr("advisor.advise.mixed.integer_program.import_module", without)
    with pytest.raises(MissingToolError, match=r"pip install 'quantadvise\[mixed\]'"):
        cheapest_mix([kind("A", 1.0, 4.0), kind("B", 1.0, 4.0)], Bounds(demand=7.0), at_capacity)
