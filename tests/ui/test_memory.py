"""What is kept between questions: the same as computed anew, and not without bound."""

from __future__ import annotations

import pytest

from advisor import load_workload, recommend
from advisor.advise.api import shipped_predictor, shipped_quality
from advisor.cost.predict.predictor import Predictor
from advisor.spec.deployment import Deployment
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpus import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.profile_flags import override
from advisor.ui import memory
from advisor.ui.memory import RememberedPredictor, RememberedQuality


def deployments(*formats: str) -> list[Deployment]:
    model, gpu = find_model("Llama-3.1-8B-Instruct"), find_gpu("L40S")
    return [Deployment(model=model, format=find_format(name), gpu=gpu) for name in formats]


def test_an_answer_is_the_same_whatever_was_asked_before() -> None:
    workload = override(load_workload("chat"), rate=8.0, min_recovery=0.97)
    plain = recommend("Llama-3.1-8B-Instruct", workload, gpus=["L40S", "H100"])
    kept, quality = RememberedPredictor(shipped_predictor()), RememberedQuality(shipped_quality())
    for rate in (3.0, 8.0, 8.0):
        asked = override(workload, rate=rate)
        answer = recommend(
            "Llama-3.1-8B-Instruct", asked, gpus=["L40S", "H100"], predictor=kept, quality=quality
        )
    assert answer.ranked == plain.ranked
    assert answer.refused == plain.refused


def test_what_was_asked_before_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, load = RememberedPredictor(shipped_predictor()), load_workload("chat").load
    first = kept.predict(deployments("bf16", "fp8"), load)
    monkeypatch.setattr(Predictor, "predict", lambda *a, **k: pytest.fail("computed again"))
    assert kept.predict(deployments("bf16", "fp8"), load) == first


def test_only_so_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PREDICTIONS", 5)
    kept, load = RememberedPredictor(shipped_predictor()), load_workload("chat").load
    for names in (("bf16", "fp8"), ("fp8", "int4"), ("int8", "int4"), ("bf16", "int8")):
        kept.predict(deployments(*names), load)
    assert sum(map(len, kept._known.values())) <= 5
    assert kept.predict(deployments("bf16", "fp8"), load) == shipped_predictor().predict(
        deployments("bf16", "fp8"), load
    )
