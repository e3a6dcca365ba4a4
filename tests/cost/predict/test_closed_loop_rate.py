"""A closed loop of N clients has at most N requests in flight, however many replicas and stages there are."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from advisor.cost.predict.prediction import Prediction
from advisor.cost.predict.predictor import Predictor
from advisor.spec.deployment import Deployment
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.conversations.conversation import Conversation
from advisor.spec.workloads.conversations.turn_distributions import ThinkTime
from advisor.spec.workloads.workload import Arrival, Lengths, Load

OFF = 1.05
"""The closed forms of a run's start and of its end, each close to simulations, do not quite agree: throughput
may be up to 3.3 % above clients ÷ E2E. The fit was made with them, so that they stay as they are here."""
SINGLE = Arrival(kind="single")


def deployment(replicas: int, gpus: int = 1) -> Deployment:
    """16 GPUs are two stages of a pipeline."""
    return Deployment(
        model=find_model("Llama-3.3-70B-Instruct"),
        format=find_format("int4"),
        gpu=find_gpu("A100"),
        tensor_parallel=gpus,
        replicas=replicas,
    )


def users(count: int) -> Arrival:
    return Arrival(kind="concurrency", value=count)


def predict(d: Deployment, arrival: Arrival, prompt: int = 1000, answer: int = 500) -> Prediction:
    load = Load(
        input_tokens=Lengths.constant(prompt), output_tokens=Lengths.constant(answer), arrival=arrival
    )
    return Predictor.shipped().predictions([d], load)[0]


def served(p: Prediction) -> float:
    assert p.requests_per_s is not None
    return p.requests_per_s.value


def e2e_s(p: Prediction) -> float:
    return p.latency["e2e", "mean"].value / 1000


@settings(max_examples=60, deadline=None)
@given(
    clients=st.integers(1, 600),
    replicas=st.integers(1, 12),
    gpus=st.sampled_from([1, 2, 4, 8, 16]),
    prompt=st.integers(10, 20_000),
    answer=st.integers(1, 2_000),
)
def test_no_closed_loop_serves_more_than_its_clients_over_their_latency(
    clients: int, replicas: int, gpus: int, prompt: int, answer: int
) -> None:
    p = predict(deployment(replicas, gpus), users(clients), prompt, answer)
    assume(p.memory.fits)
    assert p.requests_per_s is not None
    e2e = p.latency["e2e", "mean"]
    assert p.requests_per_s.value <= clients / e2e.value * 1000 * OFF
    assert p.requests_per_s.high <= clients / e2e.low * 1000 * OFF


@pytest.mark.parametrize("gpus", [1, 16])
@pytest.mark.parametrize("arrival", [SINGLE, users(1)])
def test_one_request_in_flight_is_served_by_one_replica(arrival: Arrival, gpus: int) -> None:
    one, four = predict(deployment(1, gpus), arrival), predict(deployment(4, gpus), arrival)
    assert served(four) == pytest.approx(served(one))
    assert served(four) == pytest.approx(1 / e2e_s(four))
    assert four.batch == pytest.approx(1.0)


def test_two_requests_on_four_replicas_are_two_streams() -> None:
    assert served(predict(deployment(4), users(2))) == pytest.approx(
        2 / e2e_s(predict(deployment(1), SINGLE))
    )


def test_idle_replicas_count_in_the_capacity() -> None:
    one, four = predict(deployment(1), users(1)), predict(deployment(4), users(1))
    assert one.capacity_requests_per_s is not None
    assert four.capacity_requests_per_s is not None
    assert four.capacity_requests_per_s.value == pytest.approx(4 * one.capacity_requests_per_s.value)


def test_two_users_who_think_are_two_on_any_number_of_replicas() -> None:
    talk = Conversation(think_time=ThinkTime(kind="constant", mean=30.0))
    load = Load(
        input_tokens=Lengths.constant(1000),
        output_tokens=Lengths.constant(500),
        arrival=users(2),
        conversation=talk,
    )
    p = Predictor.shipped().predictions([deployment(5)], load)[0]
    assert served(p) == pytest.approx(2 / (e2e_s(p) + 30.0), rel=1e-6)
