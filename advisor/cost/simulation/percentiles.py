"""Percentiles of one deployment under one load as multiples of the mean, from a seeded simulation."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.cost.arrays import Floats
from advisor.cost.serving.engine import ServingSetup
from advisor.cost.serving.load_table import Cells
from advisor.cost.serving.replica import FittedSteps, kv_tokens
from advisor.cost.simulation.simulate import simulate
from advisor.cost.step.step_time import Coefficients
from advisor.cost.step.work import DeploymentArrays
from advisor.spec.engines.engine import EngineDefaults
from advisor.spec.workloads.workload import Load

SEED = 0


def simulated_ratios(
    a: DeploymentArrays,
    c: Coefficients,
    kv_bytes: Floats,
    limits: EngineDefaults,
    load: Load,
    cells: Cells,
    wanted: Sequence[tuple[str, str]],
) -> dict[tuple[str, str], float]:
    """percentile ÷ mean of each wanted latency of one deployment (row 0), from a simulation of its requests.

    `load` is one replica's. Latencies that the simulation has none of are left out.
    """
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
