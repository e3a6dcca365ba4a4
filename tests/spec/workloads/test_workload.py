"""Workload's types refuse what cannot be."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.spec.metrics import percentile_of
from advisor.spec.workloads.workload import Arrival, Goodput, LatencyLimit, Lengths, Load, Quality, Workload

NO_COUNT = (0, -1, 0.5, math.nan, math.inf, -math.inf, 1e300)


def load(arrival: Arrival | None = None) -> Load:
    return Load(
        input_tokens=Lengths.constant(512),
        output_tokens=Lengths.constant(256),
        arrival=arrival or Arrival(kind="single"),
    )


@pytest.mark.parametrize("mean", NO_COUNT)
def test_no_request_has_fewer_than_one_token_or_more_than_any_model_reads(mean: float) -> None:
    with pytest.raises(ValueError, match="mean"):
        Lengths.constant(mean)


def test_constant_lengths_have_no_spread() -> None:
    with pytest.raises(ValueError, match="std is 3"):
        Lengths(kind="constant", mean=10, std=3)


def test_uniform_lengths_average_the_middle() -> None:
    assert Lengths.uniform(819, 1024).mean == 921.5
    with pytest.raises(ValueError, match="middle"):
        Lengths(kind="uniform", mean=900, low=819, high=1024)


def test_a_spread_that_the_cut_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="too near an end"):
        Lengths.lognormal(1020, 2000, high=1024)


def test_empirical_lengths_carry_their_own_mean_and_ends() -> None:
    seen = Lengths.empirical([10, 20, 60])
    assert (seen.mean, seen.low, seen.high) == (30, 10, 60)
    assert seen.std == pytest.approx(math.sqrt(1400 / 3))  # of (20² + 10² + 30²) / 3


def test_the_longest_request_is_what_the_context_must_hold() -> None:
    at_most_1024 = Lengths.lognormal(512, 128, high=1024)
    context = Load(
        input_tokens=at_most_1024, output_tokens=Lengths.constant(256.5), arrival=Arrival(kind="single")
    )
    assert context.longest_context == 1024 + 257


def test_an_unbounded_lognormal_is_planned_for_its_one_in_a_thousand() -> None:
    # mean 100, std 100: sigma² = ln 2, mu = ln 100 − ln 2 / 2; exp(mu + 3.0902 sigma) = 926.4
    assert Lengths.lognormal(100, 100).longest == 927


@pytest.mark.parametrize(
    "arrival",
    [
        {"kind": "concurrency"},
        {"kind": "concurrency", "value": 0},
        {"kind": "concurrency", "value": 2.5},
        {"kind": "concurrency", "value": math.nan},
        {"kind": "rate", "value": 0},
        {"kind": "rate", "value": math.inf},
        {"kind": "rate", "value": 1, "burstiness": 0},
        {"kind": "single", "value": 1},
        {"kind": "maximum", "burstiness": 2},
        {"kind": "poisson", "value": 1},
    ],
)
def test_impossible_arrivals_are_refused(arrival: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
        Arrival(**arrival)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [-0.1, 1, math.nan])
def test_a_cache_never_holds_the_whole_prompt(rate: float) -> None:
    with pytest.raises(ValueError, match="prefix_hit_rate"):
        Load(
            input_tokens=Lengths.constant(1),
            output_tokens=Lengths.constant(1),
            arrival=Arrival(kind="single"),
            prefix_hit_rate=rate,
        )


@pytest.mark.parametrize(("statistic", "percent"), [("mean", None), ("p5", 5), ("p95", 95), ("p99.9", 99.9)])
def test_a_statistic_is_the_mean_or_a_percentile(statistic: str, percent: float | None) -> None:
    assert percentile_of(statistic) == percent


@pytest.mark.parametrize("statistic", ["p0", "p100", "p95.0", "p099", "95", "max", ""])
def test_no_second_spelling_of_a_percentile_exists(statistic: str) -> None:
    with pytest.raises(ValueError, match="neither mean nor a percentile"):
        percentile_of(statistic)


@given(st.floats())
def test_a_limit_is_a_finite_time_above_zero(max_ms: float) -> None:
    if 0 < max_ms <= 1e9:
        assert LatencyLimit(metric="ttft", statistic="p95", max_ms=max_ms).key == "ttft_p95_ms"
    else:
        with pytest.raises(ValueError, match="ms"):
            LatencyLimit(metric="ttft", statistic="p95", max_ms=max_ms)


def test_goodput_limits_something() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Goodput()


@pytest.mark.parametrize("floor", [0, -0.5, 1.01, 99, math.nan])
def test_recovery_is_a_share(floor: float) -> None:
    with pytest.raises(ValueError, match=r"99 % is 0\.99"):
        Quality(min_recovery=floor)


def test_one_statistic_has_one_limit() -> None:
    twice = tuple(LatencyLimit(metric="ttft", statistic="p95", max_ms=ms) for ms in (300, 400))
    with pytest.raises(ValueError, match="two limits"):
        Workload(name="w", about="", load=load(), limits=twice)


@pytest.mark.parametrize("name", ["", " w", "a\nb", "a\x00"])
def test_a_name_is_one_plain_line(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Workload(name=name, about="", load=load())
