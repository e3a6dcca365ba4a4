"""Conversations of deployments: loads as requests that stand alone, with the hits that each cache has."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.predict.deployment_table import DeploymentTable
from advisor.cost.serving.conversation_prefix_hits import requests_alone
from advisor.cost.serving.engine_table import EngineTable, engine_table
from advisor.cost.serving.load_table import CachedPrompts, LoadTable


def standing_alone(d: DeploymentTable, loads: LoadTable, history_hits: Floats | None = None) -> LoadTable:
    """The loads as requests that stand alone; the very loads where they do."""
    r = d.replica

    def engines_of(rows: LoadTable) -> tuple[EngineTable, Floats]:
        engines = engine_table(r.arrays, r.costs, r.memory.kv_bytes, rows)
        return engines, r.arrays.pipeline_parallel[rows.deployment]

    return requests_alone(loads, engines_of, history_hits)


def spread_hits(loads: LoadTable, cached: CachedPrompts, replicas: Floats) -> Floats:
    """Share of prompt tokens found in the cache if each turn went to any replica: one in so many then finds
    its history. Every replica has the system prompt."""
    return np.asarray(cached.system_hits + (loads.prefix_hit_rate - cached.system_hits) / replicas)


def with_simulated_hits(
    d: DeploymentTable, asked: LoadTable, rows: LoadTable, hit_rates: Mapping[int, float]
) -> LoadTable:
    """`rows` once more, with the share of prompt tokens that a simulation found in the cache of some rows.

    The share grows linearly with the probability that a conversation's history is still there.
    """
    assert rows.cached_prompts is not None
    history = rows.cached_prompts.history_hits.copy()
    none, all_of_it = (
        standing_alone(d, asked, np.full(len(rows), end)).prefix_hit_rate for end in (0.0, 1.0)
    )
    for i, rate in hit_rates.items():
        width = all_of_it[i] - none[i]
        if width > 1e-6:
            history[i] = min(max((rate - none[i]) / width, 0.0), 1.0)
    return standing_alone(d, asked, history)
