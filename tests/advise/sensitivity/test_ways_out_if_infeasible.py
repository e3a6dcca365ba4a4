"""Where nothing keeps the limits, each way out is one change after which something does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.choose.choice import Choice
from advisor.advise.choose.recommendation import choose
from advisor.advise.sensitivity.ways_out_if_infeasible import WayOut, ways_out
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload


@pytest.fixture(scope="module")
def asked() -> Choice:
    workload = override(load_workload("rag"), rate=1.0, confidence=0.9, slo=["ttft_p99_ms=400"])
    return choice_of("Llama-3.3-70B-Instruct", workload, gpus=["A100"], max_gpus=8)


@pytest.fixture(scope="module")
def found(asked: Choice) -> dict[str, WayOut]:
    answer = choose(asked, shipped_predictor(), shipped_quality())
    assert not answer.ranked
    return smallest(ways_out(answer, shipped_predictor(), shipped_quality()))


def smallest(ways: tuple[WayOut, ...]) -> dict[str, WayOut]:
    """The first of each kind and limit."""
    return {way.limit or way.change: way for way in reversed(ways)}


def kept(choice: Choice) -> list[tuple[object, ...]]:
    answer = choose(choice, shipped_predictor(), shipped_quality())
    return [a.deployment.key for a in answer.ranked]


def test_with_the_limit_loosened_as_said_its_deployment_keeps_all(
    asked: Choice, found: dict[str, WayOut]
) -> None:
    way = found["ttft_p99_ms"]
    assert way.to is not None
    assert way.bound == 400
    assert way.to > 400
    workload = override(asked.workload, slo=[f"ttft_p99_ms={way.to * 1.001}"])
    assert way.deployment.key in kept(replace(asked, workload=workload))


def test_with_the_confidence_lowered_as_said_its_deployment_keeps_all(
    asked: Choice, found: dict[str, WayOut]
) -> None:
    way = found["confidence"]
    assert way.keeps_all_limits < 0.9
    workload = override(asked.workload, confidence=max(way.keeps_all_limits, 0.05))
    assert way.deployment.key in kept(replace(asked, workload=workload))


def test_another_gpu_keeps_all(found: dict[str, WayOut]) -> None:
    way = found["gpu"]
    assert way.deployment.gpu.family != "A100"
    assert way.keeps_all_limits >= 0.9
    assert way.usd_per_hour is not None


def test_where_something_keeps_the_limits_there_is_no_way_out(asked: Choice) -> None:
    free = replace(asked, workload=override(asked.workload, slo=["none"]))
    answer = choose(free, shipped_predictor(), shipped_quality())
    assert answer.ranked
    assert ways_out(answer, shipped_predictor(), shipped_quality()) == ()


def test_at_the_lower_rate_it_says_its_deployment_keeps_all_and_a_little_above_nothing_does() -> None:
    """Beyond the capacity there are no latencies: below it there are, and they decide the rate."""
    workload = override(load_workload("chat"), rate=10.0)
    asked = choice_of("Llama-3.1-70B-Instruct", workload, gpus=["A100"], max_gpus=4)
    answer = choose(asked, shipped_predictor(), shipped_quality())
    [way] = [w for w in ways_out(answer, shipped_predictor(), shipped_quality()) if w.limit == "capacity"]
    assert way.to is not None
    assert way.bound == 10.0
    assert way.deployment.key in kept(replace(asked, workload=override(workload, rate=way.to)))
    assert kept(replace(asked, workload=override(workload, rate=1.01 * way.to))) == []


def test_no_lower_rate_is_offered_where_a_lone_request_misses_a_limit() -> None:
    workload = override(load_workload("chat"), rate=10.0, slo=["tpot_p95_ms=1"])
    asked = choice_of("Llama-3.1-70B-Instruct", workload, gpus=["A100"], max_gpus=4)
    answer = choose(asked, shipped_predictor(), shipped_quality())
    assert "capacity" not in [w.limit for w in ways_out(answer, shipped_predictor(), shipped_quality())]


def ways(asked: Choice) -> dict[str, WayOut]:
    answer = choose(asked, shipped_predictor(), shipped_quality())
    assert not answer.ranked
    return smallest(ways_out(answer, shipped_predictor(), shipped_quality()))


def cheapest_usd(choice: Choice) -> float:
    """The least bill of anything that keeps the limits."""
    answer = choose(choice, shipped_predictor(), shipped_quality())
    return min(a.cost.usd_per_hour for a in answer.ranked if a.cost is not None)


@pytest.mark.parametrize("objective", ["cost", "latency", "throughput", "accuracy"])
def test_a_larger_budget_is_the_least_that_keeps_the_limits_whatever_the_aim(objective: str) -> None:
    workload = override(load_workload("chat"), objective=objective)
    asked = choice_of("Llama-3.1-8B-Instruct", workload, gpus=["H100"], max_usd_per_hour=2.0)
    way = ways(asked)["budget"]
    # 3.85 USD/h is one H100.
    assert (way.deployment.num_gpus, way.deployment.gpu.name) == (1, "H100-SXM")
    by_cost = replace(asked, workload=override(workload, objective="cost"), max_usd_per_hour=None)
    assert way.usd_per_hour == pytest.approx(cheapest_usd(by_cost))


def test_a_loosened_limit_names_the_cheapest_that_then_keeps_it() -> None:
    workload = override(load_workload("chat"), rate=1.0, slo=["ttft_p99_ms=30"])
    asked = choice_of("Llama-3.3-70B-Instruct", workload, gpus=["H100"], max_gpus=16)
    way = ways(asked)["ttft_p99_ms"]
    assert way.to is not None
    loosened = replace(asked, workload=override(workload, slo=[f"ttft_p99_ms={way.to}"]))
    assert way.usd_per_hour == pytest.approx(cheapest_usd(loosened))


def test_a_limit_loosened_further_lets_in_the_cheapest_fleet_that_keeps_the_other_limits() -> None:
    workload = override(load_workload("chat"), rate=4.0, slo=["ttft_p95_ms=5"])
    asked = choice_of("Llama-3.1-8B-Instruct", workload, gpus=["L40S"])
    answer = choose(asked, shipped_predictor(), shipped_quality())
    found = ways_out(answer, shipped_predictor(), shipped_quality())
    least, cheapest = [way for way in found if way.limit == "ttft_p95_ms"]
    assert least.to is not None
    assert cheapest.to is not None
    assert least.to < cheapest.to
    assert (cheapest.usd_per_hour or 0.0) < (least.usd_per_hour or 0.0)
    rest = replace(asked, workload=override(workload, slo=["ttft_p95_ms=1e9"]))
    assert cheapest.usd_per_hour == pytest.approx(cheapest_usd(rest))
    loosened = replace(asked, workload=override(workload, slo=[f"ttft_p95_ms={cheapest.to}"]))
    assert cheapest.deployment.key in kept(loosened)


def test_between_two_bounds_that_are_far_apart_one_is_named_that_costs_between() -> None:
    workload = override(load_workload("rag"), rate=3.0)
    asked = choice_of("Qwen2.5-14B-Instruct", workload, gpus=["L4", "A10G"])
    answer = choose(asked, shipped_predictor(), shipped_quality())
    found = ways_out(answer, shipped_predictor(), shipped_quality())
    bounds, bills = zip(*((w.to, w.usd_per_hour) for w in found if w.limit == "ttft_p99_ms"), strict=True)
    least, middle, most = bounds
    assert least * 2 < most
    assert middle == pytest.approx((least * most) ** 0.5, rel=0.01)
    assert sorted(set(bills), reverse=True) == list(bills)
    loosened = override(workload, slo=[f"ttft_p99_ms={middle}", "tpot_p99_ms=100", "e2e_p99_ms=3000"])
    assert bills[1] == pytest.approx(cheapest_usd(replace(asked, workload=loosened)))


def test_a_limit_is_loosened_once_where_the_least_already_lets_the_cheapest_in() -> None:
    workload = override(load_workload("chat"), rate=1.0, slo=["ttft_p95_ms=5"])
    asked = choice_of("Llama-3.1-8B-Instruct", workload, gpus=["L40S"], max_gpus=1)
    answer = choose(asked, shipped_predictor(), shipped_quality())
    found = ways_out(answer, shipped_predictor(), shipped_quality())
    assert len([way for way in found if way.limit == "ttft_p95_ms"]) == 1


def test_of_any_gpu_no_more_are_named_than_the_limits_need() -> None:
    workload = override(load_workload("chat"), rate=1.0)
    asked = choice_of("Llama-3.3-70B-Instruct", workload, gpus=["L4"], num_gpus=3)
    way = ways(asked)["gpu"]
    free = choice_of("Llama-3.3-70B-Instruct", workload)
    assert way.usd_per_hour == pytest.approx(cheapest_usd(free))


def test_more_gpus_and_a_larger_budget_are_told_apart() -> None:
    workload = override(load_workload("chat"), rate=10.0)
    few = choice_of("Llama-3.3-70B-Instruct", workload, gpus=["A100"], max_gpus=2)
    assert ways(few).keys() & {"budget", "gpus", "budget and gpus"} == {"gpus"}
    both = choice_of("Llama-3.3-70B-Instruct", workload, gpus=["A100"], max_gpus=2, max_usd_per_hour=1.0)
    assert ways(both).keys() & {"budget", "gpus", "budget and gpus"} == {"budget and gpus"}
