"""ServingStats: mean latencies, throughput and batch of an engine or a replica under a load."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from advisor.cost.array_table import ArrayTable, Bools, Floats
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.request_times import RequestTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingStats(ArrayTable):
    """Means over the requests of each row; arrays of shape (n,).

    NaN: no latency exists beyond the capacity of an open loop, and no TTFT and E2E where all requests are
    queued at once; nothing but the batch exists where not even one request fits.
    """

    ttft_s: Floats
    tpot_s: Floats
    e2e_s: Floats
    requests_per_s: Floats
    """Requests served: never more than the capacity."""
    capacity_requests_per_s: Floats
    """Most requests per second that can be served; NaN also where it was not computed."""
    batch: Floats
    """Sequences in flight, in prefill or in decode."""
    decode_batch: Floats
    """Sequences in a step that decodes."""
    batch_limit: Floats
    """Most sequences that memory and `max_num_seqs` allow, on average; below 1: not even one request fits."""
    kv_use: Floats
    """Share of the KV cache in use."""
    saturated: Bools
    """More requests than the batch holds wait for a place in it."""

    def of_replica(self, stages: Floats, busy: Floats) -> ServingStats:
        """The replica's, where these are of one of its pipeline stages.

        busy: stages at work at once, which a closed loop of fewer clients does not fill.
        """
        return replace(
            self,
            requests_per_s=self.requests_per_s * busy,
            capacity_requests_per_s=self.capacity_requests_per_s * stages,
            batch=self.batch * busy,
            batch_limit=self.batch_limit * stages,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyState(ServingStats):
    """The means of one engine in the long run, with the times that a request experiences in it."""

    backlogged: Bools
    """An open loop sends more than the capacity: the queue grows without end."""
    request: RequestTimes
    """From admission on."""

    def means(self) -> ServingStats:
        """The means alone."""
        return ServingStats(**{field.name: getattr(self, field.name) for field in fields(ServingStats)})


NEAR_OPEN_CAPACITY = 0.7
"""Share of its capacity from which an open loop's queue is sensitive: it grows as 1/(1 - share), so that from
there on a capacity off by a tenth moves the slowest first tokens twofold and more."""
NEAR_CLOSED_CAPACITY = 0.95
"""Share of its capacity from which a closed loop's clients wait for places in the batch."""


def near_capacity(stats: ServingStats, loads: LoadTable) -> Bools:
    """Rows whose requests come so fast that their queue depends on the last tenths of the capacity."""
    most = np.where(loads.is_kind("rate"), NEAR_OPEN_CAPACITY, NEAR_CLOSED_CAPACITY)
    with np.errstate(invalid="ignore"):
        calm = stats.requests_per_s < most * stats.capacity_requests_per_s
    return np.asarray(loads.is_kind("rate", "concurrency") & ~calm)
