"""What is left out of a fit, by the rows of the seed paper's tables."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from advisor.cost.evaluation.error_correlation import format_pairs
from advisor.cost.evaluation.held_out_errors import HeldOut, families, load_class, row_metric
from advisor.cost.evaluation.interval_coverage import Judged
from advisor.cost.evaluation.uncertainty_calibration import POINTS, points
from advisor.cost.fitting.observations import Observations, observe
from advisor.record.store import read_speed
from advisor.shipped_files import shipped
from tests.record import build


@pytest.fixture(scope="module")
def paper() -> Observations:
    rows = read_speed(shipped("measurements"))
    return observe([r for r in rows if r.source.startswith("arXiv:2411.02355")])


@pytest.fixture(scope="module")
def held(paper: Observations) -> HeldOut:
    rng = np.random.default_rng(0)
    errors = rng.normal(0, 0.05, len(paper.rows))
    return HeldOut(
        seen=paper,
        row=errors,
        model=2 * errors,
        gpu=3 * errors,
        source=errors,
        elsewhere=np.full(len(paper.rows), np.nan),
        near_capacity=np.zeros(len(paper.rows), dtype=bool),
    )


def test_the_paper_is_one_family_of_lone_requests_and_maxima(paper: Observations) -> None:
    assert len(set(families(paper))) == 1
    assert set(load_class(paper)) == {"single", "maximum"}


def test_models_of_one_shape_are_left_out_together(held: HeldOut) -> None:
    shapes: dict[str, set[str]] = {}
    for shape, row in zip(held.shapes, held.seen.rows, strict=True):
        shapes.setdefault(shape, set()).add(row.model)
    assert len(shapes) >= 3
    # 80 layers, hidden 8,192, vocabulary 128,256, 68.5 billion weights in matrices
    assert {"Llama-3.1-70B-Instruct"} <= shapes["80x8192x128256/68451M"]


def test_every_row_is_of_a_dense_model_on_a_known_generation(held: HeldOut) -> None:
    assert set(held.generations) <= {"v0", "v1"}
    assert not any(held.moe)
    assert {engine.moe for engine in held.engines} == {False}


def test_each_row_has_the_class_of_its_metric(held: HeldOut) -> None:
    for row, of in zip(held.seen.rows, held.error_classes, strict=True):
        assert of.metric == ("e2e" if row.metric == "e2e_ms" else "throughput")
        assert of.part == "mean"


@pytest.mark.parametrize(
    ("metric", "error"),
    [("ttft_ms", "ttft"), ("tpot_ms", "tpot"), ("itl_ms", "itl"), ("e2e_ms", "e2e"),
     ("requests_per_s", "throughput"), ("output_tokens_per_s", "throughput")],
)  # fmt: skip
def test_the_error_of_a_row_is_that_of_its_quantity(metric: str, error: str) -> None:
    assert row_metric(build.speed(metric=metric)) == error


def test_the_only_gpu_of_a_vendor_says_nothing_of_new_gpus_of_another(held: HeldOut) -> None:
    assert not held.is_lone_vendor.any()
    assert held.errors.gpu == pytest.approx(held.gpu)
    rows = [row for row in read_speed(shipped("measurements")) if row.source.startswith("ROCm vllm")]
    both = observe([*held.seen.rows, *rows[:20]])
    ones = np.ones(len(both.rows))
    made = HeldOut(
        seen=both, row=ones, model=ones, gpu=ones, source=ones, elsewhere=ones, near_capacity=ones > 1
    )
    is_amd = np.array([row.gpu == "MI300X" for row in both.rows])
    assert is_amd.any()
    assert np.isnan(made.errors.gpu).tolist() == is_amd.tolist()
    assert np.isfinite(made.errors.model).all()


def test_pairs_of_formats_stand_in_both_orders_and_cancel(held: HeldOut) -> None:
    pairs = format_pairs(held)
    assert len(pairs.first) % 2 == 0
    assert pairs.held.model[::2] == pytest.approx(-pairs.held.model[1::2])
    assert len(pairs.classes) == len(pairs.metrics) == len(pairs.first)


def test_a_pair_is_of_one_model_on_the_same_gpus(held: HeldOut) -> None:
    pairs = format_pairs(held)
    rows = [held.seen.rows[i] for i in pairs.first.tolist()]
    assert rows
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        assert one.format != other.format
        same = ("gpu", "num_gpus", "load", "metric", "engine_version", "source")
        assert all(getattr(one, name) == getattr(other, name) for name in same)


def test_what_is_wrong_with_both_formats_cancels_in_their_ratio(held: HeldOut) -> None:
    # one shift for all rows is no error of any ratio
    shifted = HeldOut(
        seen=held.seen,
        row=held.row + 1.0,
        model=held.model + 1.0,
        gpu=held.gpu,
        source=held.source,
        elsewhere=held.elsewhere,
        near_capacity=held.near_capacity,
    )
    assert format_pairs(shifted).held.model == pytest.approx(format_pairs(held).held.model)


def test_only_loaded_rows_are_points_of_the_plot(held: HeldOut) -> None:
    every = np.ones(len(held.seen.rows))
    assert points(held, Judged(held.model, -every, every)) == ()
    assert POINTS >= 100


def test_rows_of_lone_requests_make_intervals_by_their_means_alone(held: HeldOut) -> None:
    made = held.makes_intervals
    of = Counter(
        (load, statistic.statistic in ("mean", "p50"), bool(taken))
        for load, statistic, taken in zip(load_class(held.seen), held.seen.rows, made, strict=True)
    )
    assert ("single", False, True) not in of
    assert of["single", True, True] > 0
