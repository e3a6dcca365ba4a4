"""Runs that failed draw a border: what lies beyond it is refused, what lies before it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisor.advise.choose.recorded_failures import Border, border_of
from advisor.advise.fit_with_own_records import border_with
from advisor.record import store
from advisor.record.measurement import FailedRun
from advisor.spec.workloads.workload import Arrival
from tests.advise.builders import deployment, workload
from tests.command import Command
from tests.record import build

MODEL = "Llama-3.1-8B-Instruct"
KV = (
    "int8 ×1 serve: ValueError: To serve at least one request with the model's max seq len (16384), (4.0 GiB "
    "KV cache is needed, which is larger than the available KV cache memory (0.97 GiB). Based on the "
    "available memory, the estimated maximum model length is 3968."
)
WEIGHTS = "int8 ×1 serve: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB."


def failed(**changes: object) -> FailedRun:
    """INT8 on one A6000."""
    usual = {"format": "int8", "gpu": "A6000", "engine_version": "0.32.0", "detail": WEIGHTS}
    return build.failure(**(usual | changes))


def kinds(run: FailedRun, d: object, under: object = None, **served: object) -> list[str]:
    speed = [build.speed(gpu="A6000", **served)] if served else []
    return [r.kind for r in border_of([run], speed).failures_of(d, under or workload())]  # type: ignore[arg-type]


def test_what_did_not_fit_does_not_fit_with_wider_numbers_or_on_fewer_gpus():
    run = failed(num_gpus=2)
    assert kinds(run, deployment(fmt="int8", tensor_parallel=2)) == ["seen"]
    assert kinds(run, deployment(fmt="int8")) == ["seen"]
    assert kinds(run, deployment(fmt="bf16")) == ["seen"]
    assert kinds(run, deployment(fmt="int4")) == []
    assert kinds(run, deployment(fmt="int8", tensor_parallel=4)) == []
    assert kinds(run, deployment(fmt="int8", kv_format="fp8")) == []
    assert kinds(run, deployment(fmt="int8", gpu="L40S")) == []


def test_another_model_is_not_concerned():
    assert kinds(failed(model="Llama-3.1-70B-Instruct"), deployment(fmt="int8")) == []


def test_what_was_seen_to_serve_is_beyond_doubt():
    run = failed(num_gpus=2)
    assert kinds(run, deployment(fmt="bf16"), format="bf16", num_gpus=1) == []


def test_a_kv_cache_that_is_too_small_rules_out_longer_requests_only():
    run = failed(detail=KV, max_context=16_384)
    d = deployment(fmt="int8")
    assert kinds(run, d, workload(input_tokens=3_800, output_tokens=256)) == ["seen"]
    assert kinds(run, d, workload(input_tokens=3_000, output_tokens=256)) == []


def test_a_kernel_that_is_missing_is_missing_at_every_split():
    run = failed(reason="unsupported", detail="int8 ×1 serve: NotImplementedError: no kernel")
    assert kinds(run, deployment(fmt="int8", tensor_parallel=4)) == ["seen"]
    assert kinds(run, deployment(fmt="bf16")) == []


def test_a_split_that_was_refused_leaves_those_that_served():
    run = failed(reason="unsupported", num_gpus=4)
    served = {"format": "int8", "num_gpus": 2}
    assert kinds(run, deployment(fmt="int8", tensor_parallel=4), **served) == ["seen"]
    assert kinds(run, deployment(fmt="int8"), **served) == []


def test_a_later_release_may_have_learnt_it():
    run = failed(reason="unsupported", engine_version="0.7.2")
    assert kinds(run, deployment(fmt="int8")) == []


def test_a_point_that_ran_out_of_memory_rules_out_as_much_and_more():
    run = failed(stage="bench", load="concurrency", load_value=64.0, input_tokens=512.0, output_tokens=256.0)
    d = deployment(fmt="int8")
    assert kinds(run, d, workload(arrival=Arrival(kind="concurrency", value=128))) == ["seen"]
    assert kinds(run, d, workload(arrival=Arrival(kind="concurrency", value=32))) == []
    assert kinds(run, d, workload(arrival=Arrival(kind="concurrency", value=128), input_tokens=100)) == []


def test_a_rate_that_saturated_asks_for_more_replicas():
    run = failed(
        stage="bench", reason="unsteady", load="rate", load_value=4.0, input_tokens=512.0, output_tokens=256.0
    )
    asked = workload(arrival=Arrival(kind="rate", value=8.0))
    assert kinds(run, deployment(fmt="int8", replicas=2), asked) == ["capacity"]
    assert kinds(run, deployment(fmt="int8", replicas=3), asked) == []


@pytest.mark.parametrize("reason", ["crash", "timeout", "too_many_failures"])
def test_what_failed_without_saying_why_is_told_and_refuses_nothing(reason: str):
    run = failed(reason=reason)
    assert kinds(run, deployment(fmt="int8")) == []
    [note] = Border(failures=(run,)).notes(MODEL, ["A6000"])
    assert note.startswith("int8 on 1× A6000: serve failed")


def test_a_failure_changes_what_is_recommended(quantadvise: Command, tmp_path: Path):
    ask = ("recommend", MODEL, "--workload", "batch", "--gpu", "A6000", "--max-gpus", "1")

    def formats(*more: object) -> set[tuple[str, str]]:
        document = json.loads(quantadvise(*ask, "-o", "json", *more).out)
        rows = [row["deployment"] for row in document["ranked"]]
        return {(row["format"], row["kv_format"]) for row in rows}

    store.write_failures(tmp_path / "failures.csv", [failed(format="int8", max_context=None)])
    before, after = formats(), formats("--records", tmp_path)
    assert {("int8", "16bit"), ("bf16", "16bit"), ("int4", "16bit")} <= before
    assert {("int8", "16bit"), ("bf16", "16bit")} <= before - after
    assert ("int4", "16bit") in after
    table = quantadvise(*ask, "--explain", "--records", tmp_path).out
    assert "that were tried and failed" in table
    assert "CUDA out of memory. Tried to allocate 20.00 GiB." in table


def test_records_without_failures_draw_no_border(tmp_path: Path):
    store.write_speed(tmp_path / "speed.csv", [build.speed()])
    assert border_with([tmp_path]) == Border()
