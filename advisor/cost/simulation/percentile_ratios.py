"""Percentiles of one deployment under one load as multiples of the mean, from a seeded simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.serving.engine_table import EngineTable, FittedSteps, kv_tokens
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.simulation.serving_result import ServingResult
from advisor.cost.simulation.simulate import simulate
from advisor.cost.step.deployment_work import DeploymentArrays
from advisor.cost.step.step_time import StepCosts
from advisor.spec.workloads.workload import Load

SEED = 0


def simulated_row(
    a: DeploymentArrays,
    costs: StepCosts,
    kv_bytes: Floats,
    load: Load,
    asked: LoadTable,
    rows: LoadTable,
    i: int,
    wanted: Sequence[tuple[str, str]],
) -> ServingResult:
    """What a simulation of the requests of row `i` finds, with the statistics wanted.

    load: the load as a whole, of which `asked` is one replica's share, and `rows` the same as requests that
    stand alone.
    """
    arrival = load.arrival
    if arrival.value is not None:
        level = float(asked.level[i])
        share = float(round(level)) if arrival.kind == "concurrency" else max(level, 1e-6)
        load = replace(load, arrival=replace(arrival, value=share))
    engine = simulated_engine(a, costs, kv_bytes, rows.take(np.array([i])))
    statistics = tuple(dict.fromkeys(["mean", *(statistic for _, statistic in wanted)]))
    return simulate(engine, load, seed=SEED, statistics=statistics)


def simulated_engine(a: DeploymentArrays, costs: StepCosts, kv_bytes: Floats, row: LoadTable) -> EngineTable:
    """One replica of the deployment of `row`, for a simulation of single requests."""
    d = int(row.deployment[0])
    return EngineTable.one(
        step=FittedSteps(costs.take(row.deployment)),
        kv_tokens=float(kv_tokens(a, kv_bytes, row)[0]),
        max_num_seqs=int(a.max_num_seqs[d]),
        max_num_batched_tokens=int(a.max_num_batched_tokens[d]),
        chunked_prefill=bool(a.chunked_prefill[d] > 0),
        generation=a.generation[d],
        async_scheduling=bool(a.async_scheduling[d] > 0),
        request_overhead_s=float(costs.request_s[d] + costs.prompt_token_s[d] * row.input_tokens[0]),
        prefix_caching=bool(a.prefix_caching[d] > 0),
    )
