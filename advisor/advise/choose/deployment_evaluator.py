"""DeploymentEvaluator: pairs of load and deployment, judged with any number of replicas, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.choose import limits as limit
from advisor.advise.choose.assessment import RefusalKind
from advisor.advise.choose.choice import MEANS, Choice, fixes_replicas
from advisor.advise.choose.deployment_cost import inverse, usd_per_hour, usd_per_million
from advisor.advise.choose.judged_table import JudgedLimit, JudgedTable, least_margins, reshaped
from advisor.advise.choose.least_replicas import SPARE, Verdicts, min_replicas
from advisor.advise.choose.rank import objective_range
from advisor.cost.array_table import Floats, Ints, each_column
from advisor.cost.predict.prediction_table import PredictionTable, Range
from advisor.cost.predict.predictor import Predictor
from advisor.cost.quality.question_and_recovery import Recovery
from advisor.cost.serving.load_table import LoadTable, table_of_loads
from advisor.cost.uncertainty.joint_probability import RECOVERY, keeps_all, kept_by, probabilities
from advisor.spec.accuracy_benchmarks import SHORT_TOKENS
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Load, Workload

if TYPE_CHECKING:
    from advisor.cost.quality.quality_model import QualityModel


class DeploymentEvaluator:
    """The pairs of load and deployment, evaluated with any number of replicas."""

    def __init__(
        self,
        choice: Choice,
        loads: tuple[Load, ...],
        predictor: Predictor,
        deployments: list[Deployment],
        recoveries: Sequence[Recovery | None],
        timed: Sequence[tuple[limit.TimedLimit, ...]] | None = None,
        *,
        simulated: bool = False,
    ) -> None:
        """recoveries: of each deployment under each load, load by load. timed: for each load its limits in
        place of the workload's. simulated: as in `Predictor.table`; of one load only."""
        self.choice, self.loads, self.predictor = choice, loads, predictor
        self.workload = choice.workload
        self.deployments = deployments
        self.timed = [limit.timed_limits(choice.workload)] * len(loads) if timed is None else list(timed)
        asked = ((one.limit.metric, one.limit.statistic) for of in self.timed for one in of)
        self.statistics = tuple(dict.fromkeys((*MEANS, *asked)))
        self.shape = (len(loads), len(self.deployments))
        self.load_of, self.of = (x.ravel() for x in np.indices(self.shape))
        self.simulated = simulated
        self.recoveries = tuple(recoveries)
        self.accuracy = self._accuracy_limit()
        self.needed = self._needed()
        """The probability that the limits on speed must be kept with, for each pair."""

    def answers(self, pairs: Ints, count: Ints) -> PredictionTable:
        """The predictions for pairs with so many replicas each."""
        served, place = self._served(pairs, count)
        if len(self.loads) == 1:
            found = self.predictor.table(served, self.loads[0], self.statistics, simulated=self.simulated)
            return found.take(place)
        rows = replace(self._loads(pairs).shared_by(count), deployment=place)
        return self.predictor.table(served, rows, self.statistics)

    def _served(self, pairs: Ints, count: Ints) -> tuple[list[Deployment], Ints]:
        """The deployments with so many replicas, each once, and which of them each pair has."""
        made: dict[tuple[int, int], int] = {}
        served: list[Deployment] = []
        place = np.empty(len(pairs), dtype=np.intp)
        for n, (d, replicas) in enumerate(zip(self.of[pairs].tolist(), count.tolist(), strict=True)):
            if (d, replicas) not in made:
                made[d, replicas] = len(served)
                served.append(self.deployments[d].times(replicas))
            place[n] = made[d, replicas]
        return served, place

    def _loads(self, pairs: Ints) -> LoadTable:
        return table_of_loads(self.loads).take(self.load_of[pairs])

    def speed_limits(self, pairs: Ints, count: Ints, of: limit.Pairs, least: Floats) -> list[JudgedLimit]:
        """The limits that further replicas can mend; arrays are flat.

        least: the probability below which it does not matter how seldom a pair keeps them.
        """
        capacity = limit.capacity_limit(of)
        latencies = list(limit.latency_limits(of, self.timed))
        if capacity is None or not latencies:
            return [*([] if capacity is None else [capacity]), *latencies]
        at, full = limit.nearly_full(of, count)
        stated = probabilities(capacity.margin_sd[at]) >= least[at]
        at, full = at[stated], full[stated]
        if not len(at):
            return [capacity, *latencies]
        there = limit.latency_limits(self._at_rates(pairs[at], count[at], full), self.timed)
        confidence = self.workload.confidence
        return [
            capacity,
            *(limit.at_full_load(one, at, f, confidence) for one, f in zip(latencies, there, strict=True)),
        ]

    def _at_rates(self, pairs: Ints, count: Ints, rates: Floats) -> limit.Pairs:
        """The pairs as the closed form has them at other rates than their loads'."""
        served, place = self._served(pairs, count)
        rows = replace(self._loads(pairs), level=rates).shared_by(count)
        rows = replace(rows, deployment=place)
        return self._pairs(pairs, self.predictor.table(served, rows, self.statistics))

    def _evidence_limit(self) -> list[JudgedLimit]:
        """Where the accuracy of the format has been measured."""
        if self.choice.space.unmeasured_formats or all(r is None for r in self.recoveries):
            return []
        measured = np.array([r is not None and r.true is not None for r in self.recoveries])
        return [JudgedLimit.certain("evidence", measured)]

    def _accuracy_limit(self) -> JudgedLimit | None:
        floor = self.workload.quality.min_recovery
        if floor is None:
            return None
        return limit.recovery_limit(floor, self.workload.confidence, self.recoveries)

    def _needed(self) -> Floats:
        """So that all limits are kept together, accuracy included; where that cannot be, as without it."""
        confidence = self.workload.confidence
        needed = np.full(self.of.size, confidence)
        if self.accuracy is None:
            return needed
        accurate = keeps_all({RECOVERY: self.accuracy.margin_sd}, 0.0)
        return np.where(accurate >= confidence, confidence / np.maximum(accurate, confidence), confidence)

    def _keeps_all(self, limits: Sequence[JudgedLimit]) -> Floats:
        """The probability that all of these limits are kept at once."""
        alone = self.loads[0].arrival.kind == "single"
        tie = 0.0 if alone else self.predictor.fit.shared.first_token
        uncertain = [one for one in limits if one.cause]
        if not uncertain:
            return np.ones(())
        return keeps_all(least_margins(uncertain), tie)

    def _pairs(self, pairs: Ints, found: PredictionTable) -> limit.Pairs:
        return limit.Pairs(self.loads, self.load_of[pairs], found, self.workload.confidence)

    def verdicts(self, pairs: Ints, count: Ints, found: PredictionTable) -> Verdicts:
        """Of the limits that replicas can mend; a pair that none can mend keeps them, which ends the
        search."""
        likely = np.ones(len(pairs), dtype=bool)
        of = self._pairs(pairs, found)
        judged = self.speed_limits(pairs, count, of, self.needed[self.of[pairs]])
        for one in judged:
            likely &= one.likely
        keeps = np.broadcast_to(self._keeps_all(judged), len(pairs))
        needed = self.needed[pairs] / limit.kv_cache_certainty(of)
        held = limit.memory_limit(of).kept & limit.context_limit(of).kept
        failed = self._failures(pairs, count)
        ruled_out, hopeless = failed != "", failed == "seen"
        least = np.min([one.margin_sd for one in judged], axis=0) if judged else np.full(len(pairs), np.inf)
        return Verdicts(
            kept=np.asarray((keeps >= needed) & ~ruled_out | ~held | hopeless),
            likely=np.asarray(likely & held & ~ruled_out),
            kept_by=kept_by(keeps, needed, least),
            likely_by=least,
        )

    def _failures(self, pairs: Ints, count: Ints) -> np.ndarray:
        """The kind of failure that rules each pair out: `seen`, which no replica mends, `capacity`, or ``."""
        found = np.full(len(pairs), "", dtype="U8")
        for at, kinds in self._known_failures(pairs, count):
            found[at] = "seen" if "seen" in kinds else "capacity"
        return found

    def _known_failures(self, pairs: Ints, count: Ints) -> list[tuple[int, dict[RefusalKind, float]]]:
        """(position, excess of each kind of failure) of the pairs that failed runs rule out."""
        border = self.choice.border
        if not border.failures:
            return []
        found = []
        for at, (pair, replicas) in enumerate(zip(pairs.tolist(), count.tolist(), strict=True)):
            d = self.deployments[self.of[pair]].times(replicas)
            load = self.loads[self.load_of[pair]]
            known = border.failures_of(d, replace(self.workload, load=load))
            if known:
                nan = float("nan")
                found.append((at, {f.kind: nan if f.excess is None else f.excess for f in known}))
        return found

    def fixed(self) -> tuple[Ints, PredictionTable]:
        """The replicas that each has, and the answers with those."""
        count = np.array([d.replicas for d in self.deployments], dtype=np.intp)[self.of]
        return count, self.answers(np.arange(self.of.size), count)

    def counts(self) -> tuple[Ints, PredictionTable]:
        """How many replicas each pair takes, and the answers with those."""
        fixed, singles = self.fixed()
        kind = self.loads[0].arrival.kind
        if kind in ("single", "maximum") or fixes_replicas(self.choice):
            return fixed, singles
        searched = np.flatnonzero(singles.fits)
        bounds = self._bounds(searched, singles)

        def verdicts(at: Ints, counts: Ints) -> Verdicts:
            return self.verdicts(searched[at], counts, self.answers(searched[at], counts))

        count = fixed.copy()
        first = self.verdicts(searched, fixed[searched], singles.take(searched))
        count[searched] = min_replicas(*bounds, first, verdicts)
        changed = np.flatnonzero(count != fixed)
        if not len(changed):
            return count, singles
        return count, singles.replace_at(changed, self.answers(changed, count[changed]))

    def _bounds(self, pairs: Ints, singles: PredictionTable) -> tuple[Ints, Ints, Ints]:
        """The most replicas that each of the pairs may take, those that its load needs, and the count to look
        at first: what the load needs, of clients so many that none waits for another."""
        rate = self.loads[0].arrival.kind == "rate"
        value = np.array([load.arrival.value or 1.0 for load in self.loads])[self.load_of[pairs]]
        needed = np.ones(len(pairs))
        first = np.ceil(value / np.maximum(singles.max_concurrency[pairs], 1))
        if rate:
            low = singles.capacity_requests_per_s.low[pairs]
            known = np.isfinite(low) & (low > 0)
            first = needed = np.where(known, np.maximum(np.ceil(value / np.where(known, low, 1.0)), 1.0), 1.0)
        most: Floats = SPARE * needed if rate else np.floor(value)
        held = [self.choice.space.searched_gpus(d.gpu) // d.tensor_parallel for d in self.deployments]
        most = np.minimum(most, np.array(held)[self.of[pairs]])
        top = np.asarray(np.maximum(most, 1), dtype=np.intp)
        at_most = [np.minimum(np.asarray(count, dtype=np.intp), top) for count in (needed, first)]
        return top, at_most[0], at_most[1]

    def table(self, count: Ints, found: PredictionTable) -> JudgedTable:
        """Every limit of every pair with these replicas."""
        pairs = np.arange(self.of.size)
        of = self._pairs(pairs, found)
        prices = tuple(self.choice.price_of(d.gpu, d.tensor_parallel) for d in self.deployments)
        degree = np.array([d.tensor_parallel for d in self.deployments])[self.of]
        paid = self.choice.space.num_gpus or 0
        usd = usd_per_hour([prices[i] for i in self.of.tolist()], degree, count, least=paid)
        accuracy = self.accuracy
        judged = [
            *self._failed_limits(pairs, count),
            limit.memory_limit(of),
            limit.context_limit(of),
            limit.kv_cache_limit(of),
            *self.speed_limits(pairs, count, of, np.zeros(len(pairs))),
            *self._evidence_limit(),
            *([] if accuracy is None else [accuracy]),
            *limit.budget_limits(self.choice.max_usd_per_hour, usd),
        ]
        possible = np.ones(len(pairs), dtype=bool)
        for one in judged:
            possible &= one.kept if not one.cause else True
        cost = usd_per_million(usd, found.output_tokens_per_s)
        ranked_by = Range(value=usd, low=usd, high=usd) if self.workload.serves_given_clients else cost
        objective = self._objective(found, ranked_by)
        shape = self.shape
        return JudgedTable(
            workload=self.workload,
            loads=self.loads,
            deployments=tuple(self.deployments),
            replicas=count.reshape(shape),
            limits=tuple(reshaped(one, shape) for one in judged),
            keeps_all=np.where(possible, self._keeps_all(judged), 0.0).reshape(shape),
            objective=_known(objective, shape),
            usd_per_hour=usd.reshape(shape),
            usd_per_million=_known(cost, shape),
            prices=prices,
            recoveries=self.recoveries,
            answers=found,
            paid_gpus=paid,
        )

    def _failed_limits(self, pairs: Ints, count: Ints) -> list[JudgedLimit]:
        """One for each kind of failure that rules a pair out."""
        known = self._known_failures(pairs, count)
        made = []
        for kind in dict.fromkeys(kind for _, kinds in known for kind in kinds):
            kept, excess = np.ones(len(pairs), dtype=bool), np.full(len(pairs), np.nan)
            for at, kinds in known:
                if kind in kinds:
                    kept[at], excess[at] = False, kinds[kind]
            key = f"failed run, {kind}"
            made.append(JudgedLimit.certain("seen", kept, key=key, excess=excess))
        return made

    def _objective(self, found: PredictionTable, cost: Range) -> Range:
        open_loop = self.loads[0].arrival.kind == "rate"
        served = found.capacity_requests_per_s if open_loop else found.requests_per_s
        value, low, high = limit.recovery_range(self.recoveries)
        return objective_range(
            self.workload.objective,
            usd=cost,
            e2e_ms=found.latency_ms["e2e", "mean"],
            s_per_request=inverse(served, np.ones(self.of.size)),
            loss=Range(value=2 - value, low=2 - high, high=2 - low),
        )


def recoveries_under(
    loads: Sequence[Load], deployments: Sequence[Deployment], workload: Workload, quality: QualityModel | None
) -> tuple[Recovery | None, ...]:
    """What is known of each deployment's accuracy under each load, load by load: at the length that runs."""
    known: dict[int, tuple[Recovery | None, ...]] = {}
    found = []
    for load in loads:
        asked = replace(workload, load=load)
        # Up to what counts as short, no length tells from another.
        length = max(asked.context_tokens, SHORT_TOKENS)
        if length not in known:
            known[length] = recoveries_of(deployments, asked, quality)
        found.append(known[length])
    return tuple(recovery for row in found for recovery in row)


def recoveries_of(
    deployments: Sequence[Deployment], workload: Workload, quality: QualityModel | None
) -> tuple[Recovery | None, ...]:
    """What is known of each deployment's accuracy on the workload's tasks; each kind is looked up once."""
    if quality is None:
        return (None,) * len(deployments)
    from advisor.cost.quality.algorithm_and_maker import parse_recipe

    asked = workload.quality
    recipe = parse_recipe(asked.recipe) if asked.recipe else None
    known: dict[tuple[str, str, str], Recovery] = {}
    keys = [(d.format.name, d.kv_format, served_checkpoint(d)) for d in deployments]
    for d, key in zip(deployments, keys, strict=True):
        if key not in known:
            known[key] = quality.recovery(
                d.model,
                d.format.name,
                asked.tasks,
                recipe,
                kv_format=d.kv_format,
                context_tokens=workload.context_tokens,
                checkpoint=key[-1],
            )
    return tuple(known[key] for key in keys)


def served_checkpoint(deployment: Deployment) -> str:
    """The repository that starts there, which is not always the first listed; empty for one to be made."""
    return deployment.start.checkpoint.repo or ""


def _known(of: Range, shape: tuple[int, int]) -> Range:
    return each_column(lambda array: np.where(np.isfinite(array), array, np.inf).reshape(shape), of)
