"""A replayed log in words."""

from __future__ import annotations

from advisor.cost.predict.replayed_log import Replay, missed_share
from advisor.display_text import number
from advisor.spec.workloads.workload import Workload

_TITLES = {"ttft": "TTFT", "tpot": "TPOT", "e2e": "E2E"}
_SHOWN = ("mean", "p50", "p95", "p99")


def lines(replayed: Replay, workload: Workload) -> list[str]:
    """The latencies over all requests of the log, and the limits they miss."""
    found = [
        f"{replayed.requests:,} requests at the log's own times and lengths, simulated one by one; the "
        "model's error, which the interval above has, comes on top."
    ]
    for metric, title in _TITLES.items():
        values = [
            f"{statistic} {number(replayed.latency_ms[metric, statistic])}"
            for statistic in _SHOWN
            if (metric, statistic) in replayed.latency_ms
        ]
        if values:
            found.append(f"{title}, ms: {', '.join(values)}.")
    found.append(
        f"At most {replayed.most_in_flight:,} requests are in flight, the longest waits "
        f"{number(replayed.longest_wait_s)} s for its first step."
    )
    for key, share in missed_share(replayed, workload.limits).items():
        verdict = "kept" if share <= 1 else "missed"
        found.append(f"{key}: {verdict}, at {100 * share:.0f} % of the limit.")
    return found
