"""Draws and percentiles of lengths agree with the distribution they are said to have."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from advisor.spec.workloads import lognormal
from advisor.spec.workloads.conversations.conversation import Conversation
from advisor.spec.workloads.conversations.turn_distributions import Turns
from advisor.spec.workloads.length_distribution import (
    more,
    percentile,
    quantile,
    sample,
    share_above,
    share_longer,
)
from advisor.spec.workloads.workload import Arrival, Lengths, Load


@st.composite
def cut_lognormals(draw: st.DrawFn) -> Lengths:
    mean = draw(st.floats(2, 50_000))
    std = mean * draw(st.floats(0.02, 2))
    low = max(1, math.floor(mean * draw(st.floats(0, 0.7))))
    high = draw(st.none() | st.floats(1.5, 20).map(lambda times: math.ceil(mean * times) + 1))
    return Lengths.lognormal(mean, std, low=low, high=high)


def possible(lengths: Lengths) -> tuple[float, float]:
    mu = lognormal.location(lengths.mean, lengths.std, lengths.low, lengths.high)
    return mu, lognormal.spread(lengths.mean, lengths.std)


@settings(max_examples=40, deadline=None)
@given(cut_lognormals())
def test_cutting_a_lognormal_keeps_its_mean(lengths: Lengths) -> None:
    mu, sigma = possible(lengths)
    high = math.inf if lengths.high is None else lengths.high
    uncut = stats.lognorm(s=sigma, scale=math.exp(mu))
    # In the logarithm, where the integrand is smooth.
    ends = (math.log(lengths.low), min(math.log(high), mu + 12 * sigma + sigma**2))
    peak = min(max(mu + sigma**2, ends[0]), ends[1])
    total, _ = integrate.quad(
        lambda x: math.exp(x) * stats.norm.pdf(x, mu, sigma), *ends, points=[peak], limit=500
    )
    kept = uncut.cdf(high) - uncut.cdf(lengths.low) if mu > math.log(lengths.low) else None
    if kept is None:
        kept = uncut.sf(lengths.low) - uncut.sf(high)
    assert total / kept == pytest.approx(lengths.mean, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(cut_lognormals(), st.integers(0, 2**32 - 1))
def test_draws_are_whole_stay_inside_and_average_the_mean(lengths: Lengths, seed: int) -> None:
    n = 20_000
    drawn = sample(lengths, n, np.random.default_rng(seed))
    assert drawn.dtype == np.int64
    assert drawn.min() >= lengths.low
    assert lengths.high is None or drawn.max() <= lengths.high
    # Six standard errors of the mean, and half a token for rounding at small counts.
    assert abs(drawn.mean() - lengths.mean) <= 6 * drawn.std() / math.sqrt(n) + 0.5


@settings(max_examples=25, deadline=None)
@given(cut_lognormals(), st.integers(0, 2**32 - 1))
def test_the_deviation_is_that_of_the_draws(lengths: Lengths, seed: int) -> None:
    n = 40_000
    drawn = sample(lengths, n, np.random.default_rng(seed)).astype(float)
    square = (drawn - drawn.mean()) ** 2
    # Six standard errors of the variance, and a token for rounding; draws end where six deviations do.
    off = abs(drawn.std() ** 2 - lengths.deviation**2)
    assert off <= 6 * square.std() / math.sqrt(n) + 2 * lengths.deviation + 1 + 0.02 * lengths.deviation**2


def test_a_cut_narrows_a_lognormal() -> None:
    assert Lengths.lognormal(1300, 3900, high=16_000).deviation == pytest.approx(2_107, rel=0.01)
    assert Lengths.lognormal(512, 128).deviation == pytest.approx(128, rel=1e-3)
    assert Lengths.uniform(3, 6).deviation == Lengths.uniform(3, 6).std


@pytest.mark.parametrize("percent", [1, 10, 50, 90, 95, 99])
def test_drawn_and_stated_percentiles_agree(percent: float) -> None:
    lengths = Lengths.lognormal(8000, 6500, low=500, high=32_000)
    drawn = sample(lengths, 400_000, np.random.default_rng(7))
    assert np.percentile(drawn, percent) == pytest.approx(percentile(lengths, percent), rel=0.01)


@settings(max_examples=40, deadline=None)
@given(cut_lognormals(), st.floats(0.001, 0.999))
def test_the_quantile_has_its_share_below(lengths: Lengths, share: float) -> None:
    mu, sigma = possible(lengths)
    alpha, beta = lognormal.ends(mu, sigma, lengths.low, lengths.high)
    z = (math.log(quantile(lengths, share)) - mu) / sigma
    assert lognormal.mass(alpha, z) == pytest.approx(share * lognormal.mass(alpha, beta), rel=1e-6)


def test_an_uncut_lognormal_is_the_textbook_one() -> None:
    # X = exp(N(mu, sigma)) has median mean / sqrt(1 + cv²): 100 / sqrt 2 for cv 1.
    lengths = Lengths.lognormal(100, 100, low=1)
    assert quantile(lengths, 0.5) == pytest.approx(
        100 / math.sqrt(2), rel=1e-3
    )  # the cut at 1 is almost none


def test_stated_percentiles_come_back() -> None:
    lengths = Lengths.lognormal_of_percentiles(p50=300, p99=4000)
    assert quantile(lengths, 0.5) == pytest.approx(300, rel=1e-6)
    assert quantile(lengths, 0.99) == pytest.approx(4000, rel=1e-6)


def test_uniform_lengths_draw_both_ends_and_all_between_equally() -> None:
    drawn = sample(Lengths.uniform(3, 6), 40_000, np.random.default_rng(0))
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [3, 4, 5, 6]
    assert stats.chisquare(counts).pvalue > 1e-4
    assert Lengths.uniform(3, 6).std == pytest.approx(np.std([3, 4, 5, 6]))
    assert [percentile(Lengths.uniform(3, 6), p) for p in (0, 25, 26, 100)] == [3, 3, 4, 6]


def test_empirical_lengths_draw_only_what_was_seen() -> None:
    seen = Lengths.empirical([7, 7, 9])
    assert set(sample(seen, 1000, np.random.default_rng(1)).tolist()) == {7, 9}
    assert [percentile(seen, p) for p in (0, 66, 67, 100)] == [7, 7, 9, 9]


def test_constant_lengths_need_no_chance() -> None:
    assert sample(Lengths.constant(512.4), 3, np.random.default_rng(0)).tolist() == [512, 512, 512]
    assert percentile(Lengths.constant(512.4), 99) == 512.4


def test_the_same_seed_draws_the_same_lengths() -> None:
    lengths = Lengths.lognormal(512, 128, high=1024)
    first, second = (sample(lengths, 100, np.random.default_rng(5)) for _ in range(2))
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("lengths", [Lengths.constant(1), Lengths.uniform(1, 2), Lengths.lognormal(9, 9)])
def test_nothing_drawn_is_an_empty_array(lengths: Lengths) -> None:
    assert sample(lengths, 0, np.random.default_rng(0)).shape == (0,)


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_outside_zero_and_one_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        quantile(Lengths.constant(1), share)


@given(lengths=cut_lognormals(), tokens=st.integers(1, 5_000))
def test_images_make_every_prompt_longer_by_their_tokens(lengths: Lengths, tokens: int) -> None:
    longer = more(lengths, tokens)
    assert (longer.mean, longer.low) == (lengths.mean + tokens, lengths.low + tokens)
    assert longer.std == lengths.std


def test_images_are_added_to_lengths_of_every_kind() -> None:
    assert more(Lengths.constant(512), 1300) == Lengths(kind="constant", mean=1812, low=1301)
    assert more(Lengths.uniform(100, 300), 1000) == Lengths.uniform(1100, 1300)
    assert more(Lengths.empirical([5, 9]), 10) == Lengths.empirical([15, 19])


@settings(max_examples=20, deadline=None)
@given(cut_lognormals(), st.floats(0.01, 0.99))
def test_the_share_above_a_quantile_is_the_rest(lengths: Lengths, share: float) -> None:
    assert share_above(lengths, quantile(lengths, share)) == pytest.approx(1 - share, abs=1e-6)


def test_the_share_of_requests_that_are_longer_is_that_of_draws() -> None:
    load = Load(
        input_tokens=Lengths.lognormal(1000, 1000),
        output_tokens=Lengths.lognormal(300, 200),
        arrival=Arrival(kind="rate", value=1),
    )
    rng = np.random.default_rng(1)
    drawn = sample(load.input_tokens, 400_000, rng) + sample(load.output_tokens, 400_000, rng)
    assert share_longer(load, 4096) == pytest.approx((drawn > 4096).mean(), rel=0.05)
    known = replace(load, longest_request_tokens=30_000)
    assert share_longer(known, 30_000) == 0 < share_longer(known, 29_999)


def test_each_value_of_a_log_counts_the_same() -> None:
    load = Load(
        input_tokens=Lengths.empirical([100, 200]),
        output_tokens=Lengths.empirical([10, 20, 300]),
        arrival=Arrival(kind="rate", value=1),
    )
    # Of the six sums 110, 120, 400, 210, 220 and 500 two are above 220, three above 219.
    assert [share_longer(load, tokens) for tokens in (220, 219)] == pytest.approx([1 / 3, 1 / 2], abs=1e-12)


def test_of_a_conversation_the_last_turns_are_longer() -> None:
    load = Load(
        input_tokens=Lengths.constant(100),
        output_tokens=Lengths.constant(100),
        arrival=Arrival(kind="rate", value=1),
        conversation=Conversation(turns=Turns.constant(4)),
    )
    assert [share_longer(load, tokens) for tokens in (800, 799, 399)] == [0, 0.25, 0.75]


def test_no_request_is_longer_than_the_longest_prompt_with_the_longest_answer() -> None:
    load = Load(
        input_tokens=Lengths.uniform(10, 100),
        output_tokens=Lengths.lognormal(30, 10, low=1, high=60),
        arrival=Arrival(kind="rate", value=1),
        conversation=Conversation(system_tokens=7),
    )
    assert share_longer(load, 167) == 0 < share_longer(load, 140)
