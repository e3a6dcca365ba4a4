"""Why the best changes between two loads, and what the change rests on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advise.choose.judged_table import JudgedTable
from advisor.advise.sensitivity.why_best_changes import Turn, _between, _interval, turn_at, weakest
from advisor.spec.workloads.workload import Arrival, LatencyLimit
from tests.advise.builders import around, deployment, judged, prediction, workload

UNDER = workload(
    arrival=Arrival(kind="rate", value=2.0),
    limits=(
        LatencyLimit(metric="ttft", statistic="p95", max_ms=300.0),
        LatencyLimit(metric="tpot", statistic="p95", max_ms=50.0),
    ),
)


def at_load(*figures: tuple[float, float]) -> JudgedTable:
    """(TTFT, TPOT) of int4, of int8, …"""
    made = [
        prediction(
            deployment(fmt=fmt),
            under=UNDER,
            capacity=6.0,
            latency_ms={("ttft", "p95"): around(ttft), ("tpot", "p95"): around(tpot)},
        )
        for fmt, (ttft, tpot) in zip(("int4", "int8"), figures, strict=True)
    ]
    return judged(made, UNDER)


FINE = (100.0, 30.0)


def test_where_both_keep_the_limits_on_either_side_only_their_order_changes() -> None:
    both = at_load(FINE, FINE).joined(at_load(FINE, FINE))
    assert turn_at(both, 0, 0, 1) == Turn(end=0, before=0, after=1, why="objective")


@pytest.mark.parametrize(
    ("missed", "limit"), [((900.0, 30.0), "ttft_p95_ms"), ((100.0, 90.0), "tpot_p95_ms")]
)
def test_the_one_before_stops_keeping_the_limit_that_it_misses_by_most(
    missed: tuple[float, float], limit: str
) -> None:
    both = at_load(FINE, FINE).joined(at_load(missed, FINE))
    turn = turn_at(both, 0, 0, 1)
    assert (turn.why, turn.limit, turn.whose) == ("limit", limit, 0)
    assert turn.sides == ((0, 0),)


def test_the_one_after_keeps_a_limit_only_from_there_on() -> None:
    both = at_load(FINE, (900.0, 30.0)).joined(at_load(FINE, FINE))
    turn = turn_at(both, 0, 0, 1)
    assert (turn.why, turn.limit, turn.whose) == ("limit", "ttft_p95_ms", 1)
    assert turn.sides == ((1, 1),)


def test_where_nothing_keeps_the_limits_after_it_is_the_one_before_that_stops() -> None:
    both = at_load(FINE, FINE).joined(at_load((900.0, 30.0), (900.0, 30.0)))
    assert turn_at(both, 0, 0, -1).whose == 0


def test_the_one_before_takes_another_replica() -> None:
    both = at_load(FINE, FINE).joined(at_load(FINE, FINE))
    more = replace(both, replicas=np.array([[1, 2], [2, 2]]))
    assert turn_at(more, 0, 0, 1) == Turn(end=0, before=0, after=1, why="replicas", whose=0)
    fewer = replace(both, replicas=np.array([[1, 2], [1, 1]]))
    assert turn_at(fewer, 0, 0, 1).whose == 1


def test_a_change_of_order_hangs_on_both() -> None:
    assert Turn(end=3, before=5, after=7, why="objective").sides == ((5, 3), (7, 4))


def test_the_weakest_basis_decides() -> None:
    assert weakest(["measured", "extrapolated", "fitted"]) == "extrapolated"
    assert weakest(["fitted", "roofline"]) == "roofline"
    assert weakest([]) == "measured"


LEVELS = (1.0, 2.0, 4.0, 8.0, 16.0)


def found(measure: list[float], end: int, first: float = 0.05, last: float = 0.95) -> tuple[object, object]:
    return _interval(LEVELS, np.array(measure), end, lambda i: measure[i], first, last)


def test_an_interval_reaches_from_5_to_95_per_cent() -> None:
    # the change is seen between 4 and 8; 5 % lie a tenth of the way from 1 to 2, 95 % three quarters to 16
    low, high = found([0.0, 0.5, 0.6, 0.8, 1.0], 2)
    assert low == pytest.approx(1.0 * 2.0**0.1)
    assert high == pytest.approx(8.0 * 2.0**0.75)


def test_an_end_beyond_the_range_is_not_known() -> None:
    assert found([0.2, 0.4, 0.6, 0.8, 0.9], 1) == (None, None)
    low, high = found([0.0, 0.4, 0.6, 0.8, 0.9], 1)
    assert low is not None
    assert high is None


def test_a_sudden_change_has_its_whole_interval_in_one_step() -> None:
    low, high = found([0.0, 0.0, 1.0, 1.0, 1.0], 1)
    assert low == 2.0  # no further than the last level of the one before
    assert high == 4.0


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5), st.integers(0, 3))
def test_the_interval_holds_the_step_in_which_the_change_was_seen(measure: list[float], end: int) -> None:
    low, high = found(sorted(measure), end)
    assert low is None or low <= LEVELS[end]  # type: ignore[operator]
    assert high is None or high >= LEVELS[end + 1]  # type: ignore[operator]


@given(st.floats(0.01, 0.99))
def test_between_two_levels_the_way_goes_by_factors(part: float) -> None:
    level = _between(LEVELS, np.array([0.0, 0.0, 1.0, 1.0, 1.0]), 1, part)
    assert level == pytest.approx(2.0 * 2.0**part)


def test_between_levels_of_which_one_is_unknown_the_known_one_is_taken() -> None:
    assert _between(LEVELS, np.array([0.0, -np.inf, 1.0, 1.0, 1.0]), 1, 0.5) == 2.0
    assert _between(LEVELS, np.array([0.0, 0.0, np.inf, 1.0, 1.0]), 1, 0.5) == 4.0
