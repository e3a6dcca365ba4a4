"""What each tool takes: typed, described, and refused where a part of a question would be ignored."""

from __future__ import annotations

from typing import Any

import pytest

pydantic = pytest.importorskip("pydantic", reason="the SDK is not installed")

from advisor.mcp.inputs import (  # noqa: E402
    ChoiceInputs,
    CrossoverInputs,
    DeploymentInputs,
    Inputs,
    ListInputs,
    RecommendInputs,
    WorkloadInputs,
)

MODEL = {"model": "Llama-3.1-8B-Instruct"}
EVERY = [WorkloadInputs, ChoiceInputs, RecommendInputs, DeploymentInputs, CrossoverInputs, ListInputs]


@pytest.mark.parametrize("inputs", EVERY)
def test_every_field_says_what_it_is(inputs: type[Inputs]) -> None:
    for name, schema in inputs.model_json_schema()["properties"].items():
        assert schema.get("description", "").rstrip().endswith("."), f"{inputs.__name__}.{name}"


@pytest.mark.parametrize("inputs", EVERY)
def test_an_unknown_field_is_refused(inputs: type[Inputs]) -> None:
    with pytest.raises(pydantic.ValidationError, match="Extra inputs are not permitted"):
        inputs.model_validate({**MODEL, "gpuz": ["H100"]})


def test_without_a_word_about_it_a_question_is_a_chat_and_every_gpu() -> None:
    made = RecommendInputs.model_validate(MODEL)
    assert (made.workload, made.gpus, made.top, made.allow_mixed) == ("chat", None, 5, False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("request_rate", 0),
        ("request_rate", float("inf")),
        ("request_rate", "often, " * 10),
        ("concurrency", 0),
        ("concurrency", 2.5),
        ("max_gpus", 10_000_001),
        ("max_usd_per_hour", -1),
        ("objective", "speed"),
        ("top", 101),
        ("prices", {"H100": 0}),
        ("owned_gpus", {"A100": 0}),
        ("pricing", "tomorrow"),
        ("limits", ["ttft_p95_ms=500"] * 33),
        ("model", 7),
        ("model", "m" * 301),
        ("turns", "4" * 301),
        ("system_tokens", -1),
        ("request_rate", True),
        ("concurrency", True),
        ("min_recovery", True),
        ("system_tokens", False),
        ("top", True),
        ("prices", {"H100": True}),
        ("owned_gpus", {"A100": True}),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(field: str, value: Any) -> None:
    with pytest.raises(pydantic.ValidationError) as error:
        RecommendInputs.model_validate({**MODEL, field: value})
    assert error.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize("value", [4, 4.5, "300/min", "10k/day"])
def test_a_rate_is_a_number_or_a_text_with_its_time(value: Any) -> None:
    assert RecommendInputs.model_validate({**MODEL, "request_rate": value}).request_rate == value


@pytest.mark.parametrize("value", [0.97, 97, "97 %"])
def test_a_share_may_be_written_in_three_ways(value: Any) -> None:
    assert RecommendInputs.model_validate({**MODEL, "min_recovery": value}).min_recovery == value


def test_space_around_a_name_is_no_part_of_it() -> None:
    assert RecommendInputs.model_validate({"model": "  gpt-oss-20b "}).model == "gpt-oss-20b"


def test_a_deployment_is_one_gpu_and_one_replica_unless_said() -> None:
    made = DeploymentInputs.model_validate({**MODEL, "gpu": "H100"})
    assert (made.tensor_parallel, made.replicas, made.kv_cache_dtype, made.format) == (1, 1, "auto", None)
    with pytest.raises(pydantic.ValidationError, match="gpu"):
        DeploymentInputs.model_validate(MODEL)


def test_an_axis_is_one_of_four() -> None:
    for over in ("concurrency", "rate", "input-tokens", "output-tokens"):
        assert CrossoverInputs.model_validate({**MODEL, "over": over}).over == over
    with pytest.raises(pydantic.ValidationError, match="over"):
        CrossoverInputs.model_validate({**MODEL, "over": "price"})


def test_lists_of_two_questions_are_not_shared() -> None:
    one, other = (RecommendInputs.model_validate(MODEL) for _ in range(2))
    one.limits.append("none")
    assert other.limits == []
