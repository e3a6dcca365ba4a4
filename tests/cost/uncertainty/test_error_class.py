"""Which held-out errors make an interval, and which those are drawn towards."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from advisor.cost.uncertainty.error_class import (
    DISTANCES,
    EVERY_ENGINE,
    LOADS,
    METRICS,
    EngineClass,
    error_class,
    sign,
)

DENSE = EngineClass("v1", False)


@pytest.mark.parametrize(("metric", "load", "distance"), [*product(METRICS, LOADS, DISTANCES)])
@pytest.mark.parametrize("statistic", ["mean", "p50", "p99"])
@pytest.mark.parametrize("near", [False, True])
def test_every_class_ends_in_the_mean_of_every_engine_at_its_own_distance_and_load(
    metric, load, distance, statistic, near
):
    chain = list(error_class(metric, statistic, load, DENSE, distance, near_capacity=near).wider())
    assert len(set(chain)) == len(chain)
    assert all(c.parent == up for c, up in pairwise(chain))
    assert (chain[-1].part, chain[-1].engine) == ("mean", EVERY_ENGINE)
    assert {c.distance for c in chain} == {distance}
    # A lone stream is a closed loop of one client, and few time one by itself.
    lone_stream = load == "single" and metric in ("ttft", "tpot", "itl")
    assert {c.load for c in chain} == ({"single", "loaded"} if lone_stream else {load})


def test_under_load_tpot_e2e_and_throughput_are_one_error_and_throughput_is_it_upside_down():
    one = error_class("tpot", "mean", "loaded", DENSE)
    assert (
        error_class("e2e", "mean", "loaded", DENSE)
        == error_class("throughput", "mean", "loaded", DENSE)
        == one
    )
    assert [sign(m, "loaded") for m in ("tpot", "e2e", "throughput")] == [1, 1, -1]
    # Timed one by one and all queued at once they are not.
    assert error_class("e2e", "mean", "single", DENSE) != error_class("tpot", "mean", "single", DENSE)


def test_first_tokens_of_dense_models_and_of_experts_err_alike():
    assert error_class("ttft", "mean", "loaded", EngineClass("v1", True)).engine == EVERY_ENGINE
    assert error_class("tpot", "mean", "loaded", EngineClass("v1", True)).engine.moe is True


def test_only_first_tokens_under_load_know_how_near_the_capacity_is():
    def part(metric, statistic, load):
        return error_class(metric, statistic, load, DENSE, near_capacity=True).part

    assert part("ttft", "p99", "loaded") == "tail near capacity"
    assert part("ttft", "p50", "loaded") == "mean near capacity"
    assert part("tpot", "p99", "loaded") == "tail"
    assert part("ttft", "mean", "single") == "mean"


def test_the_slowest_of_a_few_lone_requests_has_the_errors_of_the_mean():
    assert error_class("ttft", "p99", "single", DENSE) == error_class("ttft", "mean", "single", DENSE)
