"""What is kept between questions: the same as computed anew, and not without bound."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from advisor import load_workload, recommend
from advisor.advise.api import shipped_predictor, shipped_quality
from advisor.advise.certainty_and_sensitivity import short_decision
from advisor.cost.predict.cached_predictor import PREDICTION_BYTES, CachedPredictor
from advisor.cost.predict.predictor import Predictor
from advisor.spec.deployment import Deployment
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.workload import Load
from advisor.ui.cached_quality import CachedQuality


def deployments(*formats: str) -> list[Deployment]:
    model, gpu = find_model("Llama-3.1-8B-Instruct"), find_gpu("L40S")
    return [Deployment(model=model, format=find_format(name), gpu=gpu) for name in formats]


def test_an_answer_is_the_same_whatever_was_asked_before() -> None:
    workload = override(load_workload("chat"), rate=8.0, min_recovery=0.97)
    plain = recommend("Llama-3.1-8B-Instruct", workload, gpus=["L40S", "H100"], predictor=Predictor.shipped())
    kept, quality = CachedPredictor(Predictor.shipped()), CachedQuality.of(shipped_quality())
    for rate in (3.0, 8.0, 8.0):
        asked = override(workload, rate=rate)
        answer = recommend(
            "Llama-3.1-8B-Instruct", asked, gpus=["L40S", "H100"], predictor=kept, quality=quality
        )
    assert answer.ranked == plain.ranked
    assert answer.refused == plain.refused


def test_what_was_asked_before_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, load = CachedPredictor(Predictor.shipped()), load_workload("chat").load
    first = kept.predictions(deployments("bf16", "fp8"), load)
    monkeypatch.setattr(Predictor, "predictions", lambda *a, **k: pytest.fail("computed again"))
    assert kept.predictions(deployments("bf16", "fp8"), load) == first


def test_no_more_bytes_are_kept_than_allowed_and_the_oldest_questions_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = CachedPredictor(Predictor.shipped(), max_bytes=5 * PREDICTION_BYTES)
    load = load_workload("chat").load
    loads = [replace(load, prefix_hit_rate=hit) for hit in (0.0, 0.1, 0.2)]
    first, *later = [kept.predictions(deployments("bf16", "fp8"), one) for one in loads]
    asked: list[Load] = []
    predictions = Predictor.predictions

    def counted(self: Predictor, d: Sequence[Deployment], of: Load, *args: Any, **options: Any) -> object:
        asked.append(of)
        return predictions(self, d, of, *args, **options)

    monkeypatch.setattr(Predictor, "predictions", counted)
    assert [kept.predictions(deployments("bf16", "fp8"), one) for one in loads[1:]] == later
    assert asked == []
    assert kept.predictions(deployments("bf16", "fp8"), loads[0]) == first
    assert asked == loads[:1]


def test_a_table_is_the_same_row_by_row_whatever_was_asked_before() -> None:
    kept, load = CachedPredictor(Predictor.shipped()), load_workload("chat").load
    statistics = (("ttft", "p95"),)
    for names in (("bf16",), ("fp8", "bf16"), ("int4", "fp8", "bf16")):
        rows, plain = (p.table(deployments(*names), load, statistics) for p in (kept, Predictor.shipped()))
        for name in ("mean", "p95"):
            np.testing.assert_array_equal(
                rows.latency_ms["ttft", name].high, plain.latency_ms["ttft", name].high
            )
        np.testing.assert_array_equal(rows.max_concurrency, plain.max_concurrency)


def test_a_deployment_of_ones_own_with_a_known_name_is_another_question() -> None:
    kept, load = CachedPredictor(Predictor.shipped()), load_workload("chat").load
    [known] = deployments("fp8")
    faster = replace(known, gpu=replace(known.gpu, memory_bandwidth_gb_s=2 * known.gpu.memory_bandwidth_gb_s))
    first, second = (kept.predictions([d], load)[0].latency["tpot", "mean"].value for d in (known, faster))
    assert second < 0.8 * first


def test_predictions_kept_are_equal_to_new_ones() -> None:
    kept, load = CachedPredictor(Predictor.shipped()), load_workload("chat").load
    kept.predictions(deployments("fp8"), load)
    assert kept.predictions(deployments("bf16", "fp8"), load) == Predictor.shipped().predictions(
        deployments("bf16", "fp8"), load
    )


def test_every_public_method_of_a_predictor_works_on_a_cached_one() -> None:
    """The wrapper has none of a predictor's own state: what it does not override may use the fit alone."""
    own = {name for name in vars(CachedPredictor) if not name.startswith("_")}
    public = {name for name in vars(Predictor) if not name.startswith("_")}
    assert public - own == {"shipped", "summary"}
    assert CachedPredictor(Predictor.shipped()).summary() == Predictor.shipped().summary()


def test_an_answer_and_its_decision_predict_no_deployment_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    predicted: list[tuple[object, ...]] = []
    table = Predictor.table

    def counted(self: Predictor, of: Sequence[Deployment], loads: Any, *args: Any, **options: Any) -> Any:
        predicted.extend((d.key, loads) for d in of if isinstance(loads, Load))
        return table(self, of, loads, *args, **options)

    monkeypatch.setattr(Predictor, "table", counted)
    predictor = CachedPredictor(Predictor.shipped())
    workload = override(load_workload("chat"), rate=40.0)
    answer = recommend("Llama-3.1-8B-Instruct", workload, gpus=["L40S", "H100"], predictor=predictor)
    short_decision(answer, predictor=predictor)
    assert len(predicted) == len(set(predicted)) > 20
    assert any(d.replicas > 1 for d in (a.deployment for a in answer.ranked))


def test_a_predictor_that_keeps_its_answers_is_not_wrapped_again() -> None:
    predictor = shipped_predictor()
    assert CachedPredictor.of(predictor) is predictor


def test_threads_that_ask_at_once_get_the_rows_of_their_own_deployments() -> None:
    kept, load = CachedPredictor(Predictor.shipped()), load_workload("chat").load
    names = ("bf16", "fp8", "int8", "int4")
    asked = [[names[(i + k) % len(names)] for k in range(1 + i % 3)] for i in range(24)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda some: kept.table(deployments(*some), load), asked))
    for some, answer in zip(asked, answers, strict=True):
        alone = Predictor.shipped().table(deployments(*some), load)
        np.testing.assert_array_equal(
            answer.latency_ms["e2e", "mean"].value, alone.latency_ms["e2e", "mean"].value
        )
