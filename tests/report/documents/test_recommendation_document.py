"""The JSON is a contract: its keys are listed here by hand, and its schema holds for every kind of answer."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest

from advisor.advise.choose.recommendation import Recommendation
from advisor.report.documents.prediction_document import prediction_document
from advisor.report.documents.recommendation_document import (
    VERSION,
    recommendation_document,
)
from advisor.report.documents.schemas import shipped_schema
from advisor.spec.workloads.workload import Goodput, Lengths, Quality
from tests.advise.builders import GB, assessed, deployment, prediction
from tests.report.builders import answer, cannot_run, limited, recommendation, three

SCHEMA = shipped_schema("recommendation")


def validate(document: object) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(document)


def nothing_kept() -> Recommendation:
    return recommendation(answer("fp8", 3.5, 0.999, ttft_p95_ms=400.0), cannot_run("int4", "V100"))


def fits_nowhere() -> Recommendation:
    small = assessed(prediction(kv_bytes=-GB, max_concurrency=0, status="does not fit"))
    return replace(recommendation(small), smallest=prediction(deployment(fmt="int4", gpu="H100")))


def rich_workload() -> Recommendation:
    workload = replace(
        limited(),
        goodput=Goodput(ttft_ms=500.0, min_share=0.9),
        quality=Quality(min_recovery=0.9, tasks=("code",)),
        load=replace(limited().load, input_tokens=Lengths.lognormal(512, 128, high=1024)),
    )
    return replace(three(), workload=workload, notes=("something was assumed",))


def without_price() -> Recommendation:
    [first] = recommendation(answer("int4", 4.0, 0.98)).ranked
    return replace(recommendation(), ranked=(replace(first, cost=None),))


@pytest.mark.parametrize("make", [three, nothing_kept, fits_nowhere, rich_workload, without_price])
def test_every_kind_of_answer_keeps_the_schema(make: object) -> None:
    document = recommendation_document(make())  # type: ignore[operator]
    validate(json.loads(json.dumps(document, allow_nan=False)))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["version"]["const"] == VERSION


def test_a_value_outside_the_contract_is_refused() -> None:
    document = recommendation_document(three())
    document["ranked"][0]["estimates"]["recovery"]["basis"] = "guessed"
    with pytest.raises(jsonschema.ValidationError):
        validate(document)


def test_the_keys_are_those_promised() -> None:
    document = recommendation_document(three())
    assert " ".join(document) == (
        "version model workload picks frontier ranked refused_by_reason refused counts smallest_that_holds "
        "decision notes fit"
    )
    first = document["ranked"][0]
    assert " ".join(first) == (
        "rank deployment keeps_all_limits usd_per_hour status estimates cost memory bound_by time_ms "
        "mean_batch kv_use prefix_hits prefix_hits_spread turn_ttft_ms recovery_note nearest_evidence "
        "on_other_engines checkpoint kernels commands refusals tied_with_first pareto"
    )
    assert " ".join(first["deployment"]) == (
        "model format kv_format gpu gpu_label num_gpus tensor_parallel replicas engine"
    )
    assert " ".join(sorted(first["estimates"])) == (
        "capacity_requests_per_s e2e_mean_ms goodput_share output_tokens_per_s recovery requests_per_s "
        "tpot_mean_ms ttft_mean_ms ttft_p95_ms usd_per_million_output_tokens usd_per_thousand_queries"
    )
    assert " ".join(document["refused_by_reason"][0]) == "kind limit count nearest"
    assert " ".join(document["refused_by_reason"][0]["nearest"]) == (
        "deployment keeps_all_limits usd_per_hour excess likely_kept refusals"
    )
    assert " ".join(document["picks"][0]) == (
        "role deployment usd_per_hour usd_per_month keeps_all_limits tightest_limit"
    )


def test_an_estimate_is_told_with_its_interval_and_basis() -> None:
    first = recommendation_document(three())["ranked"][0]
    assert first["estimates"]["recovery"] == {"value": 0.98, "low": 0.97, "high": 0.98, "basis": "measured"}
    assert first["estimates"]["goodput_share"] is None


def test_top_shortens_the_lists_and_not_the_counts() -> None:
    document = recommendation_document(three(), top=1)
    assert (len(document["ranked"]), len(document["refused"])) == (1, 0)
    assert document["counts"] == {"ranked": 3, "refused": 2, "pareto": 3}


def test_all_of_the_refused_are_there_when_asked_for() -> None:
    document = recommendation_document(three(), top=None)
    assert (len(document["ranked"]), len(document["refused"])) == (3, 2)
    assert [reason["count"] for reason in document["refused_by_reason"]] == [1, 1]


def test_a_prediction_has_the_same_shape_as_a_ranked_entry() -> None:
    document = prediction_document(answer("int4", 4.0, 0.98), limited())
    jsonschema.Draft202012Validator(shipped_schema("prediction")).validate(document)
    ranked = recommendation_document(three())["ranked"][0]
    assert ranked.keys() - document["prediction"].keys() == {"rank", "tied_with_first", "pareto"}
    assert document["prediction"].keys() <= ranked.keys()


def test_limits_are_told_in_the_keys_of_a_profile() -> None:
    assert recommendation_document(three())["workload"]["slo"] == {"ttft_p95_ms": 300.0}
