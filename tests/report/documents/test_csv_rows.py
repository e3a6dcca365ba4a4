"""Ranked deployments as flat rows for CSV."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.report.documents.csv_rows import assessment_row, recommendation_columns, recommendation_rows
from advisor.report.documents.deployment_document import deployment_document
from tests.advise.builders import deployment
from tests.report.builders import answer, cannot_run, recommendation, three


def test_rows_come_in_the_order_of_the_ranking_and_only_the_ranked_do() -> None:
    rows = recommendation_rows(three())
    assert [(row["rank"], row["format"]) for row in rows] == [(1, "int4"), (2, "int8"), (3, "bf16")]
    assert recommendation_rows(three(), top=1) == rows[:1]


def test_every_row_has_the_same_columns_so_that_csv_has_one_head() -> None:
    first, *others = recommendation_rows(three())
    assert all(list(row) == list(first) for row in others)


def test_a_csv_without_a_row_has_the_head_that_it_would_have_with_one() -> None:
    [row, *_] = recommendation_rows(three())
    assert recommendation_columns(three()) == list(row)
    nothing = recommendation(cannot_run("w4a8-fp8", "A100"))
    assert recommendation_rows(nothing) == []
    assert recommendation_columns(nothing) == list(row)


def test_an_estimate_is_three_columns_and_the_interval_lies_around_the_value() -> None:
    row = assessment_row(answer("int4", 4.0, 0.98, ttft_p95_ms=200.0))
    columns = [row[f"ttft_p95_ms{end}"] for end in ("_low", "", "_high")]
    assert columns == pytest.approx([180.0, 200.0, 220.0])
    assert (row["recovery_low"], row["recovery"], row["recovery_basis"]) == (0.97, 0.98, "measured")
    # 0.80 USD per hour over 4 requests/s of 256 tokens: 3.686 million output tokens an hour
    assert row["usd_per_hour"] == 0.80
    usd = row["usd_per_million_output_tokens"]
    assert isinstance(usd, float)
    assert abs(usd - 0.80 / (4 * 256 * 3600 / 1e6)) < 1e-9


def test_what_is_not_known_is_empty_and_not_zero() -> None:
    unpriced = replace(answer("int4", 4.0, 0.98, gpu="H100"), cost=None)
    row = assessment_row(unpriced)
    assert row["usd_per_hour"] is None
    assert row["usd_per_million_output_tokens"] is None
    assert "ttft_mean_ms" not in assessment_row(cannot_run("w4a8-fp8", "A100"))


def test_a_deployment_counts_the_gpus_of_all_replicas() -> None:
    document = deployment_document(deployment(tensor_parallel=2, replicas=3, kv_format="fp8"))
    assert (document["num_gpus"], document["tensor_parallel"], document["replicas"]) == (6, 2, 3)
    assert document["kv_format"] == "fp8"
