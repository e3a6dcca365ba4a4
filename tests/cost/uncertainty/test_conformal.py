"""Quantiles of grouped errors: nine of ten new errors inside, and no step that can only widen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.uncertainty.conformal import (
    COVERAGE,
    FEWEST_ROWS,
    PRIOR_GROUPS,
    Ends,
    Sample,
    Tree,
    calibration,
    numbered,
    pooled_in_order,
)

PARENT = {"dense": "all", "moe": "all", "all": None}


def grouped(
    rng: np.random.Generator, sizes: list[int], between: float = 0.2
) -> tuple[np.ndarray, np.ndarray]:
    """Errors of groups, each with a bias of its own and a scatter of 0.05 within."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    return between * rng.standard_normal(len(sizes))[groups] + 0.05 * rng.standard_normal(len(groups)), groups


def tree(errors: np.ndarray, groups: np.ndarray, of: list[str]) -> Tree[str]:
    return Tree(errors, groups, [(one, "all") if one != "all" else (one,) for one in of], PARENT.__getitem__)


def test_single_rows_have_the_quantiles_of_the_normal_distribution():
    errors = np.random.default_rng(0).standard_normal(4_000)
    ends = Sample(errors, np.arange(len(errors))).ends()
    assert ends == pytest.approx((-1.645, 1.645), abs=0.1)


def test_nine_of_ten_errors_of_new_groups_lie_inside():
    inside = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        errors, groups = grouped(rng, [60, 50, 40, 40, 30, 30, 30, 20, 20, 20, 20, 20])
        found = tree(errors, groups, ["all"] * len(errors)).calibrated(lambda _: 0)["all"]
        new, _ = grouped(rng, [20] * 20)
        inside.append(np.mean((found.low <= new) & (new <= found.high)))
    # Twelve groups say little of what the thirteenth is like, yet enough for this.
    assert np.mean(inside) == pytest.approx(COVERAGE, abs=0.06)


def test_a_calibration_narrows_as_well_as_widens():
    groups = np.repeat(np.arange(10), 20)
    assert calibration(np.full(200, 0.5), groups) < 1.0 < calibration(np.full(200, 2.0), groups)
    assert calibration(np.ones(200), groups) == pytest.approx(1.0)


def test_two_groups_cannot_be_calibrated():
    assert calibration(np.full(40, 9.0), np.repeat([0, 1], 20)) == 1.0


def test_a_class_of_few_groups_is_drawn_towards_the_class_around_it():
    rng = np.random.default_rng(3)
    wide, narrow = rng.normal(0, 0.5, 600), rng.normal(0, 0.05, 600)
    widths = []
    for count in (1, 2, 10, 60):
        groups = np.concatenate([np.arange(600) % 60, 60 + np.arange(600) % count])
        ends = tree(np.concatenate([wide, narrow]), groups, ["moe"] * 600 + ["dense"] * 600).ends()
        own = Sample(narrow, numbered(groups[600:])).ends()
        around = ends["all"]
        assert ends["dense"] == pytest.approx(own.towards(around, PRIOR_GROUPS / (count + PRIOR_GROUPS)))
        widths.append(ends["dense"].high - ends["dense"].low)
    assert widths == sorted(widths, reverse=True)


def test_a_class_of_few_rows_has_the_quantiles_of_the_class_around_it():
    errors = np.concatenate([np.random.default_rng(4).normal(0, 0.3, 200), np.zeros(FEWEST_ROWS - 1)])
    of = ["moe"] * 200 + ["dense"] * (FEWEST_ROWS - 1)
    ends = tree(errors, np.arange(len(errors)) % 9, of).ends()
    assert ends["dense"] == ends["all"]


def test_a_group_is_judged_by_the_others_alone():
    errors = np.concatenate([np.full(60, 0.1), np.full(60, 1.0)])
    needed = tree(errors, np.repeat([0, 1], 60), ["all"] * 120).needed()
    assert needed[:60] == pytest.approx(0.1)
    assert needed[60:] == pytest.approx(10.0)


ENDS = st.tuples(st.floats(-3, 0), st.floats(0, 3)).map(lambda pair: Ends(*pair))


@given(st.lists(st.tuples(ENDS, st.floats(0.1, 9)), min_size=1, max_size=4))
def test_pooled_ends_reach_ever_further_and_keep_their_mean(pairs):
    ends, weights = [e for e, _ in pairs], [w for _, w in pairs]
    made = pooled_in_order(ends, weights)
    for near, far in pairwise(made):
        assert far.low <= near.low + 1e-12
        assert far.high >= near.high - 1e-12
    for part in ("low", "high"):
        before, after = ([getattr(e, part) for e in of] for of in (ends, made))
        assert np.average(after, weights=weights) == pytest.approx(
            np.average(before, weights=weights), abs=1e-9
        )


def test_ends_in_order_stay_as_they_are():
    ends = [Ends(-0.1, 0.2), Ends(-0.2, 0.3), Ends(-0.3, 0.3)]
    assert pooled_in_order(ends, [1, 1, 1]) == ends
