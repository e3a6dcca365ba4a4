"""What to measure next: of a choice that is in doubt, and of one that is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from advisor import measure_next, recommend
from advisor.advise.api import shipped_predictor, shipped_quality
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.measuring.best_measurements import Suggestion, settling
from advisor.errors import InputError
from advisor.measure.steps.what_to_measure import read_plan
from advisor.report.documents.measure_plan import WORKLOAD, plan_files, write_plans
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Arrival, LatencyLimit, Workload
from tests.advise.builders import workload

pytestmark = pytest.mark.usefixtures("frozen_fit")

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
    assert found.kept
    assert found.sure is not None
    assert found.sure.verdict != "sure"
    assert 1 <= len(found.measurements) <= 2
    for measurement in found.measurements:
        assert measurement.gain > 0
        assert measurement.gpu_minutes > 1
        assert measurement.deployment.replicas == 1


def test_no_measurements_gain_more_than_knowing_everything(found: Suggestion) -> None:
    assert found.gain <= found.loss * 1.1


def test_a_nearly_sure_choice_has_no_measurements_that_save_more_than_there_is_to_save() -> None:
    """Each gain is a mean over 32 imagined outcomes: together they were six times what knowing all saves."""
    chat = load_workload("chat")
    suggestion = measure_next(recommend(MODEL, chat, gpus=["L40S"]))
    assert suggestion is not None
    assert suggestion.gain <= suggestion.loss + 1e-12


def test_a_sure_choice_has_nothing_to_gain(asked: Workload) -> None:
    answer = recommend(
        MODEL, asked, gpus=["A6000"], formats=["int4"], kv_formats=["16bit"], tensor_parallel=[1]
    )
    suggestion = measure_next(answer)
    assert suggestion is not None
    assert suggestion.measurements == ()
    assert suggestion.why_nothing


def strict() -> Workload:
    """What asks for a little more than is sure."""
    return override(load_workload("chat-strict"), slo=["ttft_p99_ms=90"])


@pytest.fixture(scope="module")
def unsure() -> Suggestion:
    """Nothing keeps these limits for sure; many likely do."""
    suggestion = measure_next(recommend(MODEL, strict(), gpus=["A6000", "L40S"], max_gpus=4))
    assert suggestion is not None
    return suggestion


def test_where_nothing_is_sure_measurements_could_make_something_so(unsure: Suggestion) -> None:
    assert unsure.kept is False
    assert unsure.sure is not None
    assert 0.05 <= unsure.sure.keeps_all < 0.95
    assert unsure.measurements
    chances = [m.sure_then for m in unsure.measurements]
    assert all(chance is not None and 0 < chance < 1 for chance in chances)
    assert chances == sorted(chances, key=lambda chance: chance or 0.0)
    assert 0 < unsure.gain <= unsure.loss * 1.1


def test_what_is_likely_kept_is_seen_to_be_about_as_often(unsure: Suggestion) -> None:
    # A measurement leaves little unknown: that it shows the limits kept is a little rarer than that they are,
    # most where the chance is even, as here.
    answer = recommend(
        MODEL, strict(), gpus=["L40S"], formats=["fp8", "int8"], tensor_parallel=[1], max_gpus=4
    )
    alone = measure_next(answer, count=1)
    assert alone is not None
    assert alone.sure is not None
    [one] = alone.measurements
    assert one.sure_then is not None
    assert alone.sure.keeps_all - 0.25 < one.sure_then <= alone.sure.keeps_all + 0.02
    assert unsure.sure is not None


def test_a_hopeless_question_has_nothing_to_gain(asked: Workload) -> None:
    impossible = replace(asked, limits=(LatencyLimit(metric="e2e", statistic="mean", max_ms=1.0),))
    suggestion = measure_next(recommend(MODEL, impossible, gpus=["A6000"]))
    assert suggestion == Suggestion(
        sure=None, kept=False, measurements=(), loss=0.0,
        why_nothing="nothing has a chance of 5 % to keep every limit",
    )  # fmt: skip


def test_a_model_that_fits_nowhere_has_nothing_to_gain() -> None:
    suggestion = measure_next(recommend("Llama-3.1-405B-Instruct", "chat", gpus=["A6000"], max_gpus=1))
    assert suggestion is not None
    assert (suggestion.sure, suggestion.measurements) == (None, ())


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


def test_the_bill_may_fall_to_what_the_cheaper_pick_costs() -> None:
    workload = override(load_workload("rag"), rate=1.0)
    answer = recommend("Llama-3.3-70B-Instruct", workload, gpus=["A100", "H100", "H200"])
    picks = {pick.role: pick.offer for pick in answer.picks}
    suggestion = measure_next(answer)
    assert suggestion is not None
    assert suggestion.usd_per_hour == picks["recommended"].usd_per_hour
    assert suggestion.may_fall_to == picks["cheaper"].usd_per_hour
    among = {replace(pick.deployment, replicas=1).key for pick in picks.values()}
    assert suggestion.measurements[0].deployment.key in among


def ask(gpus: list[str], **asked: object) -> tuple[Recommendation, Suggestion]:
    found = recommend(MODEL, override(load_workload("chat"), **asked), gpus=gpus)  # type: ignore[arg-type]
    suggestion = measure_next(found)
    assert suggestion is not None
    return found, suggestion


def test_what_saves_most_per_gpu_minute_comes_first() -> None:
    _, suggestion = ask(["L40S", "A6000", "H100", "A100"], rate=16.0)
    worth = [m.gain / m.gpu_minutes for m in suggestion.measurements]
    assert len(worth) > 1
    assert worth == sorted(worth, reverse=True)


@pytest.mark.parametrize("rate", [20.0, 60.0, 100.0])
def test_a_cheaper_pick_that_is_to_be_measured_first_is_what_is_measured(rate: float) -> None:
    """At its own share of the load: not at that of the surer one, which has more replicas."""
    found, suggestion = ask(["L4", "L40S", "A10G", "RTX4090", "A6000"], rate=rate, confidence=0.95)
    [cheaper] = [pick.offer.deployment for pick in found.picks if pick.role == "cheaper"]
    settles = settling(found, shipped_predictor(), shipped_quality())
    assert settles is not None
    assert settles.deployment == cheaper.times(1)
    assert settles.arrival.value == pytest.approx(rate / cheaper.replicas)
    assert settles.deployment in [m.deployment for m in suggestion.measurements]


def test_where_requests_hardly_meet_one_after_another_is_measured_and_costs_less_than_it_saves() -> None:
    """At a request in a quarter of an hour a benchmark at the rate took 5,002 GPU-minutes."""
    _, suggestion = ask(["L40S", "A6000", "L4"], rate=0.001)
    assert suggestion.usd_per_hour is not None
    for m in suggestion.measurements:
        assert m.arrival.kind == "single"
        assert m.gpu_minutes < 60.0
        assert m.gpu_minutes / 60 * 1.1 * m.deployment.num_gpus <= m.gain * suggestion.usd_per_hour * 730
