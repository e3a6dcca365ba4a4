"""Recommendation: every deployment predicted, judged, ranked; what was refused and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from advisor.advise.choose import space as search
from advisor.advise.choose.assessment import Assessment, Refusal
from advisor.advise.choose.evaluate import Look
from advisor.advise.choose.failures import Border
from advisor.advise.choose.price import PriceOf, cost_of
from advisor.advise.choose.question import Choice, check_context, filled, statistics_of
from advisor.advise.choose.rank import pareto, rank, tied
from advisor.advise.choose.refusal import judge
from advisor.cost.predict.prediction import Prediction
from advisor.spec.deployment import Deployment, KvFormat
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.model import ModelSpec
from advisor.spec.workloads.workload import Workload

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.answer import Recovery
    from advisor.cost.quality.recovery import QualityModel

HOLDING_DEGREES = (1, 2, 4, 8, 16, 32)
"""Tensor parallelism tried to say what would hold a model that fits nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The ranked, the refused and what the answer rests on. Nothing kept the limits: `ranked` is empty."""

    model: ModelSpec
    workload: Workload
    ranked: tuple[Assessment, ...]
    """Those that keep every limit, best first."""
    refused: tuple[Assessment, ...]
    """The rest with the reasons, the nearest miss first."""
    pareto: tuple[Assessment, ...]
    """The ranked that no other beats in cost, latency and recovery at once."""
    smallest: Prediction | None = None
    """When the model fits nowhere: the smallest deployment that would hold it; None = none we know."""
    notes: tuple[str, ...] = ()
    """What was assumed or left out, one line each."""
    fit: Mapping[str, object] = field(default_factory=dict, hash=False)
    """What the numbers rest on: rows, sources, held-out error."""
    choice: Choice | None = field(default=None, repr=False, compare=False)
    """What was chosen from; None for an answer made by hand."""

    @property
    def winner(self) -> Assessment | None:
        return self.ranked[0] if self.ranked else None

    @property
    def closest(self) -> Assessment | None:
        """Of the refused the one that misses its worst limit by the least; None when no miss is a matter of
        degree."""
        graded = [a for a in self.refused if a.excess is not None]
        return graded[0] if graded else None

    @property
    def likely(self) -> tuple[Assessment, ...]:
        """The refused that keep every limit by their central estimates, best first: a measurement could
        admit them."""
        return rank([a for a in self.refused if a.likely], self.workload.objective)

    @property
    def ties(self) -> tuple[Assessment, ...]:
        """Those after the winner that the objective cannot tell from it."""
        objective = self.workload.objective
        return tuple(a for a in self.ranked[1:] if tied(self.ranked[0], a, objective))


def choose(choice: Choice, predictor: Predictor, quality: QualityModel | None = None) -> Recommendation:
    """Predict, judge and rank everything in `choice`; without `quality` nothing is known of accuracy.

    Raises InputError when the longest request is longer than the model's context.
    """
    workload, asked = choice.workload, choice.space
    check_context(asked.model, workload)
    unpriced = _unpriced(choice)
    space = replace(asked, gpus=tuple(gpu for gpu in asked.gpus if gpu not in unpriced))
    choice = replace(choice, space=space)
    predicted = with_recovery(_predict_all(choice, predictor), workload, quality)
    assessed = [
        assess(
            prediction,
            workload,
            choice.price_of,
            max_usd_per_hour=choice.max_usd_per_hour,
            border=choice.border,
        )
        for prediction in predicted
    ]
    ranked = rank([a for a in assessed if a.kept], workload.objective)
    refused = sorted((a for a in assessed if not a.kept), key=_nearest_miss)
    fits = not predicted or any(prediction.memory.fits for prediction in predicted)
    return Recommendation(
        model=space.model,
        workload=workload,
        ranked=ranked,
        refused=(
            *refused,
            *map(_no_price, search.deployments(replace(asked, gpus=unpriced))),
            *map(_cannot_run, search.unsupported(asked)),
        ),
        pareto=pareto(ranked),
        smallest=None if fits else _smallest_that_holds(choice, predictor),
        notes=(*choice.notes, *choice.border.notes(space.model.name, [gpu.name for gpu in asked.gpus])),
        fit=predictor.summary(),
        choice=choice,
    )


def _predict_all(choice: Choice, predictor: Predictor) -> list[Prediction]:
    """Every deployment to judge, with as many replicas as the workload's convention or its limits ask for."""
    workload, space = choice.workload, choice.space
    statistics = statistics_of(workload)

    def predict(deployments: Sequence[Deployment]) -> list[Prediction]:
        return predictor.predict(deployments, workload.load, statistics, goodput=workload.goodput)

    every = search.deployments(space)
    if workload.gpu_count == "smallest":
        return search.smallest_count(predict(every))
    if workload.gpu_count == "same":
        needed = search.sixteen_bit_count(predict(search.deployments(_sixteen_bit(choice))))
        return search.best_arrangement(predict(search.arranged(predict(every), needed, space.num_gpus)))
    fill = filled(choice)
    if fill is not None:
        return predict([d.times(max(1, fill // d.tensor_parallel)) for d in every])
    if not every:
        return []
    count, _ = Look(choice, (workload.load,), predictor, every).counts()
    return predict([d.times(n) for d, n in zip(every, count.tolist(), strict=True)])


def with_recovery(
    predictions: Sequence[Prediction], workload: Workload, quality: QualityModel | None
) -> list[Prediction]:
    """The predictions with what is known of each format's accuracy on the workload's tasks.

    The recovery itself is taken, not where a new measurement of it would fall: a limit is on what is lost,
    not on the noise of a benchmark.
    """
    if quality is None:
        return list(predictions)
    known: dict[tuple[str, KvFormat], Recovery] = {}
    result = []
    for prediction in predictions:
        d = prediction.deployment
        kind = (d.format.name, d.kv_format)
        if kind not in known:
            known[kind] = quality.recovery(
                d.model, d.format.name, workload.quality.tasks, kv_format=d.kv_format
            )
        recovery = known[kind]
        note = "; ".join(part for part in (recovery.evidence, recovery.note, *recovery.warnings) if part)
        result.append(replace(prediction, recovery=recovery.true, recovery_note=note))
    return result


def _sixteen_bit(choice: Choice) -> search.Space:
    formats = tuple(f for f in choice.every_format if f.weight_bits == 16)
    return replace(choice.space, formats=formats, kv_formats=("16bit",))


def assess(
    prediction: Prediction,
    workload: Workload,
    price_of: PriceOf,
    *,
    max_usd_per_hour: float | None = None,
    border: Border | None = None,
) -> Assessment:
    """The prediction with its cost and the limits it misses, or was seen to miss."""
    cost = cost_of(prediction, price_of)
    seen = () if border is None else border.refusals(prediction.deployment, workload)
    kinds = {refusal.kind for refusal in seen}
    judged = judge(prediction, workload, cost=cost, max_usd_per_hour=max_usd_per_hour)
    refusals = (*seen, *(refusal for refusal in judged if refusal.kind not in kinds))
    return Assessment(deployment=prediction.deployment, prediction=prediction, cost=cost, refusals=refusals)


def _unpriced(choice: Choice) -> tuple[GpuSpec, ...]:
    """GPUs that cannot be put in order, because cost decides and nobody's price of them is known."""
    if choice.workload.objective != "cost":
        return ()
    return tuple(gpu for gpu in choice.space.gpus if choice.price_of(gpu, 1) is None)


def _no_price(deployment: Deployment) -> Assessment:
    name = deployment.gpu.name
    refusal = Refusal(
        kind="price",
        limit="ranked by cost",
        words=f"no price of {name} is known; say --price {name}=USD_PER_HOUR",
    )
    return Assessment(deployment=deployment, prediction=None, cost=None, refusals=(refusal,))


def _cannot_run(deployment: Deployment) -> Assessment:
    if (need := deployment.needs_engine) is not None:
        old = Refusal(
            kind="engine",
            limit=f"vLLM >= {need.since} for {need.what}",
            words=f"{deployment.engine} is too old to serve it",
        )
        return Assessment(deployment=deployment, prediction=None, cost=None, refusals=(old,))
    refusal = Refusal(
        kind="format",
        limit=f"{deployment.gpu.name} runs {deployment.format.name}",
        words="vLLM has no kernel of this format for it",
    )
    return Assessment(deployment=deployment, prediction=None, cost=None, refusals=(refusal,))


def _nearest_miss(assessment: Assessment) -> tuple[bool, float, tuple[object, ...]]:
    """Sorts misses of a degree first, the smallest before, then the rest by name."""
    excess = assessment.excess
    return (excess is None, excess or 0.0, assessment.deployment.key)


def _smallest_that_holds(choice: Choice, predictor: Predictor) -> Prediction | None:
    """The fewest GPUs, then the least memory in all, that hold the model: first on the GPUs and in the
    formats asked for whatever their number, then on any GPU in any format."""
    own = replace(choice.space, num_gpus=None, max_gpus=None, tensor_parallel=HOLDING_DEGREES)
    anywhere = replace(own, gpus=choice.every_gpu, formats=choice.every_format)
    for space in (own, anywhere):
        predicted = predictor.predict(
            search.deployments(space), choice.workload.load, statistics_of(choice.workload)
        )
        holding = [p for p in predicted if p.memory.fits]
        if holding:
            return min(holding, key=_size)
    return None


def _size(prediction: Prediction) -> tuple[object, ...]:
    d = prediction.deployment
    # Of equal sizes the widest format: nothing is quantized further than the memory asks for.
    return (d.num_gpus, d.gpu.memory_bytes, -d.format.bits_per_weight, d.kv_format != "16bit", d.key)
