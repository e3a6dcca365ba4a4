"""A skewed loss: its moments, its quantiles, and what adds up."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.quality.loss_distribution import (
    LEAST_LOSS,
    LossDistribution,
    ScoreDistribution,
    true_loss,
    weighted_sum,
)

MEANS, SDS = st.floats(0.0, 0.3), st.floats(1e-4, 0.1)


@given(mean=MEANS, sd=SDS, level=st.floats(0.001, 0.999))
def test_the_deviate_of_a_quantile_is_the_normal_ones(mean: float, sd: float, level: float) -> None:
    loss = true_loss(mean, sd)
    assert loss.probability_at_most(loss.quantile(level)) == pytest.approx(level, abs=1e-6)


@given(mean=MEANS, sd=SDS)
def test_quantiles_rise_and_losses_reach_further_than_gains(mean: float, sd: float) -> None:
    loss = true_loss(mean, sd)
    low, median, high = (loss.quantile(level) for level in (0.05, 0.5, 0.95))
    assert low <= median <= high
    assert high - median >= median - low - 1e-12
    assert median <= loss.mean + 1e-12


def test_draws_have_the_moments_that_were_asked_for() -> None:
    # A loss of 1 ± 1 % above -0.5 %: a lognormal with a deviation of two thirds of its mean.
    loss = true_loss(0.01, 0.01)
    drawn = loss.at(np.random.default_rng(1).standard_normal(1_000_000))
    assert drawn.mean() == pytest.approx(0.01, rel=5e-3)
    assert drawn.std() == pytest.approx(0.01, rel=1e-2)
    assert drawn.min() > LEAST_LOSS
    ratio = 0.01 / 0.015
    assert loss.skewness == pytest.approx(3 * ratio + ratio**3)


@given(sd=SDS, noise=SDS)
def test_noise_widens_without_moving_the_mean_and_takes_skewness_away(sd: float, noise: float) -> None:
    true = true_loss(0.02, sd)
    score = true.with_noise(noise)
    assert score.mean == true.mean
    assert score.sd == pytest.approx(np.hypot(sd, noise))
    assert score.skewness <= true.skewness


def test_independent_losses_add_their_first_three_moments() -> None:
    rng = np.random.default_rng(2)
    parts = [(0.5, true_loss(0.01, 0.004)), (1.0, true_loss(0.03, 0.02))]
    drawn = sum(weight * part.at(rng.standard_normal(1_000_000)) for weight, part in parts)
    total = weighted_sum(parts)
    assert total.mean == pytest.approx(drawn.mean(), rel=1e-2)
    assert total.sd == pytest.approx(drawn.std(), rel=1e-2)
    assert total.skewness == pytest.approx(
        float(((drawn - drawn.mean()) ** 3).mean() / drawn.std() ** 3), rel=0.1
    )


def test_a_known_loss_is_certain() -> None:
    nothing = LossDistribution(mean=0.0, sd=0.0)
    assert nothing.quantile(0.05) == nothing.quantile(0.95) == 0.0
    assert (nothing.probability_at_most(0.0), nothing.probability_at_most(-1e-9)) == (1.0, 0.0)


def test_a_loss_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no loss has mean nan"):
        LossDistribution(mean=float("nan"), sd=0.1)


@given(sd=SDS, noise=SDS, level=st.floats(0.01, 0.99))
def test_a_share_of_scores_shows_less_than_its_quantile(sd: float, noise: float, level: float) -> None:
    score = ScoreDistribution(true=true_loss(0.02, sd), noise_sd=noise)
    at = score.quantile(level)
    assert score.probability_at_most(at) == pytest.approx(level, abs=1e-6)
    assert score.deviate(at) == pytest.approx(NormalDist().inv_cdf(level), abs=1e-4)


def test_scores_are_spread_as_their_distribution_says() -> None:
    rng = np.random.default_rng(5)
    score = ScoreDistribution(true=true_loss(0.02, 0.004), noise_sd=0.003)
    shown = score.shown(score.true.at(rng.standard_normal(1_000_000)), rng)
    for level in (0.05, 0.5, 0.95):
        assert np.quantile(shown, level) == pytest.approx(score.quantile(level), abs=1e-4)
    # One in five with four times the noise: 0.8 + 0.2 x 16 = 4 times the variance.
    assert shown.std() == pytest.approx(np.hypot(0.004, 2 * 0.003), rel=0.01)


def test_the_density_is_the_slope_of_the_probability() -> None:
    for of in (true_loss(0.02, 0.01), ScoreDistribution(true=true_loss(0.02, 0.01), noise_sd=0.005)):
        slope = (of.probability_at_most(0.031) - of.probability_at_most(0.029)) / 0.002
        assert of.log_density(0.03) == pytest.approx(np.log(slope), abs=0.01)
    assert true_loss(0.02, 0.01).log_density(-1.0) == -np.inf


def test_a_score_without_noise_shows_the_true_loss() -> None:
    true = true_loss(0.02, 0.01)
    assert ScoreDistribution(true=true, noise_sd=0.0).quantile(0.9) == pytest.approx(true.quantile(0.9))
