"""What predictions' errors have in common: learnt back from errors made with known parts."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.cost.evaluation.error_correlation import _correlation, _shares
from advisor.cost.predict.predictor import Predictor
from advisor.cost.uncertainty.intervals import DISTANCES
from advisor.cost.uncertainty.shared_errors import PACE, TTFT, SharedErrors, Shares

PARTS = {"model": 0.3, "gpu": 0.2, "format": 0.25, "pair": 0.1}
Z90 = 1.645


def products(
    parts: dict[str, float], cells: int = 4_000
) -> dict[tuple[bool, bool], list[tuple[float, float]]]:
    """Pairs of errors in cells of two GPUs, two formats and two counts, made of parts of known size."""
    rng = np.random.default_rng(1)
    root = {name: part**0.5 for name, part in parts.items()}
    own = (1 - sum(parts.values())) ** 0.5
    found: dict[tuple[bool, bool], list[tuple[float, float]]] = {}
    for _ in range(cells):
        model, gpu, fmt, pair = rng.normal(), rng.normal(size=2), rng.normal(size=2), rng.normal(size=(2, 2))

        def error(g: int, f: int) -> float:
            shared = root["model"] * model + root["gpu"] * gpu[g] + root["format"] * fmt[f]  # noqa: B023
            return float(shared + root["pair"] * pair[g, f] + own * rng.normal())  # noqa: B023

        first = error(0, 0)
        for g, f in ((0, 0), (0, 1), (1, 0), (1, 1)):
            found.setdefault((g == 0, f == 0), []).append((first, error(g, f)))
    return found


def test_parts_of_known_size_are_found_again() -> None:
    seen = _shares(products(PARTS), {})
    for name, part in PARTS.items():
        assert getattr(seen, name) == pytest.approx(part, abs=0.06)
    assert seen.own == pytest.approx(0.15, abs=0.06)


def test_independent_errors_share_nothing() -> None:
    seen = _shares(products(dict.fromkeys(PARTS, 0.0)), {})
    assert seen.own > 0.9


def test_a_shift_that_all_share_counts_as_shared() -> None:
    rng = np.random.default_rng(0)
    pairs = [(2 + rng.normal(0, 0.1), 2 + rng.normal(0, 0.1)) for _ in range(500)]
    assert _correlation(pairs) > 0.95


def test_too_few_pairs_say_nothing() -> None:
    assert _shares({(True, False): [(1.0, 1.0)] * 5}, {}) == Shares()


def test_what_is_written_is_what_is_read() -> None:
    shared = SharedErrors(table={"pace single seen": Shares(model=0.25, own=0.75, pairs=9)}, first_token=0.4)
    assert SharedErrors.read(shared.document()) == shared


def test_the_fit_that_ships_knows_what_its_errors_share() -> None:
    shared = Predictor.shipped().fit.shared
    for error in (PACE, TTFT):
        for load in ("single", "loaded", "maximum"):
            for distance in DISTANCES:
                seen = shared.of(error, load, distance)
                parts = (seen.model, seen.gpu, seen.format, seen.pair, seen.own)
                assert sum(parts) == pytest.approx(1.0, abs=0.005)
                assert min(parts) >= 0
                assert seen.pairs > 0
    # A kind of GPU nobody has measured errs alike for all formats more than one that is known.
    assert shared.of(PACE, "loaded", "gpu").gpu > shared.of(PACE, "loaded", "seen").gpu
    assert 0 <= shared.first_token < 1
