"""A limit is kept when it holds with the confidence asked for."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_t

from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.choose.assessment import Refusal
from advisor.advise.choose.limits import margin_sd, vouching_limits
from advisor.advise.choose.recommendation import choose
from advisor.cost.estimate_with_interval import Estimate
from advisor.cost.predict.prediction import Prediction
from advisor.cost.predict.prediction_table import Range
from advisor.cost.quality.loss_distribution import LossDistribution
from advisor.cost.uncertainty.joint_probability import probability
from advisor.report.documents.missed_limit_words import refusal_text
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Arrival, Goodput, LatencyLimit, Quality, Workload
from tests.advise.builders import around, assessed, judged, prediction, refusals, workload


def missed(of: Prediction, under: Workload, **judging: float) -> tuple[Refusal, str]:
    """The one limit that a prediction misses, and what an answer says of it."""
    row = assessed(of, under, **judging)
    [refusal] = row.refusals
    return refusal, refusal_text(row, refusal)


def end(probability: float) -> float:
    """How far an error reaches with a probability, in units of the way from the value to its interval's end.

    Errors are Student's t with three degrees of freedom, of which nine in ten lie inside.
    """
    return float(student_t.ppf(probability, 3) / student_t.ppf(0.95, 3))


def kept_with(units: float) -> float:
    """The probability that an error stays below so many of these units."""
    return float(student_t.cdf(units * student_t.ppf(0.95, 3), 3))


def ttft_p95(max_ms: float) -> LatencyLimit:
    return LatencyLimit(metric="ttft", statistic="p95", max_ms=max_ms)


def test_a_limit_that_may_be_missed_is_not_kept() -> None:
    # 100 (90-110): 102 ms is 0.21 of the way to the end of the interval, so it holds with 67 %.
    limited = workload(limits=(ttft_p95(102.0),))
    seen = prediction(under=limited, latency_ms={("ttft", "p95"): around(100.0)})
    refusal, text = missed(seen, limited)
    assert text == "TTFT p95 <= 102 ms: 100 (90–110) ms"
    assert refusal.probability == pytest.approx(kept_with(log(1.02) / log(1.1)), abs=0.001)
    assert refusal.excess == pytest.approx(1.1 ** end(0.8) / 1.02 - 1, abs=1e-4)


@pytest.mark.parametrize(("confidence", "kept"), [(0.6, True), (0.8, False), (0.95, False)])
def test_the_confidence_asked_for_decides(confidence: float, kept: bool) -> None:
    limited = workload(limits=(ttft_p95(102.0),), confidence=confidence)
    seen = prediction(under=limited, latency_ms={("ttft", "p95"): around(100.0)})
    assert assessed(seen, limited).kept is kept


@given(
    value=st.floats(50, 150),
    share=st.floats(0.01, 0.5),
    confidence=st.floats(0.05, 0.99),
    less=st.floats(0.1, 1.0),
)
def test_asking_for_less_confidence_never_refuses_more(
    value: float, share: float, confidence: float, less: float
) -> None:
    seen = prediction(latency_ms={("ttft", "p95"): around(value, share)})
    loose, strict = (
        assessed(seen, workload(limits=(ttft_p95(100.0),), confidence=max(c, 0.05))).kept
        for c in (confidence * less, confidence)
    )
    assert loose or not strict


def test_limits_that_share_an_error_are_kept_together() -> None:
    # TPOT and E2E follow one error, the pace of tokens: both hold or neither does.
    limits = (
        LatencyLimit(metric="tpot", statistic="mean", max_ms=20.0 * 1.1 ** end(0.8)),
        LatencyLimit(metric="e2e", statistic="mean", max_ms=5_000.0 * 1.1 ** end(0.8)),
    )
    table = judged([prediction()], workload(limits=limits))
    alone = [probability(float(limit.margin_sd[0, 0])) for limit in table.uncertain]
    assert alone == pytest.approx([0.8, 0.8], abs=1e-3)
    assert float(table.keeps_all[0, 0]) == pytest.approx(0.8, abs=1e-3)
    assert float(table.keeps_all[0, 0]) - alone[0] * alone[1] > 0.05


def test_accuracy_is_one_of_the_limits_that_must_hold_together() -> None:
    limited = workload(
        limits=(LatencyLimit(metric="tpot", statistic="mean", max_ms=20.0 * 1.1),),
        quality=Quality(min_recovery=0.99),
    )
    accurate = Estimate(value=0.995, low=0.985, high=1.0, basis="measured")
    # The recovery's error is 0.6 points: 0.99 holds with 79 %, the latency with 95 %.
    row = assessed(prediction(recovery=accurate), limited)
    assert row.keeps_all_limits == pytest.approx(0.95 * 0.794, abs=0.005)
    assert [refusal.kind for refusal in row.refusals] == ["recovery"]


def test_what_each_limit_keeps_but_not_all_at_once_names_the_tightest() -> None:
    limited = workload(
        limits=(
            LatencyLimit(metric="tpot", statistic="mean", max_ms=20.0 * 1.1 ** end(0.84)),
            LatencyLimit(metric="ttft", statistic="mean", max_ms=100.0 * 1.1 ** end(0.81)),
        )
    )
    row = assessed(prediction(), limited)
    assert row.keeps_all_limits == pytest.approx(0.84 * 0.81, abs=0.02)
    [refusal] = row.refusals
    assert (refusal.metric, refusal.excess) == ("ttft", 0.0)


def test_a_limit_nothing_speaks_to_is_not_kept() -> None:
    limited = workload(limits=(ttft_p95(1e6),))
    refusal, text = missed(prediction(under=limited), limited)
    assert text.endswith(": cannot be said of this deployment")
    assert refusal.excess is None


@given(
    value=st.floats(1, 1e6),
    share=st.floats(0, 0.9),
    limit=st.floats(1, 1e6),
    tighter=st.floats(0.01, 1),
)
def test_a_stricter_limit_never_admits_more(value: float, share: float, limit: float, tighter: float) -> None:
    seen = prediction(latency_ms={("ttft", "p95"): around(value, share)})
    strict = refusals(seen, workload(limits=(ttft_p95(limit * tighter),)))
    loose = refusals(seen, workload(limits=(ttft_p95(limit),)))
    assert len(strict) >= len(loose)


@given(recovery=st.floats(0.5, 1.0), floor=st.floats(0.5, 0.99), more=st.floats(0, 0.01))
def test_a_higher_recovery_floor_never_admits_more(recovery: float, floor: float, more: float) -> None:
    seen = prediction(recovery=around(recovery, 0.01))
    loose = refusals(seen, workload(quality=Quality(min_recovery=floor)))
    strict = refusals(seen, workload(quality=Quality(min_recovery=min(1.0, floor + more))))
    assert len(strict) >= len(loose)


@pytest.mark.parametrize(
    ("model", "gpu", "kept"), [("Llama-3.1-8B-Instruct", "L40S", "bf16"), ("DeepSeek-R1", "H200", "fp8")]
)
def test_what_was_released_keeps_all_of_its_own_accuracy(model: str, gpu: str, kept: str) -> None:
    """BF16 ÷ BF16 is exactly 1, and so are a model's native weights."""
    asked = override(load_workload("chat"), min_recovery=1.0)
    found = choose(choice_of(model, asked, gpus=[gpu]), shipped_predictor(), shipped_quality())
    assert {a.deployment.format.name for a in found.ranked} == {kept}


def test_a_figure_that_is_known_keeps_a_limit_that_it_equals() -> None:
    exact = Range(value=np.array([40.0]), low=np.array([40.0]), high=np.array([40.0]))
    assert margin_sd(np.zeros(1), exact, at_least=False).tolist() == [np.inf]
    assert LossDistribution(mean=0.0, sd=0.0).probability_at_most(0.0) == 1.0
    assert LossDistribution(mean=0.0, sd=0.0).probability_at_most(-1e-9) == 0.0


def test_a_recovery_without_evidence_is_not_promised() -> None:
    refusal, text = missed(prediction(), workload(quality=Quality(min_recovery=0.9)))
    assert refusal.kind == "recovery"
    assert ": no evidence" in text


def test_recovery_is_judged_by_its_distribution() -> None:
    seen = prediction(recovery=Estimate(value=0.995, low=0.985, high=1.0, basis="measured"))
    _refusal, text = missed(seen, workload(quality=Quality(min_recovery=0.99)))
    assert text == "recovery >= 99 %: 99.5 (98.5–100) %"


def test_arrivals_beyond_capacity_are_refused_as_unstable() -> None:
    open_loop = workload(arrival=Arrival(kind="rate", value=5.0))
    seen = prediction(under=open_loop, capacity=4.0, status="backlogged")
    refusal, text = missed(seen, open_loop)
    assert refusal.kind == "capacity"
    assert text.endswith(": saturates at 4 (3.6–4.4)")
    assert refusal.excess == pytest.approx(5.0 / (4.0 * 0.9 ** end(0.8)) - 1, abs=1e-4)


def test_a_backlog_without_end_is_told_once_and_has_no_latency() -> None:
    limited = workload(arrival=Arrival(kind="rate", value=5.0), limits=(ttft_p95(100.0),))
    seen = prediction(under=limited, capacity=4.0, status="backlogged")
    assert [refusal.kind for refusal in refusals(seen, limited)] == ["capacity"]


@pytest.mark.parametrize("p95_ms", [90.0, 100.0, 300.0])
def test_beyond_capacity_all_limits_hold_no_more_often_than_latencies_at_full_load(p95_ms: float) -> None:
    # 4.1 of 4 (3.6-4.4) requests per s: the capacity suffices with 39 %, and the latency is then about that
    # of nearly full load.
    limited = workload(arrival=Arrival(kind="rate", value=4.1), limits=(ttft_p95(100.0),))
    latency_ms = {("ttft", "p95"): around(p95_ms)}
    seen = prediction(under=limited, capacity=4.0, status="backlogged", latency_ms=latency_ms)
    suffices = kept_with(-log(4.1 / 4.0) / log(1.1))
    in_time = kept_with(log(100.0 / p95_ms) / log(1.1 if p95_ms <= 100 else 1 / 0.9))
    row = assessed(seen, limited)
    assert row.keeps_all_limits <= min(suffices, in_time) + 0.01
    assert [refusal.kind for refusal in row.refusals] == ["capacity"]


def test_what_is_slow_at_full_load_never_keeps_its_limits_beyond_it() -> None:
    """A hundred times the limit at nearly full load: the odds of the capacity alone say nothing."""
    limited = workload(arrival=Arrival(kind="rate", value=4.01), limits=(ttft_p95(100.0),))
    latency_ms = {("ttft", "p95"): around(10_000.0)}
    seen = prediction(under=limited, capacity=4.0, status="backlogged", latency_ms=latency_ms)
    free = workload(arrival=Arrival(kind="rate", value=4.01))
    assert assessed(seen, limited).keeps_all_limits < 0.001
    assert assessed(prediction(under=free, capacity=4.0, status="backlogged"), free).keeps_all_limits > 0.4


def test_a_capacity_that_is_more_often_enough_than_not_has_latencies() -> None:
    """A backlog where a measured capacity says that there is room: one of the two is wrong."""
    free = workload(arrival=Arrival(kind="rate", value=3.0))
    assert assessed(prediction(under=free, capacity=4.0, status="backlogged"), free).keeps_all_limits == 0.5


def test_arrivals_inside_the_capacity_interval_may_saturate() -> None:
    open_loop = workload(arrival=Arrival(kind="rate", value=3.9))
    _refusal, text = missed(prediction(under=open_loop, capacity=4.0), open_loop)
    assert ": may saturate" in text


def test_a_closed_loop_waits_and_is_never_unstable() -> None:
    assert refusals(prediction(capacity=0.001, status="backlogged"), workload()) == []


def test_too_little_memory_is_told_in_gigabytes() -> None:
    refusal, _text = missed(prediction(kv_bytes=-2e9, max_concurrency=0, status="does not fit"), workload())
    assert refusal.kind == "memory"
    assert refusal.excess is None


def test_weights_that_fit_without_a_single_request_do_not_fit() -> None:
    _refusal, text = missed(prediction(kv_bytes=1e6, max_concurrency=0, status="does not fit"), workload())
    assert "no room for the KV cache" in text


def test_a_request_longer_than_the_cache_is_refused() -> None:
    _refusal, text = missed(prediction(max_context=700), workload())
    assert text == "must hold a request of 768 tokens: its KV cache holds 700"


def test_one_threshold_is_vouched_for_by_its_percentile() -> None:
    [limit] = vouching_limits(Goodput(ttft_ms=500, min_share=0.95))
    assert (limit.metric, limit.statistic, limit.max_ms) == ("ttft", "p95", 500)


def test_two_thresholds_share_what_may_be_missed() -> None:
    # 5 % may miss one or the other: 2.5 % each, if no request misses both.
    limits = vouching_limits(Goodput(ttft_ms=500, tpot_ms=50, min_share=0.95))
    assert [limit.statistic for limit in limits] == ["p97.5", "p97.5"]


def test_all_requests_are_as_many_as_a_percentile_can_say() -> None:
    [limit] = vouching_limits(Goodput(e2e_ms=500, min_share=1.0))
    assert limit.statistic == "p99.99"


@given(share=st.floats(0.01, 1.0), count=st.integers(1, 3))
def test_goodput_always_has_percentiles_that_vouch_for_it(share: float, count: int) -> None:
    names = ("ttft_ms", "tpot_ms", "e2e_ms")[:count]
    limits = vouching_limits(Goodput(**dict.fromkeys(names, 100.0), min_share=share))
    missing = sum(1 - float(limit.statistic[1:]) / 100 for limit in limits)
    assert missing <= max(1 - share, 3e-4) + 1e-5


def test_goodput_is_judged_by_the_percentiles_that_vouch_for_it() -> None:
    wanted = workload(goodput=Goodput(ttft_ms=103, min_share=0.95))
    seen = prediction(under=wanted, latency_ms={("ttft", "p95"): around(100.0)})
    refusal, text = missed(seen, wanted)
    assert text == ("goodput: 95 % of requests keep ttft:103 (TTFT p95 <= 103 ms): 100 (90–110) ms")
    assert refusal.likely_kept


def test_a_budget_is_judged_on_all_gpus_together() -> None:
    seen = prediction()
    refusal, text = missed(seen, workload(), max_usd_per_hour=0.5)
    assert text == "at most 0.5 USD per hour: 0.8 USD"
    assert refusal.excess == pytest.approx(0.6)


def test_all_missed_limits_are_told_not_only_the_first() -> None:
    limited = workload(
        limits=(ttft_p95(10.0), LatencyLimit(metric="tpot", statistic="mean", max_ms=1.0)),
        quality=Quality(min_recovery=0.99),
    )
    seen = prediction(under=limited, latency_ms={("ttft", "p95"): around(100.0)})
    assert [refusal.kind for refusal in refusals(seen, limited)] == ["latency", "latency", "recovery"]
