"""A run of an open loop whose requests come faster than they are served: it ends, and so has latencies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.serving.closed_loop_benchmark import benchmark_run
from advisor.cost.serving.engine_table import EngineTable
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.serving_stats import SteadyState
from advisor.cost.serving.steady_state import steady_state

_CLEAR_EXCESS = 8.0
"""Requests that pile up ÷ the square root of all of them, from which on it is not chance that makes the
queue."""
_LEAST_SHARE = 0.25
"""Mean TTFT ÷ what it were with all sent at once; below it prompts are computed nearly as fast as they come,
and what makes the wait is how they happen to meet."""


def overloaded(steady: SteadyState, loads: LoadTable) -> Bools:
    """Rows of an open loop beyond the capacity that end after so many requests."""
    return np.asarray(steady.backlogged & np.isfinite(loads.requests_per_client))


def overloaded_run(steady: SteadyState, engines: EngineTable, loads: LoadTable) -> SteadyState:
    """`steady` with the means that `overloaded` rows' runs report; the others stay as they are.

    The engine is busy all the time, as if all requests had been there from the start; each is sent later than
    that by half of the time in which they come, on average. A run that is too short for what piles up to
    stand out from what chance piles up has no TTFT.
    """
    at = np.flatnonzero(overloaded(steady, loads))
    of = loads.take(at)
    requests = np.maximum(of.requests_per_client, 1.0)
    rate = of.requests_per_s
    burst = _burst(engines if engines.kv_tokens.size == 1 else engines.take(at), of, requests)
    with np.errstate(invalid="ignore"):
        excess = np.sqrt(requests) * (rate / steady.capacity_requests_per_s[at] - 1.0)
    ttft = burst.ttft_s - 0.5 * (requests - 1.0) / rate
    stands_out = (excess >= _CLEAR_EXCESS) & (ttft >= _LEAST_SHARE * burst.ttft_s)
    ttft = np.where(stands_out, ttft, np.nan)
    tpot = burst.tpot_s
    e2e = ttft + np.maximum(of.output_tokens - 1.0, 0.0) * tpot

    def of_run(run: Floats, long_run: Floats) -> Floats:
        made = np.array(long_run, dtype=np.float64)
        made[at] = run
        return made

    return replace(
        steady,
        ttft_s=of_run(ttft, steady.ttft_s),
        tpot_s=of_run(tpot, steady.tpot_s),
        e2e_s=of_run(e2e, steady.e2e_s),
        requests_per_s=of_run(burst.requests_per_s, steady.requests_per_s),
    )


def _burst(engines: EngineTable, loads: LoadTable, requests: Floats) -> SteadyState:
    """Statistics of these requests, had all been sent at once."""
    at_once = replace(
        loads,
        kind=np.full(len(loads), "concurrency"),
        level=requests,
        requests_per_client=np.ones_like(requests),
    )
    return benchmark_run(steady_state(engines, at_once), engines, at_once)


__all__ = ["overloaded", "overloaded_run"]
