"""Two deployments and two result files side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisor import Difference, compare
from advisor.advise.api import shipped_quality
from advisor.advise.compare.benchmark_result_files import compare_results
from advisor.advise.compare.deployments import accuracy_notes, overload_notes, parse_deployment
from advisor.errors import InputError, UnsupportedError
from advisor.spec.engines.engine import Engine
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload

MODEL = "Llama-3.1-8B-Instruct"
DATA = Path(__file__).resolve().parents[2] / "data"
RUN = json.loads((DATA / "vllm_bench" / "concurrency.json").read_text(encoding="utf-8"))


def named(found: tuple[Difference, ...], name: str) -> Difference:
    return next(d for d in found if d.name == name)


def test_a_deployment_does_not_differ_from_itself() -> None:
    for d in compare("fp8@H100", "fp8@H100", "chat", model=MODEL):
        assert d.change == 0
        assert d.significant is False


def test_errors_that_are_shared_narrow_the_difference() -> None:
    same_gpu = named(compare("bf16@A6000", "int4@A6000", "chat", model=MODEL), "TPOT mean")
    assert same_gpu.low is not None
    assert same_gpu.high is not None
    assert same_gpu.low <= same_gpu.change <= same_gpu.high


def test_the_other_way_round_is_the_inverse() -> None:
    there = named(compare("bf16@A6000", "int4@A6000", "chat", model=MODEL), "TPOT mean")
    back = named(compare("int4@A6000", "bf16@A6000", "chat", model=MODEL), "TPOT mean")
    assert (1 + there.change) * (1 + back.change) == pytest.approx(1.0)
    assert there.significant == back.significant


def test_twice_the_gpus_at_a_rate_cost_twice_as_much_for_sure() -> None:
    found = compare("fp8@L40S", "fp8@L40S*2", "chat", model=MODEL)
    cost = named(found, "USD per million output tokens")
    assert cost.change == pytest.approx(1.0)
    assert cost.significant


def test_awq_and_gptq_are_int4_from_two_checkpoints_that_differ_in_accuracy_alone() -> None:
    found = compare("awq@H100", "gptq@H100", "chat", model=MODEL)
    assert {d.name for d in found if d.change != 0} == {"recovery of BF16's accuracy"}
    recovery = named(found, "recovery of BF16's accuracy")
    assert recovery.low is not None
    assert recovery.high is not None
    assert recovery.low < recovery.change < recovery.high


def test_what_the_accuracy_of_each_rests_on_is_told() -> None:
    asked = override(load_workload("chat"), tasks=["code"])
    sides = [parse_deployment(text, find_model(MODEL), Engine()) for text in ("awq@H100", "gptq@H100")]
    assert [d.checkpoint is not None and d.checkpoint.repo for d in sides] == [
        "hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4",
        "hugging-quants/Meta-Llama-3.1-8B-Instruct-GPTQ-INT4",
    ]
    awq, gptq = accuracy_notes(sides[0], sides[1], asked, shipped_quality())
    assert awq.startswith(
        "accuracy of A: no score of hugging-quants's awq checkpoint (this one), 16 scores of"
    )
    assert "Red Hat's awq checkpoint keeps 93.6 ±" in awq
    assert "Red Hat's gptq checkpoint keeps 99.7 ±" in gptq


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("fp8@H100", ("fp8", "16bit", "H100-SXM", 1, 1)),
        ("int4+fp8kv@2xA6000*3", ("int4", "fp8", "A6000", 2, 3)),
        ("W8A8@4xA100", ("int8", "16bit", "A100-SXM-80GB", 4, 1)),
    ],
)
def test_a_deployment_is_written_short(text: str, key: tuple[object, ...]) -> None:
    made = parse_deployment(text, find_model(MODEL), Engine())
    assert made.key[1:6] == key


@pytest.mark.parametrize("text", ["fp8", "@H100", "fp8@", "fp8@0xH100", "fp8@H100*0"])
def test_what_is_no_deployment_is_refused(text: str) -> None:
    with pytest.raises((InputError, UnsupportedError)):
        parse_deployment(text, find_model(MODEL), Engine())


# Files


def written(path: Path, *, latency: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    changed = {
        key: value * latency if key.startswith(("mean_", "median_", "p9", "std_")) else value
        for key, value in RUN.items()
    }
    path.write_text(json.dumps(changed), encoding="utf-8")
    return path


def figure(first: Path, second: Path, name: str = "TPOT mean") -> Difference:
    return next(d for d in compare_results(first, second).differences if d.name.startswith(name))


def test_one_run_each_is_judged_by_how_published_runs_repeat(tmp_path: Path) -> None:
    a, near, far = (written(tmp_path / f"{x}.json", latency=x) for x in (1.0, 1.04, 1.5))
    assert figure(a, near).significant is False
    seen = figure(a, far)
    assert (seen.significant, seen.basis) == (True, "scatter")
    assert seen.change == pytest.approx(0.5)


def test_repeats_are_judged_by_their_own_scatter(tmp_path: Path) -> None:
    for number, value in enumerate((1.00, 1.01, 0.99)):
        written(tmp_path / "a" / f"{number}.json", latency=value)
        written(tmp_path / "b" / f"{number}.json", latency=1.05 * value)
        written(tmp_path / "c" / f"{number}.json", latency=1.002 * value)
    steady = figure(tmp_path / "a", tmp_path / "b")
    assert (steady.significant, steady.basis) == (True, "repeats")
    assert figure(tmp_path / "a", tmp_path / "c").significant is False


def test_wild_repeats_tell_nothing(tmp_path: Path) -> None:
    for number, value in enumerate((0.7, 1.0, 1.5)):
        written(tmp_path / "a" / f"{number}.json", latency=value)
        written(tmp_path / "b" / f"{number}.json", latency=1.05 * value)
    assert figure(tmp_path / "a", tmp_path / "b").significant is False


def test_other_loads_are_not_compared(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to compare"):
        compare_results(DATA / "vllm_bench" / "concurrency.json", DATA / "vllm_bench" / "rate.json")


def test_scores_of_other_protocols_are_not_compared() -> None:
    full, limited = (DATA / "lm_eval" / f"results_{name}.json" for name in ("full", "limited"))
    with pytest.raises(InputError, match="not comparable"):
        compare_results(full, limited)


def test_scores_are_judged_by_their_standard_errors(tmp_path: Path) -> None:
    document = json.loads((DATA / "lm_eval" / "results_full.json").read_text(encoding="utf-8"))
    first = tmp_path / "a.json"
    first.write_text(json.dumps(document), encoding="utf-8")
    seen = compare_results(first, first).differences
    assert seen
    assert all(d.change == 0 and d.significant is False and d.basis == "stderr" for d in seen)


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no result files"):
        compare_results(tmp_path, tmp_path)


def test_an_overloaded_deployment_is_named_and_has_neither_latencies_nor_a_cost_of_the_load() -> None:
    asked = override(load_workload("chat"), rate=20)
    found = compare("fp8@H100", "fp8@L40S", asked, model=MODEL)
    capacity = named(found, "capacity")
    assert capacity.second is not None
    assert capacity.second < 20
    for name in ("TTFT p95", "E2E mean", "USD per million output tokens"):
        row = named(found, name)
        assert row.first is not None
        assert (row.second, row.change, row.significant) == (None, None, None)
    (note,) = overload_notes(found, asked)
    assert note.startswith("B is overloaded: 20 requests/s arrive, at most 12")
    at_ease = override(load_workload("chat"), rate=2)
    found = compare("fp8@H100", "fp8@L40S", at_ease, model=MODEL)
    assert overload_notes(found, at_ease) == ()
    assert named(found, "USD per million output tokens").change is not None
