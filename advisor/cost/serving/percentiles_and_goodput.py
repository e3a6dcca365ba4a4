"""Queue: the requests before each row's engine, their percentiles and the share within limits (goodput).

The mean comes from the fit; the queue gives the ratio of a percentile to the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.serving.closed_loop_benchmark import benchmark_run
from advisor.cost.serving.engine_table import EngineTable, engine_table
from advisor.cost.serving.latency_distribution import Spread, mixed, spread_of
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.overload import overloaded, overloaded_run
from advisor.cost.serving.request_times import TINY
from advisor.cost.serving.serving_stats import SteadyState
from advisor.cost.serving.steady_state import steady_state
from advisor.cost.step.deployment_work import DeploymentArrays
from advisor.cost.step.step_time import StepCosts
from advisor.spec.metrics import LatencyMetric, percentile_of
from advisor.spec.workloads.workload import Goodput
from advisor.units import MS_PER_S

_HALVINGS = 14


@dataclass(frozen=True, slots=True)
class Queue:
    """The load on one pipeline stage of each row's replica, its steady state, and what a run of it
    reports."""

    engines: EngineTable
    loads: LoadTable
    steady: SteadyState
    run: SteadyState
    """The steady state itself where the start of a run does not count."""

    @classmethod
    def of_loads(cls, engines: EngineTable, loads: LoadTable, *, with_start: bool) -> Queue:
        """The queue of each engine. with_start: `run` includes the burst that a closed-loop run begins
        with."""
        steady = steady_state(engines, loads)
        queue = cls(engines, loads, steady, steady)
        return replace(queue, run=queue.benchmark()) if with_start else queue

    @classmethod
    def of(
        cls,
        a: DeploymentArrays,
        costs: StepCosts,
        kv_bytes: Floats,
        loads: LoadTable,
        *,
        with_start: bool = True,
    ) -> Queue:
        """The queue of each row; not of static batches. kv_bytes: KV cache per GPU of each deployment."""
        per_stage = loads.per_stage(a.pipeline_parallel[loads.deployment])
        return cls.of_loads(engine_table(a, costs, kv_bytes, loads), per_stage, with_start=with_start)

    def benchmark(self) -> SteadyState:
        """Means that a run of `loads.requests_per_client` requests per client reports."""
        if np.isinf(self.loads.requests_per_client).all():
            return self.steady
        found = benchmark_run(self.steady, self.engines, self.loads)
        if not overloaded(self.steady, self.loads).any():
            return found
        return overloaded_run(found, self.engines, self.loads)

    def percentile_s(self, metric: LatencyMetric, statistic: str) -> Floats:
        """A percentile of a latency in each row; NaN where the queue has no mean."""
        percent = percentile_of(statistic)
        if percent is None:
            raise ValueError(f"{statistic} is no percentile")
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            spread, start = self.spread(metric), self.start(metric)
            if start is None:
                return spread.at(percent / 100.0)
            return mixed(spread, *start, percent / 100.0)

    def spread(self, metric: LatencyMetric) -> Spread:
        """The distribution of a latency in the steady state."""
        return spread_of(metric, self.engines, self.loads, self.steady)

    def start(self, metric: LatencyMetric) -> tuple[Floats, Floats, Floats] | None:
        """(share, least, most) of a run's first requests, which all come at once: they are prefilled in
        rounds of one token budget, and each waits for its own round. None where a latency does not show
        it."""
        if metric in ("tpot", "itl") or self.run is self.steady:
            return None
        loads = self.loads
        first = 1.0 / np.maximum(loads.requests_per_client, 1.0)
        waits = np.where(np.isfinite(self.run.ttft_s), self.run.ttft_s, 1.0)
        later = np.where(np.isfinite(self.steady.ttft_s), self.steady.ttft_s, 1.0)
        mean = np.where(first > 0, (waits - (1.0 - first) * later) / np.maximum(first, TINY), later)
        clients, top = loads.clients, np.maximum(self.steady.batch_limit, 1.0)
        uncached = loads.input_tokens * (1.0 - loads.prefix_hit_rate)
        together = np.maximum(np.minimum(clients, top), 1.0)
        rounds = together * uncached / self.engines.max_num_batched_tokens
        read_s = np.minimum(0.5 * (together - 1.0) * self.engines.tokenizing_s, mean)
        low = np.where(clients > top, 0.0, 2.0 * (mean - read_s) / (np.maximum(rounds, 1.0) + 1.0))
        rest = np.where(metric == "e2e", self.run.e2e_s - self.run.ttft_s, 0.0)
        return first, rest + low, rest + 2.0 * mean - low

    def ratio(self, metric: LatencyMetric, statistic: str) -> Floats:
        """statistic ÷ mean of a latency in each row; 1 where the queue has no mean, and for the gaps of
        one-token answers, which have none."""
        run = self.run
        mean = {"ttft": run.ttft_s, "tpot": run.tpot_s, "itl": run.tpot_s, "e2e": run.e2e_s}[metric]
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = self.percentile_s(metric, statistic) / mean
        exists = np.isfinite(ratio) & ((self.loads.output_tokens > 1.0) | (metric in ("ttft", "e2e")))
        return np.asarray(np.where(exists, ratio, 1.0))

    def share_within(self, limits_s: Mapping[LatencyMetric, Floats]) -> Floats:
        """Share of each row's requests that keep all limits (seconds, one per row).

        The latencies of one request are taken as independent: TTFT depends on the queue, TPOT on the batch,
        and E2E mostly on the answer's own length. Where lengths are equal, a limit on E2E is so counted
        twice: the share is never too high. 0 where the queue has no mean.
        """
        kept = np.ones(self.steady.tpot_s.shape)
        for metric, limit_s in limits_s.items():
            kept = kept * self._share_below(metric, limit_s)
        return np.where(np.isfinite(self.steady.e2e_s), kept, 0.0)

    def _share_below(self, metric: LatencyMetric, limit_s: Floats) -> Floats:
        later = _share_below(self.spread(metric), limit_s)
        start = self.start(metric)
        if start is None:
            return later
        first, low, high = start
        burst = np.clip((limit_s - low) / np.maximum(high - low, 1e-9), 0.0, 1.0)
        return (1.0 - first) * later + first * burst


def limits_s(goodput: Goodput) -> dict[LatencyMetric, float]:
    """The limits that are set, seconds."""
    given: dict[LatencyMetric, float | None] = {
        "ttft": goodput.ttft_ms,
        "tpot": goodput.tpot_ms,
        "e2e": goodput.e2e_ms,
    }
    return {metric: ms / MS_PER_S for metric, ms in given.items() if ms is not None}


def _share_below(spread: Spread, limit_s: Floats) -> Floats:
    """Share of requests that do not exceed `limit_s`: where the quantile meets it."""
    low, high = np.zeros(limit_s.shape), np.ones(limit_s.shape)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = spread.at(middle) <= limit_s
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(0.5 * (low + high))
