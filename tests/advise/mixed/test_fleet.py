"""Fleets of real predictions: capacity is kept, errors in common count once, the cheapest is never dearer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advise.api import choice_of
from advisor.advise.choose.choice import Choice
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.recommendation import choose
from advisor.advise.mixed.fleet import Fleet, Mix, shared_out
from advisor.advise.mixed.replica_capacity import LEVELS, capacities, level_needed, together
from advisor.cost.predict.predictor import Predictor
from advisor.cost.uncertainty.error_class import DISTANCES
from advisor.cost.uncertainty.shared_errors import TOKEN_RATE, TTFT, SharedErrors, Shares, shared_class
from advisor.errors import InputError
from advisor.spec.workloads.workload import Arrival, Quality, Workload
from tests.advise.mixed.build import GPUS, MODEL, asked, in_flight, mixed, owned, recommended
from tests.conftest import frozen_predictor, frozen_quality

SAME = SharedErrors(
    table={
        shared_class(e, "loaded", d): Shares(model=1.0, own=0.0)
        for e in (TOKEN_RATE, TTFT)
        for d in DISTANCES
    },
    first_token=1.0,
)


@lru_cache(maxsize=1)
def over_loads() -> tuple[Mix, ...]:
    return tuple(mixed(asked(rate)) for rate in (6, 9, 14, 20, 30, 45, 60, 80))


def fleets(of: Sequence[Mix]) -> list[tuple[Mix, Fleet]]:
    return [(one, one.fleet) for one in of if one.fleet is not None]


def check_capacity(workload: Workload, fleet: Fleet) -> None:
    """Every kind keeps the limits itself, below its own capacity, and together they carry the load."""
    assert sum(part.load for part in fleet.parts) == pytest.approx(workload.load.arrival.value)
    assert sum(part.share for part in fleet.parts) == pytest.approx(1.0)
    for part in fleet.parts:
        assert part.assessment.kept
        assert part.load <= part.capacity * (1 + 1e-9)
        assert part.assessment.keeps_all_limits >= fleet.keeps_all_limits
    assert workload.confidence <= fleet.keeps_all_limits <= 1.0


def test_every_kind_stays_below_its_capacity() -> None:
    found = fleets(over_loads())
    assert found
    for one, fleet in found:
        check_capacity(one.workload, fleet)
        assert len({part.deployment.gpu.name for part in fleet.parts}) == len(fleet.parts) >= 2


def test_the_answer_is_never_dearer_than_the_best_single_kind() -> None:
    for one in over_loads():
        assert one.single is not None
        assert one.single.cost is not None
        assert one.usd_per_hour is not None
        assert one.usd_per_hour <= one.single.cost.usd_per_hour


def test_a_mix_is_recommended_somewhere_and_not_everywhere() -> None:
    assert {one.recommended for one in over_loads()} == {True, False}


def test_more_load_costs_no_less() -> None:
    usd = [fleet.usd_per_hour for _, fleet in fleets(over_loads())]
    assert usd == sorted(usd)


def test_the_capacity_of_a_kind_is_the_judges() -> None:
    """At its capacity a deployment keeps the limits with the confidence asked for; just above it, no more."""
    workload = asked(40)
    choice = choice_of(MODEL, workload, gpus=["L40S", "A100"])
    table = recommended(workload, ["L40S", "A100"]).table
    assert table is not None
    for one in capacities(choice, table.deployments, frozen_predictor(), frozen_quality()):
        if one.at_level[0] < 40:
            at, above = (keeps(choice, one.deployment, one.at_level[0] * by) for by in (0.99, 1.03))
            assert at >= 0.8 > above, one.deployment


def keeps(choice: Choice, deployment: Any, rate: float) -> float:
    load = replace(choice.workload.load, arrival=Arrival(kind="rate", value=float(rate)))
    return float(
        judge_fixed(choice, [load], [deployment], frozen_predictor(), frozen_quality()).keeps_all[0, 0]
    )


def test_capacity_falls_with_each_level() -> None:
    workload = asked(40)
    choice = choice_of(MODEL, workload, gpus=GPUS)
    table = recommended(workload).table
    assert table is not None
    found = capacities(choice, table.deployments, frozen_predictor(), frozen_quality())
    assert len({one.deployment.gpu.name for one in found}) == len(GPUS)
    for one in found:
        assert (np.diff(one.at_level) <= 1e-9).all()


def test_errors_in_common_count_once() -> None:
    """Where all errors are those of the model, two kinds keep the limits together as often as the less
    certain one alone; where none is shared, as often as chance has it."""
    for shared, least, most in ((SAME, 0.0, 0.01), (SharedErrors(), -0.02, 0.02)):
        predictor = Predictor(replace(frozen_predictor().fit, shared=shared))
        workload = replace(asked(40), quality=Quality())
        choice = choice_of(MODEL, workload, gpus=["L40S", "A100"])
        table = choose(choice, predictor).table
        assert table is not None
        found = capacities(choice, table.deployments, predictor)
        one, other = (next(c for c in found if c.deployment.gpu.family == gpu) for gpu in ("A100", "L40S"))
        alone = [together([c], 0) for c in (one, other)]
        expected = min(alone) if shared is SAME else alone[0] * alone[1]
        assert least <= expected - together([one, other], 0) <= most


def test_more_kinds_need_no_lower_level() -> None:
    workload = asked(40)
    table = recommended(workload).table
    assert table is not None
    choice = choice_of(MODEL, workload, gpus=GPUS)
    found = capacities(choice, table.deployments, frozen_predictor(), frozen_quality())[:4]
    two, three = (level_needed(found[:count], 0.8) for count in (2, 3))
    assert two is not None
    assert three is None or two <= three < len(LEVELS)


def test_what_is_owned_is_enough_together_and_alone_is_not() -> None:
    """Four A6000 or two L40S alone do not carry 28 requests a second; together they do."""
    stock = {"A6000": 4, "L40S": 2}
    _, found = owned()
    assert found.single is None
    assert found.fleet is not None
    assert found.recommended
    check_capacity(found.workload, found.fleet)
    for part in found.fleet.parts:
        assert part.deployment.num_gpus <= stock[part.deployment.gpu.name]


def test_too_little_is_owned() -> None:
    found = mixed(asked(60), ["A6000", "L40S"], stock={"A6000": 2, "L40S": 2})
    assert found.fleet is None
    assert found.single is None
    assert found.usd_per_hour is None


def test_a_budget_bounds_the_fleet() -> None:
    free = mixed(asked(60))
    assert free.fleet is not None
    bounded = mixed(asked(60), max_usd_per_hour=free.fleet.usd_per_hour - 0.01)
    assert bounded.fleet is None


def test_max_gpus_counts_all_kinds() -> None:
    found = mixed(asked(60), max_gpus=3)
    assert found.fleet is None or sum(part.deployment.num_gpus for part in found.fleet.parts) <= 3


def test_a_surer_fleet_costs_no_less() -> None:
    usual, surer = mixed(asked(45)), mixed(asked(45, confidence=0.95))
    assert usual.fleet is not None
    assert surer.fleet is not None
    assert surer.fleet.usd_per_hour >= usual.fleet.usd_per_hour
    check_capacity(surer.workload, surer.fleet)


def test_requests_in_flight_are_shared_out_in_whole_numbers() -> None:
    _, found = in_flight()
    assert found.fleet is not None
    check_capacity(found.workload, found.fleet)
    assert found.fleet.weights == 300
    assert all(float(part.load).is_integer() for part in found.fleet.parts)


def test_the_same_question_gets_the_same_fleet() -> None:
    one, other = mixed(asked(45)), mixed(asked(45))
    assert one.fleet is not None
    assert other.fleet is not None
    assert [p.deployment.key for p in one.fleet.parts] == [p.deployment.key for p in other.fleet.parts]
    assert one.fleet.keeps_all_limits == other.fleet.keeps_all_limits


@pytest.mark.parametrize(
    ("workload", "gpus", "remedy"),
    [
        (asked(kind="single"), GPUS, "give --rate or --concurrency"),
        (replace(asked(), objective="latency"), GPUS, "add --objective cost"),
        (replace(asked(), gpu_count="same"), GPUS, "add --gpu-count free"),
        (asked(), ("L40S",), "name two or more in --gpu"),
    ],
)
def test_what_cannot_be_mixed_says_what_to_do(workload: Workload, gpus: Sequence[str], remedy: str) -> None:
    with pytest.raises(InputError, match=remedy):
        mixed(workload, gpus)


@given(
    takes=st.lists(st.lists(st.floats(0.5, 20), min_size=3, max_size=3), min_size=2, max_size=4),
    part=st.floats(0.3, 1.0),
    weights=st.integers(10, 2000),
)
def test_shares_add_up_and_respect_what_each_kind_takes(
    takes: list[list[float]], part: float, weights: int
) -> None:
    falling = np.sort(np.array(takes), axis=1)[:, ::-1]
    demand = float(falling[:, 0].sum()) * part
    shares = shared_out(falling, demand, weights)
    assert sum(shares) == weights
    assert min(shares) >= 1
    unit = demand / weights
    for share, most in zip(shares, falling[:, 0].tolist(), strict=True):
        assert share * unit <= max(most, unit) + unit
