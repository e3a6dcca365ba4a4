"""Predictor: deployments and loads in, predictions with intervals out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from advisor.cost import fit_file
from advisor.cost.arrays import Floats, Ints
from advisor.cost.fit_file import Fit
from advisor.cost.fitting.observations import arrangements
from advisor.cost.predict.deployment_table import Facts, Preparation, Prepared, but_replicas
from advisor.cost.predict.measured import measured_cells
from advisor.cost.predict.nearest import EvidenceIndex
from advisor.cost.predict.prediction import Prediction
from advisor.cost.predict.prediction_table import CellAnswers, LoadAnswers, Range
from advisor.cost.predict.predictions import told
from advisor.cost.predict.with_intervals import LOAD_OF_KIND, bounds, goodput_share, latencies, ratios_of
from advisor.cost.serving.load_table import MAXIMUM, RATE, SINGLE, Cells, load_cells, own_loads
from advisor.cost.serving.percentiles import Queue
from advisor.cost.serving.serving_stats import Known, means
from advisor.cost.simulation.percentiles import simulated_ratios
from advisor.cost.step.memory import longest_context
from advisor.cost.uncertainty.intervals import LOADS, QUANTITIES
from advisor.data import shipped
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Goodput, Load
from advisor.units import MS_PER_S

MEANS: tuple[tuple[str, str], ...] = (("ttft", "mean"), ("tpot", "mean"), ("e2e", "mean"))
Z90 = 1.645
REPEAT, REPEAT_MAXIMUM = 0.037, 0.08
"""Standard deviation, in logs, of a measurement repeated by others on hardware of the same name: from the
cells of Llama-3.1-70B that both the seed paper and a model card of the same shape print (mean difference
4.2 % in 44 single-stream cells, 8.1 % median in 59 of maximum throughput)."""


class Predictor:
    """Predicts speed and memory from a fit. Immutable; build it with `shipped` or from a `Fit`."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        self._index = EvidenceIndex(fit.evidence)
        self._preparation = Preparation(fit)

    @classmethod
    def shipped(cls) -> Predictor:
        """The predictor fitted on the measurements that came with this installation."""
        return _shipped(shipped("measurements") / fit_file.NAME)

    def summary(self) -> dict[str, object]:
        """What the numbers rest on: rows, sources, held-out error, and one sentence of it (`text`)."""
        return {name: value for name, value in self.fit.summary.items() if name != "report"}

    def report(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        """Tables of held-out errors; see `fit_report`."""
        return self.fit.summary["report"]  # type: ignore[return-value]

    def answer(self, deployments: Sequence[Deployment], cells: Cells) -> CellAnswers:
        """Each cell answered; `cells.deployment` points into `deployments`. Single streams have no capacity
        here, which `predict` gives.

        Raises UnsupportedError when a GPU cannot run a deployment's format.
        """
        return self._answer(self._prepare(deployments), cells, capacity=False)

    def answer_any_arrangement(self, deployments: Sequence[Deployment], cells: Cells) -> CellAnswers:
        """As `answer`, but at maximum throughput a deployment's GPUs are split into the equal replicas that
        serve most: a count of GPUs says no more than that."""
        options: list[Deployment] = []
        of: list[list[int]] = []
        for d in deployments:
            splits = arrangements(d)
            of.append(list(range(len(options), len(options) + len(splits))))
            options += splits
        free = cells.kind == MAXIMUM
        choices = [
            of[d] if is_free else of[d][-1:] for d, is_free in zip(cells.deployment, free, strict=True)
        ]
        counts = np.array([len(c) for c in choices])
        row = np.repeat(np.arange(len(cells)), counts)
        expanded = replace(cells.take(row), deployment=np.concatenate(choices).astype(np.intp))
        answers = self.answer(options, expanded)
        rate = np.nan_to_num(answers.requests_per_s.value, nan=-1.0)
        order = np.lexsort((rate, row))
        last = np.r_[np.flatnonzero(np.diff(row[order])), len(row) - 1]
        return answers.take(order[last])

    def answer_loads(
        self,
        deployments: Sequence[Deployment],
        cells: Cells,
        statistics: Sequence[tuple[str, str]] = MEANS,
    ) -> LoadAnswers:
        """As `predict` answers one load, but cell by cell: many deployments under many loads at once.

        `cells.level` is one replica's share, as `load_cells` makes it.
        """
        return self._answer_loads(self._prepare(deployments), cells, _with_means(statistics))

    def answer_load(
        self,
        deployments: Sequence[Deployment],
        load: Load,
        statistics: Sequence[tuple[str, str]] = MEANS,
        *,
        levels: Sequence[float] | None = None,
        prepared: Prepared | None = None,
        simulated: bool = False,
    ) -> LoadAnswers:
        """Each deployment under one load, as arrays; `levels` and `simulated` as in `predict`."""
        cells = load_cells(load, deployments, levels)
        p = prepared or self._prepare(deployments)
        found = self._answer_loads(p, cells, _with_means(statistics))
        return (
            self._with_simulated(p, own_loads(load, deployments, levels), cells, found)
            if simulated
            else found
        )

    def predictions(
        self,
        deployments: Sequence[Deployment],
        load: Load,
        found: LoadAnswers,
        *,
        goodput: Goodput | None = None,
    ) -> list[Prediction]:
        """What `answer_load` found of these deployments, one object each; `goodput` as in `predict`."""
        if not deployments:
            return []
        return self._told(self._prepare(deployments), load, found, None, goodput)

    def _told(
        self,
        p: Prepared,
        load: Load,
        found: LoadAnswers,
        levels: Sequence[float] | None,
        goodput: Goodput | None,
    ) -> list[Prediction]:
        cells = load_cells(load, p.deployments, levels)
        within = None
        if goodput is not None:
            within = goodput_share(self.fit.intervals, p, cells, found.means, goodput)
        return told(p, own_loads(load, p.deployments, levels), cells, found, within, self._index)

    def predict(
        self,
        deployments: Sequence[Deployment],
        load: Load,
        statistics: Sequence[tuple[str, str]] = MEANS,
        *,
        levels: Sequence[float] | None = None,
        goodput: Goodput | None = None,
        simulated: bool = False,
    ) -> list[Prediction]:
        """One prediction per deployment under one load; `recovery` is left to the quality model.

        `levels`: for each deployment a concurrency or rate of its own in place of the load's.
        `goodput`: limits of each request; the share that keeps them is then told.

        Percentiles come from the closed form of the queue; with `simulated` from a simulation of each
        deployment's requests, which takes some tenths of a second each.
        """
        if not deployments:
            return []
        p = self._prepare(deployments)
        found = self.answer_load(
            deployments, load, statistics, levels=levels, prepared=p, simulated=simulated
        )
        return self._told(p, load, found, levels, goodput)

    def _answer_loads(self, p: Prepared, cells: Cells, wanted: Sequence[tuple[str, str]]) -> LoadAnswers:
        queue = None
        if any(statistic != "mean" for _, statistic in wanted):
            # Of the long run: the burst that a benchmark begins with is no user's case.
            queue = Queue.of(p.arrays, p.coefficients, p.memory.kv_bytes, cells, whole=False)
        answers = self._answer(p, cells, capacity=True, queue=queue)
        ratios = {} if queue is None else ratios_of(queue, wanted)
        return LoadAnswers(
            means=answers,
            latency_ms=latencies(self.fit.intervals, p, cells, answers, wanted, ratios),
            max_context=_longest(p)[cells.deployment],
        )

    def _with_simulated(
        self, p: Prepared, loads: Sequence[Load], cells: Cells, found: LoadAnswers
    ) -> LoadAnswers:
        """The same with percentiles from simulations, of those that have a latency."""
        tails = tuple(one for one in found.latency_ms if one[1] != "mean")
        if not tails:
            return found
        answers = found.means
        queue = Queue.of(p.arrays, p.coefficients, p.memory.kv_bytes, cells, whole=False)
        ratios = ratios_of(queue, tails)
        for i, timed in enumerate(np.isfinite(answers.means.tpot_s).tolist()):
            if timed and answers.max_concurrency[i] >= 1:
                for one, ratio in self._simulate(p, loads[i], cells, tails, i).items():
                    ratios[one][i] = ratio
        wanted = tuple(found.latency_ms)
        return replace(found, latency_ms=latencies(self.fit.intervals, p, cells, answers, wanted, ratios))

    def _simulate(
        self, p: Prepared, load: Load, cells: Cells, tails: Sequence[tuple[str, str]], i: int
    ) -> dict[tuple[str, str], float]:
        one = self._prepare([p.deployments[i]])
        shared = load.arrival
        if shared.value is not None:
            shared = replace(shared, value=max(shared.value / p.deployments[i].replicas, 1e-6))
        if shared.kind == "concurrency":
            shared = replace(shared, value=max(1.0, float(round(shared.value or 1.0))))
        return simulated_ratios(
            one.arrays,
            one.coefficients,
            one.memory.kv_bytes,
            one.limits[0],
            replace(load, arrival=shared),
            replace(cells.take(np.array([i])), deployment=np.zeros(1, dtype=np.intp)),
            tails,
        )

    def _prepare(self, deployments: Sequence[Deployment]) -> Prepared:
        return self._preparation.prepared(deployments, self._facts(deployments))

    def _facts(self, deployments: Sequence[Deployment]) -> Facts:
        """Those that differ in their replicas alone are looked at once."""
        place: dict[tuple[object, ...], int] = {}
        index = [place.setdefault(but_replicas(d), len(place)) for d in deployments]
        if len(place) == len(deployments):
            return self._preparation.facts(deployments)
        distinct = dict(zip(reversed(index), reversed(deployments), strict=True))
        facts = self._preparation.facts([distinct[at] for at in range(len(place))])
        return facts.take(np.array(index, dtype=np.intp))

    def _answer(
        self, p: Prepared, cells: Cells, *, capacity: bool, queue: Queue | None = None
    ) -> CellAnswers:
        """queue: that of the cells in the long run, where it is known already."""
        known = None if queue is None else Known(queue.engines, queue.loads, queue.steady)
        m = means(p.arrays, p.coefficients, p.memory.kv_bytes, cells, capacity=capacity, known=known)
        d = cells.deployment
        replicas = np.array([one.replicas for one in p.deployments], dtype=np.float64)[d]
        load_class, distance = LOAD_OF_KIND[cells.kind], p.distance[d]

        measured = measured_cells(p.deployments, p.keys, self.fit.measured, cells)

        def ranged(quantity: str, value: Floats) -> Range:
            log_low, log_high = bounds(p, cells, lambda *at: self.fit.intervals.of(quantity, *at))
            effect = np.zeros(len(cells))
            for number, name in enumerate(LOADS):
                table = p.effects.get(f"{quantity} {name}")
                if table is not None:
                    here = load_class == number
                    effect[here] = table[d[here]]
            known = measured.get(quantity)
            if known is not None:
                at, ratio = known
                effect[at] = ratio
                repeat = np.where(cells.kind[at] == MAXIMUM, REPEAT_MAXIMUM, REPEAT) * Z90
                log_low[at], log_high[at] = -repeat, repeat
            centre = value * np.exp(effect)
            return Range(value=centre, low=centre * np.exp(log_low), high=centre * np.exp(log_high))

        rate = ranged("throughput", m.requests_per_s * replicas)
        single = cells.kind == SINGLE
        e2e = ranged("e2e", m.e2e_s * MS_PER_S)
        # One stream's throughput is its latency upside down, interval and all.
        inverse = Range(
            value=replicas * MS_PER_S / e2e.value,
            low=replicas * MS_PER_S / e2e.high,
            high=replicas * MS_PER_S / e2e.low,
        )
        # What arrives is what is served, as long as it can be.
        asked = (cells.kind == RATE) & np.isfinite(m.tpot_s)
        exact = cells.level * replicas
        rate = Range(
            value=np.where(asked, exact, np.where(single, inverse.value, rate.value)),
            low=np.where(asked, exact, np.where(single, inverse.low, rate.low)),
            high=np.where(asked, exact, np.where(single, inverse.high, rate.high)),
        )
        out = cells.output_tokens
        return CellAnswers(
            ttft_ms=ranged("ttft", m.ttft_s * MS_PER_S),
            tpot_ms=ranged("tpot", m.tpot_s * MS_PER_S),
            e2e_ms=e2e,
            requests_per_s=rate,
            output_tokens_per_s=Range(value=rate.value * out, low=rate.low * out, high=rate.high * out),
            capacity_requests_per_s=ranged("throughput", m.capacity_requests_per_s * replicas),
            distance=distance,
            fits=m.batch_limit >= 1.0,
            max_concurrency=(np.floor(np.minimum(m.batch_limit, 1e9)) * replicas).astype(np.intp),
            means=m,
            measured=_is_measured(len(cells), measured),
        )


@lru_cache(maxsize=4)
def _shipped(path: Path) -> Predictor:
    return Predictor(fit_file.read(path))


def _is_measured(n: int, found: Mapping[str, tuple[Ints, Floats]]) -> npt.NDArray[np.bool_]:
    seen = np.zeros(n, dtype=bool)
    for at, _ in found.values():
        seen[at] = True
    return seen


def _with_means(statistics: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys((*MEANS, *statistics)))


def _longest(p: Prepared) -> Ints:
    """Tokens of the longest sequence that one request of each deployment can hold."""
    a = p.arrays
    longest = longest_context(p.memory.kv_bytes, a.kv_store_bytes, a.kv_window, a.sequence_state_bytes)
    return np.asarray(np.minimum(longest, a.max_context), dtype=np.intp)


__all__ = ["MEANS", "QUANTITIES", "CellAnswers", "Predictor", "Range", "load_cells"]
