"""A limit is kept only when the pessimistic end of the interval keeps it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advise.choose.refusal import judge, vouching_limits
from advisor.cost.estimate import Estimate
from advisor.spec.workloads.workload import Arrival, Goodput, LatencyLimit, Quality
from tests.advise.builders import around, cost, prediction, workload


def ttft_p95(max_ms: float) -> LatencyLimit:
    return LatencyLimit(metric="ttft", statistic="p95", max_ms=max_ms)


def test_a_limit_between_value_and_upper_end_is_not_kept() -> None:
    limited = workload(limits=(ttft_p95(105.0),))
    seen = prediction(under=limited, latency_ms={("ttft", "p95"): around(100.0)})
    [refusal] = judge(seen, limited)
    assert refusal.text == "p95 TTFT <= 105 ms: 100 (90–110) ms"
    assert refusal.excess == pytest.approx(110 / 105 - 1)


def test_a_limit_at_the_upper_end_is_kept() -> None:
    limited = workload(limits=(ttft_p95(110.0),))
    seen = prediction(
        under=limited,
        latency_ms={("ttft", "p95"): Estimate(value=100, low=90, high=110, basis="fitted")},
    )
    assert judge(seen, limited) == ()


def test_a_limit_nothing_speaks_to_is_not_kept() -> None:
    limited = workload(limits=(ttft_p95(1e6),))
    [refusal] = judge(prediction(under=limited), limited)
    assert refusal.finding == "cannot be said of this deployment"
    assert refusal.excess is None


@given(
    value=st.floats(1, 1e6),
    share=st.floats(0, 0.9),
    limit=st.floats(1, 1e6),
    tighter=st.floats(0.01, 1),
)
def test_a_stricter_limit_never_admits_more(value: float, share: float, limit: float, tighter: float) -> None:
    seen = prediction(latency_ms={("ttft", "p95"): around(value, share)})
    strict = judge(seen, workload(limits=(ttft_p95(limit * tighter),)))
    loose = judge(seen, workload(limits=(ttft_p95(limit),)))
    assert len(strict) >= len(loose)


@given(recovery=st.floats(0.5, 1.0), floor=st.floats(0.5, 0.99), more=st.floats(0, 0.01))
def test_a_higher_recovery_floor_never_admits_more(recovery: float, floor: float, more: float) -> None:
    seen = prediction(recovery=around(recovery, 0.01))
    loose = judge(seen, workload(quality=Quality(min_recovery=floor)))
    strict = judge(seen, workload(quality=Quality(min_recovery=min(1.0, floor + more))))
    assert len(strict) >= len(loose)


def test_a_recovery_without_evidence_is_not_promised() -> None:
    [refusal] = judge(prediction(), workload(quality=Quality(min_recovery=0.9)))
    assert refusal.kind == "recovery"
    assert refusal.finding.startswith("no evidence")


def test_recovery_is_judged_at_its_lower_end() -> None:
    seen = prediction(recovery=Estimate(value=0.995, low=0.985, high=1.0, basis="measured"))
    [refusal] = judge(seen, workload(quality=Quality(min_recovery=0.99)))
    assert refusal.text == "recovery >= 99 %: 99.5 (98.5–100) %"


def test_arrivals_beyond_capacity_are_refused_as_unstable() -> None:
    open_loop = workload(arrival=Arrival(kind="rate", value=5.0))
    seen = prediction(under=open_loop, capacity=4.0, status="backlogged")
    [refusal] = judge(seen, open_loop)
    assert refusal.kind == "capacity"
    assert refusal.finding == "saturates at 4 (3.6–4.4)"
    assert refusal.excess == pytest.approx(5.0 / 3.6 - 1)


def test_a_backlog_without_end_is_told_once_and_has_no_latency() -> None:
    limited = workload(arrival=Arrival(kind="rate", value=5.0), limits=(ttft_p95(100.0),))
    seen = prediction(under=limited, capacity=4.0, status="backlogged")
    assert [refusal.kind for refusal in judge(seen, limited)] == ["capacity"]


def test_arrivals_inside_the_capacity_interval_may_saturate() -> None:
    open_loop = workload(arrival=Arrival(kind="rate", value=3.8))
    [refusal] = judge(prediction(under=open_loop, capacity=4.0), open_loop)
    assert refusal.finding.startswith("may saturate")


def test_a_closed_loop_waits_and_is_never_unstable() -> None:
    assert judge(prediction(capacity=0.001, status="backlogged"), workload()) == ()


def test_too_little_memory_is_told_in_gigabytes() -> None:
    [refusal] = judge(prediction(kv_bytes=-2e9, max_concurrency=0, status="does not fit"), workload())
    assert refusal.kind == "memory"
    assert refusal.excess is None


def test_weights_that_fit_without_a_single_request_do_not_fit() -> None:
    [refusal] = judge(prediction(kv_bytes=1e6, max_concurrency=0, status="does not fit"), workload())
    assert "no room for the KV cache" in refusal.finding


def test_a_request_longer_than_the_cache_is_refused() -> None:
    [refusal] = judge(prediction(max_context=700), workload())
    assert refusal.text == "holds a request of 768 tokens: its KV cache holds 700"


def test_goodput_is_a_share_of_requests_not_a_percentile() -> None:
    wanted = workload(goodput=Goodput(ttft_ms=500, tpot_ms=50, min_share=0.95))
    seen = prediction(under=wanted, goodput_share=Estimate(value=0.97, low=0.94, high=0.99, basis="fitted"))
    [refusal] = judge(seen, wanted)
    assert refusal.text == "goodput: 95 % of requests keep ttft:500 tpot:50: 97 (94–99) % do"


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


def test_goodput_without_a_share_is_judged_by_the_percentiles() -> None:
    wanted = workload(goodput=Goodput(ttft_ms=105, min_share=0.95))
    seen = prediction(under=wanted, latency_ms={("ttft", "p95"): around(100.0)})
    [refusal] = judge(seen, wanted)
    assert refusal.text == ("goodput: 95 % of requests keep ttft:105 (p95 TTFT <= 105 ms): 100 (90–110) ms")
    assert refusal.likely_kept


def test_a_budget_is_judged_on_all_gpus_together() -> None:
    seen = prediction()
    [refusal] = judge(seen, workload(), cost=cost(seen), max_usd_per_hour=0.5)
    assert refusal.text == "at most 0.5 USD per hour: 0.8 USD"
    assert refusal.excess == pytest.approx(0.6)


def test_all_missed_limits_are_told_not_only_the_first() -> None:
    limited = workload(
        limits=(ttft_p95(10.0), LatencyLimit(metric="tpot", statistic="mean", max_ms=1.0)),
        quality=Quality(min_recovery=0.99),
    )
    seen = prediction(under=limited, latency_ms={("ttft", "p95"): around(100.0)})
    assert [refusal.kind for refusal in judge(seen, limited)] == ["latency", "latency", "recovery"]
