"""How rows are weighed: by what is expected of their harness, and by what is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from advisor.cost.fitting.row_noise import expected_noise, harness, noise, noise_class, seen_noise
from advisor.record.measurement import SpeedMeasurement
from advisor.record.sources import known_sources
from advisor.record.store import read_speed
from advisor.shipped_files import shipped

SOURCES = known_sources()


def rows_of(source: str, count: int, **same: object) -> list[SpeedMeasurement]:
    found = [
        row
        for row in read_speed(shipped("measurements"))
        if SOURCES.family(row.source) == source and all(getattr(row, k) == v for k, v in same.items())
    ]
    return found[:count]


@pytest.fixture(scope="module")
def others() -> list[SpeedMeasurement]:
    return rows_of("InferenceX", 40, metric="tpot_ms")


@pytest.fixture(scope="module")
def cards() -> list[SpeedMeasurement]:
    return rows_of("model cards", 40, load="single")


def seen(rows: list[SpeedMeasurement], errors: np.ndarray) -> float:
    [found] = seen_noise(rows, errors, np.ones(len(rows), dtype=bool), SOURCES).values()
    return found


def test_a_source_that_is_off_is_trusted_less(others: list[SpeedMeasurement]) -> None:
    assert seen(others, np.full(40, 0.6)) > 4 * expected_noise(others[0], SOURCES)


def test_a_few_wild_rows_do_not_silence_a_good_source(others: list[SpeedMeasurement]) -> None:
    errors = np.random.default_rng(0).normal(0.0, 0.05, 40)
    errors[:4] = 3.0
    assert seen(others, errors) == expected_noise(others[0], SOURCES)


def test_no_source_that_none_repeats_is_trusted_more_than_expected(
    others: list[SpeedMeasurement], cards: list[SpeedMeasurement]
) -> None:
    assert seen(others, np.zeros(40)) == expected_noise(others[0], SOURCES)
    assert seen(cards, np.zeros(40)) < expected_noise(cards[0], SOURCES)


def test_what_is_seen_of_few_rows_hardly_counts(cards: list[SpeedMeasurement]) -> None:
    few = seen(cards[:2], np.full(2, 0.2))
    many = seen(cards, np.full(40, 0.2))
    assert expected_noise(cards[0], SOURCES) < few < many < 0.2


def test_what_cannot_be_predicted_counts_as_far_off(others: list[SpeedMeasurement]) -> None:
    assert seen(others, np.full(40, np.nan)) > 0.8


def test_ones_own_rows_are_trusted_whatever_is_seen(cards: list[SpeedMeasurement]) -> None:
    own = [replace(row, origin="measured") for row in cards]
    assert noise_class(own[0], SOURCES) is None
    assert seen_noise(own, np.full(40, 0.5), np.ones(40, dtype=bool), SOURCES) == {}
    of_cards = {str(noise_class(cards[0], SOURCES)): 0.5}
    assert noise(own, of_cards, SOURCES) == pytest.approx(0.035)
    assert noise(cards, of_cards, SOURCES) == pytest.approx(0.5)


def test_the_paper_and_the_cards_are_of_one_harness(
    others: list[SpeedMeasurement], cards: list[SpeedMeasurement]
) -> None:
    [paper] = rows_of("seed paper", 1, load="single")
    assert noise_class(paper, SOURCES) == noise_class(cards[0], SOURCES) != noise_class(others[0], SOURCES)
    assert harness(replace(paper, origin="imported"), SOURCES) == ""


def test_own_repeats_that_scatter_or_are_few_are_trusted_less(cards: list[SpeedMeasurement]):
    steady = replace(cards[0], origin="measured", repeats=3, stderr=0.0)
    assert expected_noise(replace(steady, stderr=0.2 * steady.value), SOURCES) > 0.2
    # One repeat has the scatter of a single run, the mean of three a third of its variance.
    single = expected_noise(replace(steady, repeats=1), SOURCES)
    assert single == pytest.approx(3**0.5 * expected_noise(steady, SOURCES))
