"""Replays a request log in the simulation: every request at its time, with its own lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.simulation.request_statistics import latencies_ms
from advisor.cost.simulation.scheduler import run
from advisor.cost.simulation.simulate import STATISTICS, check_fits
from advisor.cost.simulation.simulated_requests import Requests
from advisor.spec.metrics import percentile_of
from advisor.spec.workloads.request_log import SentRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What the requests of a log meet on replicas that share them in turn."""

    requests: int
    latency_ms: Mapping[tuple[str, str], float] = field(hash=False)
    """(metric, statistic) → ms, over all requests of the log."""
    longest_wait_s: float
    """From sending a request to its first step, at most."""
    most_in_flight: int
    """Requests sent and not answered at one time, over all replicas."""


def replay(
    engine: EngineTable,
    log: Sequence[SentRequest],
    *,
    replicas: int = 1,
    statistics: Sequence[str] = STATISTICS,
) -> Replay:
    """The log on `replicas` engines of one kind, the requests dealt out in turn.

    Raises UnsupportedError when the largest request exceeds the KV cache.
    """
    for statistic in statistics:
        percentile_of(statistic)
    ordered = sorted(log, key=lambda request: request.sent_s)
    parts = [_on_one(engine, ordered[first::replicas]) for first in range(min(replicas, len(ordered)))]
    ttft, tpot, e2e, waited, sent, done = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    values = {"ttft": (ttft, None), "tpot": (tpot[np.isfinite(tpot)], None), "e2e": (e2e, None)}
    return Replay(
        requests=len(ordered),
        latency_ms=latencies_ms(values, statistics),
        longest_wait_s=float(np.max(waited)),
        most_in_flight=_most_in_flight(sent, done),
    )


def _on_one(engine: EngineTable, log: Sequence[SentRequest]) -> tuple[Floats, ...]:
    """Seconds of each request: TTFT, TPOT (NaN of one token), E2E, wait; when it was sent, when done."""
    requests = Requests(
        input_tokens=np.array([one.input_tokens for one in log], dtype=np.int64),
        cached_tokens=np.array([min(one.cached_tokens, one.input_tokens - 1) for one in log], dtype=np.int64),
        output_tokens=np.array([one.output_tokens for one in log], dtype=np.int64),
        sent_s=np.array([one.sent_s for one in log], dtype=np.float64),
    )
    check_fits(engine, requests)
    happened = run(engine, requests)
    tpot = np.where(requests.output_tokens > 1, happened.tpot_s, np.nan)
    waited = happened.admitted_s - happened.sent_s
    return happened.ttft_s, tpot, happened.e2e_s, waited, happened.sent_s, happened.finish_s


def _most_in_flight(sent: Floats, done: Floats) -> int:
    times = np.concatenate([done, sent])
    change = np.concatenate([-np.ones(len(done)), np.ones(len(sent))])
    order = np.lexsort((change, times))  # what is done leaves before what comes at the same time
    return int(np.max(np.cumsum(change[order])))
