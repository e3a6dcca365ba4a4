"""A log replayed as it came, and its summary held to that."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from advisor.cost.predict.replayed_log import missed_share
from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.simulation.replay import Replay, replay
from advisor.cost.simulation.simulate import simulate
from advisor.errors import UnsupportedError
from advisor.spec.workloads.request_log import SentRequest
from advisor.spec.workloads.traces.profile_of_trace import TraceProfile, profile_from_trace
from advisor.spec.workloads.workload import LatencyLimit
from tests.cost.standin import Textbook

LINEAR = Textbook(overhead_s=1e-3, weights_s=0.0, token_s=10e-6, kv_token_s=0.0, pair_s=0.0)
"""1 ms, and 10 µs per token."""


def engine(**changes: object) -> EngineTable:
    plain = {"step": Textbook(), "kv_tokens": 400_000, "max_num_seqs": 256, "max_num_batched_tokens": 8192}
    return EngineTable.one(**{**plain, **changes})  # type: ignore[arg-type]


def sent(at: float, prompt: int = 1000, answer: int = 101, cached: int = 0) -> SentRequest:
    return SentRequest(sent_s=at, input_tokens=prompt, cached_tokens=cached, output_tokens=answer)


def log(path: Path, times: list[float], seed: int = 3) -> TraceProfile:
    """An Azure log with those arrivals and lengths of a wide spread, read as a profile."""
    rng = random.Random(seed)
    rows = [
        f"{at:.6f},{round(min(rng.lognormvariate(6.5, 0.8), 8000))},{round(1 + rng.lognormvariate(4.5, 0.7))}"
        for at in times
    ]
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return profile_from_trace(path)


def test_two_lone_requests_by_hand() -> None:
    # Prompt: 1 ms + 1000 × 10 µs. Each further token: 1 ms + 10 µs.
    found = replay(engine(step=LINEAR), [sent(5.0), sent(0.0)])
    assert found.latency_ms["ttft", "p95"] == pytest.approx(11.0)
    assert found.latency_ms["e2e", "mean"] == pytest.approx(11.0 + 100 * 1.01)
    assert (found.requests, found.most_in_flight, found.longest_wait_s) == (2, 1, 0.0)


def test_replicas_share_a_burst() -> None:
    burst = [sent(0.0) for _ in range(40)]
    one, four = (replay(engine(max_num_seqs=8), burst, replicas=n) for n in (1, 4))
    assert one.most_in_flight == four.most_in_flight == 40
    assert four.latency_ms["ttft", "p95"] < 0.4 * one.latency_ms["ttft", "p95"]
    assert replay(engine(), burst, replicas=100).latency_ms["ttft", "p95"] > 0


def test_what_the_cache_holds_is_not_computed_again() -> None:
    found = replay(engine(step=LINEAR), [sent(0.0, cached=750)])
    assert found.latency_ms["ttft", "mean"] == pytest.approx(1.0 + 2.5)


def test_a_request_beyond_the_cache_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="exceeds the KV cache"):
        replay(engine(kv_tokens=512), [sent(0.0)])


def test_limits_are_compared_with_what_the_log_met() -> None:
    found = Replay(requests=1, latency_ms={("ttft", "p95"): 500.0}, longest_wait_s=0.0, most_in_flight=1)
    limits = [
        LatencyLimit(metric="ttft", statistic="p95", max_ms=1000),
        LatencyLimit(metric="e2e", statistic="p99", max_ms=1),
    ]
    assert missed_share(found, limits) == {"ttft_p95_ms": 0.5}


@pytest.mark.parametrize(("rate", "shape"), [(4.0, 1.0), (12.0, 1.0), (8.0, 0.3)])
def test_the_summary_of_steady_traffic_meets_what_the_log_meets(
    tmp_path: Path, rate: float, shape: float
) -> None:
    """The profile's draws and the log itself: the same means and tails within a few samples' error."""
    rng, times, at = random.Random(1), [], 0.0
    for _ in range(4000):
        at += rng.gammavariate(shape, 1 / (shape * rate))
        times.append(at)
    profile = log(tmp_path / "log.csv", times)
    itself = replay(engine(), profile.log)
    drawn = simulate(engine(), profile.workload.load, seed=1, num_requests=4000)
    for metric, statistic, tolerance in (
        ("ttft", "mean", 0.1),
        ("tpot", "mean", 0.1),
        ("e2e", "mean", 0.1),
        ("ttft", "p95", 0.2),
        ("e2e", "p95", 0.15),
    ):
        assert drawn.latency_ms[metric, statistic] == pytest.approx(
            itself.latency_ms[metric, statistic], rel=tolerance
        )


def test_the_summary_of_spells_is_the_load_that_they_bring(tmp_path: Path) -> None:
    """Eight spells of 60 requests: the profile is of their rate, so that its tail is no shorter than the
    log's own, and no multiple of it either (over all gaps the shape was 0.01, which nothing keeps)."""
    rng, times, at = random.Random(2), [], 0.0
    for _ in range(8):
        at += 100.0
        for _ in range(60):
            at += rng.expovariate(8.0)
            times.append(at)
    profile = log(tmp_path / "log.csv", times)
    itself = replay(engine(), profile.log).latency_ms["ttft", "p95"]
    drawn = simulate(engine(), profile.workload.load, seed=1).latency_ms["ttft", "p95"]
    assert 0.8 * itself < drawn < 2 * itself
