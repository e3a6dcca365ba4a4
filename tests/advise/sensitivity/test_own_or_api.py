"""Own GPUs against a hosted API: break-evens are where the two costs truly cross."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any

import pytest

from advisor.advise.api import recommend, shipped_predictor, shipped_quality
from advisor.advise.sensitivity.own_or_api import OwnOrApi, own_or_api
from advisor.spec.hardware.live_catalog import LiveCatalog, Machine
from advisor.spec.hardware.live_prices import LivePrices
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload

pytestmark = pytest.mark.usefixtures("frozen_fit")

MODEL = "Llama-3.1-8B-Instruct"
GPUS = ("L40S", "H100")
CHEAP = "0.05/0.08"
"""So cheap that a fleet which has just grown costs more than the API."""


@lru_cache
def compared(
    price: str | None, gpus: tuple[str, ...] = GPUS, max_gpus: int | None = None, **flags: Any
) -> OwnOrApi:
    workload = override(load_workload("chat"), api_price=price, **{"rate": 8.0, **flags})
    found = recommend(MODEL, workload, gpus=gpus, max_gpus=max_gpus)
    made = own_or_api(found, shipped_predictor(), shipped_quality())
    assert made is not None
    return made


def test_without_a_price_of_an_api_there_is_nothing_to_compare() -> None:
    found = recommend(MODEL, "chat", gpus=["L40S"])
    assert own_or_api(found, shipped_predictor(), shipped_quality()) is None


def test_where_one_gpu_does_the_break_even_is_its_price_over_that_of_a_request() -> None:
    found = compared("0.20/0.60")
    first = found.first
    assert first is not None
    assert first.fleet is not None
    assert first.price is not None
    assert first.fleet.num_gpus == 1
    # USD per request: 512 prompt tokens at 0.20 and 256 answer tokens at 0.60 per million
    assert found.usd_per_request == pytest.approx((512 * 0.20 + 256 * 0.60) / 1e6)
    assert first.requests_per_s == pytest.approx(first.price.usd_per_gpu_hour / 3600 / found.usd_per_request)
    assert first is found.lasting
    assert first.low == first.high == first.requests_per_s, "one L40S has room to spare there"


@pytest.mark.parametrize("rate", [0.5, 4.0, 14.0, 60.0])
def test_the_own_fleet_is_the_one_that_recommend_puts_first(rate: float) -> None:
    """One judge: the curve at a rate costs what the answer for that rate costs."""
    here = compared(CHEAP, rate=rate).here
    first = recommend(MODEL, override(load_workload("chat"), rate=rate), gpus=GPUS).winner
    assert here is not None
    assert first is not None
    assert first.cost is not None
    assert here.own_usd_per_day == pytest.approx(24 * first.cost.usd_per_hour)
    assert here.requests_per_s == rate


def test_fleets_grow_in_steps_so_that_the_api_may_win_again() -> None:
    found = compared(CHEAP)
    sides = [one.cheaper for one in found.break_evens]
    assert len(sides) >= 3
    assert sides[0] == "own"
    assert all(one != two for one, two in pairwise(sides))
    traffic = [one.requests_per_s for one in found.break_evens]
    assert traffic == sorted(traffic)
    for one in found.break_evens:
        api = one.requests_per_s * found.usd_per_request * 3600
        assert one.fleet is not None
        assert one.price is not None
        own = one.price.usd_per_gpu_hour * one.fleet.num_gpus
        # Owning wins where the API has come to cost what the fleet does; the API where the fleet has to grow.
        assert own == pytest.approx(api) if one.cheaper == "own" else own > api


@pytest.mark.parametrize(
    ("price", "flags"),
    [(CHEAP, {}), (CHEAP, {"max_gpus": 1}), ("0.20/0.60", {"utilization": 0.2}), ("0.01/0.02", {})],
)
def test_every_point_is_on_the_side_that_the_break_evens_say(price: str, flags: dict[str, Any]) -> None:
    found = compared(price, **flags)
    changes = {one.requests_per_s: one.cheaper for one in found.break_evens}
    for point in found.points:
        before = [
            cheaper for traffic, cheaper in changes.items() if traffic <= point.requests_per_s * (1 + 1e-12)
        ]
        on_a_change = any(traffic == pytest.approx(point.requests_per_s) for traffic in changes)
        own = point.own_usd_per_day
        cheaper = "own" if own is not None and own <= point.api_usd_per_day else "api"
        assert on_a_change or cheaper == (before[-1] if before else "api"), point


def test_more_traffic_never_takes_a_cheaper_fleet() -> None:
    costs = [p.own_usd_per_day for p in compared(CHEAP).points if p.own_usd_per_day is not None]
    assert costs == sorted(costs)


def test_idle_hours_count() -> None:
    """A fleet that stands half idle has half the traffic to set against its price."""
    even, uneven = compared(CHEAP), compared(CHEAP, utilization=0.5)
    assert even.is_assumed
    assert not uneven.is_assumed
    assert even.here is not None
    assert uneven.here is not None
    assert uneven.here.own_usd_per_day == even.here.own_usd_per_day
    assert uneven.here.api_usd_per_day == pytest.approx(even.here.api_usd_per_day / 2)
    assert uneven.least_ratio == pytest.approx(2 * (even.least_ratio or 0.0), rel=0.05)


def test_a_dearer_api_is_overtaken_earlier() -> None:
    firsts = [compared(price).first for price in ("0.10/0.30", "0.20/0.60", "2/6")]
    traffic = [one.requests_per_s for one in firsts if one is not None]
    assert traffic == sorted(traffic, reverse=True)
    assert traffic[0] == pytest.approx(2 * traffic[1])


def test_an_api_that_is_cheaper_than_any_fleet_has_no_break_even() -> None:
    found = compared("0.01/0.02")
    assert found.break_evens == ()
    assert (found.least_ratio or 0.0) > 1.0
    assert all(point.own_cheaper < 0.5 for point in found.points)


def test_what_the_gpus_cannot_carry_is_left_to_the_api() -> None:
    found = compared("0.20/0.60", max_gpus=1)
    assert found.first is not None
    assert found.lasting is None
    last = found.break_evens[-1]
    assert last.cheaper == "api"
    assert last.fleet is None
    assert found.points[-1].own_usd_per_day is None


def test_intervals_hold_the_value_and_the_probability_moves_through_them() -> None:
    found = compared(CHEAP)
    for one in found.break_evens:
        assert one.low is None or one.low <= one.requests_per_s
        assert one.high is None or one.high >= one.requests_per_s
    first, lasting = found.first, found.lasting
    assert first is not None
    assert lasting is not None
    assert first.low is not None
    assert lasting.high is not None
    below = [p.own_cheaper for p in found.points if p.requests_per_s < first.low]
    above = [p.own_cheaper for p in found.points if p.requests_per_s > lasting.high]
    assert below
    assert above
    assert max(below) <= 0.06
    assert min(above) >= 0.94


def test_prompt_tokens_in_the_cache_cost_the_apis_price_of_cached_ones() -> None:
    plain = compared("0.20/0.60", prefix_hit_rate=0.5)
    cached = compared("0.20/0.02/0.60", prefix_hit_rate=0.5)
    assert plain.usd_per_request == pytest.approx((512 * 0.20 + 256 * 0.60) / 1e6)
    assert cached.usd_per_request == pytest.approx((256 * 0.20 + 256 * 0.02 + 256 * 0.60) / 1e6)


def test_a_closed_loop_has_no_traffic_of_its_own_and_a_break_even_all_the_same() -> None:
    found = compared("0.20/0.60", rate=None, concurrency=32)
    assert found.here is None
    assert found.first is not None


def test_gpus_without_a_price_are_no_basis() -> None:
    found = compared("0.20/0.60", gpus=("L20",))
    assert found.points == ()
    assert found.break_evens == ()


def test_what_the_recommendation_ranks_by_does_not_matter() -> None:
    workload = override(load_workload("chat"), api_price="0.20/0.60", rate=8.0)
    fast = recommend(MODEL, replace(workload, objective="latency"), gpus=GPUS)
    made = own_or_api(fast, shipped_predictor(), shipped_quality())
    assert made is not None
    assert made.break_evens == compared("0.20/0.60").break_evens


def test_a_machine_that_is_rented_whole_is_what_the_api_must_beat() -> None:
    """Below the price of eight GPUs there is nothing to own, and up to what they carry nothing dearer."""
    found = recommend(
        MODEL,
        override(load_workload("chat"), api_price="0.20/0.60", rate=8.0),
        gpus=["H100"],
        live=by_eight(),
    )
    made = own_or_api(found, shipped_predictor(), shipped_quality())
    assert made is not None
    assert made.first is not None
    assert made.first.requests_per_s == pytest.approx(80.0 / 3600 / made.usd_per_request)
    costs = {p.own_usd_per_day for p in made.points if p.own_usd_per_day is not None}
    assert all(usd % (24 * 80.0) == pytest.approx(0.0, abs=1e-6) for usd in costs)


def by_eight() -> LivePrices:
    machine = Machine(
        provider="aws", name="p5.48xlarge", region="us-east-1", gpu="H100-SXM", num_gpus=8, usd_per_hour=80.0,
        is_spot=False,
    )  # fmt: skip
    day = date(2026, 11, 30)
    catalog = LiveCatalog(machines=(machine,), fetched=day, versions={"aws": "1"}, gpuhunt="0.1.34")
    return LivePrices(catalog, pricing="live", today=day)
