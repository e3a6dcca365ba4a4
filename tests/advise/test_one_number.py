"""The same question has the same figures, whichever command answers it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from advisor.advise.api import choice_of, predict, recommend, shipped_predictor, shipped_quality
from advisor.advise.choose.assessment import Assessment
from advisor.advise.compare.deployments import compare
from advisor.display_text import latency_name
from advisor.report.documents.prediction_document import prediction_document
from advisor.report.documents.recommendation_document import recommendation_document
from advisor.report.terminal.print_answer import TABLE_ROWS
from advisor.report.terminal.ranking_tables import shown_rows
from advisor.spec.workloads.read_limits import parse_slo
from advisor.spec.workloads.read_profile import load_workload, parse_workload
from advisor.spec.workloads.workload import Arrival, Workload
from tests.advise.builders import BUSY_TALKS

SAME = 1e-5
"""Fixed points of conversations end a little apart among other rows."""


def chat(kind: str, value: float | None, *limits: str) -> Workload:
    """The chat profile under another load, with further limits."""
    workload = load_workload("chat")
    load = replace(workload.load, arrival=Arrival(kind=kind, value=value))  # type: ignore[arg-type]
    return replace(workload, load=load, limits=(*workload.limits, *(parse_slo(text) for text in limits)))


def predicted(row: Assessment, workload: Workload) -> Assessment:
    d = row.deployment
    return predict(
        d.model,
        workload,
        gpu=d.gpu,
        format=d.format,
        tensor_parallel=d.tensor_parallel,
        replicas=d.replicas,
        kv_format=d.kv_format,
        checkpoint=None if d.checkpoint is None else d.checkpoint.repo,
        engine=d.engine,
    )


QUESTIONS = [
    ("Llama-3.3-70B-Instruct", chat("rate", 5.0), ["H100"]),
    ("Llama-3.1-8B-Instruct", chat("rate", 8.0, "e2e_p99_ms=60000"), ["L40S", "A100-80GB-SXM", "MI300X"]),
    ("Qwen3-30B-A3B", chat("concurrency", 24.0), ["H100", "B200"]),
    ("gpt-oss-120b", chat("single", None), ["H200"]),
    ("Llama-3.1-8B-Instruct", parse_workload(BUSY_TALKS), ["L40S", "A100-80GB-SXM"]),
]


@pytest.mark.parametrize(("model", "workload", "gpus"), QUESTIONS)
def test_a_row_of_recommend_is_what_predict_and_compare_say(
    model: str, workload: Workload, gpus: list[str]
) -> None:
    answer = recommend(model, workload, gpus=gpus)
    rows = [row for _, row in shown_rows(answer.ranked or answer.refused, TABLE_ROWS)]
    assert rows
    for row in rows:
        alone = predicted(row, workload)
        assert row.prediction is not None
        assert alone.prediction is not None
        assert alone.prediction.latency.keys() == row.prediction.latency.keys()
        for key, one in alone.prediction.latency.items():
            other = row.prediction.latency[key]
            same = pytest.approx((other.value, other.low, other.high), rel=SAME)
            assert (one.value, one.low, one.high) == same
            assert one.basis == other.basis
        assert alone.keeps_all_limits == pytest.approx(row.keeps_all_limits, abs=0.001)
        assert [r.kind for r in alone.refusals] == [r.kind for r in row.refusals]
    first = rows[0]
    choice = choice_of(model, workload, gpus=gpus)
    found = compare(
        first.deployment,
        rows[-1].deployment,
        workload,
        choice.price_of,
        shipped_predictor(),
        shipped_quality(),
    )
    figures = {one.name: (one.first, one.second) for one in found}
    for (metric, statistic), estimate in first.prediction.latency.items():  # type: ignore[union-attr]
        other = rows[-1].estimate(metric, statistic)
        assert other is not None
        assert figures[latency_name(metric, statistic)] == pytest.approx(
            (estimate.value, other.value), rel=SAME
        )


def test_the_documents_have_the_same_figures() -> None:
    workload = chat("rate", 5.0)
    answer = recommend("Llama-3.3-70B-Instruct", workload, gpus=["H100"])
    first: dict[str, Any] = dict(recommendation_document(answer)["ranked"][0])
    alone = prediction_document(predicted(answer.ranked[0], workload), workload)["prediction"]
    assert alone["estimates"] == first["estimates"]
