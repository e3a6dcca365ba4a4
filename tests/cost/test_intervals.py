"""Intervals hold for what is new: a group that errs in its own way, a percentile, another's machine."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.cost.coverage import coverage
from advisor.cost.intervals import Errors, Interval, Intervals, build, conformal, interval_class, key


def grouped(rng: np.random.Generator, sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Errors of groups, each with a bias of its own four times as wide as its rows' scatter."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    return 0.2 * rng.standard_normal(len(sizes))[groups] + 0.05 * rng.standard_normal(len(groups)), groups


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
        ["v1"] * 100,
        {"seen": (Errors(errors),), "gpu": (Errors(errors / 9),)},
    ).table
    seen, far = (table[key("tpot", "loaded", "v1", distance)] for distance in ("seen", "gpu"))
    assert far.low <= seen.low
    assert far.high >= seen.high


def test_of_two_kinds_of_error_the_wider_counts():
    small, large = np.full(50, 0.01), np.full(50, 0.3)
    made = build(["ttft"] * 50, ["loaded"] * 50, ["v1"] * 50, {"seen": (Errors(small), Errors(large))})
    assert made.of("ttft", "loaded", "v1", "seen").high == pytest.approx(0.3)


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
    found = coverage(["ttft"] * 120, ["loaded"] * 120, ["v1"] * 120, Errors(errors, groups), groups)
    assert found.of(np.array([g == "calm" for g in groups]))["coverage"] == 1.0  # within the wild one's
    assert found.of(np.array([g == "wild" for g in groups]))["coverage"] == 0.0
