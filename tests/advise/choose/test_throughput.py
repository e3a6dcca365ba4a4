"""The aim throughput: of so many GPUs, or so much money, nothing serves more than the first."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.advise.api import choice_of, recommend, shipped_predictor, shipped_quality
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.rank import TIE
from advisor.advise.choose.recommendation import Recommendation, choose
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Arrival, Lengths, Load, Workload

ALL_AT_ONCE = Arrival(kind="maximum")


def asked(arrival: Arrival, prompt: int = 4000, answer: int = 200) -> Workload:
    load = Load(
        input_tokens=Lengths.constant(prompt), output_tokens=Lengths.constant(answer), arrival=arrival
    )
    return Workload(name="test", about="a test", load=load, objective="throughput")


def first(found: Recommendation) -> Deployment:
    assert found.winner is not None
    return found.winner.deployment


def shape(found: Recommendation) -> tuple[int, int]:
    """(replicas, GPUs of each) of the first."""
    return first(found).replicas, first(found).tensor_parallel


def test_two_gpus_are_two_replicas_where_a_replica_fits_one() -> None:
    # 5.1 requests/s at 0.591 USD/M, where one replica over PCIe serves 3.2 at 0.934.
    found = recommend("Llama-3.1-8B-Instruct", asked(ALL_AT_ONCE), gpus=["L40S"], max_gpus=2)
    assert shape(found) == (2, 1)


def test_without_a_bound_it_is_of_one_machine_and_says_so() -> None:
    found = recommend("Llama-3.1-8B-Instruct", asked(ALL_AT_ONCE), gpus=["L40S"])
    assert shape(found) == (8, 1)
    assert "throughput of at most 8 L40S, one machine: --max-gpus sets another number" in found.notes


def test_a_bound_that_was_stated_is_not_told_again() -> None:
    found = recommend("Llama-3.1-8B-Instruct", asked(ALL_AT_ONCE), gpus=["L40S"], max_gpus=4)
    assert shape(found) == (4, 1)
    assert not [note for note in found.notes if "--max-gpus" in note]


def test_a_model_that_one_machine_does_not_hold_is_served_by_two() -> None:
    found = recommend("Llama-3.1-405B-Instruct", asked(ALL_AT_ONCE), gpus=["A100"], formats=["bf16"])
    assert first(found).num_gpus == 16
    assert "throughput of at most 16 A100, 2 machines: --max-gpus sets another number" in found.notes


def test_a_rate_that_one_machine_does_not_serve_takes_more_machines() -> None:
    arrival = Arrival(kind="rate", value=60.0)
    found = recommend("Llama-3.1-8B-Instruct", asked(arrival), gpus=["L40S"], formats=["int8"])
    assert first(found).num_gpus > 16
    assert found.winner is not None
    assert found.winner.keeps_all_limits >= 0.8


def test_a_budget_is_spent() -> None:
    found = recommend("Llama-3.1-8B-Instruct", asked(ALL_AT_ONCE), gpus=["L40S"], prices={"L40S": 1.0},
                      max_usd_per_hour=5.5)  # fmt: skip
    assert shape(found) == (5, 1)


def test_three_users_leave_no_replica_idle() -> None:
    found = recommend(
        "Llama-3.1-8B-Instruct", asked(Arrival(kind="concurrency", value=3.0)), gpus=["L40S"], max_gpus=8
    )
    assert first(found).replicas <= 3


def test_a_lone_request_is_served_by_one_replica() -> None:
    found = recommend("Llama-3.1-8B-Instruct", asked(Arrival(kind="single")), gpus=["L40S"])
    assert first(found).replicas == 1


ARRIVALS = st.one_of(
    st.just(ALL_AT_ONCE),
    st.integers(1, 300).map(lambda n: Arrival(kind="concurrency", value=float(n))),
    st.floats(0.1, 30.0).map(lambda rate: Arrival(kind="rate", value=rate)),
)


@settings(max_examples=25, deadline=None)
@given(
    arrival=ARRIVALS,
    gpu=st.sampled_from(["L40S", "H100", "RTX4090", "A10"]),
    bound=st.sampled_from([{}, {"max_gpus": 2}, {"max_gpus": 3}, {"max_gpus": 8}, {"max_usd_per_hour": 6.0}]),
    prompt=st.integers(50, 8_000),
    answer=st.integers(10, 1_000),
)
def test_nothing_of_the_same_bill_or_less_serves_more_than_the_first(
    arrival: Arrival, gpu: str, bound: dict[str, int], prompt: int, answer: int
) -> None:
    choice = choice_of(
        "Llama-3.1-8B-Instruct", asked(arrival, prompt, answer), gpus=[gpu], formats=["fp8", "int4"], **bound
    )  # type: ignore[arg-type]
    predictor, quality = shipped_predictor(), shipped_quality()
    found = choose(choice, predictor, quality)
    if found.winner is None:
        return
    assert found.choice is not None
    assert found.winner.cost is not None
    assert found.winner.objective is not None
    most = found.winner.cost.gpus_bought
    others = [
        d.times(count)
        for d in {a.deployment.times(1) for a in (*found.ranked, *found.refused) if a.prediction is not None}
        for count in range(1, most // d.tensor_parallel + 1)
    ]
    table = judge_fixed(found.choice, [choice.workload.load], others, predictor, quality)
    is_no_dearer = table.usd_per_hour[0] <= found.winner.cost.usd_per_hour + 1e-9
    serves_more = table.objective.value[0] * (1 + TIE) < found.winner.objective
    beats = np.flatnonzero(table.kept[0] & is_no_dearer & serves_more)
    assert [others[i].key for i in beats.tolist()] == []
