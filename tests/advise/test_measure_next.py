"""What to measure next: of a choice that is in doubt, and of one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor import measure_next, recommend
from advisor.advise.measure_next import Suggestion
from advisor.errors import InputError
from advisor.measure.plan import read_plan
from advisor.report.measure_plan import WORKLOAD, plan_files, write_plans
from advisor.spec.profile import load_workload
from advisor.spec.workload import Arrival, Workload
from tests.advise.builders import workload

MODEL = "Llama-3.1-8B-Instruct"


@pytest.fixture(scope="module")
def asked() -> Workload:
    return workload(arrival=Arrival(kind="concurrency", value=12))


@pytest.fixture(scope="module")
def found(asked: Workload) -> Suggestion:
    suggestion = measure_next(recommend(MODEL, asked, gpus=["A6000", "A100", "L40S"]), count=2)
    assert suggestion is not None
    return suggestion


def test_a_doubt_has_measurements_that_are_worth_it(found: Suggestion) -> None:
    assert found.sure.verdict != "sure"
    assert 1 <= len(found.measurements) <= 2
    for measurement in found.measurements:
        assert measurement.gain > 0
        assert measurement.gpu_minutes > 1
        assert measurement.deployment.replicas == 1


def test_no_measurements_gain_more_than_knowing_everything(found: Suggestion) -> None:
    assert found.gain <= found.loss * 1.1


def test_a_sure_choice_has_nothing_to_gain(asked: Workload) -> None:
    answer = recommend(
        MODEL, asked, gpus=["A6000"], formats=["int4"], kv_formats=["16bit"], tensor_parallel=[1]
    )
    suggestion = measure_next(answer)
    assert suggestion is not None
    assert suggestion.measurements == ()
    assert suggestion.why_nothing


def test_the_same_question_has_the_same_suggestion(asked: Workload, found: Suggestion) -> None:
    again = measure_next(recommend(MODEL, asked, gpus=["A6000", "A100", "L40S"]), count=2)
    assert again == found


def test_plans_are_ones_that_measure_reads(found: Suggestion, asked: Workload, tmp_path: Path) -> None:
    files = write_plans(plan_files(found, asked), tmp_path, overwrite=False)
    assert files[0].name == WORKLOAD
    assert load_workload(str(files[0])).load == asked.load
    for path, measurement in zip(files[1:], found.measurements, strict=True):
        plan = read_plan(path, {})
        assert plan.formats == (measurement.deployment.format.name,)
        assert plan.tensor_parallel == (measurement.deployment.tensor_parallel,)
        assert plan.kv_fp8 is (measurement.deployment.kv_format == "fp8")
        assert plan.points[0].value == measurement.arrival.value


def test_plans_are_not_written_over_without_asking(
    found: Suggestion, asked: Workload, tmp_path: Path
) -> None:
    files = plan_files(found, asked)
    write_plans(files, tmp_path, overwrite=False)
    with pytest.raises(InputError, match="is there already"):
        write_plans(files, tmp_path, overwrite=False)
    write_plans(files, tmp_path, overwrite=True)
