"""How sure a choice is, and at which prices another is."""

from __future__ import annotations

import pytest

from advisor import decision, recommend
from advisor.advise.api import shipped_predictor, shipped_quality
from advisor.advise.certainty.choice_probability import ChoiceProbability, Kept, Rival, contest, sureness
from advisor.advise.sensitivity.price_break_even import break_evens
from advisor.spec.workloads.workload import Arrival, LatencyLimit
from tests.advise.builders import deployment, workload

MODEL = "Llama-3.1-8B-Instruct"


def of(*, limit_ms: float | None = None, **arguments: object) -> ChoiceProbability:
    limits = () if limit_ms is None else (LatencyLimit(metric="tpot", statistic="mean", max_ms=limit_ms),)
    asked = workload(arrival=Arrival(kind="concurrency", value=12), limits=limits)
    answer = recommend(MODEL, asked, **arguments)  # type: ignore[arg-type]
    found = contest(answer, shipped_predictor(), shipped_quality())
    assert found is not None
    return sureness(found)


def test_a_choice_without_rivals_is_sure() -> None:
    seen = of(gpus=["A6000"], formats=["int4"], kv_formats=["16bit"], tensor_parallel=[1])
    assert (seen.verdict, seen.best, seen.rival) == ("sure", 1.0, None)


def test_a_limit_kept_for_sure_is_kept_with_ninety_five_per_cent_at_least() -> None:
    for limit_ms in (60.0, 100.0):
        seen = of(gpus=["A6000"], formats=["int4", "int8"], limit_ms=limit_ms)
        [kept] = seen.limits
        assert kept.limit == "tpot_mean_ms"
        assert kept.probability >= 0.95
        assert seen.keeps_all == pytest.approx(kept.probability, abs=0.02)


def test_a_looser_limit_is_kept_more_surely() -> None:
    asked = {"gpus": ["A6000"], "formats": ["int8"], "max_gpus": 1}
    near, far = (of(limit_ms=ms, **asked).limits[0].probability for ms in (34.0, 90.0))
    assert 0.95 <= near < far


def test_twins_in_cost_are_no_loss() -> None:
    """A kilowatt of doubt about which of two equals is better is worth nothing."""
    asked = workload(arrival=Arrival(kind="rate", value=0.5))
    answer = recommend(MODEL, asked, gpus=["A6000"], max_gpus=1)
    found = contest(answer, shipped_predictor(), shipped_quality())
    assert found is not None
    seen = sureness(found)
    assert seen.loss < 0.01
    assert seen.verdict in ("sure", "tie")


def test_wide_errors_and_near_figures_are_a_doubt_or_a_tie() -> None:
    seen = of(gpus=["A6000", "A100", "L40S"])
    assert seen.best < 0.8
    assert seen.verdict != "sure"
    assert seen.rival is not None


@pytest.mark.parametrize(
    ("best", "loss", "verdict"), [(0.9, 0.3, "sure"), (0.5, 0.01, "tie"), (0.5, 0.1, "doubt")]
)
def test_the_verdict_follows_chance_and_loss(best: float, loss: float, verdict: str) -> None:
    seen = ChoiceProbability(
        deployment=deployment(),
        limits=(Kept(limit="capacity", probability=0.99),),
        keeps_all=0.99,
        best=best,
        loss=loss,
        rival=Rival(deployment=deployment(fmt="int4"), probability=1 - best),
        fewer=None,
    )
    assert seen.verdict == verdict


# Prices


def test_at_the_break_even_price_the_choice_changes() -> None:
    asked = workload(arrival=Arrival(kind="concurrency", value=12))
    names, formats = ["A6000", "H100"], ["int8"]
    answer = recommend(MODEL, asked, gpus=names, formats=formats)
    first = answer.winner
    assert first is not None
    own = first.deployment.gpu.label
    for found in break_evens(answer, shipped_predictor(), shipped_quality()):
        assert found.low_usd_per_gpu_hour <= found.at_usd_per_gpu_hour <= found.high_usd_per_gpu_hour
        for factor, same in ((0.98, False), (1.02, True)):
            # A GPU that is not the first's wins below its price; the first's own loses above.
            same = same if found.below else not same
            changed = recommend(
                MODEL,
                asked,
                gpus=names,
                formats=formats,
                prices={found.gpu: found.at_usd_per_gpu_hour * factor},
            ).winner
            assert changed is not None
            assert (changed.deployment.gpu.label == own) is same


def test_without_cost_there_is_no_break_even() -> None:
    asked = workload(arrival=Arrival(kind="single"))
    answer = recommend(MODEL, asked, gpus=["A6000", "H100"], objective="latency")
    assert break_evens(answer, shipped_predictor(), shipped_quality()) == ()


# The whole


def test_where_nothing_is_kept_there_is_nothing_to_be_sure_of() -> None:
    limits = (LatencyLimit(metric="e2e", statistic="mean", max_ms=1.0),)
    asked = workload(arrival=Arrival(kind="single"), limits=limits)
    seen = decision(recommend(MODEL, asked, gpus=["A6000"]), explain=True)
    assert (seen.sure, seen.prices, seen.crossover, seen.flips) == (None, (), None, ())


def test_the_same_answer_has_the_same_decision() -> None:
    answer = recommend(MODEL, "chat", gpus=["A6000"])
    assert decision(answer) == decision(answer)
