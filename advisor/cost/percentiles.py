"""Percentiles of a predicted load: each as a multiple of its mean, from the theory of the queue.

`spread` gives them in closed form for the search, `simulate` from a seeded simulation for one deployment.
Both see the fitted step times; what the fit says of the mean stays, they say how far from it the tail is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advisor.cost.cells import CONCURRENCY, MAXIMUM, RATE, SINGLE, Cells, Spreads
from advisor.cost.features import DeploymentArrays, Floats
from advisor.cost.memory import sequence_bytes
from advisor.cost.serving import ServingSetup
from advisor.cost.simulate import simulate
from advisor.cost.spread import percentile_s
from advisor.cost.steady import Engines, Loads, Steady, steady_state
from advisor.cost.steptime import Coefficients, parts
from advisor.spec.engine import EngineDefaults
from advisor.spec.workload import LatencyMetric, Load, percentile_of

SEED = 0


@dataclass(frozen=True, slots=True)
class FittedSteps:
    """The fitted step time as the serving model asks for it; entry i belongs to deployment row i."""

    c: Coefficients

    def step_s(
        self,
        decode_sequences: Floats,
        decode_context: Floats,
        prefill_tokens: Floats,
        prefill_context: Floats,
    ) -> Floats:
        prompts = np.where(prefill_tokens > 0, 1.0, 0.0)
        made = parts(self.c, decode_sequences, decode_context, prefill_tokens, prefill_context, prompts)
        return made.total_s


def kv_tokens(a: DeploymentArrays, kv_bytes: Floats, cells: Cells) -> Floats:
    """Tokens of the cells' own sequences that the cache holds, per cell."""
    d = cells.deployment
    whole = cells.input_tokens + cells.output_tokens
    one = sequence_bytes(a.kv_store_bytes[d], a.kv_window[d], a.sequence_state_bytes[d], whole)
    return np.asarray(np.maximum(kv_bytes[d], 0.0) / np.maximum(one, 1.0) * whole)


@dataclass(frozen=True, slots=True)
class Queue:
    """A load on each cell's engine, with its steady means."""

    engines: Engines
    loads: Loads
    steady: Steady

    @classmethod
    def of(
        cls,
        a: DeploymentArrays,
        c: Coefficients,
        kv_bytes: Floats,
        limits: Sequence[EngineDefaults],
        spreads: Spreads,
        cells: Cells,
    ) -> Queue:
        """The queue of each cell; `cells` as `load_cells` makes them, and how their requests differ."""
        d = cells.deployment
        engines = Engines(
            step=FittedSteps(c.take(d)),
            kv_tokens=kv_tokens(a, kv_bytes, cells),
            max_num_seqs=a.max_num_seqs[d],
            max_num_batched_tokens=np.maximum(a.max_num_batched_tokens, a.max_num_seqs)[d],
            chunked_prefill=np.array([limits[i].chunked_prefill for i in d]),
            v0=np.array([limits[i].generation == "v0" for i in d]),
            schedule_ahead=np.array([limits[i].async_scheduling for i in d]),
            request_overhead_s=c.request_s[d],
        )
        clients = np.where(np.isin(cells.kind, (SINGLE, CONCURRENCY)), cells.level, 0.0)
        loads = Loads(
            input_tokens=cells.input_tokens,
            output_tokens=cells.output_tokens,
            input_std=spreads.input_std,
            output_std=spreads.output_std,
            prefix_hit_rate=cells.prefix_hit_rate,
            concurrency=np.where(cells.kind == MAXIMUM, np.inf, clients),
            rate=np.where(cells.kind == RATE, cells.level, 0.0),
            burstiness=spreads.burstiness,
        )
        return cls(engines, loads, steady_state(engines, loads))

    def ratio(self, metric: LatencyMetric, statistic: str) -> Floats:
        """statistic ÷ mean of a latency in each cell; 1 where the queue has no finite mean."""
        percent = percentile_of(statistic)
        if percent is None:
            raise ValueError(f"{statistic} is no percentile")
        means = {
            "ttft": self.steady.ttft_s,
            "tpot": self.steady.tpot_s,
            "itl": self.steady.tpot_s,
            "e2e": self.steady.e2e_s,
        }
        with np.errstate(invalid="ignore", divide="ignore"):
            found = percentile_s(metric, percent, self.engines, self.loads, self.steady) / means[metric]
        return np.asarray(np.where(np.isfinite(found), found, 1.0))


def simulated_ratios(
    a: DeploymentArrays,
    c: Coefficients,
    kv_bytes: Floats,
    limits: EngineDefaults,
    load: Load,
    cells: Cells,
    wanted: Sequence[tuple[str, str]],
) -> dict[tuple[str, str], float]:
    """The same for one deployment (row 0), from a simulation of its requests one by one; `load` is one
    replica's. Latencies that the simulation has none of are left out."""
    setup = ServingSetup(
        step=FittedSteps(c.take(cells.deployment[:1])),
        kv_tokens=float(kv_tokens(a, kv_bytes, cells)[0]),
        max_num_seqs=int(a.max_num_seqs[0]),
        max_num_batched_tokens=int(max(a.max_num_batched_tokens[0], a.max_num_seqs[0])),
        chunked_prefill=limits.chunked_prefill,
        generation=limits.generation,
        schedule_ahead=limits.async_scheduling,
        request_overhead_s=float(c.request_s[0]),
    )
    statistics = tuple(dict.fromkeys(["mean", *(statistic for _, statistic in wanted)]))
    seen = simulate(setup, load, seed=SEED, statistics=statistics).latency_ms
    return {
        (metric, statistic): seen[metric, statistic] / seen[metric, "mean"]
        for metric, statistic in wanted
        if (metric, statistic) in seen and seen.get((metric, "mean"))
    }
