"""Look: pairs of load and deployment, judged with any number of replicas, all at once as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.choose.judged import RECOVERY, SLOW, TTFT, Limit, Standings
from advisor.advise.choose.question import MEANS, Choice, filled
from advisor.advise.choose.refusal import timed_limits
from advisor.advise.choose.replicas import SPARE, hunt
from advisor.cost.arrays import Bools, Floats, Ints, each_column
from advisor.cost.predict.prediction_table import LoadAnswers, Range
from advisor.cost.predict.predictor import Z90, Predictor
from advisor.cost.serving.load_table import CONCURRENCY, RATE, Cells, load_cells
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import LatencyLimit, Load
from advisor.units import S_PER_HOUR, TOKENS_PER_MILLION

if TYPE_CHECKING:
    from advisor.cost.quality.recovery import QualityModel


class Look:
    """The pairs of load and deployment, looked at with any number of replicas."""

    def __init__(
        self,
        choice: Choice,
        loads: tuple[Load, ...],
        predictor: Predictor,
        deployments: list[Deployment],
        limits: Sequence[tuple[LatencyLimit, ...]] | None = None,
    ) -> None:
        self.choice, self.loads, self.predictor = choice, loads, predictor
        self.workload = choice.workload
        self.deployments = deployments
        self.timed = [timed_limits(choice.workload)] * len(loads) if limits is None else list(limits)
        self.max_ms = np.array([[limit.max_ms for limit in of] for of in self.timed], dtype=np.float64)
        asked = ((limit.metric, limit.statistic) for of in self.timed for limit in of)
        self.statistics = tuple(dict.fromkeys((*MEANS, *asked)))
        self.shape = (len(loads), len(self.deployments))
        self.load_of, self.of = (x.ravel() for x in np.indices(self.shape))

    def answers(self, pairs: Ints, count: Ints) -> LoadAnswers:
        """The pairs with so many replicas each."""
        made: dict[tuple[int, int], int] = {}
        served: list[Deployment] = []
        place = np.empty(len(pairs), dtype=np.intp)
        for n, (d, replicas) in enumerate(zip(self.of[pairs].tolist(), count.tolist(), strict=True)):
            if (d, replicas) not in made:
                made[d, replicas] = len(served)
                served.append(self.deployments[d].times(replicas))
            place[n] = made[d, replicas]
        if len(self.loads) == 1:
            return self.predictor.answer_load(served, self.loads[0], self.statistics).take(place)
        cells = self._cells(pairs, place, count)
        return self.predictor.answer_loads(served, cells, self.statistics)

    def _cells(self, pairs: Ints, place: Ints, count: Ints) -> Cells:
        one = [load_cells(load, [self.deployments[0]]) for load in self.loads]
        which = self.load_of[pairs]

        def column(name: str) -> np.ndarray:
            return np.concatenate([getattr(c, name) for c in one])[which]

        kind = column("kind")
        asked = np.array([load.arrival.value or 1.0 for load in self.loads])[which]
        level = np.where(np.isin(kind, (CONCURRENCY, RATE)), asked / count, column("level"))
        level = np.where(kind == CONCURRENCY, np.maximum(level, 1.0), level)
        every = {f.name: column(f.name) for f in fields(Cells)}
        return Cells(**{**every, "deployment": place, "level": level})

    def context(self, pairs: Ints, found: LoadAnswers) -> Bools:
        longest = np.array([load.longest_context for load in self.loads])
        return np.asarray(found.means.fits & (longest[self.load_of[pairs]] <= found.max_context))

    def limits(self, pairs: Ints, found: LoadAnswers) -> list[Limit]:
        """The limits that replicas can mend, of pairs that fit; arrays are flat."""
        which = self.load_of[pairs]
        made = []
        pending = np.zeros(len(pairs), dtype=bool)
        if self.loads[0].arrival.kind == "rate":
            asked = np.array([load.arrival.value or 1.0 for load in self.loads])[which]
            capacity = found.means.capacity_requests_per_s
            stable = np.isfinite(found.means.means.tpot_s)
            made.append(
                Limit(
                    text="capacity",
                    cause=SLOW,
                    reach=_reach(np.log(capacity.value / asked), capacity, at_least=True),
                    kept=(capacity.low >= asked) & stable,
                    likely=(capacity.value >= asked) & stable,
                )
            )
            pending = ~stable  # a backlog without end has no latency: told once, by its capacity
        for number, limit in enumerate(self.timed[0]):
            max_ms = self.max_ms[which, number]
            latency = self._latency(found, which, number)
            with np.errstate(invalid="ignore", divide="ignore"):
                reach = _reach(np.log(max_ms / latency.value), latency, at_least=False)
                kept, likely = latency.high <= max_ms, latency.value <= max_ms
            reach = np.where(np.isnan(reach), -np.inf, reach)
            made.append(
                Limit(
                    text=limit.key,
                    cause=TTFT if limit.metric == "ttft" else SLOW,
                    reach=np.where(pending, np.inf, reach),
                    kept=kept | pending,
                    likely=likely | pending,
                )
            )
        return made

    def _latency(self, found: LoadAnswers, which: Ints, number: int) -> Range:
        """The latency that the limit of that number is on, of each pair's own load."""
        keys = [(of[number].metric, of[number].statistic) for of in self.timed]
        if len(set(keys)) == 1:
            return found.latency_ms[keys[0]]
        distinct = list(dict.fromkeys(keys))
        row, column = np.array([distinct.index(key) for key in keys])[which], np.arange(len(which))
        return each_column(
            lambda *arrays: np.stack(arrays)[row, column], *(found.latency_ms[key] for key in distinct)
        )

    def verdicts(self, pairs: Ints, count: Ints, found: LoadAnswers) -> tuple[Bools, Bools]:
        """Whether the limits that replicas can mend are kept, and whether they likely are; of a pair that
        none can mend the first is true, which ends the hunt."""
        kept, likely = np.ones(len(pairs), dtype=bool), np.ones(len(pairs), dtype=bool)
        for limit in self.limits(pairs, found):
            kept &= limit.kept
            likely &= limit.likely
        held = self.context(pairs, found)
        failed, hopeless = self._failed(pairs, count)
        return np.asarray(kept & ~failed | ~held | hopeless), np.asarray(likely & held & ~failed)

    def _failed(self, pairs: Ints, count: Ints) -> tuple[Bools, Bools]:
        """Where somebody tried it and it failed, and where a further replica would not mend that."""
        border = self.choice.border
        failed, hopeless = np.zeros(len(pairs), dtype=bool), np.zeros(len(pairs), dtype=bool)
        if border.failures:
            for at, (pair, replicas) in enumerate(zip(pairs.tolist(), count.tolist(), strict=True)):
                d = self.deployments[self.of[pair]].times(replicas)
                load = self.loads[self.load_of[pair]]
                kinds = {r.kind for r in border.refusals(d, replace(self.workload, load=load))}
                failed[at], hopeless[at] = bool(kinds), bool(kinds - {"capacity"})
        return failed, hopeless

    def fixed(self) -> tuple[Ints, LoadAnswers]:
        """The replicas that each has, and the answers with those."""
        count = np.array([d.replicas for d in self.deployments], dtype=np.intp)[self.of]
        return count, self.answers(np.arange(self.of.size), count)

    def counts(self) -> tuple[Ints, LoadAnswers]:
        """How many replicas each pair takes, and the answers with those."""
        fixed, singles = self.fixed()
        kind = self.loads[0].arrival.kind
        if kind in ("single", "maximum") or filled(self.choice) is not None:
            return fixed, singles
        hunted = np.flatnonzero(singles.means.fits)
        most, guess = self._bounds(hunted, singles)

        def verdicts(at: Ints, counts: Ints) -> tuple[Bools, Bools]:
            return self.verdicts(hunted[at], counts, self.answers(hunted[at], counts))

        count = fixed.copy()
        count[hunted] = hunt(
            most, guess, self.verdicts(hunted, fixed[hunted], singles.take(hunted)), verdicts
        )
        changed = np.flatnonzero(count != fixed)
        if not len(changed):
            return count, singles
        return count, singles.replace_at(changed, self.answers(changed, count[changed]))

    def _bounds(self, pairs: Ints, singles: LoadAnswers) -> tuple[Ints, Ints]:
        value = np.array([load.arrival.value or 1.0 for load in self.loads])[self.load_of[pairs]]
        needed = np.ones(len(pairs))
        rate = self.loads[0].arrival.kind == "rate"
        if rate:
            low = singles.means.capacity_requests_per_s.low[pairs]
            known = np.isfinite(low) & (low > 0)
            needed = np.where(known, np.maximum(np.ceil(value / np.where(known, low, 1.0)), 1.0), 1.0)
        most: Floats = SPARE * needed
        degree = np.array([d.tensor_parallel for d in self.deployments])[self.of[pairs]]
        if self.choice.space.max_gpus is not None:
            most = np.minimum(most, self.choice.space.max_gpus // degree)
        if not rate:
            most = np.minimum(most, np.floor(value))
        top = np.asarray(np.maximum(most, 1), dtype=np.intp)
        return top, np.minimum(np.asarray(needed, dtype=np.intp), top)

    def standings(self, quality: QualityModel | None, count: Ints, found: LoadAnswers) -> Standings:
        pairs = np.arange(self.of.size)
        possible = self.context(pairs, found)
        usd_per_hour = self._usd_per_hour(count)
        budget = self.choice.max_usd_per_hour
        if budget is not None:
            possible = possible & (usd_per_hour <= budget)
        possible = possible & self._within_border(count)
        known = {(d.format.name, d.kv_format): d for d in self.deployments}
        by_kind = {kind: self._recovery(d, quality) for kind, d in known.items()}
        recovery = [by_kind[d.format.name, d.kv_format] for d in self.deployments]
        limits = [*self.limits(pairs, found), *self._recovery_limit(recovery)]
        cost = _inverse(found.means.output_tokens_per_s, usd_per_hour / S_PER_HOUR * TOKENS_PER_MILLION)
        objective = self._objective(found, cost, recovery)
        shape = self.shape
        return Standings(
            workload=self.workload,
            loads=self.loads,
            deployments=tuple(self.deployments),
            replicas=count.reshape(shape),
            possible=possible.reshape(shape),
            limits=tuple(
                replace(
                    limit,
                    reach=limit.reach.reshape(shape),
                    kept=limit.kept.reshape(shape),
                    likely=limit.likely.reshape(shape),
                )
                for limit in limits
            ),
            objective=_known(objective.value).reshape(shape),
            objective_low=_known(objective.low).reshape(shape),
            objective_high=_known(objective.high).reshape(shape),
            usd_per_million=_known(cost.value).reshape(shape),
            recovery_low=np.array([-np.inf if r is None else r[1] for r in recovery]),
            recovery_high=np.array([-np.inf if r is None else r[2] for r in recovery]),
            distance=found.means.distance.reshape(shape),
            measured=found.means.measured.reshape(shape),
            answers=found,
        )

    def _within_border(self, count: Ints) -> Bools:
        """False where somebody tried it and it failed."""
        failed, _ = self._failed(np.arange(self.of.size), count)
        return np.asarray(~failed)

    def _usd_per_hour(self, count: Ints) -> Floats:
        prices = [self.choice.price_of(d.gpu, d.tensor_parallel) for d in self.deployments]
        one = [
            np.nan if price is None else price.usd_per_gpu_hour * d.tensor_parallel
            for price, d in zip(prices, self.deployments, strict=True)
        ]
        return np.asarray(np.array(one)[self.of] * count)

    def _recovery(
        self, deployment: Deployment, quality: QualityModel | None
    ) -> tuple[float, float, float] | None:
        if quality is None:
            return None
        known = quality.recovery(
            deployment.model,
            deployment.format.name,
            self.workload.quality.tasks,
            kv_format=deployment.kv_format,
        ).true
        return None if known is None else (known.value, known.low, known.high)

    def _recovery_limit(self, recovery: Sequence[tuple[float, float, float] | None]) -> list[Limit]:
        least = self.workload.quality.min_recovery
        if least is None:
            return []
        value, low, high = (
            np.array([np.nan if r is None else r[part] for r in recovery])[self.of] for part in range(3)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            slack = value - least
            reach = Z90 * slack / np.where(slack >= 0, value - low, high - value)
            reach = np.where(slack == 0, 0.0, reach)
        return [
            Limit(
                text="recovery",
                cause=RECOVERY,
                reach=np.where(np.isnan(reach), -np.inf, reach),
                kept=low >= least,
                likely=value >= least,
            )
        ]

    def _objective(
        self, found: LoadAnswers, cost: Range, recovery: Sequence[tuple[float, float, float] | None]
    ) -> Range:
        objective = self.workload.objective
        if objective == "cost":
            return cost
        if objective == "latency":
            return found.latency_ms["e2e", "mean"]
        if objective == "throughput":
            open_loop = self.loads[0].arrival.kind == "rate"
            served = found.means.capacity_requests_per_s if open_loop else found.means.requests_per_s
            return _inverse(served, np.ones(self.of.size))
        value, low, high = (
            np.array([np.nan if r is None else r[part] for r in recovery])[self.of] for part in range(3)
        )
        return Range(value=2 - value, low=2 - high, high=2 - low)


def _reach(slack: Floats, of: Range, *, at_least: bool) -> Floats:
    """Standard deviations to the limit, on the side of the interval that it lies on; slack in logs."""
    with np.errstate(invalid="ignore", divide="ignore"):
        down, up = np.log(of.value / of.low), np.log(of.high / of.value)
        worse, better = (down, up) if at_least else (up, down)
        reach = Z90 * slack / np.where(slack >= 0, worse, better)
        return np.asarray(np.where((slack == 0) | np.isnan(reach) & np.isfinite(slack), 0.0, reach))


def _inverse(of: Range, factor: Floats) -> Range:
    """factor ÷ values, ends swapped; NaN where there is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        made = Range(value=factor / of.value, low=factor / of.high, high=factor / of.low)
    lost = ~(of.low > 0)
    return Range(**{f.name: np.where(lost, np.nan, getattr(made, f.name)) for f in fields(Range)})


def _known(value: Floats) -> Floats:
    return np.asarray(np.where(np.isfinite(value), value, np.inf))
