"""A replayed request log beside the limits of its workload."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.cost.simulation.replay import Replay
from advisor.spec.workloads.workload import LatencyLimit


def missed_share(found: Replay, limits: Sequence[LatencyLimit]) -> dict[str, float]:
    """Each limit's statistic in the replay over the limit, where the replay has it: above 1 it is missed."""
    return {
        limit.key: found.latency_ms[limit.metric, limit.statistic] / limit.max_ms
        for limit in limits
        if (limit.metric, limit.statistic) in found.latency_ms
    }


__all__ = ["Replay", "missed_share"]
