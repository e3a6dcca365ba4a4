"""Means under load: what continuous batching makes of a step time."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.cost.predict.prediction import Prediction
from advisor.cost.predict.predictor import Predictor
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import parse_engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.workload import Arrival, Lengths, Load


def deployment(fmt: str = "fp8", gpu: str = "H100", tp: int = 1, replicas: int = 1) -> Deployment:
    return Deployment(
        model=find_model("Llama-3.1-8B-Instruct"),
        format=find_format(fmt),
        gpu=find_gpu(gpu),
        tensor_parallel=tp,
        replicas=replicas,
        engine=parse_engine("vllm 0.11.0"),
    )


def load(arrival: Arrival, prompt: int = 512, answer: int = 256, hit: float = 0.0) -> Load:
    return Load(
        input_tokens=Lengths.constant(prompt),
        output_tokens=Lengths.constant(answer),
        arrival=arrival,
        prefix_hit_rate=hit,
    )


def predict(d: Deployment, asked: Load) -> Prediction:
    return Predictor.shipped().predictions([d], asked)[0]


def ms(p: Prediction, metric: str) -> float:
    return p.latency[metric, "mean"].value


def concurrency(users: int) -> Arrival:
    return Arrival(kind="concurrency", value=users)


@settings(max_examples=25, deadline=None)
@given(users=st.integers(1, 200), more=st.integers(1, 200))
def test_more_users_never_shorten_the_wait_and_never_lower_throughput(users: int, more: int):
    few = predict(deployment(), load(concurrency(users)))
    many = predict(deployment(), load(concurrency(users + more)))
    assert ms(many, "tpot") >= ms(few, "tpot") * (1 - 1e-9)
    assert ms(many, "ttft") >= ms(few, "ttft") * (1 - 1e-9)
    assert many.requests_per_s.value >= few.requests_per_s.value * (1 - 1e-6)


@settings(max_examples=25, deadline=None)
@given(prompt=st.integers(1, 8000), answer=st.integers(2, 2000), more=st.integers(1, 2000))
def test_a_longer_answer_or_prompt_is_never_sooner_done(prompt: int, answer: int, more: int):
    one = Arrival(kind="single")
    now = ms(predict(deployment(), load(one, prompt, answer)), "e2e")
    assert ms(predict(deployment(), load(one, prompt, answer + more)), "e2e") >= now
    assert ms(predict(deployment(), load(one, prompt + more, answer)), "e2e") >= now


def test_one_user_is_a_single_stream():
    alone, one = (predict(deployment(), load(a)) for a in (Arrival(kind="single"), concurrency(1)))
    for metric in ("ttft", "tpot"):
        assert ms(one, metric) == pytest.approx(ms(alone, metric), rel=0.25)


def test_littles_law_holds_in_a_closed_loop():
    p = predict(deployment(), load(concurrency(32)))
    assert p.requests_per_s.value * ms(p, "e2e") / 1000 == pytest.approx(32, rel=0.05)


def test_a_request_is_its_first_token_and_the_steps_after_it():
    p = predict(deployment(gpu="A6000", fmt="int4"), load(Arrival(kind="rate", value=2.0)))
    assert ms(p, "e2e") == pytest.approx(ms(p, "ttft") + 255 * ms(p, "tpot"), rel=0.1)


def test_beyond_capacity_there_is_no_latency_but_the_capacity():
    capacity = predict(deployment(), load(Arrival(kind="maximum"))).capacity_requests_per_s
    over = predict(deployment(), load(Arrival(kind="rate", value=capacity.value * 2)))
    assert over.status == "backlogged"
    assert not over.latency
    assert over.capacity_requests_per_s is not None


def test_replicas_share_the_load_and_add_their_throughput():
    two = predict(deployment(replicas=2), load(Arrival(kind="maximum")))
    one = predict(deployment(), load(Arrival(kind="maximum")))
    assert two.requests_per_s.value == pytest.approx(2 * one.requests_per_s.value)
    shared = predict(deployment(replicas=2), load(concurrency(32)))
    assert ms(shared, "tpot") == pytest.approx(ms(predict(deployment(), load(concurrency(16))), "tpot"))


@pytest.mark.parametrize("hit", [0.25, 0.5, 0.9])
def test_a_cached_prefix_is_not_computed_again(hit: float):
    cold = predict(deployment(), load(concurrency(8), 4096, 128))
    warm = predict(deployment(), load(concurrency(8), 4096, 128, hit))
    assert ms(warm, "ttft") < ms(cold, "ttft")


def test_an_fp8_cache_holds_twice_the_sequences():
    d = deployment(gpu="H100", fmt="bf16")
    asked = load(Arrival(kind="maximum"), 8192, 1024)
    sixteen, eight = predict(d, asked), predict(replace(d, kv_format="fp8"), asked)
    assert eight.memory.max_concurrency == pytest.approx(2 * sixteen.memory.max_concurrency, abs=1)


def test_what_does_not_fit_has_no_numbers():
    d = replace(deployment("bf16", "L4"), model=find_model("Llama-3.3-70B-Instruct"))
    p = predict(d, load(Arrival(kind="single")))
    assert p.status == "does not fit"
    assert not p.latency
    assert p.requests_per_s is None


@settings(max_examples=30, deadline=None)
@given(
    fmt=st.sampled_from(["bf16", "fp8", "int8", "int4"]),
    gpu=st.sampled_from(["A6000", "A100", "H100", "L4", "B200", "MI300X"]),
    users=st.integers(1, 300),
)
def test_every_estimate_lies_in_its_interval_and_is_finite(fmt: str, gpu: str, users: int):
    d = deployment(fmt, gpu)
    if d.format.execution(d.gpu) is None:
        return
    p = predict(d, load(concurrency(users)))
    for found in (*p.latency.values(), p.requests_per_s, p.output_tokens_per_s):
        assert found is not None
        assert math.isfinite(found.high)
        assert 0 < found.low <= found.value <= found.high
