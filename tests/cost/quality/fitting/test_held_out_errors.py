"""Figures of held-out errors of accuracy, on scores whose law is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from advisor.cost.quality.fitting.held_out_errors import (
    Judged,
    base_model_of,
    deciles,
    errors_of,
    guesses,
    is_checkpoint_mean,
    judged_figures,
    limit_errors,
    publisher_of_figure,
)
from advisor.cost.quality.fitting.held_out_predictions import HeldOut
from advisor.cost.quality.loss_distribution import LossDistribution, ScoreDistribution
from advisor.cost.quality.model_traits import Traits


def figure(
    model: str = "m", *, seen: float = 0.02, task: str = "GSM8K", fmt: str = "int4", **more: object
) -> HeldOut:
    made = HeldOut(
        traits=Traits(name=model, key=model, family="llama-3", group=model, params_b=8.0, active_b=8.0),
        format=fmt,
        algorithm="gptq",
        publisher="Red Hat",
        task=task,
        shape="generated",
        distance="new model",
        seen=seen,
        mean=0.02,
        true_sd=0.005,
        noise=0.01,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def judged(figure_: HeldOut, *, guess: float = 0.02, sd: float = 0.005, noise: float = 0.01) -> Judged:
    """A figure whose true loss is normal around the expected one."""
    true = LossDistribution(mean=0.02, sd=sd)
    return Judged(figure=figure_, guess=guess, score=ScoreDistribution(true=true, noise_sd=noise))


def test_a_guess_is_the_mean_of_the_format_on_the_task_over_other_models() -> None:
    held = [figure("a", seen=0.01), figure("b", seen=0.03), figure("c", seen=0.05)]
    assert guesses(held, base_model_of) == pytest.approx([0.04, 0.03, 0.02])


def test_a_guess_is_never_of_another_format_task_or_kind_of_figure() -> None:
    held = [
        figure("a"),
        figure("b", fmt="fp8"),
        figure("c", task="MMLU"),
        figure("d", shape="average"),
    ]
    assert guesses(held, base_model_of) == [None] * 4


def test_the_same_model_may_be_a_guess_where_publishers_are_left_out() -> None:
    held = [figure("a", seen=0.01), figure("a", seen=0.03, publisher="NVIDIA")]
    assert guesses(held, base_model_of) == [None, None]
    assert guesses(held, publisher_of_figure) == pytest.approx([0.03, 0.01])


def test_errors_are_in_points_beside_two_simpler_answers() -> None:
    rows = [judged(figure(seen=0.03), guess=0.05), judged(figure(seen=0.01), guess=0.05)]
    expected = rows[0].figure.expected
    found = errors_of(rows)
    assert found.figures == 2
    assert found.mean == pytest.approx(100 * (abs(0.03 - expected) + abs(0.01 - expected)) / 2)
    assert found.format_mean == pytest.approx(3.0)  # 2 and 4 points off
    assert found.always_one == pytest.approx(2.0)  # 3 and 1 points off
    assert found.better == pytest.approx(1 - found.mean / 3.0)


def test_a_perfect_guess_leaves_nothing_to_be_better_than() -> None:
    assert errors_of([judged(figure(seen=0.02), guess=0.02)]).better == 0.0


def test_noise_alone_makes_an_error_of_four_fifths_of_its_deviation() -> None:
    assert errors_of([judged(figure(noise=0.01))]).noise == pytest.approx(100 * 0.01 * np.sqrt(2 / np.pi))


def test_the_interval_of_a_new_score_is_wider_than_that_of_the_truth() -> None:
    found = errors_of([judged(figure())])
    assert found.true_width < found.width
    # of a normal law with deviation 0.5 points: 2 × 1.645 × 0.5
    assert found.true_width == pytest.approx(1.645, abs=0.01)


def test_nine_of_ten_scores_of_the_law_are_inside_and_fewer_inside_that_of_the_truth() -> None:
    rng = np.random.default_rng(1)
    law = judged(figure()).score
    scores = law.shown(law.true.at(rng.standard_normal(4_000)), rng)
    found = errors_of([judged(figure(seen=float(s))) for s in scores])
    assert found.coverage == pytest.approx(0.9, abs=0.015)
    assert found.true_coverage == pytest.approx(found.true_expected, abs=0.02)
    assert found.true_coverage < 0.6


def mean(seen: float, at: int) -> Judged:
    return judged(figure(f"m{at}", seen=seen, task="all benchmarks", shape="average"), noise=0.002)


def test_a_floor_is_judged_on_means_of_checkpoints_alone() -> None:
    rows = [mean(0.01, 0), judged(figure(seen=0.5))]
    assert [is_checkpoint_mean(row.figure) for row in rows] == [True, False]
    found = limit_errors(rows, floor=0.98)
    assert (found.below, found.above) == (0, 1)


def test_an_uncertain_judge_refuses_and_is_told_how_many_that_costs() -> None:
    # true losses of 2 points ± 0.5 are above or below a floor of 98 % alike: nothing is kept with 95 %
    rng = np.random.default_rng(2)
    rows = [mean(float(0.02 + rng.normal(0, 0.0054)), at) for at in range(200)]
    found = limit_errors(rows, floor=0.98, confidence=0.95)
    assert found.below + found.above == 200
    assert (found.admitted, found.refused) == (0, found.above)
    assert found.refused == pytest.approx(found.refused_if_right, abs=25)
    # a judge who knew the truth would err on scores near the floor alone
    assert found.admitted_by_luck < found.below / 2


def test_a_floor_far_below_admits_everything() -> None:
    found = limit_errors([mean(0.02, at) for at in range(10)], floor=0.9)
    assert (found.below, found.above, found.refused, found.admitted_if_right) == (0, 10, 0, 0.0)


def test_tenths_are_by_width_and_a_tenth_of_a_few_says_nothing() -> None:
    rows = [judged(figure(f"m{n}"), sd=0.001 * (1 + n)) for n in range(100)]
    found = deciles(rows)
    assert [row.decile for row in found] == list(range(1, 11))
    assert [row.width for row in found] == sorted(row.width for row in found)
    assert deciles(rows[:70]) == []


def test_intervals_are_calibrated_without_the_figures_own_model() -> None:
    rng = np.random.default_rng(3)
    calm = [
        figure(f"m{n % 20}", seen=float(0.02 + rng.normal(0, 0.005)), shape="average", noise=1e-5)
        for n in range(200)
    ]
    odd = [replace(one, seen=0.3) if one.traits.group == "m0" else one for one in calm]
    plain, wild = (judged_figures(held, held) for held in (calm, odd))
    own = [i for i, one in enumerate(calm) if one.traits.group == "m0"]
    assert [wild[i].true.width for i in own] == pytest.approx([plain[i].true.width for i in own])
    assert not any(wild[i].inside for i in own)
