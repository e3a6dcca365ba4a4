"""Percentiles of a predicted load in closed form: multiples of the mean, from the theory of the queue.

What the fit says of the mean stays; the queue says how far from it the tail is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.serving.batching import TINY
from advisor.cost.serving.benchmark_run import run_of
from advisor.cost.serving.latency_distribution import Spread, mixed, spread_of
from advisor.cost.serving.load_table import Cells
from advisor.cost.serving.replica import engines, loads
from advisor.cost.serving.steady_state import Engines, Loads, Steady, steady_state
from advisor.cost.step.step_time import Coefficients
from advisor.cost.step.work import DeploymentArrays
from advisor.spec.workloads.workload import LatencyMetric, percentile_of


@dataclass(frozen=True, slots=True)
class Queue:
    """A load on each cell's engine: what it settles to, and what a run of it reports."""

    engines: Engines
    loads: Loads
    steady: Steady
    run: Steady
    requests_per_client: Floats

    @classmethod
    def of(
        cls, a: DeploymentArrays, c: Coefficients, kv_bytes: Floats, cells: Cells, *, whole: bool = True
    ) -> Queue:
        """The queue of each cell; not of static batches. whole: with the start of a run."""
        engine, asked = engines(a, c, kv_bytes, cells), loads(a, cells)
        steady = steady_state(engine, asked)
        each = cells.prompts_per_client
        run = steady if not whole or np.isinf(each).all() else run_of(steady, engine, asked, each)
        return cls(engine, asked, steady, run, each)

    def percentile_s(self, metric: LatencyMetric, statistic: str) -> Floats:
        """A percentile of a latency in each cell; infinite where the queue has no finite mean."""
        percent = percentile_of(statistic)
        if percent is None:
            raise ValueError(f"{statistic} is no percentile")
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            spread, start = self.spread(metric), self.start(metric)
            if start is None:
                return spread.at(percent / 100.0)
            return mixed(spread, *start, percent / 100.0)

    def spread(self, metric: LatencyMetric) -> Spread:
        """How a latency is spread in the long run."""
        return spread_of(metric, self.engines, self.loads, self.steady)

    def start(self, metric: LatencyMetric) -> tuple[Floats, Floats, Floats] | None:
        """(share, least, most) of a run's first requests, which all come at once: they are prompted in rounds
        of what the token budget holds, and each waits for its own. None where a latency does not show it."""
        if metric in ("tpot", "itl") or self.run is self.steady:
            return None
        first = 1.0 / np.maximum(self.requests_per_client, 1.0)
        waits = np.where(np.isfinite(self.run.ttft_s), self.run.ttft_s, 1.0)
        later = np.where(np.isfinite(self.steady.ttft_s), self.steady.ttft_s, 1.0)
        mean = np.where(first > 0, (waits - (1.0 - first) * later) / np.maximum(first, TINY), later)
        clients, top = self.loads.concurrency, np.maximum(self.steady.batch_limit, 1.0)
        fresh = self.loads.input_tokens * (1.0 - self.loads.prefix_hit_rate)
        rounds = np.maximum(np.minimum(clients, top) * fresh / self.engines.max_num_batched_tokens, 1.0)
        low = np.where(clients > top, 0.0, 2.0 * mean / (rounds + 1.0))
        rest = np.where(metric == "e2e", self.run.e2e_s - self.run.ttft_s, 0.0)
        return first, rest + low, rest + 2.0 * mean - low

    def ratio(self, metric: LatencyMetric, statistic: str) -> Floats:
        """statistic ÷ mean of a latency in each cell; 1 where the queue has no finite mean, and for gaps of
        one-token answers, which have none."""
        of = {"ttft": self.run.ttft_s, "tpot": self.run.tpot_s, "itl": self.run.tpot_s, "e2e": self.run.e2e_s}
        with np.errstate(invalid="ignore", divide="ignore"):
            found = self.percentile_s(metric, statistic) / of[metric]
        exists = np.isfinite(found) & ((self.loads.output_tokens > 1.0) | np.isin(metric, ("ttft", "e2e")))
        return np.asarray(np.where(exists, found, 1.0))
