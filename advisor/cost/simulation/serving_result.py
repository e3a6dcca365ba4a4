"""ServingResult: the figures of a simulated load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

LoadStatus = Literal["stable", "saturated", "backlogged"]
"""stable: requests are admitted to the batch as they arrive. saturated: a closed loop has more clients than
the batch holds; they queue, and each is served in time. backlogged: an open loop sends more than the
capacity; the queue grows without end, so that no latency exists."""

Window = Literal["steady", "whole"]
"""steady: between warm-up and drain. whole: from the first request sent to the last one finished,
the initial burst and the drain included, as `vllm bench serve` and its kin report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingResult:
    """Latencies, throughput and batch of one replica under a simulated load."""

    status: LoadStatus
    window: Window
    latency_ms: Mapping[tuple[str, str], float] = field(hash=False)
    """(metric, statistic) → ms, as ("ttft", "p95"). What does not exist is absent: every latency of a
    backlogged load, TTFT and E2E of a queue that all were in from the start, TPOT of one-token answers."""
    requests_per_s: float
    output_tokens_per_s: float
    capacity_requests_per_s: float
    """The most the engine can serve of these requests, however many wait."""
    decode_batch: float
    """Sequences in a step that decodes, on average."""
    kv_use: float
    """Share of the KV blocks in use, averaged over time."""
    queue: float
    """Requests waiting for their first step, averaged over time."""
    preemptions: float
    """Per request."""
    goodput_share: float | None
    """Share of requests that keep every limit of the load's Goodput; None without one."""
    hit_rate: float
    """Share of prompt tokens that needed no computing: the prefix cache had them."""
    in_flight: float
    """Requests sent and not answered, averaged over time; users who think are not among them."""
    turn_ttft_ms: tuple[float, float] | None
    """Mean TTFT of first turns and of later ones; None without conversations."""
    requests: int
    """Requests that the latencies are taken over."""

    def ratios_to_mean(self, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], float]:
        """percentile ÷ mean of each wanted latency; those that the simulation has none of are left out."""
        known = self.latency_ms
        return {
            (metric, statistic): known[metric, statistic] / known[metric, "mean"]
            for metric, statistic in wanted
            if (metric, statistic) in known and known.get((metric, "mean"))
        }
