"""The fit: what it reaches on rows it has not seen, and that it is what ships."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pytest

from advisor.cost import fit_file, fit_report
from advisor.cost.evaluation.fit_without_rows import GROUP_STEPS, Optimum
from advisor.cost.evaluation.format_choice_score import blocks, named_by_another_source, score_choices
from advisor.cost.evaluation.held_out_errors import leave_groups_out
from advisor.cost.fit_report import FitReport, FoldRow
from advisor.cost.fitting.fit_step_time import SpeedProblem, fit_speed
from advisor.cost.fitting.measured_deployments import shape_key
from advisor.cost.fitting.observations import Observations, arrangements, observe
from advisor.cost.learn import learn
from advisor.cost.predict.prediction import Prediction
from advisor.cost.predict.predictor import Predictor
from advisor.cost.step.deployment_work import deployment_arrays
from advisor.cost.step.fitted_step_model import FittedSpeed
from advisor.record.measurement import SpeedMeasurement
from advisor.record.store import read_kernels, read_speed
from advisor.shipped_files import shipped
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import parse_engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from tests.golden_text import check_file


@pytest.fixture(scope="module")
def rows() -> list[SpeedMeasurement]:
    return read_speed(shipped("measurements"))


@pytest.fixture(scope="module")
def paper(rows: list[SpeedMeasurement]) -> Observations:
    """The seed paper's rows: two hundred and some, quick to fit."""
    return observe([r for r in rows if r.source.startswith("arXiv:2411.02355")])


@pytest.fixture(scope="module")
def fitted(paper: Observations) -> FittedSpeed:
    return fit_speed(paper)


@lru_cache(maxsize=1)
def report() -> FitReport:
    return fit_report.read(shipped("measurements") / fit_report.NAME)


def fold(left_out: str, quantity: str) -> FoldRow:
    [found] = [r for r in report().by_fold if (r.left_out, r.quantity) == (left_out, quantity)]
    return found


def missed(why: str) -> pytest.MarkDecorator:
    """A bar that the shipped fit does not meet; the test fails on the day it does, so that the mark goes."""
    return pytest.mark.xfail(strict=True, reason=why)


def test_single_stream_latency_is_right_within_six_percent_on_models_left_out():
    errors = fold("model", "single-stream latency (paper's harness)").errors
    assert errors.mean <= 0.06
    assert errors.rows > 500


def test_maximum_throughput_is_right_within_twelve_percent_on_models_left_out():
    errors = fold("model", "maximum throughput (paper's harness)").errors
    assert errors.mean <= 0.12
    assert errors.rows > 450


@pytest.mark.parametrize(
    ("left_out", "quantity", "statistic", "most"),
    [
        pytest.param(
            *("GPU", "single-stream latency (paper's harness)", "mean", 0.10),
            marks=missed(
                "10.4 %, with the L40 rows that came with the kernel level; 7.9 % without them before"
            ),
        ),
        ("source", "TPOT under load, dense models on V1", "median", 0.08),
        ("source", "TTFT under load", "median", 0.15),
    ],
)
def test_what_nobody_measured_is_predicted_as_well_as_that(left_out, quantity, statistic, most):
    assert getattr(fold(left_out, quantity).errors, statistic) <= most


@pytest.mark.parametrize(
    ("left_out", "quantity"),
    [
        ("model", "single-stream latency (paper's harness)"),
        ("GPU", "single-stream latency (paper's harness)"),
        ("model", "maximum throughput (paper's harness)"),
        ("model", "TPOT under load, dense models on V1"),
        pytest.param(
            *("GPU", "TPOT under load, dense models on V1"),
            marks=missed("84 %: widths follow few GPUs, and two of them have no kernel timings"),
        ),
        ("model", "TPOT under load"),
        ("GPU", "TPOT under load"),
        ("model", "TTFT under load"),
        ("GPU", "TTFT under load"),
        pytest.param(
            *("model", "throughput under load"),
            marks=missed("84.4 %, and 85.2 % before the ranks of V0 no longer waited for the last launch"),
        ),
        ("GPU", "throughput under load"),
    ],
)
def test_intervals_hold_nine_of_ten_of_what_was_left_out(left_out: str, quantity: str):
    intervals = fold(left_out, quantity).intervals
    assert intervals is not None
    assert 0.85 <= intervals.coverage <= 0.95


def test_another_source_may_name_another_format(rows: list[SpeedMeasurement]):
    # Llama-3.1-70B on A6000, 512/256, all at once: int4 is cheapest in the paper's rows, int8 in the cards'
    cell = {"gpu": "A6000", "load": "maximum", "input_tokens": 512.0, "output_tokens": 256.0}
    found = observe(
        [r for r in rows if "70B" in r.model and all(getattr(r, k) == v for k, v in cell.items())]
    )
    shapes = [shape_key(d.model) for d in found.row_deployments]
    chosen = named_by_another_source(found, blocks(found), shapes)
    assert len(chosen) == 2
    assert {choice for _, choice in chosen} == {"int8", "int4"}
    wrong = score_choices(found, chosen)
    assert wrong.near == 0
    assert wrong.regret == pytest.approx((0.191 + 0.464) / 2, abs=0.002)


def test_predictions_beat_the_data_sheets_by_far():
    [plain] = [
        row
        for row in report().baselines
        if (row.baseline, row.quantity) == ("pure roofline", "single-stream latency (paper's harness)")
    ]
    assert plain.errors.mean > 5 * 0.06


def test_the_paper_is_chosen_as_it_chose_with_its_rows_left_out():
    blocks = right = 0.0
    for load in ("single", "maximum"):
        [row] = [r for r in report().decisions if (r.load, r.by) == (load, "prediction, seed paper left out")]
        blocks += row.blocks
        right += row.near * row.blocks
    assert right / blocks >= 0.90


def test_derivatives_are_those_of_finite_differences(paper: Observations, fitted: FittedSpeed):
    problem = SpeedProblem(paper)
    vector = fitted.vector(problem.names)
    slopes, base = problem.slopes(vector), problem.errors(vector)
    for entry in range(0, len(vector), 7):
        moved = vector.copy()
        moved[entry] += 1e-4
        assert (problem.errors(moved) - base) / 1e-4 == pytest.approx(slopes[:, entry], abs=2e-3)


def test_the_same_rows_give_the_same_fit(paper: Observations, fitted: FittedSpeed):
    assert fit_speed(paper).theta == fitted.theta


def test_the_order_of_rows_does_not_matter_much(rows: list[SpeedMeasurement], fitted: FittedSpeed):
    mine = [r for r in rows if r.source.startswith("arXiv:2411.02355")][::-1]
    again = fit_speed(observe(mine))
    for name, value in fitted.theta.items():
        assert again.theta.get(name, 0.0) == pytest.approx(value, abs=0.05), name


@pytest.mark.parametrize("model", ["Llama-3.1-70B-Instruct", "Llama-3.1-405B-Instruct"])
def test_a_few_steps_come_close_to_a_refit(paper: Observations, fitted: FittedSpeed, model: str):
    out = np.array([row.model == model for row in paper.rows])
    optimum = Optimum.of(paper, fitted)
    stepped = optimum.log_errors(optimum.without(out, steps=GROUP_STEPS))[out]
    full = fit_speed(paper, rows=~out, start=fitted)
    refitted = optimum.log_errors(full.vector(optimum.problem.names))[out]
    assert np.abs(stepped).mean() == pytest.approx(np.abs(refitted).mean(), abs=0.015)


def test_leaving_out_no_group_leaves_no_error(paper: Observations, fitted: FittedSpeed):
    errors = leave_groups_out(Optimum.of(paper, fitted), [None] * len(paper.rows))
    assert np.isnan(errors).all()


def test_suspect_rows_are_left_out_with_their_reason(rows: list[SpeedMeasurement]):
    seen = observe(rows)
    assert all(not row.suspect for row in seen.rows)
    assert {why for row, why in seen.left_out if row.suspect} >= {
        "speculative decoding",
        "pipeline parallel, not tensor parallel",
    }


def test_four_gpus_are_split_three_ways():
    [d] = [d for d in observe(_card_rows()).deployments if d.tensor_parallel == 4]
    assert [(a.tensor_parallel, a.replicas) for a in arrangements(d)] == [(1, 4), (2, 2), (4, 1)]


def _card_rows() -> list[SpeedMeasurement]:
    return [
        r
        for r in read_speed(shipped("measurements"))
        if (r.model, r.format, r.gpu) == ("Llama-3.1-70B-Instruct", "int4", "H100-SXM")
        and r.num_gpus == 4
        and r.load == "maximum"
    ]


def test_a_measured_cell_answers_as_measured():
    # Table 5 prints 24.5 s and 183 queries per dollar at 0.80 $/h: 24.59 s to 24.46 s
    found = answered("Llama-3.1-8B-Instruct", "A6000", "vllm 0.6.4.post1", (256, 1024), "single")
    e2e = found.latency["e2e", "mean"]
    assert e2e.basis == "measured"
    assert 24_450 <= e2e.value <= 24_600


def test_a_run_of_so_many_prompts_is_no_measurement_of_the_load_that_lasts():
    # 500 prompts of 1,996 tokens at once: 5.06 requests/s, the filling and the drain included
    found = answered("Qwen3-14B", "H100", "vllm 0.11.0", (1996, 100), "maximum")
    assert found.requests_per_s.basis == "fitted"
    assert found.requests_per_s.value > 5.06


def answered(
    model: str, gpu: str, engine: str, tokens: tuple[int, int], kind: Literal["single", "maximum"]
) -> Prediction:
    d = Deployment(
        model=find_model(model),
        format=find_format("bf16"),
        gpu=find_gpu(gpu),
        engine=parse_engine(engine),
    )
    asked = Load(
        input_tokens=Lengths.constant(tokens[0]),
        output_tokens=Lengths.constant(tokens[1]),
        arrival=Arrival(kind=kind),
    )
    return Predictor.shipped().predictions([d], asked)[0]


def test_the_file_reads_back_as_it_was_written():
    path = shipped("measurements") / fit_file.NAME
    fit = fit_file.read(path)
    assert fit_file.dumps(fit) == path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8"))["version"] == fit_file.VERSION


def as_version_7(document: dict[str, Any]) -> dict[str, Any]:
    """The file's content with launches counted from where they started in version 7."""
    launch = document["parameters"]["launch_layer_s"] - fit_file._LAUNCH_OF_VERSION_7
    return document | {"parameters": document["parameters"] | {"launch_layer_s": launch}}


def as_launched(fit: fit_file.Fit) -> fit_file.Fit:
    """The fit with launches to nine digits."""
    theta = {name: round(value, 9) for name, value in fit.speed.theta.items()}
    return replace(fit, speed=replace(fit.speed, theta=theta))


def test_a_fit_of_version_6_reads_as_the_same_fit(tmp_path):
    """It is the last whose parameters had other names."""
    path = shipped("measurements") / fit_file.NAME
    document = as_version_7(json.loads(path.read_text(encoding="utf-8"))) | {"version": 6}
    old = {new: old for old, new in fit_file._NAMES_OF_VERSION_6.items()}
    assert set(old) <= {name for name in document["parameters"] if "@" not in name}
    for part in ("parameters", "kernels"):
        document[part] = {
            "@".join([old.get(name.split("@")[0], name.split("@")[0]), *name.split("@")[1:]]): value
            for name, value in document[part].items()
        }
    assert "blend@fp8" in document["parameters"]
    (tmp_path / "fit.json").write_text(json.dumps(document), encoding="utf-8")
    assert as_launched(fit_file.read(tmp_path / "fit.json")) == as_launched(fit_file.read(path))


def test_a_fit_of_version_7_launches_prompts_in_the_time_it_was_fitted_with(tmp_path):
    path = shipped("measurements") / fit_file.NAME
    document = json.loads(path.read_text(encoding="utf-8")) | {"version": 7}
    for name in [name for name in document["parameters"] if name.startswith("launch_layer_s")]:
        del document["parameters"][name]  # no record could teach it, so that it stayed at its start: 120 us
    (tmp_path / "fit.json").write_text(json.dumps(document), encoding="utf-8")
    d = Deployment(
        model=find_model("Llama-3.1-8B-Instruct"), format=find_format("bf16"), gpu=find_gpu("H100"),
        engine=parse_engine("vllm 0.11.0"),
    )  # fmt: skip
    [launch_s] = fit_file.read(tmp_path / "fit.json").speed.step_costs(deployment_arrays([d])).launch_s
    assert launch_s == pytest.approx(32 * 120e-6, rel=0.2)  # releases differ in the engine's own time


def test_the_report_reads_back_as_it_was_written():
    path = shipped("measurements") / fit_report.NAME
    assert fit_report.dumps(report()) == path.read_text(encoding="utf-8")


def test_the_probability_that_a_limit_is_kept_is_about_the_share_that_are():
    rows = report().reliability
    assert sum(row.limits for row in rows) >= 500
    for row in rows:
        assert row.kept == pytest.approx(row.said, abs=0.2)


def test_the_fit_is_free_of_its_report():
    assert "report" not in fit_file.read(shipped("measurements") / fit_file.NAME).summary


def test_the_accuracy_page_is_that_of_the_fit(regenerate: bool):
    from docs.tools.accuracy import page as text

    page = shipped("measurements").parent / "ACCURACY.md"
    if not page.exists():
        pytest.skip("ACCURACY.md is in the repository, not in a wheel")
    check_file(page, text(), regenerate=regenerate)


@pytest.mark.heavy
def test_the_shipped_fit_is_learnt_from_the_shipped_measurements_bit_for_bit(rows: list[SpeedMeasurement]):
    fit, _ = learn(rows, kernels=read_kernels(shipped("measurements")))
    assert fit_file.dumps(fit) == (shipped("measurements") / fit_file.NAME).read_text(encoding="utf-8")
