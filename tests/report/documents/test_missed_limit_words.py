"""A missed limit in words: what was requested, and what is expected instead."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from advisor.advise.choose.assessment import Assessment, Refusal, RefusalKind
from advisor.report.documents import missed_limit_words
from advisor.report.documents.missed_limit_words import refusal_text, worst_refusal
from advisor.spec.workloads.workload import Arrival, Goodput, LatencyLimit, Quality
from tests.advise.builders import GB, around, assessed, deployment, prediction, workload


def refused(kind: str, of: Assessment) -> str:
    return next(refusal_text(of, r) for r in of.refusals if r.kind == kind)


def test_every_kind_of_refusal_has_words() -> None:
    assert set(missed_limit_words._LIMITS) == set(missed_limit_words._FINDINGS) == set(get_args(RefusalKind))


def test_a_latency_names_its_percentile_its_unit_and_its_interval() -> None:
    asked = workload(limits=(LatencyLimit(metric="ttft", statistic="p95", max_ms=500.0),))
    of = prediction(under=asked, latency_ms={("ttft", "p95"): around(812.0)})
    assert refused("latency", assessed(of, asked)) == "TTFT p95 <= 500 ms: 812 (731–893) ms"


def test_a_latency_that_nothing_predicts_is_not_promised() -> None:
    asked = workload(limits=(LatencyLimit(metric="ttft", statistic="p95", max_ms=500.0),))
    assert refused("latency", assessed(prediction(under=asked), asked)).endswith(
        "cannot be said of this deployment"
    )


@pytest.mark.parametrize(("capacity", "word"), [(1.0, "saturates at"), (2.05, "may saturate at")])
def test_a_capacity_below_the_rate_saturates_and_one_just_above_may(capacity: float, word: str) -> None:
    asked = workload(arrival=Arrival(kind="rate", value=2.0))
    of = prediction(under=asked, requests_per_s=2.0, capacity=capacity)
    assert word in refused("capacity", assessed(of, asked))


def test_a_goodput_states_the_share_of_requests_and_every_threshold() -> None:
    asked = workload(goodput=Goodput(ttft_ms=500.0, tpot_ms=50.0, min_share=0.9))
    of = prediction(under=asked, latency_ms={("ttft", "p95"): around(100.0), ("tpot", "p95"): around(80.0)})
    text = refused("goodput", assessed(of, asked))
    assert text.startswith("goodput: 90 % of requests keep ttft:500 tpot:50 (TPOT p95 <= 50 ms): 80 (72")


def test_accuracy_is_in_per_cent_and_without_evidence_says_so() -> None:
    asked = workload(quality=Quality(min_recovery=0.99))
    assert refused("recovery", assessed(prediction(under=asked, recovery=around(0.95, 0.01)), asked)) == (
        "recovery >= 99 %: 95 (94.05–95.95) %"
    )
    assert "no evidence" in refused("recovery", assessed(prediction(under=asked), asked))


def test_memory_says_what_the_weights_leave() -> None:
    of = prediction(kv_bytes=-5 * GB)
    short = replace(of.memory, weight_bytes=40 * GB, overhead_bytes=2 * GB, usable_bytes=38 * GB)
    found = Assessment(deployment=of.deployment, cost=None, predicted=lambda: replace(of, memory=short))
    text = refusal_text(found, Refusal(kind="memory"))
    assert text == "must fit in 38 GB per GPU: weights 40 GB and overhead 2 GB are 4 GB too much"


def test_a_price_that_is_not_known_names_the_option_that_gives_it() -> None:
    found = Assessment(deployment=deployment(gpu="B200"), cost=None)
    assert "--price B200=USD_PER_HOUR" in refusal_text(found, Refusal(kind="price"))
    within = refusal_text(found, Refusal(kind="price", bound=5.0))
    assert within == "at most 5 USD per hour: no price is known"


def test_the_limit_missed_by_most_is_the_worst_and_one_without_degree_before_all() -> None:
    little, much = Refusal(kind="latency", excess=0.1), Refusal(kind="capacity", excess=0.4)
    never = Refusal(kind="evidence")
    found = Assessment(deployment=deployment(), cost=None, refusals=(little, much))
    assert worst_refusal(found) is much
    assert worst_refusal(replace(found, refusals=(little, much, never))) is never
