"""Machines that are rented whole: what replicas cost on them."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.spec.hardware.whole_machine_prices import most_replicas, purchase, size_for_one, that_hold

EIGHT = ((8, 80.0),)
BOTH = ((1, 12.0), (8, 80.0))


@pytest.mark.parametrize(
    ("gpus_per_replica", "replicas", "usd", "num_gpus"),
    [
        (2, 1, 80, 8),  # two GPUs are used, eight are paid for
        (2, 4, 80, 8),  # four replicas fill the machine
        (2, 5, 160, 16),
        (8, 3, 240, 24),
        (16, 1, 160, 16),  # a replica over two nodes
    ],
)
def test_a_machine_of_eight_is_paid_for_whole(
    gpus_per_replica: int, replicas: int, usd: float, num_gpus: int
) -> None:
    bought = purchase(EIGHT, gpus_per_replica, replicas)
    assert (bought.usd_per_hour, bought.num_gpus) == (usd, num_gpus)


@pytest.mark.parametrize(("replicas", "usd"), [(1, 12), (6, 72), (7, 80), (8, 80), (9, 92), (15, 160)])
def test_small_machines_take_the_rest_until_a_large_one_is_cheaper(replicas: int, usd: float) -> None:
    assert purchase(BOTH, 1, replicas).usd_per_hour == usd


def test_a_replica_runs_within_one_machine() -> None:
    assert that_hold(BOTH, 2, 8) == EIGHT
    assert that_hold(((1, 12.0),), 2, 8) == ()


def test_a_replica_of_several_nodes_fills_them() -> None:
    assert that_hold(((4, 40.0), (8, 80.0)), 16, 8) == EIGHT
    assert that_hold(((4, 40.0),), 16, 8) == ()
    assert that_hold(((4, 40.0),), 8, 4) == ((4, 40.0),)  # GB200: a node has four


def test_the_machine_for_one_replica() -> None:
    assert size_for_one(BOTH, 1) == 1
    assert size_for_one(((2, 30.0), (4, 25.0)), 2) == 4  # a larger one that costs less


sizes = st.dictionaries(st.sampled_from([1, 2, 4, 8]), st.floats(0.1, 100), min_size=1).map(
    lambda of: tuple(sorted(of.items()))
)


@given(sizes, st.sampled_from([1, 2, 4, 8]), st.integers(1, 40))
def test_more_replicas_never_cost_less_and_the_most_for_a_budget_is_the_most(
    sizes: tuple[tuple[int, float], ...], per: int, replicas: int
) -> None:
    held = that_hold(sizes, per, 8)
    if not held:
        return
    usd = purchase(held, per, replicas).usd_per_hour
    assert usd <= purchase(held, per, replicas + 1).usd_per_hour + 1e-9
    most = most_replicas(held, per, usd)
    assert most >= replicas
    assert purchase(held, per, most).usd_per_hour <= usd * (1 + 1e-9)
    assert purchase(held, per, most + 1).usd_per_hour > usd


@given(sizes, st.sampled_from([1, 2, 4, 8]), st.integers(1, 8))
def test_within_one_machines_worth_nothing_is_cheaper(
    sizes: tuple[tuple[int, float], ...], per: int, replicas: int
) -> None:
    held = that_hold(sizes, per, 8)
    if not held:
        return
    every = [
        sum(n * usd for n, (_, usd) in zip(counts, held, strict=True))
        for counts in product(range(replicas + 1), repeat=len(held))
        if sum(n * (size // per) for n, (size, _) in zip(counts, held, strict=True)) >= replicas
    ]
    best = min(usd / (size // per) for size, usd in held)
    bought = purchase(held, per, replicas).usd_per_hour
    assert bought >= min(every) - 1e-9
    # Taking the best size as often as it is filled costs at most one machine of it more.
    assert bought <= min(every) + best * 8 + 1e-9
