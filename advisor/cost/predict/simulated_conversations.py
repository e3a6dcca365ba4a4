"""What simulations of conversations put in the place of the closed form, and where it stands by itself.

How busy engines serve conversations, and what the cache has forgotten, is no closed form's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.predict.deployment_table import DeploymentTable
from advisor.cost.predict.prediction_table import PredictionTable, Range, TurnFigures
from advisor.cost.serving.conversation_prefix_hits import CALM, ROOM
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.serving_stats import ServingStats
from advisor.units import MS_PER_S

if TYPE_CHECKING:
    from advisor.cost.simulation.serving_result import ServingResult

Runs: TypeAlias = "Mapping[int, ServingResult]"
"""Simulations by row."""

SHORT_BY: Mapping[bool, Mapping[str, tuple[float, float]]] = {
    True: {"ttft": (0.34, 1.72), "tpot": (0.08, 0.15), "e2e": (0.16, 0.20)},
    False: {"ttft": (0.11, 0.67), "tpot": (0.02, 0.07), "e2e": (0.03, 0.09)},
}
"""How far down and up, in logs, intervals are widened where the closed form may be off: True where engines
are busy, False where the cache is small or pauses are alike. Nine of ten simulations of random loads lie so
near to it: `benchmarks/conversations.py 640` prints both."""


def drawn_ratios(ratios: Mapping[tuple[str, str], Floats], runs: Runs) -> dict[tuple[str, str], Floats]:
    """Percentiles as multiples of their means, those of the simulated rows from their simulations."""
    made = {one: ratio.copy() for one, ratio in ratios.items()}
    for i, run in runs.items():
        for one, ratio in run.ratios_to_mean(tuple(ratios)).items():
            made[one][i] = ratio
    return made


def is_busy(stats: ServingStats) -> Bools:
    """Rows whose engines serve so near their capacity that bursts of turns wait for one another."""
    with np.errstate(invalid="ignore"):
        idle = stats.requests_per_s <= CALM * stats.capacity_requests_per_s
        unknown = np.isnan(stats.capacity_requests_per_s) & np.isfinite(stats.tpot_s)
    return np.asarray(~(idle | unknown) | stats.saturated)


def closed_form_agrees(loads: LoadTable, stats: ServingStats) -> Bools:
    """Rows of conversations whose closed form is as good as a simulation: engines that are not busy, have
    room for many requests, and are not asked at one pause that is as long as their cache remembers."""
    cached = loads.cached_prompts
    assert cached is not None, "requests stand alone"
    with np.errstate(invalid="ignore"):
        roomy = stats.batch_limit >= ROOM
    swings = cached.even_pauses & (cached.history_hits > 0.02) & (cached.history_hits < 0.98)
    return np.asarray(~is_busy(stats) & roomy & ~swings)


def with_runs(d: DeploymentTable, loads: LoadTable, stats: ServingStats, runs: Runs) -> ServingStats:
    """The means that simulations found in place of the closed form's; of a pipeline's stages they are its."""
    made = {
        name: np.array(getattr(stats, name))
        for name in (
            *("ttft_s", "tpot_s", "e2e_s", "requests_per_s", "capacity_requests_per_s"),
            *("batch", "decode_batch", "kv_use", "saturated"),
        )
    }
    one_stage = d.replica.arrays.pipeline_parallel[loads.deployment] == 1
    is_open = loads.is_kind("rate")
    for i, run in runs.items():
        if not one_stage[i]:
            continue
        endless = run.status == "backlogged"
        for metric in ("ttft", "tpot", "e2e"):
            found = run.latency_ms.get((metric, "mean"), np.nan) / MS_PER_S
            if endless or np.isfinite(found):
                made[f"{metric}_s"][i] = np.nan if endless else found
        sent = loads.level[i] if is_open[i] and not endless else run.requests_per_s
        most = stats.capacity_requests_per_s[i]
        made["requests_per_s"][i] = sent
        made["capacity_requests_per_s"][i] = min(most, sent) if endless else max(most, sent)
        made["saturated"][i] = run.status == "saturated"
        made["decode_batch"][i] = max(run.decode_batch, 1.0)
        made["batch"][i] = max(run.in_flight - run.queue, run.decode_batch)
        made["kv_use"][i] = run.kv_use
    return replace(stats, **made)


def turn_figures(loads: LoadTable, table: PredictionTable, talks: Runs, turns: Runs) -> TurnFigures:
    """TTFT of first and of later turns by the simulations `turns`, and which rows an answer may rest on.

    talks: simulations of the rows whose figures are theirs.
    """
    mean = table.latency_ms["ttft", "mean"]
    shares = np.full((2, len(loads)), np.nan)
    for i, run in turns.items():
        whole = run.latency_ms.get(("ttft", "mean"))
        if run.turn_ttft_ms is not None and whole:
            shares[:, i] = np.array(run.turn_ttft_ms) / whole
    simulated = np.zeros(len(loads), dtype=np.bool_)
    simulated[list(talks)] = True
    return TurnFigures(
        first_ttft_ms=mean.times(shares[0]),
        later_ttft_ms=mean.times(shares[1]),
        settled=simulated | closed_form_agrees(loads, table.stats) | ~table.fits,
        simulated=simulated,
        busy=is_busy(table.stats),
    )


def widened(table: PredictionTable) -> PredictionTable:
    """Latencies of conversations that nobody simulated, where the closed form may be off, with its error."""
    if table.turns is None or table.turns.settled.all():
        return table
    unsure, busy = ~table.turns.settled, table.turns.busy
    found = {}
    for (metric, statistic), of in table.latency_ms.items():
        ends = [SHORT_BY[near]["tpot" if metric == "itl" else metric] for near in (True, False)]
        low, high = (np.where(busy, *pair) for pair in zip(*ends, strict=True))
        wide = Range(value=of.value, low=of.low * np.exp(-low), high=of.high * np.exp(high))
        found[metric, statistic] = wide.where(unsure, of)
    return replace(table, latency_ms=found)
