"""What predictions' errors have in common: learnt back from errors made with known parts."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.cost.evaluation.error_correlation import _correlation, _correlations, _shares
from advisor.cost.predict.predictor import Predictor
from advisor.cost.uncertainty.error_class import DISTANCES, EngineClass, error_class
from advisor.cost.uncertainty.shared_errors import TOKEN_RATE, TTFT, Shares

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
    seen = _shares(_correlations(products(PARTS), {}))
    for name, part in PARTS.items():
        assert getattr(seen, name) == pytest.approx(part, abs=0.06)
    assert seen.own == pytest.approx(0.15, abs=0.06)


def test_independent_errors_share_nothing() -> None:
    assert _shares(_correlations(products(dict.fromkeys(PARTS, 0.0)), {})).own > 0.9


@pytest.mark.parametrize("of_formats", [0.0, 0.2, 0.6, 0.95])
def test_two_formats_on_one_gpu_share_what_their_learnt_ratio_says(of_formats: float) -> None:
    made = _shares(_correlations(products(PARTS), {}), of_formats)
    assert made.model + made.gpu == pytest.approx(of_formats, abs=0.001)
    assert made.model + made.gpu + made.format + made.pair + made.own == pytest.approx(1.0, abs=0.003)


def test_a_shift_that_all_share_counts_as_shared() -> None:
    rng = np.random.default_rng(0)
    pairs = [(2 + rng.normal(0, 0.1), 2 + rng.normal(0, 0.1)) for _ in range(500)]
    assert _correlation(pairs) > 0.95


def test_too_few_pairs_say_nothing() -> None:
    assert _shares(_correlations({(True, False): [(1.0, 1.0)] * 5}, {})) == Shares()


def test_the_fit_that_ships_knows_what_its_errors_share() -> None:
    shared = Predictor.shipped().fit.shared
    for error in (TOKEN_RATE, TTFT):
        for load in ("single", "loaded", "maximum"):
            for distance in DISTANCES:
                seen = shared.of(error, load, distance)
                parts = (seen.model, seen.gpu, seen.format, seen.pair, seen.own)
                assert sum(parts) == pytest.approx(1.0, abs=0.005)
                assert min(parts) >= 0
                assert seen.pairs > 0
    assert 0 <= shared.first_token < 1


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_ratio_of_two_formats_is_known_better_than_two_predictions_apart(distance) -> None:
    fit = Predictor.shipped().fit
    dense = EngineClass("v1", False)
    of = error_class("tpot", "mean", "loaded", dense, distance)
    alone, ratio = fit.intervals.of(of), fit.ratios.of(of._replace(engine=dense._replace(fp4=False)))
    apart = 2**0.5 * (alone.high - alone.low)
    assert ratio.high - ratio.low < 0.9 * apart
    assert ratio.high == pytest.approx(-ratio.low, abs=1e-4)  # which of the two comes first is arbitrary
    shares = fit.shared.of(TOKEN_RATE, "loaded", distance, dense._replace(fp4=False))
    assert apart * (1 - shares.model - shares.gpu) ** 0.5 == pytest.approx(ratio.high - ratio.low, rel=0.02)
