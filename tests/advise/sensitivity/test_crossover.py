"""Where the best format changes, against the answers on either side."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.choose.recommendation import choose
from advisor.advise.sensitivity.crossover import (
    Crossing,
    Crossover,
    Stretch,
    apart,
    crossover,
    usual_axis,
)
from advisor.advise.sensitivity.varied_load_property import Over, axis, load_at, scaled
from advisor.errors import InputError
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.read_profile import known_workloads, load_workload
from advisor.spec.workloads.workload import Lengths
from tests.advise.builders import deployment, workload

MODEL = "Llama-3.1-8B-Instruct"


WITH_CROSSINGS = [
    ("concurrency", ("L40S", "H100")),
    ("input-tokens", ("A6000",)),
    ("input-tokens", ("A6000", "A100")),
    ("rate", ("L4", "A100")),
]
"""Axes and GPUs along which the best changes."""


def along(over: Over, *, gpus: tuple[str, ...] = ("A6000",), profile: str = "chat") -> Crossover:
    choice = choice_of(MODEL, profile, gpus=list(gpus))
    return crossover(choice, usual_axis(choice, over), shipped_predictor(), shipped_quality())


def named(level: float, over: Over, gpus: tuple[str, ...]) -> tuple[str, str] | None:
    choice = choice_of(MODEL, "chat", gpus=list(gpus))
    asked = replace(choice.workload, load=load_at(choice.workload.load, over, level))
    winner = choose(replace(choice, workload=asked), shipped_predictor(), shipped_quality()).winner
    return None if winner is None else (winner.deployment.format.name, winner.deployment.gpu.name)


@pytest.mark.parametrize(("over", "gpus"), WITH_CROSSINGS)
def test_at_both_ends_of_a_stretch_recommend_names_what_it_says(over: Over, gpus: tuple[str, ...]) -> None:
    stretches = along(over, gpus=gpus).stretches
    assert len(stretches) > 1
    for stretch in stretches:
        for level, best in ((stretch.first, stretch.best), (stretch.last, stretch.until)):
            said = None if best is None else (best.format.name, best.gpu.name)
            assert named(level, over, gpus) == said


@pytest.mark.parametrize(("over", "gpus"), WITH_CROSSINGS)
def test_the_interval_holds_the_crossing(over: Over, gpus: tuple[str, ...]) -> None:
    crossings = along(over, gpus=gpus).crossings
    assert crossings
    for crossing in crossings:
        assert crossing.level < crossing.following
        assert crossing.low is None or crossing.low <= crossing.level
        assert crossing.high is None or crossing.high >= crossing.following


def test_stretches_follow_each_other_and_differ() -> None:
    found = along("concurrency", gpus=("L40S", "H100"))
    assert len(found.stretches) > 1
    for one, other in pairwise(found.stretches):
        assert one.last < other.first
        kinds = [s.best and (s.best.format.name, s.best.gpu.name) for s in (one, other)]
        assert kinds[0] != kinds[1]
    assert found.at(found.stretches[0].last) is found.stretches[0]


def test_a_crossing_is_narrow_to_two_per_cent_or_one_count() -> None:
    crossings = [*along("concurrency").crossings, *along("input-tokens").crossings]
    assert crossings
    for crossing in crossings:
        assert crossing.following <= max(1.02 * crossing.level, crossing.level + 1)


# Axes


def test_levels_reach_from_end_to_end_and_ascend() -> None:
    found = axis("rate", workload().load, find_model(MODEL), low=0.5, high=8)
    assert found.levels[0] == 0.5
    assert found.levels[-1] == 8
    assert list(found.levels) == sorted(set(found.levels))


def test_counts_are_whole() -> None:
    levels = axis("concurrency", workload().load, find_model(MODEL)).levels
    assert all(level == int(level) for level in levels)


def test_prompts_go_no_further_than_the_context() -> None:
    small = find_model("Meta-Llama-3-8B-Instruct")
    load = load_workload("chat").load
    longest = load_at(load, "input-tokens", axis("input-tokens", load, small).levels[-1])
    assert longest.longest_context <= small.max_context


@pytest.mark.parametrize(("low", "high"), [(8, 2), (0, 5), (-1, 5), (4, 4)])
def test_a_range_that_is_none_is_refused(low: float, high: float) -> None:
    with pytest.raises(InputError, match="range"):
        axis("rate", workload().load, find_model(MODEL), low=low, high=high)


@given(
    mean=st.integers(40, 4_000),
    lengths=st.sampled_from(
        [
            Lengths.constant(512),
            Lengths.uniform(100, 300),
            Lengths.lognormal(512, 128, high=1024),
            Lengths.lognormal(300, 200),
            Lengths.empirical([100, 200, 700]),
        ]
    ),
)
def test_scaled_lengths_have_the_mean_and_the_shape(mean: int, lengths: Lengths) -> None:
    found = scaled(lengths, float(mean))
    assert found.kind == lengths.kind
    assert found.mean == pytest.approx(mean, abs=1.0)
    assert found.std / found.mean == pytest.approx(lengths.std / lengths.mean, rel=0.05, abs=0.02)


@pytest.mark.parametrize("workload", known_workloads())
@pytest.mark.parametrize("mean", [1, 2, 3, 10_000])
def test_lengths_of_every_workload_can_be_scaled_to_any_mean(workload: str, mean: int) -> None:
    load = load_workload(workload).load
    for lengths in (load.input_tokens, load.output_tokens):
        assert scaled(lengths, float(mean)).mean == pytest.approx(mean, abs=1.0)


@pytest.mark.parametrize("cv", [0.01, 0.1, 1.0, 10.0])
@pytest.mark.parametrize(("low", "high"), [(1, None), (45, None), (45, 53), (1, 200)])
def test_a_narrow_lognormal_can_be_scaled_to_any_mean(cv: float, low: int, high: int | None) -> None:
    lengths = Lengths.lognormal(50, 50 * cv, low=low, high=high)
    for mean in (1.0, 2.0, 3.0, 7.0, 1_000.0):
        assert scaled(lengths, mean).mean == mean


def stretch(
    first: float, last: float, fmt: str | None, *, on: str = "1x A6000", usd: float | None = None
) -> Stretch:
    """on: `2x A6000`, or `3 of 2x A6000` for three replicas; usd: per hour."""
    count, _, split = on.rpartition(" of ")
    size, gpu = split.split("x ")
    best = None
    if fmt is not None:
        best = deployment(fmt=fmt, gpu=gpu, tensor_parallel=int(size), replicas=int(count or 1))
    return Stretch(first=first, last=last, best=best, until=best, usd_per_hour=usd, usd_per_hour_until=usd)


def change(level: float, low: float | None, high: float | None) -> Crossing:
    return Crossing(level=level, following=level + 1, low=low, high=high, why="objective", basis="fitted")


def zones(stretches: list[Stretch], crossings: list[Crossing]) -> list[tuple[float, float, str]]:
    """From where to where, and what may be best there."""
    found, kept = apart(stretches, crossings)
    assert len(kept) == len(found) - 1
    return [(z.first, z.last, " or ".join(d.format.name for d in z.kinds)) for z in found]


def test_a_change_inside_its_own_noise_is_one_zone() -> None:
    found = zones(
        [stretch(1, 16, "int4"), stretch(17, 24, "int8"), stretch(25, 64, "fp8")],
        [change(16, 6, 40), change(24, 20, 30)],
    )
    assert found == [(1, 24, "int4 or int8"), (25, 64, "fp8")]


def test_a_change_within_both_stretches_is_told_apart() -> None:
    apart_ = zones([stretch(1, 16, "int4"), stretch(17, 64, "int8")], [change(16, 6, 40)])
    assert apart_ == [(1, 16, "int4"), (17, 64, "int8")]


def test_where_nothing_keeps_the_limits_is_a_zone_of_its_own() -> None:
    found = zones([stretch(1, 16, "int4"), stretch(17, 64, None)], [change(16, None, None)])
    assert found == [(1, 16, "int4"), (17, 64, "")]


NOISY = change(16, None, None)
"""A change that may lie anywhere."""


@pytest.mark.parametrize(
    "following",
    [
        stretch(17, 64, "int8", on="4x A6000", usd=2.0),
        stretch(17, 64, "int8", on="3x L40S", usd=1.02),
        stretch(17, 64, "int8", on="1x L40S"),
    ],
    ids=["more GPUs", "another kind", "another kind, price unknown"],
)
def test_another_bill_is_a_zone_of_its_own_inside_its_noise_too(following: Stretch) -> None:
    before = stretch(1, 16, "int4", on="2x A6000", usd=1.0)
    assert apart([before, following], [NOISY]) == ((before, following), (NOISY,))
    [zone] = apart([before, following], [NOISY], bills=False)[0]
    assert (zone.first, zone.last, zone.usd_per_hour_until) == (1, 64, following.usd_per_hour)


@pytest.mark.parametrize(
    "following",
    [
        stretch(17, 64, "int8", on="2 of 1x A6000", usd=1.0),
        stretch(17, 64, "int8", on="1x L40S", usd=1.009),
    ],
    ids=["as many GPUs", "a tie of the bill"],
)
def test_one_bill_inside_its_noise_is_one_zone(following: Stretch) -> None:
    before = stretch(1, 16, "int4", on="2x A6000", usd=1.0)
    assert zones([before, following], [NOISY]) == [(1, 64, "int4 or int8")]


def test_a_zone_grows_by_replicas_of_what_it_has() -> None:
    """int4, int8 on two replicas, int4 on three: one zone, in the order in which they are first."""
    grown = [
        stretch(1, 16, "int8", on="2 of 2x A6000", usd=2.0),
        stretch(17, 32, "int4", on="2 of 2x A6000", usd=2.0),
        stretch(33, 64, "int8", on="3 of 2x A6000", usd=3.0),
        stretch(65, 90, "int4", on="3 of 2x A6000", usd=3.0),
    ]
    assert zones(grown, [NOISY] * 3) == [(1, 90, "int8 or int4")]
    another = stretch(91, 99, "int8", on="4 of 4x A6000", usd=8.0)
    assert zones([*grown, another], [NOISY] * 4) == [(1, 90, "int8 or int4"), (91, 99, "int8")]


GROWING = [
    ("Llama-3.1-70B-Instruct", "rag", "H100", "rate"),
    ("Llama-3.1-8B-Instruct", "chat", "H100", "input-tokens"),
]
"""Questions of which the number of GPUs of a replica grows along the axis: model, workload, GPU, over."""


@pytest.mark.parametrize(("model", "profile", "gpu", "over"), GROWING)
def test_what_recommend_names_anywhere_is_named_at_that_level(
    model: str, profile: str, gpu: str, over: Over
) -> None:
    """At every level of the axis the split that is best is one of its zone's, and no row joins two bills of
    which one is more than its replicas."""
    choice = choice_of(model, profile, gpus=[gpu])
    along_ = usual_axis(choice, over)
    found = crossover(choice, along_, shipped_predictor(), shipped_quality())
    assert len([s for s in found.stretches if s.best]) > 1
    for one, other in pairwise(found.stretches):
        assert one.until is not None
        if other.best is not None:
            assert one.until.num_gpus != other.best.num_gpus or one.until.format != other.best.format
    for level in [*along_.levels[::3], *([] if found.here is None else [found.here])]:
        asked = replace(choice.workload, load=load_at(choice.workload.load, over, level))
        winner = choose(replace(choice, workload=asked), shipped_predictor(), shipped_quality()).winner
        zone = found.at(level)
        if winner is None:
            assert zone.best is None
            continue
        first = winner.deployment
        assert zone.best is not None
        assert zone.until is not None
        assert first.format.name in {d.format.name for d in zone.kinds}
        assert zone.best.num_gpus <= first.num_gpus <= zone.until.num_gpus
