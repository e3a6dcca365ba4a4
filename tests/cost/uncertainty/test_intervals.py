"""Intervals hold for what is new: a group that errs in its own way, a percentile, another's machine."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.cost.evaluation.coverage import coverage
from advisor.cost.uncertainty.intervals import (
    Errors,
    Interval,
    Intervals,
    build,
    conformal,
    engine_class,
    interval_class,
    key,
    members,
)


def grouped(rng: np.random.Generator, sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Errors of groups, each with a bias of its own four times as wide as its rows' scatter."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    return 0.2 * rng.standard_normal(len(sizes))[groups] + 0.05 * rng.standard_normal(len(groups)), groups


def dense(count: int) -> dict[str, np.ndarray]:
    """Rows of dense models on V1."""
    return members(["v1"] * count, [False] * count)


def test_a_large_group_does_not_speak_for_a_new_one():
    inside, plain = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        errors, groups = grouped(rng, [600, 60, 60, 30, 30, 20, 20, 20, 10, 10, 10, 10])
        new, _ = grouped(rng, [50])
        for found, to in ((conformal(errors, groups), inside), (conformal(errors), plain)):
            to.append(np.mean((found.low <= new) & (new <= found.high)))
    assert np.mean(inside) > np.mean(plain) + 0.05
    assert np.mean(inside) > 0.75  # of twelve groups, of which one holds seven rows of ten


def test_single_rows_need_no_stretch():
    errors = np.random.default_rng(0).standard_normal(2_000)
    found = conformal(errors)
    assert found.low == pytest.approx(-1.645, abs=0.12)
    assert found.high == pytest.approx(1.645, abs=0.12)


def test_what_is_further_is_never_surer():
    errors = np.random.default_rng(1).standard_normal(100)
    table = build(
        ["tpot"] * 100,
        ["loaded"] * 100,
        dense(100),
        {"seen": (Errors(errors),), "gpu": (Errors(errors / 9),)},
    ).table
    seen, far = (table[key("tpot", "loaded", "v1", distance)] for distance in ("seen", "gpu"))
    assert far.low <= seen.low
    assert far.high >= seen.high


def test_of_two_kinds_of_error_the_wider_counts():
    small, large = np.full(50, 0.01), np.full(50, 0.3)
    made = build(["ttft"] * 50, ["loaded"] * 50, dense(50), {"seen": (Errors(small), Errors(large))})
    assert made.of("ttft", "loaded", "v1-dense", "seen").high == pytest.approx(0.3)


def test_experts_have_errors_of_their_own_except_of_first_tokens():
    moe = [False] * 60 + [True] * 60
    errors = (Errors(np.where(moe, 0.4, 0.1)),)
    for quantity, of_dense in (("tpot", 0.1), ("ttft", 0.4)):
        made = build([quantity] * 120, ["loaded"] * 120, members(["v1"] * 120, moe), {"model": errors})
        for has, expected in ((False, of_dense), (True, 0.4)):
            found = made.of(quantity, "loaded", engine_class("v1", moe=has), "model")
            assert found.high == pytest.approx(expected)


def test_too_few_experts_have_the_errors_of_their_generation():
    moe = [False] * 60 + [True] * 10
    errors = (Errors(np.where(moe, 0.4, 0.1)),)
    made = build(["tpot"] * 70, ["loaded"] * 70, members(["v1"] * 70, moe), {"model": errors})
    assert made.of("tpot", "loaded", "v1-moe", "model") == made.of("tpot", "loaded", "v1", "model")
    assert made.of("tpot", "loaded", "v1-moe", "model").rows == 70


def test_a_lone_stream_on_a_generation_without_any_is_no_surer_than_a_crowd_there():
    lone, crowd = Interval(low=-0.3, high=0.1, rows=50), Interval(low=-0.2, high=0.4, rows=50)
    table = {key("e2e", "single", "all", "model"): lone, key("e2e", "loaded", "v1", "model"): crowd}
    found = Intervals(table=table).of("e2e", "single", "v1-dense", "model")
    assert (found.low, found.high) == (-0.3, 0.4)
    timed = {**table, key("e2e", "single", "v1", "model"): Interval(low=-0.1, high=0.1, rows=30)}
    assert Intervals(table=timed).of("e2e", "single", "v1-dense", "model").high == 0.1


def test_a_percentile_has_the_errors_of_percentiles_and_is_never_surer_than_its_mean():
    mean, tail = Interval(low=-0.2, high=0.2, rows=50), Interval(low=-0.1, high=0.6, rows=50)
    table = {key("ttft", "loaded", "all", "seen"): mean, key("ttft-tail", "loaded", "all", "seen"): tail}
    found = Intervals(table=table).of_tail("ttft", "loaded", "v1", "seen")
    assert (found.low, found.high) == (-0.2, 0.6)
    only = Intervals(table={key("tpot", "loaded", "all", "seen"): mean})
    assert only.of_tail("itl", "loaded", "v1", "seen").high == 0.2  # it has none of its own


def test_names_of_percentiles():
    names = {name: interval_class(name) for name in ("ttft", "ttft p99", "itl p50", "itl p99", "tpot p95")}
    assert list(names.values()) == ["ttft", "ttft-tail", "itl", "itl-tail", "tpot-tail"]


def test_a_group_is_judged_by_the_others_alone():
    errors = np.concatenate([np.zeros(60), np.ones(60)])
    groups = ["calm"] * 60 + ["wild"] * 60
    engine = ["v1-dense"] * 120
    found = coverage(["ttft"] * 120, ["loaded"] * 120, engine, dense(120), Errors(errors, groups), groups)
    assert found.of(np.array([g == "calm" for g in groups]))["coverage"] == 1.0  # within the wild one's
    assert found.of(np.array([g == "wild" for g in groups]))["coverage"] == 0.0
