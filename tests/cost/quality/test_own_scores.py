"""A task that nobody else has answers for itself, with the error of the difference item by item."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.cost.quality.algorithm_and_maker import Recipe
from advisor.cost.quality.quality_model import QualityModel
from advisor.errors import UnknownNameError
from advisor.record import store
from advisor.record.measurement import QualityMeasurement
from advisor.spec.models.catalog import find_model
from tests.command import Command
from tests.record import build

MODEL = "Llama-3.1-8B-Instruct"


def own(**changes: object) -> QualityMeasurement:
    """INT4 answers 68 of 100 of our questions, BF16 80; they differ on 12 items and more."""
    usual = {
        "model": MODEL,
        "format": "int4",
        "algorithm": "gptq",
        "task": "our_invoices",
        "metric": "acc",
        "value": 0.68,
        "baseline": 0.80,
        "stderr": 0.047,
        "paired_stderr": 0.04,
        "samples": 100,
        "origin": "measured",
    }
    return build.quality(**(usual | changes))


def recovery(*rows: QualityMeasurement, tasks: tuple[str, ...] = ("our_invoices",), **q: object):
    model = QualityModel.shipped().with_rows(rows)
    return model.recovery(find_model(MODEL), "int4", tasks, **q)  # type: ignore[arg-type]


def test_the_recovery_is_what_was_measured_with_its_paired_error():
    found = recovery(own())
    assert found.true is not None
    assert found.true.basis == "measured"
    assert found.true.value == pytest.approx(0.85)
    assert found.true.high - found.true.value == pytest.approx(1.6449 * 0.04 / 0.80, rel=1e-3)
    assert "our_invoices 85.00 ± 5 % over 100 items" in found.evidence


def test_a_task_that_nobody_scored_is_refused():
    with pytest.raises(UnknownNameError, match="unknown task 'our_invoices'; measure it yourself"):
        recovery()
    with pytest.raises(UnknownNameError, match="unknown task 'our_invoices'"):
        recovery(own(task="our_letters"))


def test_unpaired_scores_have_the_error_of_two():
    found = recovery(own(paired_stderr=None))
    assert found.true is not None
    assert found.true.high - found.true.value == pytest.approx(1.6449 * 2**0.5 * 0.047 / 0.80, rel=1e-3)


def test_no_difference_on_a_hundred_items_is_not_certainty():
    found = recovery(own(value=0.80, paired_stderr=0.0))
    assert found.true is not None
    assert found.true.low == pytest.approx(1 - 1.6449 / 100, rel=1e-4)


@pytest.mark.parametrize(
    "row",
    [
        own(model="Llama-3.1-70B-Instruct"),
        own(format="int8"),
    ],
    ids=["another model", "another format"],
)
def test_scores_of_another_deployment_make_it_any_one_benchmark(row: QualityMeasurement):
    found = recovery(row)
    assert found.true is not None
    assert found.true.basis == "extrapolated"
    assert "read as any one benchmark" in found.note


@pytest.mark.parametrize(
    "row",
    [own(suspect="lower is better: value / baseline is no recovery"), own(baseline=None)],
    ids=["a perplexity", "no baseline"],
)
def test_what_is_no_score_does_not_count(row: QualityMeasurement):
    with pytest.raises(UnknownNameError):
        recovery(row)


def test_beside_a_known_benchmark_each_counts_half():
    alone, known = recovery(own()), recovery(tasks=("GSM8K",))
    both = recovery(own(), tasks=("our_invoices", "GSM8K"))
    assert alone.true is not None
    assert known.true is not None
    assert both.true is not None
    assert both.true.value == pytest.approx((alone.true.value + known.true.value) / 2, abs=2e-3)
    assert both.true.low < both.true.value < both.true.high


def test_of_two_algorithms_the_one_asked_for():
    rows = (own(), own(algorithm="awq", value=0.76, samples=50))
    asked = recovery(*rows, recipe=Recipe(algorithm="awq"))
    usual = recovery(*rows)
    assert asked.true is not None
    assert usual.true is not None
    assert asked.true.value == pytest.approx(0.95)
    assert usual.true.value == pytest.approx(0.85)


def test_an_fp8_cache_that_was_not_measured_widens_it():
    plain, cached = recovery(own()), recovery(own(), kv_format="fp8")
    assert plain.true is not None
    assert cached.true is not None
    assert cached.true.low < plain.true.low
    assert cached.true.basis == "extrapolated"
    measured = recovery(own(conditions="FP8 KV cache"), kv_format="fp8")
    assert measured.true is not None
    assert measured.true.basis == "measured"


def test_recommend_answers_from_own_records(quantadvise: Command, tmp_path: Path):
    store.write_quality(tmp_path / "quality.csv", [own(), own(format="bf16", algorithm="none", baseline=0.8)])
    ask = ("recommend", MODEL, "--workload", "batch", "--gpu", "H100", "--tasks", "our_invoices")
    table = quantadvise(
        *ask, "--min-recovery", "0.9", "--records", tmp_path, "--formats", "int4,fp8", "-o", "json"
    )
    import json

    [reason] = json.loads(table.out)["refused_by_reason"]
    assert reason["kind"] == "recovery"
    assert reason["nearest"]["deployment"]["format"] == "int4"
    assert reason["nearest"]["refusals"][0]["finding"] == "85 (76.78–93.22) %"
