"""What measurements are worth, on problems whose answer is known; the replay in miniature."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from types import ModuleType

import numpy as np
import pytest

from advisor.advise.measuring.value_of_information import Problem, errors_given, gain, greedy, held_for_sure
from advisor.cost.uncertainty.intervals import Interval
from advisor.cost.uncertainty.shared_errors import Shares


def choice(loadings: object, costs: object, *, noise: float = 0.01) -> Problem:
    """Take one of several things whose costs are off by `loadings` × standard normals."""
    made, base = np.array(loadings, dtype=float), np.array(costs, dtype=float)
    return Problem(
        loadings=made,
        losses=lambda errors: base * np.exp(0.3 * errors),
        reveals=tuple(np.array([i]) for i in range(len(base))),
        noise=tuple(np.array([noise]) for _ in base),
    )


def test_what_cannot_change_the_choice_is_worth_nothing() -> None:
    assert gain(choice(np.eye(2), [1.0, 50.0]), [0]) == pytest.approx(0.0, abs=1e-6)


def test_knowing_one_of_two_equals_is_worth_about_what_theory_says() -> None:
    # min of a lognormal and a constant at its mean: E[b − min(X, b)] with X = exp(0.3 Z), b = E[X].
    z = np.random.default_rng(7).standard_normal(400_000)
    x, mean = np.exp(0.3 * z), np.exp(0.3**2 / 2)
    expected = mean - np.minimum(x, mean).mean()
    problem = choice(np.eye(2), [1.0, 1.0], noise=1e-3)
    assert gain(problem, [0]) == pytest.approx(expected, rel=0.25)


def test_errors_that_both_share_are_not_worth_measuring() -> None:
    shared = choice([[1.0, 0.0], [1.0, 0.0]], [1.0, 1.05])
    apart = choice(np.eye(2), [1.0, 1.05])
    assert gain(shared, [0]) < 0.1 * gain(apart, [0])


def test_a_noisy_measurement_is_worth_less() -> None:
    exact, noisy = (gain(choice(np.eye(2), [1.0, 1.02], noise=n), [0]) for n in (0.01, 3.0))
    assert noisy < exact


def test_what_was_seen_moves_what_is_like_it() -> None:
    problem = choice([[0.8, 0.6, 0.0], [0.8, 0.0, 0.6]], [1.0, 1.0])
    seen = errors_given(problem, [(0, np.array([2.0]))], draws=4_096)
    # Correlation 0.64: the regression of the second on the first.
    assert seen[:, 0].mean() == pytest.approx(2.0, abs=0.02)
    assert seen[:, 1].mean() == pytest.approx(1.28, abs=0.05)
    assert seen[:, 1].std() == pytest.approx((1 - 0.64**2) ** 0.5, abs=0.05)


def test_the_cheap_measurement_comes_first_and_the_useless_never() -> None:
    problem = choice(np.eye(3), [1.0, 1.0, 90.0])
    found = greedy(problem, [10.0, 1.0, 0.001], 3, least=0.005)
    assert found[0][0] == 1
    assert 2 not in [number for number, _ in found]


def test_nothing_to_gain_is_an_answer() -> None:
    assert greedy(choice(np.eye(2), [1.0, 50.0]), [1.0, 1.0], 3, least=0.005) == []


@pytest.mark.parametrize(("bound", "noise"), [(0.5, 0.01), (0.5, 0.5), (-1.0, 0.3), (1.5, 1.0)])
def test_what_is_seen_to_hold_is_what_theory_says(bound: float, noise: float) -> None:
    # The mean after it is N(0, 1 ÷ (1 + s²)), what is left unknown has the deviation s ÷ √(1 + s²).
    sure, problem = 1.645, choice(np.eye(1), [1.0], noise=noise)
    expected = NormalDist().cdf(bound * (1 + noise**2) ** 0.5 - sure * noise)
    assert held_for_sure(problem, [0], np.array([[bound]]), sure) == pytest.approx(expected, abs=0.02)


def test_what_nobody_measures_holds_where_it_did_before() -> None:
    problem = choice(np.eye(2), [1.0, 1.0])
    assert held_for_sure(problem, [0], np.array([[-9.0, 1.7]]), 1.645) == 1.0
    assert held_for_sure(problem, [0], np.array([[-9.0, 1.6]]), 1.645) == 0.0


# Replay


@pytest.fixture(scope="module")
def replay() -> ModuleType:
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "replay.py"
    spec = importlib.util.spec_from_file_location("replay", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["replay"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_suggestions_reach_the_right_choice_sooner_than_grid_or_random_order(
    replay: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Worlds drawn from the error model itself, forty decisions among six options."""
    monkeypatch.setattr(replay, "STEPS", 4)
    monkeypatch.setattr(replay, "ORDERS", 5)
    rng = np.random.default_rng(3)
    shares = Shares(model=0.2, gpu=0.2, format=0.2, pair=0.2, own=0.2)
    gpus, formats = ["a", "a", "a", "b", "b", "b"], ["x", "y", "z"] * 2
    cases = []
    for number in range(40):
        predicted = np.exp(rng.normal(0.0, 0.25, 6))
        case = replay.Case(
            name=str(number), gpus=tuple(gpus), formats=tuple(formats), predicted=predicted,
            published=predicted, interval=Interval(low=-0.4, high=0.4, rows=100), shares=shares, noise=0.1,
        )  # fmt: skip
        loadings = case.problem().loadings
        errors = loadings @ rng.standard_normal(loadings.shape[1])
        published = predicted * np.exp(0.4 * errors / 1.645)
        cases.append(replace(case, published=published))
    needed = {
        name: float(np.mean([replay.points_needed(replay.ORDERINGS[name](case)) for case in cases]))
        for name in ("suggested", "grid", "random")
    }
    assert needed["suggested"] < 0.85 * needed["grid"]
    assert needed["suggested"] < 0.85 * needed["random"]
