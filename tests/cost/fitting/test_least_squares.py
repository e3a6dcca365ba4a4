"""The solver: it finds what SciPy's finds, and asks for slopes less often."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.optimize import least_squares

from advisor.cost.array_table import Floats
from advisor.cost.fitting.least_squares import loss, minimise


@dataclass
class Decay:
    """log(a · exp(-b t) + c) seen with noise, a few of it wild; priors about zero."""

    seed: int
    sd: Floats = field(default_factory=lambda: np.array([1.0, 1.0, 1.0]))
    asked: int = 0

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.t = rng.uniform(0.0, 3.0, 80)
        self.seen = self.model(np.array([0.6, -0.4, -0.8])) + rng.normal(0.0, 0.05, 80)
        self.seen[::9] += rng.choice([-1.5, 1.5], 9)
        self.weight = np.full(80, 10.0)

    def model(self, v: Floats) -> Floats:
        a, b, c = np.exp(v)
        return np.asarray(np.log(a * np.exp(-b * self.t) + c))

    def errors(self, vector: Floats) -> Floats:
        return self.model(vector) - self.seen

    def slopes(self, vector: Floats) -> Floats:
        self.asked += 1
        a, b, c = np.exp(vector)
        fall = a * np.exp(-b * self.t)
        return np.stack([fall, -fall * b * self.t, np.full(80, c)], axis=1) / (fall + c)[:, None]


@pytest.mark.parametrize("seed", range(8))
def test_the_least_is_scipys(seed: int) -> None:
    problem = Decay(seed)
    found, least, taken = minimise(problem, np.zeros(3), tolerance=1e-8)
    own = problem.asked

    def residuals(v: Floats) -> Floats:
        return np.concatenate([problem.errors(v) * problem.weight, v / problem.sd])

    def robust(z: Floats) -> Floats:
        """Soft-L1 of the rows' squares, the priors' as they are; with first and second derivatives."""
        rows, priors = z[:-3], z[-3:]
        root = np.sqrt(1.0 + rows)
        of_rows = np.stack([2.0 * (root - 1.0), 1.0 / root, -0.5 / root**3])
        return np.hstack([of_rows, np.stack([priors, np.ones(3), np.zeros(3)])])

    theirs = least_squares(residuals, np.zeros(3), loss=robust, xtol=1e-12, ftol=1e-12, gtol=1e-12)
    assert found == pytest.approx(theirs.x, abs=2e-3)
    assert least == pytest.approx(theirs.cost, rel=1e-6)
    assert least == pytest.approx(loss(problem, found, problem.errors(found)))
    assert own == taken < theirs.nfev


def test_wild_rows_hardly_pull() -> None:
    found, _, _ = minimise(Decay(3), np.zeros(3), tolerance=1e-6)
    assert found == pytest.approx([0.6, -0.4, -0.8], abs=0.25)


def test_from_the_least_it_does_not_move() -> None:
    problem = Decay(1)
    found, least, _ = minimise(problem, np.zeros(3), tolerance=1e-9)
    again, same, taken = minimise(problem, found, tolerance=1e-6)
    assert again == pytest.approx(found, abs=1e-4)
    assert same <= least
    assert taken == 1


class Cliff(Decay):
    """The same, with a row that jumps where the second entry passes a wall: no slope tells of it."""

    def errors(self, vector: Floats) -> Floats:
        errors = super().errors(vector)
        errors[5] += 3.0 * (vector[1] > -0.5)
        return errors


def test_a_wall_is_no_trap() -> None:
    problem = Cliff(2)
    found, least, _ = minimise(problem, np.array([0.0, -1.0, 0.0]), tolerance=1e-6)
    assert least < loss(problem, np.zeros(3), problem.errors(np.zeros(3)))
    assert np.isfinite(found).all()
