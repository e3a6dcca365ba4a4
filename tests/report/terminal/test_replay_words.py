"""A replayed log in words: every percentile, and each limit beside what the log meets."""

from __future__ import annotations

from advisor.cost.predict.replayed_log import missed_share
from advisor.cost.simulation.replay import Replay
from advisor.report.terminal.replay_words import lines
from advisor.spec.workloads.workload import LatencyLimit
from tests.advise.builders import workload

LIMITS = (
    LatencyLimit(metric="ttft", statistic="p95", max_ms=500.0),
    LatencyLimit(metric="tpot", statistic="p99", max_ms=40.0),
    LatencyLimit(metric="e2e", statistic="p50", max_ms=9_000.0),
)


REPLAY = Replay(
    requests=1_234,
    latency_ms={("ttft", "mean"): 210.0, ("ttft", "p95"): 400.0, ("tpot", "p99"): 60.0},
    most_in_flight=2_048,
    longest_wait_s=1.375,
)


def test_a_limit_is_missed_by_what_the_replay_is_above_it() -> None:
    assert missed_share(REPLAY, LIMITS) == {"ttft_p95_ms": 0.8, "tpot_p99_ms": 1.5}


def test_the_words() -> None:
    assert lines(REPLAY, workload(limits=LIMITS))[1:] == [
        "TTFT, ms: mean 210, p95 400.",
        "TPOT, ms: p99 60.",
        "At most 2,048 requests are in flight, the longest waits 1.38 s for its first step.",
        "ttft_p95_ms: kept, at 80 % of the limit.",
        "tpot_p99_ms: missed, at 150 % of the limit.",
    ]


def test_what_the_model_may_be_off_by_comes_on_top() -> None:
    first = lines(REPLAY, workload())[0]
    assert first.startswith("1,234 requests at the log's own times and lengths, simulated one by one")
    assert first.endswith("comes on top.")
