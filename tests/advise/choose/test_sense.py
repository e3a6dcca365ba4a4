"""What nobody would deploy is there only when it was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from advisor.advise.api import choice_of, recommend, shipped_predictor, shipped_quality
from advisor.advise.choose.gpu_count import candidates
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.quality.quality_model import QualityModel
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload

SMALL, LARGE = "Llama-3.1-8B-Instruct", "Llama-3.1-405B-Instruct"


def tried(model: str, *, workload: str = "chat", **asked: Any) -> list[Deployment]:
    return candidates(choice_of(model, workload, **asked), shipped_predictor())


def test_a_model_that_one_machine_holds_takes_one() -> None:
    assert {d.parallelism.nodes for d in tried(SMALL, gpus=["H100"])} == {1}
    assert 16 in {d.tensor_parallel for d in tried(SMALL, gpus=["H100"], nodes=2)}
    assert 16 in {d.tensor_parallel for d in tried(SMALL, gpus=["H100"], tensor_parallel=[16])}


def test_a_model_that_no_machine_holds_takes_several() -> None:
    # 405B weights: 810 GB at 16 bits, more than eight H100 have; 405 GB in FP8.
    found = tried(LARGE, gpus=["H100"], formats=["bf16", "fp8"])
    nodes = {(d.format.name, d.parallelism.nodes) for d in found}
    assert ("bf16", 2) in nodes
    assert ("fp8", 2) not in nodes


def test_an_fp8_cache_is_tried_where_a_16_bit_one_does_not_hold_the_longest_request() -> None:
    long = override(load_workload("chat"), input_tokens="100000", output_tokens="1000")
    choice = choice_of(SMALL, long, gpus=["L4", "H100"])
    found = candidates(choice, shipped_predictor())
    narrow = [d for d in found if d.kv_format == "fp8"]
    assert narrow
    assert all(shipped_predictor().max_context([d.with_kv("16bit") for d in narrow]) < 101_000)
    assert not [d for d in tried(SMALL, gpus=["H100"]) if d.kv_format == "fp8"]
    assert [d for d in tried(SMALL, gpus=["H100"], kv_formats=["16bit", "fp8"]) if d.kv_format == "fp8"]


def without_scores_in(format: str) -> QualityModel:
    """The model that ships, as if nobody had scored a checkpoint in this format."""
    shipped = shipped_quality()
    kept = [i for i, cell in enumerate(shipped.fitted.cells) if cell.format != format]
    fitted = replace(
        shipped.fitted,
        cells=tuple(shipped.fitted.cells[i] for i in kept),
        weights=tuple(shipped.fitted.weights[i] for i in kept),
    )
    return replace(shipped, fitted=fitted)


def refused_kinds(found: Recommendation) -> dict[str, set[str]]:
    return {reason.kind: {a.deployment.format.name for a in reason.rows} for reason in found.reasons}


def test_a_format_whose_accuracy_nobody_measured_is_not_ranked_unless_it_is_named() -> None:
    unscored = without_scores_in("mxfp4")
    found = recommend(SMALL, "chat", gpus=["B200"], quality=unscored)
    assert all(a.recovery is not None for a in found.ranked)
    assert refused_kinds(found)["evidence"] == {"mxfp4"}
    named = recommend(SMALL, "chat", gpus=["B200"], formats=["mxfp4"], quality=unscored)
    assert {(a.deployment.format.name, a.recovery) for a in named.ranked} == {("mxfp4", None)}
    # With its scores it is ranked like any other.
    assert "mxfp4" in {a.deployment.format.name for a in recommend(SMALL, "chat", gpus=["B200"]).ranked}


def test_a_gpu_that_was_named_is_ranked_without_a_price() -> None:
    found = recommend(SMALL, "chat", gpus=["H800", "H100"])
    unpriced = [a for a in found.ranked if a.cost is None]
    assert {a.deployment.gpu.name for a in unpriced} == {"H800-SXM"}
    # Priced ones first; then the fewest GPUs.
    assert list(found.ranked)[-len(unpriced) :] == unpriced
    counts = [a.deployment.num_gpus for a in unpriced]
    assert counts == sorted(counts)
