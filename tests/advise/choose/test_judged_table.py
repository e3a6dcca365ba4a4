"""The table that a decision is read off: rows taken, joined and replaced say what they said before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advise.choose.judged_table import JudgedLimit, JudgedTable, least_margins
from advisor.cost.predict.prediction import Prediction
from advisor.spec.workloads.workload import Arrival, LatencyLimit, Quality
from tests.advise.builders import around, deployment, judged, prediction, workload

UNDER = workload(
    arrival=Arrival(kind="rate", value=2.0),
    limits=(
        LatencyLimit(metric="ttft", statistic="p95", max_ms=300.0),
        LatencyLimit(metric="tpot", statistic="p95", max_ms=50.0),
    ),
    quality=Quality(min_recovery=0.97),
)


def served(fmt: str, ttft_ms: float, **more: Any) -> Prediction:
    made = {
        "latency_ms": {("ttft", "p95"): around(ttft_ms), ("tpot", "p95"): around(30.0)},
        "capacity": 6.0,
        "recovery": around(0.99, 0.005),
    }
    return prediction(deployment(fmt=fmt), under=UNDER, **{**made, **more})


def table(*ttft_ms: float) -> JudgedTable:
    formats = ("bf16", "int8", "int4", "fp8")
    return judged([served(f, ms) for f, ms in zip(formats, ttft_ms, strict=False)], UNDER)


def row(made: JudgedTable, load: int, at: int) -> tuple[object, ...]:
    """All that is known of one deployment under one load."""
    kept = tuple(bool(limit.kept[load, at]) for limit in made.limits)
    name = made.deployments[at].format.name
    return (name, kept, float(made.keeps_all[load, at]), float(made.objective.value[load, at]))


def test_what_misses_a_limit_keeps_all_less_often_than_what_keeps_it() -> None:
    made = table(100.0, 400.0)
    assert made.keeps_all[0, 0] > 0.95
    assert made.keeps_all[0, 1] < 0.05
    assert made.kept[0].tolist() == made.likely[0].tolist() == [True, False]


def test_keeping_all_is_no_likelier_than_keeping_the_tightest() -> None:
    made = table(100.0, 260.0, 295.0, 320.0)
    ttft = next(limit for limit in made.limits if limit.key == "ttft_p95_ms")
    assert np.all(np.diff(ttft.margin_sd[0]) < 0)  # the slower, the less room
    assert np.all(np.diff(made.keeps_all[0]) <= 0)


def test_only_errors_of_predictions_make_a_limit_uncertain() -> None:
    made = table(100.0)
    assert {limit.cause != "" for limit in made.uncertain} == {True}
    assert {limit.key for limit in made.uncertain} >= {"ttft_p95_ms", "tpot_p95_ms", "recovery", "capacity"}
    assert made.possible.all()


def test_what_does_not_fit_is_impossible_whatever_is_predicted() -> None:
    small = served("bf16", 100.0, kv_bytes=-1.0, max_concurrency=0, status="does not fit")
    made = judged([small, served("int8", 100.0)], UNDER)
    assert made.possible[0].tolist() == [False, True]
    assert not made.kept[0, 0]


@given(st.lists(st.integers(0, 2), min_size=1, max_size=5))
def test_some_deployments_of_a_table_are_the_same_as_alone(at: list[int]) -> None:
    whole = table(100.0, 250.0, 400.0)
    part = whole.only(np.array(at))
    assert [row(part, 0, n) for n in range(len(at))] == [row(whole, 0, i) for i in at]


def test_two_loads_stand_one_after_the_other_and_can_be_taken_again() -> None:
    calm, busy = table(100.0, 250.0), table(200.0, 500.0)
    both = calm.joined(busy)
    assert len(both.loads) == 2
    for n in range(2):
        assert row(both, 0, n) == row(calm, 0, n)
        assert row(both, 1, n) == row(busy, 0, n)
    swapped = both.take(np.array([1, 0]))
    assert [row(swapped, load, 0) for load in (0, 1)] == [row(both, load, 0) for load in (1, 0)]


def test_rows_looked_at_again_take_the_place_of_the_first_look() -> None:
    first, again = table(100.0, 250.0, 400.0), table(100.0, 120.0, 400.0).only(np.array([1]))
    made = first.replace_at(np.array([1]), again)
    assert [row(made, 0, n)[2] for n in (0, 2)] == [row(first, 0, n)[2] for n in (0, 2)]
    assert row(made, 0, 1) == row(again, 0, 0)


def test_one_more_certain_limit_refuses_what_breaks_it_and_moves_nothing_else() -> None:
    made = table(100.0, 120.0)
    also = made.also(JudgedLimit.certain("budget", np.array([[True, False]]), key="budget"))
    assert also.limits[0].key == "budget"
    assert also.keeps_all[0].tolist() == [made.keeps_all[0, 0], 0.0]
    assert also.possible[0].tolist() == [True, False]


def test_a_certain_limit_is_kept_by_any_margin_or_by_none() -> None:
    limit = JudgedLimit.certain("memory", np.array([True, False]))
    assert limit.margin_sd.tolist() == [np.inf, -np.inf]
    assert (limit.key, limit.cause) == ("memory", "")
    assert np.isnan(limit.excess).all()


def test_limits_on_one_error_are_kept_by_the_least_of_their_margins() -> None:
    def limit(cause: str, margins: Sequence[float]) -> JudgedLimit:
        made = JudgedLimit.certain("latency", np.ones(len(margins), dtype=bool))
        return replace(made, cause=cause, margin_sd=np.array(margins))

    found = least_margins([limit("rate", [1.0, 3.0]), limit("rate", [2.0, -1.0]), limit("ttft", [5.0, 5.0])])
    assert {cause: margins.tolist() for cause, margins in found.items()} == {
        "rate": [1.0, -1.0],
        "ttft": [5.0, 5.0],
    }


def test_a_cause_without_a_limit_has_all_the_room_there_is() -> None:
    assert np.isinf(table(100.0).margin_sd("nothing")).all()


def test_a_table_says_with_how_many_replicas_each_is_served() -> None:
    made = table(100.0, 120.0)
    more = replace(made, replicas=np.array([[1, 3]]))
    assert [d.replicas for d in more.served()] == [1, 3]
    assert more.deployment(0, 1).num_gpus == 3
    assert more.served_as_fixed().deployments[1].replicas == 3


@pytest.mark.parametrize("end", ["recovery_low", "recovery_high"])
def test_without_evidence_of_accuracy_nothing_is_promised(end: str) -> None:
    made = judged([served("bf16", 100.0, recovery=None), served("int8", 100.0)], UNDER)
    [values] = getattr(made, end)
    assert values[0] == -np.inf
    assert 0.98 <= values[1] <= 1.0
