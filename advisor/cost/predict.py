"""Predictor: deployments and loads in, predictions with intervals out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from advisor.cost import fit_file
from advisor.cost.answers import CellAnswers, LoadAnswers, Range
from advisor.cost.cells import MAXIMUM, RATE, SINGLE, Cells, load_cells, own_loads
from advisor.cost.estimate import Basis, Estimate
from advisor.cost.features import Floats, Ints, defaults_of, deployment_arrays
from advisor.cost.fit_file import Fit
from advisor.cost.intervals import LOADS, QUANTITIES
from advisor.cost.loads import means, typical_steps
from advisor.cost.measured import measured_cells
from advisor.cost.memory import longest_context, memory
from advisor.cost.nearest import EvidenceIndex
from advisor.cost.observe import arrangements
from advisor.cost.percentiles import simulated_ratios
from advisor.cost.prediction import MemoryPlan, Prediction, Status
from advisor.cost.prepared import Prepared
from advisor.cost.ranges import LOAD_OF_KIND, bounds, goodput_share, latencies, ratios_of
from advisor.cost.regime import regime, time_parts_ms
from advisor.cost.steptime import Design, Parts, coefficients, used_names
from advisor.data import shipped
from advisor.spec.deployment import Deployment
from advisor.spec.workload import Goodput, Load
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
        prepared = self._prepare(deployments)
        answers = self._answer(prepared, cells, capacity=True)
        ratios = ratios_of(prepared, cells, statistics)
        return LoadAnswers(
            means=answers,
            latency_ms=latencies(self.fit.intervals, prepared, cells, answers, (*MEANS, *statistics), ratios),
            max_context=_longest(prepared)[cells.deployment],
        )

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
        prepared = self._prepare(deployments)
        cells = load_cells(load, deployments, levels)
        loads = own_loads(load, deployments, levels)
        wanted = tuple(dict.fromkeys((*MEANS, *statistics)))
        tails = tuple(one for one in wanted if one[1] != "mean")
        answers = self._answer(prepared, cells, capacity=True)
        ratios = ratios_of(prepared, cells, wanted)
        plans = _memory_plans(prepared, answers)
        if simulated and tails:
            for i, plan in enumerate(plans):
                if plan.fits and np.isfinite(answers.means.tpot_s[i]):
                    for one, ratio in self._simulate(prepared, loads[i], cells, tails, i).items():
                        ratios[one][i] = ratio
        latency = latencies(self.fit.intervals, prepared, cells, answers, wanted, ratios)
        within = (
            None if goodput is None else goodput_share(self.fit.intervals, prepared, cells, answers, goodput)
        )
        steps = typical_steps(prepared.arrays, prepared.coefficients, cells, answers.means)
        return [
            self._one(prepared, loads[i], answers, plans[i], latency, within, steps, i)
            for i in range(len(deployments))
        ]

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
        arrays = deployment_arrays(deployments)
        names = used_names(arrays)
        design = Design(arrays, names)
        made = coefficients(arrays, design.values(self.fit.speed.vector(names)))
        shapes = {d.model.name: fit_file.shape_key(d.model) for d in deployments}
        keys = [
            fit_file.deployment_keys(d, shapes[d.model.name], generation)
            for d, generation in zip(deployments, arrays.generation, strict=True)
        ]
        seen, hosts = self.fit.seen, self.fit.hosts
        kernels = self.fit.kernels
        hosted = zip(keys, arrays.gpu, arrays.generation, arrays.kernel, strict=True)
        distance = [
            0 if own in seen or free in seen
            # A kernel nobody has timed is as far from the data as a GPU nobody has used.
            else 1 if f"{gpu} {generation}" in hosts and kernel in kernels
            else 2
            for (own, free), gpu, generation, kernel in hosted
        ]  # fmt: skip
        effects = {
            kind: np.array([table.get(own, table.get(free, 0.0)) for own, free in keys])
            for kind, table in self.fit.effects.items()
        }
        return Prepared(
            tuple(deployments),
            arrays,
            made,
            memory(arrays),
            np.array(distance, dtype=np.intp),
            effects,
            tuple(defaults_of(deployments)),
            tuple(keys),
        )

    def _answer(self, p: Prepared, cells: Cells, *, capacity: bool) -> CellAnswers:
        m = means(p.arrays, p.coefficients, p.memory.kv_bytes, cells, capacity=capacity)
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

    def _one(
        self,
        p: Prepared,
        load: Load,
        answers: CellAnswers,
        plan: MemoryPlan,
        every: Mapping[tuple[str, str], Range],
        within: Range | None,
        steps: tuple[Parts, Parts],
        i: int,
    ) -> Prediction:
        deployment, m = p.deployments[i], answers.means
        status: Status = "stable"
        if not plan.fits:
            status = "does not fit"
        elif load.arrival.kind == "rate" and not np.isfinite(m.tpot_s[i]):
            status = "backlogged"
        elif m.saturated[i] > 0:
            status = "saturated"
        basis = answers.basis(i)
        latency = {
            name: found for name, values in every.items() if (found := estimate(values, i, basis)) is not None
        }
        fits = plan.fits
        batch = float(m.batch[i])
        prompt = load.input_tokens.mean * (1.0 - load.prefix_hit_rate)
        decode_ms = time_parts_ms(steps[1], p.coefficients, i, batch if np.isfinite(batch) else 1.0)
        prefill_ms = time_parts_ms(steps[0], p.coefficients, i, prompt)
        return Prediction(
            deployment=deployment,
            load=load,
            memory=plan,
            status=status,
            latency=latency if fits else {},
            requests_per_s=estimate(answers.requests_per_s, i, basis) if fits else None,
            output_tokens_per_s=estimate(answers.output_tokens_per_s, i, basis) if fits else None,
            capacity_requests_per_s=estimate(answers.capacity_requests_per_s, i, basis) if fits else None,
            regime_prefill=regime(prefill_ms),
            regime_decode=regime(decode_ms),
            prefill_ms=prefill_ms,
            decode_ms=decode_ms,
            nearest_evidence=self._index.nearest(deployment, p.keys[i]),
            batch=float(m.batch[i]) if fits else None,
            kv_use=float(m.kv_use[i]) if fits else None,
            goodput_share=estimate(within, i, basis) if within is not None and fits else None,
        )


@lru_cache(maxsize=4)
def _shipped(path: Path) -> Predictor:
    return Predictor(fit_file.read(path))


def _is_measured(n: int, found: Mapping[str, tuple[Ints, Floats]]) -> npt.NDArray[np.bool_]:
    seen = np.zeros(n, dtype=bool)
    for at, _ in found.values():
        seen[at] = True
    return seen


def estimate(source: Range, i: int, basis: Basis, factor: float = 1.0) -> Estimate | None:
    """Entry `i` as an Estimate; None where the value does not exist."""
    value = float(source.value[i])
    if not np.isfinite(value):
        return None
    return Estimate(
        value=value * factor,
        low=float(source.low[i]) * factor,
        high=float(source.high[i]) * factor,
        basis=basis,
    )


def _longest(p: Prepared) -> Ints:
    """Tokens of the longest sequence that one request of each deployment can hold."""
    a = p.arrays
    longest = longest_context(p.memory.kv_bytes, a.kv_store_bytes, a.kv_window, a.sequence_state_bytes)
    return np.asarray(np.minimum(longest, a.max_context), dtype=np.intp)


def _memory_plans(p: Prepared, answers: CellAnswers) -> list[MemoryPlan]:
    held, longest = p.memory, _longest(p)
    return [
        MemoryPlan(
            weight_bytes=float(held.weight_bytes[i]),
            overhead_bytes=float(held.overhead_bytes[i]),
            kv_bytes=float(held.kv_bytes[i]),
            usable_bytes=float(held.usable_bytes[i]),
            max_context=int(longest[i]),
            max_concurrency=int(answers.max_concurrency[i]),
        )
        for i in range(len(p.deployments))
    ]


__all__ = ["MEANS", "QUANTITIES", "CellAnswers", "Predictor", "Range", "load_cells"]
