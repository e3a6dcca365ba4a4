"""Which measurements teach most."""

from __future__ import annotations

import numpy as np

from advisor.cost import fit_report
from advisor.cost.evaluation.most_informative_cells import most_informative
from advisor.shipped_files import shipped


def test_what_is_known_already_is_not_measured_again():
    # two parameters, the first known ten times better; each cell sees one of them
    slopes, curvature = np.eye(2), np.diag([100.0, 1.0])
    assert most_informative(slopes, np.full(2, 0.1), curvature, 1) == [1]


def test_the_second_point_is_not_the_first_ones_twin():
    slopes = np.array([[1.0, 0.0], [0.99, 0.0], [0.0, 0.8]])
    assert most_informative(slopes, np.full(3, 0.01), np.eye(2), 2) == [0, 2]


def test_a_noisy_measurement_teaches_less():
    slopes = np.array([[1.0], [1.0]])
    assert most_informative(slopes, np.array([1.0, 0.1]), np.eye(1), 1) == [1]


def test_only_what_is_of_interest_counts():
    slopes, curvature = np.array([[3.0, 0.0], [0.0, 1.0]]), np.eye(2)
    wanted = np.array([False, True])
    assert most_informative(slopes, np.full(2, 0.1), curvature, 1) == [0]
    assert most_informative(slopes, np.full(2, 0.1), curvature, 1, of_interest=wanted) == [1]


def test_five_suggested_points_take_half_of_what_an_unseen_gpu_adds_to_the_error():
    # the shipped report: each GPU of the paper's harness left out in turn
    rows = fit_report.read(shipped("measurements") / fit_report.NAME).learning
    assert len(rows) >= 4
    before = np.mean([float(r.suggested["0"]) for r in rows])
    after = np.mean([float(r.suggested["5"]) for r in rows])
    every = np.mean([float(r.all) for r in rows])
    assert after - every <= 0.5 * (before - every)
