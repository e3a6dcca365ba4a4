"""What a second fit moved, in the parameters' own units."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import pytest

from advisor.cost.predict.predictor import Predictor
from advisor.cost.step.parameter_changes import moved
from tests.cost.step.test_step_time import deployment


def test_a_group_and_the_common_value_count_together() -> None:
    before = Predictor.shipped().fit.speed
    names = {"layer_overhead_s": 0.1, "read_bf16@H100-SXM": -1.0, "read_bf16@L4": 3.0}
    theta = {name: before.theta.get(name, 0.0) + by for name, by in names.items()}
    after = replace(before, theta={**before.theta, **theta})
    first, second = moved(before, after, [deployment(), deployment(fmt="int4", gpu="H100")])
    assert (first.name, first.deployment, first.is_share) == ("read_bf16", 0, True)
    assert first.distance == pytest.approx(1.0)  # the L4's own is none of theirs
    assert 0 < first.after < first.before < 1
    assert second.name == "layer_overhead_s"
    assert second.after / second.before == pytest.approx(exp(0.1))


def test_the_same_fit_moved_nothing() -> None:
    fit = Predictor.shipped().fit.speed
    assert moved(fit, fit, [deployment()]) == []
