"""What an expected loss is uncertain about: the true loss, and apart from it the noise of a new score."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.quality.algorithm_and_maker import Recipe
from advisor.cost.quality.expected_loss import Point, factors
from advisor.cost.quality.fitted_accuracy import Expectation, Fitted
from advisor.cost.quality.loss_covariance import Spread
from advisor.cost.quality.model_traits import Traits
from advisor.cost.quality.tasks import find_task
from advisor.spec.accuracy_benchmarks import known_benchmarks

GPTQ = Recipe(algorithm="gptq")
MODEL = Traits(name="A-8B", key="a8b", family="a", group="a 8B", params_b=8.0, active_b=8.0)


ALIKE = Spread(
    model=1e-9,
    fragile=1e-9,
    fragile_in_format=1e-9,
    recipe=1e-9,
    benchmark=1e-9,
    checkpoint=1e-9,
    context=1e-9,
)
"""Models and benchmarks that lose alike."""


def known_exactly(spread: Spread, loss_log: float) -> Fitted:
    """A fit whose factors have no error: each is 1, but the format's."""
    points = [
        Point(traits=MODEL, format="int8", recipe=GPTQ, benchmark=b.name) for b in known_benchmarks().values()
    ]
    keys = {key for point in points for key, _ in factors(point)}
    table = {key: (loss_log if key[0] == "format" else 0.0, 0.0) for key in sorted(keys)}
    return Fitted(factors=table, spread=spread, baselines={}, cells=(), weights=())


def maths(deviation: float, noise: float) -> Expectation:
    """The benchmarks of maths, whose true losses differ by `deviation` (relative), under scores' noise."""
    spread = dataclasses.replace(ALIKE, benchmark=deviation, choice=noise, generated=noise, worked=noise)
    return known_exactly(spread, -4.0).expect(MODEL, "int8", GPTQ, (find_task("maths"),))


@given(noise=st.floats(0.01, 3.0))
def test_a_family_whose_true_losses_agree_has_no_width_whatever_the_noise_of_its_scores(noise: float) -> None:
    widths = [maths(deviation, noise).true_sd for deviation in (0.5, 0.05, 0.005, 1e-6)]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 1e-3
    assert widths[-1] < 1e-7


def test_a_new_score_of_a_family_has_the_noise_of_one_benchmark() -> None:
    single = [
        known_exactly(ALIKE, -4.0).expect(MODEL, "int8", GPTQ, (find_task(b.name),)).noise ** 2
        for b in known_benchmarks().values()
        if b.family == "maths"
    ]
    family = known_exactly(ALIKE, -4.0).expect(MODEL, "int8", GPTQ, (find_task("maths"),))
    assert abs(family.noise**2 - sum(single) / len(single)) < 1e-12
    assert family.sd > family.noise - 1e-12
