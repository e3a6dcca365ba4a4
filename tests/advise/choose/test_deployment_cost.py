"""What a deployment costs: its GPUs, or whole machines where those are sold, over what it serves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advise.choose.deployment_cost import (
    cost_of,
    estimate_at,
    gpus_bought,
    inverse,
    lots,
    most_replicas,
    price_notes,
    replicas_at_no_cost,
    usd_per_hour,
    usd_per_million,
)
from advisor.cost.predict.prediction_table import Range
from advisor.spec.hardware.gpu import GpuSpec, Price
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.hardware.prices import price_of
from tests.advise.builders import around, deployment

BY_GPU = Price(provider="p", num_gpus=2, usd_per_hour=4.0, term="on-demand", date="", source="test")
WHOLE = replace(BY_GPU, num_gpus=8, usd_per_hour=16.0, sizes=((8, 16.0),), machine="eight")


def spread(value: list[float], low: list[float], high: list[float]) -> Range:
    return Range(value=np.array(value), low=np.array(low), high=np.array(high))


def test_gpus_cost_by_the_gpu_and_machines_whole() -> None:
    found = usd_per_hour([BY_GPU, WHOLE, None], np.array([2, 2, 1]), np.array([3, 3, 1]))
    assert found[:2].tolist() == [12.0, 16.0]  # six GPUs at 2 USD; six of a machine of eight
    assert np.isnan(found[2])
    assert (gpus_bought(BY_GPU, 2, 3), gpus_bought(WHOLE, 2, 3)) == (6, 8)


def test_a_bill_has_no_noise_of_floats() -> None:
    """3 x 0.1 is 0.30000000000000004 as a product of floats."""
    price = replace(BY_GPU, num_gpus=1, usd_per_hour=0.1)
    assert usd_per_hour([price], np.array([1]), np.array([3])).tolist() == [0.3]


def test_gpus_that_stay_idle_are_paid_for() -> None:
    # One replica of two on a box of three; of nine where eight are sold together, two machines.
    assert usd_per_hour([BY_GPU], np.array([2]), np.array([1]), least=3).tolist() == [6.0]
    assert usd_per_hour([WHOLE], np.array([8]), np.array([1]), least=9).tolist() == [32.0]
    assert (gpus_bought(BY_GPU, 2, 1, least=3), gpus_bought(WHOLE, 8, 1, least=9)) == (3, 16)


def test_replicas_that_the_machine_holds_anyway_cost_nothing() -> None:
    assert replicas_at_no_cost(WHOLE, 2) == 4
    assert replicas_at_no_cost(BY_GPU, 2) == replicas_at_no_cost(None, 2) == 1


@given(st.integers(1, 8), st.floats(0.5, 1_000))
def test_the_most_replicas_for_some_money_are_paid_by_it_and_one_more_is_not(
    tensor_parallel: int, usd: float
) -> None:
    for price in (BY_GPU, WHOLE):
        count = most_replicas(price, tensor_parallel, usd)
        both = usd_per_hour([price] * 2, np.full(2, tensor_parallel), np.array([count, count + 1]))
        assert both[0] <= usd * (1 + 1e-6)
        assert both[1] > usd * (1 - 1e-6)


def test_what_can_be_bought_at_once() -> None:
    assert lots(BY_GPU, 2) == ((1, 4.0),)
    assert lots(WHOLE, 2) == ((4, 16.0),)


def test_a_million_tokens_cost_an_hour_over_the_tokens_of_an_hour() -> None:
    # 3.6 USD an hour at 1,000 tokens a second: 1 USD a million; the faster, the cheaper
    found = usd_per_million(np.array([3.6]), spread([1_000.0], [500.0], [2_000.0]))
    assert (found.value[0], found.low[0], found.high[0]) == pytest.approx((1.0, 0.5, 2.0))


def test_nothing_served_has_no_price_by_the_token() -> None:
    found = usd_per_million(np.array([3.6, np.nan]), spread([0.0, 10.0], [0.0, 5.0], [1.0, 20.0]))
    assert np.isnan(found.value).all()


@given(st.lists(st.tuples(st.floats(0.1, 10), st.floats(1, 3), st.floats(1, 3)), min_size=1, max_size=5))
def test_an_inverse_of_an_inverse_is_the_interval_again(rows: list[tuple[float, float, float]]) -> None:
    value, down, up = (np.array(column) for column in zip(*rows, strict=True))
    made = Range(value=value, low=value / down, high=value * up)
    again = inverse(inverse(made, np.ones(len(rows))), np.ones(len(rows)))
    for name in ("value", "low", "high"):
        assert getattr(again, name) == pytest.approx(getattr(made, name))
    inside = inverse(made, np.ones(len(rows)))
    assert np.all((inside.low <= inside.value) & (inside.value <= inside.high))


def test_a_cost_has_the_bill_the_gpus_and_both_rates() -> None:
    made = cost_of(WHOLE, deployment(tensor_parallel=2, replicas=3), 16.0, around(1_000.0), around(4.0))
    assert made is not None
    assert (made.usd_per_hour, made.gpus_bought) == (16.0, 8)
    assert made.usd_per_million_output_tokens is not None
    assert made.usd_per_million_output_tokens.value == pytest.approx(16.0 / 3.6)
    assert made.usd_per_thousand_queries is not None
    assert made.usd_per_thousand_queries.value == pytest.approx(16.0 / 3_600 / 4 * 1_000)


def test_without_a_price_there_is_no_cost_and_without_a_rate_none_by_the_token() -> None:
    assert cost_of(None, deployment(), 0.0, around(1.0), around(1.0)) is None
    made = cost_of(BY_GPU, deployment(), 2.0, None, None)
    assert made is not None
    assert (made.usd_per_hour, made.usd_per_million_output_tokens) == (2.0, None)


def test_an_entry_that_does_not_exist_is_none() -> None:
    made = spread([1.0, np.nan, np.inf], [0.5, np.nan, 1.0], [2.0, np.nan, np.inf])
    first = estimate_at(made, 0, "fitted")
    assert first is not None
    assert (first.value, first.low, first.high, first.basis) == (1.0, 0.5, 2.0, "fitted")
    assert estimate_at(made, 1, "fitted") is None
    assert estimate_at(made, 2, "fitted") is None


def noted(*names: str, by_cost: bool = True, budget: bool = False, term: str = "on-demand") -> str:
    def look_up(gpu: GpuSpec, num_gpus: int) -> Price | None:
        return price_of(gpu, num_gpus, term=term)

    return "; ".join(price_notes([find_gpu(name) for name in names], look_up, by_cost=by_cost, budget=budget))


def test_a_named_gpu_without_a_price_is_said_to_come_last_or_to_be_left_out() -> None:
    assert "no price of RTX3060-12GB: ranked last; state it: --price RTX3060-12GB=USD" in noted(
        "RTX3060-12GB", "L40S"
    )
    assert "no price of RTX3060-12GB: left out, as a budget needs one" in noted(
        "RTX3060-12GB", "L40S", budget=True
    )
    assert noted("RTX3060-12GB", "L40S", by_cost=False) == ""
    assert noted("L40S", "H100") == ""
    assert noted("RTX3060-12GB") == "", "where none has a price the question says what takes its place"


def test_a_spot_price_above_the_price_on_demand_is_said() -> None:
    assert "the spot price of H100-SXM (6.57 USD/h, GCP) is above that on demand (3.85, Nebius)" in noted(
        "H100", term="spot"
    )
