"""Predictor: deployments and loads in, predictions with intervals out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from advisor.cost import fit_file
from advisor.cost.array_table import Bools, Floats, Ints
from advisor.cost.fit_file import Fit
from advisor.cost.predict.closed_loop_rate import of_thinking_users
from advisor.cost.predict.conversations_as_requests import spread_hits, standing_alone, with_simulated_hits
from advisor.cost.predict.deployment_table import DeploymentTable, DeploymentTables
from advisor.cost.predict.gaussian_process import Carried
from advisor.cost.predict.latencies_with_intervals import (
    goodput_share,
    latencies,
    log_bounds,
    queue_of,
    ratios_of,
    with_measured,
)
from advisor.cost.predict.nearest_measurements import EvidenceIndex, measured_rows
from advisor.cost.predict.own_measurements import OwnMeasurements
from advisor.cost.predict.prediction import Prediction, predictions_of
from advisor.cost.predict.prediction_table import PredictionTable, Range
from advisor.cost.predict.simulated_conversations import Runs, drawn_ratios, turn_figures, widened, with_runs
from advisor.cost.serving.load_table import LoadTable, load_table, loads_of
from advisor.cost.serving.mean_latencies import replica_stats
from advisor.cost.serving.percentiles_and_goodput import Queue
from advisor.cost.serving.serving_stats import ServingStats
from advisor.cost.uncertainty.conformal import Z90
from advisor.shipped_files import shipped
from advisor.spec.deployment import Deployment
from advisor.spec.metrics import MEAN_LATENCIES
from advisor.spec.workloads.workload import Goodput, Load
from advisor.units import MS_PER_S

if TYPE_CHECKING:
    from advisor.cost.simulation.replay import Replay
    from advisor.spec.workloads.request_log import SentRequest

MEANS: tuple[tuple[str, str], ...] = MEAN_LATENCIES
REPEAT, REPEAT_MAXIMUM = 0.037, 0.08
"""Standard deviation, in logs, of a measurement repeated by others on hardware of the same name: from the
cells of Llama-3.1-70B that both the seed paper and a model card of the same shape print (mean difference
4.2 % in 44 single-stream cells, 8.1 % median in 59 of maximum throughput)."""


class Predictor:
    """Predicts speed and memory from a fit; build it with `shipped` or from a `Fit`."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        self._evidence = EvidenceIndex(fit.evidence)
        self._deployments = DeploymentTables(fit)
        self._own = OwnMeasurements(fit.measured)

    @classmethod
    def shipped(cls) -> Predictor:
        """The predictor fitted on the measurements that came with this installation."""
        return _shipped(shipped("measurements") / fit_file.NAME)

    def summary(self) -> dict[str, object]:
        """What the numbers rest on: rows, sources, held-out error, and one sentence of it (`text`)."""
        return dict(self.fit.summary)

    def table(
        self,
        deployments: Sequence[Deployment],
        loads: LoadTable | Load,
        statistics: Sequence[tuple[str, str]] = MEANS,
        *,
        capacity: bool = True,
        simulated: bool = False,
    ) -> PredictionTable:
        """A row per row of `loads`, whose `deployment` is a position in `deployments`; of one load a row per
        deployment. The means of TTFT, TPOT and E2E are there in any case.

        capacity: False leaves the capacity of single streams and batches out (NaN), for half the work.
        simulated: conversations of one load are simulated, some tenths of a second each. Where the closed
        form may be off, all their figures come from there; in a table of loads they have wider intervals.
        Requests that stand alone have the closed form's figures in any case, which measured percentiles are
        as near to as to a simulation's (docs/method.md).

        Raises UnsupportedError when a GPU cannot run a deployment's format.
        """
        rows = loads if isinstance(loads, LoadTable) else load_table(loads, deployments)
        d = self._deployments.table(deployments)
        wanted = tuple(dict.fromkeys((*MEANS, *statistics)))
        if not simulated or rows.conversations is None:
            made = self._table(d, standing_alone(d, rows), wanted, capacity=capacity)
            return widened(made) if isinstance(loads, LoadTable) else made
        if isinstance(loads, LoadTable):
            raise TypeError("a simulation draws lengths of a load; a table of loads has only their means")
        return self._simulated(d, loads, rows, wanted, capacity=capacity)

    def max_context(self, deployments: Sequence[Deployment]) -> Ints:
        """Tokens of the longest sequence that each deployment holds; 0 where the weights leave no room."""
        return self._deployments.table(deployments).replica.max_context

    def predictions(
        self,
        deployments: Sequence[Deployment],
        load: Load,
        statistics: Sequence[tuple[str, str]] = MEANS,
        *,
        table: PredictionTable | None = None,
        levels: Sequence[float] | None = None,
        goodput: Goodput | None = None,
    ) -> list[Prediction]:
        """One prediction per deployment under one load; `recovery` is left to the quality model.

        table: what `table` gave for these deployments under this load, where that is known already; its
        statistics are then the predictions'. levels: for each deployment a concurrency or rate of its own in
        place of the load's. goodput: limits of each request, whose kept share is then predicted.
        """
        if not deployments:
            return []
        d = self._deployments.table(deployments)
        rows = standing_alone(d, load_table(load, deployments, levels))
        loads = loads_of(load, deployments, levels)
        if table is None:
            table = self._table(d, rows, tuple(dict.fromkeys((*MEANS, *statistics))), capacity=True)
        share = None
        if goodput is not None:
            share = goodput_share(self.fit.intervals, d, rows, table, goodput)
        elsewhere = self._own.on_other_engines(d, rows)
        return predictions_of(d, loads, rows, table, share, self._evidence, self.fit.speed.kernels, elsewhere)

    def replay(
        self, deployment: Deployment, load: Load, log: Sequence[SentRequest], statistics: Sequence[str] = ()
    ) -> Replay:
        """What the requests of a log meet on the deployment, each simulated at its own time.

        load: the log's summary, by whose mean lengths the KV cache is counted.
        """
        from advisor.cost.simulation.percentile_ratios import simulated_engine
        from advisor.cost.simulation.replay import replay
        from advisor.cost.simulation.simulate import STATISTICS

        d = self._deployments.table([deployment])
        r, row = d.replica, load_table(load, [deployment]).take(np.array([0]))
        engine = simulated_engine(r.arrays, r.costs, r.memory.kv_bytes, standing_alone(d, row))
        wanted = tuple(dict.fromkeys((*STATISTICS, *statistics)))
        return replay(engine, log, replicas=deployment.replicas, statistics=wanted)

    def _table(
        self,
        d: DeploymentTable,
        loads: LoadTable,
        wanted: Sequence[tuple[str, str]],
        *,
        capacity: bool,
        talks: Runs = MappingProxyType({}),
        turns: Runs = MappingProxyType({}),
    ) -> PredictionTable:
        """talks: simulations of conversations, for all figures of their rows. turns: those for the figures by
        turn."""
        has_tails = any(statistic != "mean" for _, statistic in wanted)
        queue = queue_of(d, loads) if has_tails else None
        known = self._known(d, loads, wanted)
        table = self._means(d, loads, queue, known, capacity=capacity, talks=talks, turns=turns)
        if queue is None:
            return table
        ratios = ratios_of(queue, wanted)
        drawn = drawn_ratios(ratios, talks)
        found = latencies(self.fit.intervals, d, loads, table, wanted, drawn)
        # What was measured was set against the closed form.
        own = {(metric, one): f"{metric} {one}" for metric, one in ratios}
        return replace(
            table,
            latency_ms=with_measured(found, known, table, ratios, REPEAT),
            measured_figures={**table.measured_figures, **_measured_figures(own, known, len(loads))},
        )

    def _known(
        self, d: DeploymentTable, loads: LoadTable, wanted: Sequence[tuple[str, str]]
    ) -> dict[str, Carried]:
        """By quantity: what was measured of a mean, or of a percentile among `wanted`."""
        tails = {f"{metric} {statistic}" for metric, statistic in wanted if statistic != "mean"}
        quantities = frozenset({"ttft", "tpot", "e2e", "throughput"} | tails)
        found = self._own.carried(d, loads, quantities)
        published = measured_rows(d.deployments, d.keys, self.fit.measured, loads, quantities)
        for quantity, rows in published.items():
            found[quantity] = found.get(quantity, Carried.nothing(len(loads))).with_rows(rows)
        return found

    def _means(
        self,
        d: DeploymentTable,
        loads: LoadTable,
        queue: Queue | None,
        known: Mapping[str, Carried],
        *,
        capacity: bool,
        talks: Runs,
        turns: Runs,
    ) -> PredictionTable:
        """The means of each row; queue: of the rows in the steady state, where it is known already."""
        r, at = d.replica, loads.deployment
        m = replica_stats(r.arrays, r.costs, r.memory.kv_bytes, loads, capacity=capacity, queue=queue)
        m = with_runs(d, loads, m, talks) if talks else m
        replicas = d.replicas[at]
        busy = replicas - loads.idle_replicas

        def ranged(quantity: str, value: Floats) -> Range:
            return self._ranged(quantity, value, d, loads, m, known.get(quantity))

        e2e = ranged("e2e", m.e2e_s * MS_PER_S)
        # One stream's throughput is its latency upside down, interval and all.
        single = Range(
            value=busy * MS_PER_S / e2e.value,
            low=busy * MS_PER_S / e2e.high,
            high=busy * MS_PER_S / e2e.low,
        )
        served = single.where(loads.is_kind("single"), ranged("throughput", m.requests_per_s * busy))
        # The arrivals are served, as long as they can be.
        arriving = loads.level * replicas
        exact = Range(value=arriving, low=arriving, high=arriving)
        keeps_up = m.requests_per_s >= loads.level * (1.0 - 1e-9)
        served = exact.where(loads.is_kind("rate") & np.isfinite(m.tpot_s) & keeps_up, served)
        served = of_thinking_users(loads, e2e, busy, served)
        cached = loads.cached_prompts
        is_measured = np.zeros(len(loads), dtype=np.bool_)
        for one in known.values():
            is_measured |= one.exact
        made = PredictionTable(
            latency_ms={
                ("ttft", "mean"): ranged("ttft", m.ttft_s * MS_PER_S),
                ("tpot", "mean"): ranged("tpot", m.tpot_s * MS_PER_S),
                ("e2e", "mean"): e2e,
            },
            requests_per_s=served,
            output_tokens_per_s=served.times(loads.output_tokens),
            capacity_requests_per_s=ranged("throughput", m.capacity_requests_per_s * replicas),
            distance=d.distance[at],
            fits=m.batch_limit >= 1.0,
            max_concurrency=(np.floor(np.minimum(m.batch_limit, 1e9)) * replicas).astype(np.intp),
            max_context=r.max_context[at],
            longest=r.longest.take(at),
            stats=m,
            prefix_hits=None if cached is None else loads.prefix_hit_rate,
            prefix_hits_spread=None if cached is None else spread_hits(loads, cached, replicas),
            measured=is_measured,
            measured_figures=_measured_means(loads, known),
        )
        return made if cached is None else replace(made, turns=turn_figures(loads, made, talks, turns))

    def _ranged(
        self,
        quantity: str,
        value: Floats,
        d: DeploymentTable,
        loads: LoadTable,
        m: ServingStats,
        known: Carried | None,
    ) -> Range:
        """Predicted values with what was measured of them and the interval of their quantity; m: what is
        predicted of each row."""
        log_low, log_high = log_bounds(self.fit.intervals, d, loads, quantity, "mean", m)
        if known is not None:
            repeat = known.repeat(np.where(loads.is_kind("maximum"), REPEAT_MAXIMUM, REPEAT))
            log_low, log_high = known.bounds(log_low, log_high, (repeat, repeat))
            value = value * np.exp(known.log_ratio)
        return Range(value=value, low=value * np.exp(log_low), high=value * np.exp(log_high))

    def _simulated(
        self,
        d: DeploymentTable,
        load: Load,
        asked: LoadTable,
        wanted: Sequence[tuple[str, str]],
        *,
        capacity: bool,
    ) -> PredictionTable:
        """The table of conversations, each simulated; its figures are the simulation's where the closed form
        may be off, and those by turn everywhere."""
        from advisor.cost.simulation.percentile_ratios import simulated_row

        rows = standing_alone(d, asked)
        closed = self._table(d, rows, MEANS, capacity=True)
        assert closed.turns is not None, "requests stand alone"
        tails = tuple(one for one in wanted if one[1] != "mean")
        r = d.replica
        runs = {
            i: simulated_row(r.arrays, r.costs, r.memory.kv_bytes, load, asked, rows, i, tails)
            for i in np.flatnonzero(closed.max_concurrency >= 1).tolist()
        }
        unsure = {i: run for i, run in runs.items() if not closed.turns.settled[i]}
        if unsure:
            rows = with_simulated_hits(d, asked, rows, {i: run.hit_rate for i, run in unsure.items()})
        return self._table(d, rows, wanted, capacity=capacity, talks=unsure, turns=runs)


def _measured_figures(
    quantities: Mapping[tuple[str, str], str], known: Mapping[str, Carried], count: int
) -> dict[tuple[str, str], Bools]:
    """Of each figure the rows in which its quantity was measured."""
    nowhere = np.zeros(count, dtype=np.bool_)
    return {
        figure: known[quantity].exact if quantity in known else nowhere
        for figure, quantity in quantities.items()
    }


def _measured_means(loads: LoadTable, known: Mapping[str, Carried]) -> dict[tuple[str, str], Bools]:
    """Of each mean the rows in which it was measured; one stream's throughput is its latency's."""
    quantities = {(quantity, "mean"): quantity for quantity in ("ttft", "tpot", "e2e", "throughput")}
    figures = _measured_figures(quantities, known, len(loads))
    is_single = loads.is_kind("single")
    figures["throughput", "mean"] = np.where(is_single, figures["e2e", "mean"], figures["throughput", "mean"])
    return figures


@lru_cache(maxsize=4)
def _shipped(path: Path) -> Predictor:
    return Predictor(fit_file.read(path))


__all__ = ["MEANS", "REPEAT", "REPEAT_MAXIMUM", "Z90", "Predictor"]
