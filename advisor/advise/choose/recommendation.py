"""Recommendation: every deployment judged; those that keep the limits ranked, the others with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.choose import candidate_deployments as search
from advisor.advise.choose.assessment import Assessment, RefusalKind
from advisor.advise.choose.certainty_frontier import Offer, Pick, frontier, offers, offers_of, picks
from advisor.advise.choose.choice import Choice, check_context, lacks_bound, statistics_of
from advisor.advise.choose.confirm_by_simulation import closed_form_note, confirmed
from advisor.advise.choose.deployment_cost import price_notes
from advisor.advise.choose.gpu_count import candidates, unpriced
from advisor.advise.choose.judge import judge
from advisor.advise.choose.judged_rows import OtherRows, Reason, TableRows, worst_excess
from advisor.advise.choose.judged_table import JudgedTable
from advisor.advise.choose.rank import AS_SURE, Decided, order, pareto, tied, what_decided
from advisor.cost.array_table import Floats, Ints
from advisor.cost.predict.prediction import Prediction
from advisor.display_text import ROUNDING, number, span, spread_text
from advisor.spec.deployment import Deployment
from advisor.spec.engines.start_table import known_releases
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.model import ModelSpec
from advisor.spec.workloads.workload import Workload
from advisor.units import GB, MS_PER_S

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

PRICE: RefusalKind = "price"
PATIENCE_S = 10.0
"""Mean seconds to the first token beyond which an answer without a limit on it says so."""
LITTLE_KNOWN = 0.2
"""Share of the KV cache that its interval may take from it before an answer says so."""
HOLDING_DEGREES = (1, 2, 4, 8, 16, 32)
"""Tensor parallelism tried to say what would hold a model that fits nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The ranked, the refused and what the answer rests on. Nothing kept the limits: `ranked` is empty."""

    model: ModelSpec
    workload: Workload
    ranked: Sequence[Assessment] = field(hash=False)
    """Deployments that keep every limit, best first."""
    refused: Sequence[Assessment] = field(hash=False)
    """The rest with the reasons: the likeliest to keep all limits first, of equals the nearest miss."""
    pareto: Sequence[Assessment] = field(hash=False)
    """The ranked that no other beats in cost, latency and recovery at once."""
    reasons: Sequence[Reason] = field(default=(), hash=False)
    """The refused by the limit that they miss by most."""
    likely: Sequence[Assessment] = field(default=(), hash=False)
    """The refused that keep every limit by their central estimates, best first, or the surest where nothing
    is ranked: a measurement could admit them."""
    ties: Sequence[Assessment] = field(default=(), hash=False)
    """Deployments after the winner whose objective is the same within its tolerance."""
    decided: tuple[Decided, ...] = ()
    """What put the first before each of the ranked, in their order."""
    picks: tuple[Pick, ...] = field(default=(), hash=False)
    """At most three to choose between: recommended, surer, cheaper."""
    frontier: tuple[Offer, ...] = field(default=(), hash=False)
    """What certainty costs: none is both dearer and less certain than another, the cheapest first."""
    smallest: Prediction | None = None
    """When the model fits nowhere: the smallest deployment that would hold it; None = none we know."""
    notes: tuple[str, ...] = ()
    """What was assumed or left out, one line each."""
    fit: Mapping[str, object] = field(default_factory=dict, hash=False)
    """What the numbers rest on: rows, sources, held-out error."""
    choice: Choice | None = field(default=None, repr=False, compare=False)
    """What was chosen from; None for an answer made by hand."""
    table: JudgedTable | None = field(default=None, repr=False, compare=False)
    """What the ranked and then the refused are rows of; None where nothing could be predicted."""

    def decided_against(self, other: Assessment) -> Decided:
        """What put the first before another of the ranked."""
        of = other.deployment.key
        return next(why for a, why in zip(self.ranked, self.decided, strict=True) if a.deployment.key == of)

    @property
    def winner(self) -> Assessment | None:
        return self.ranked[0] if self.ranked else None

    @property
    def budget(self) -> float | None:
        """The most USD per hour that may be paid; None without a budget."""
        return None if self.choice is None else self.choice.max_usd_per_hour

    @property
    def closest(self) -> Assessment | None:
        """The first of the refused; None when no miss is a matter of degree."""
        nearest = self.refused[0] if self.refused else None
        return None if nearest is None or nearest.excess is None else nearest


def choose(choice: Choice, predictor: Predictor, quality: QualityModel | None = None) -> Recommendation:
    """Predict, judge and rank everything in `choice`; without `quality` nothing is known of accuracy.

    Raises InputError when the longest request is longer than the model's context.
    """
    workload, asked = choice.workload, choice.space
    check_context(asked.model, workload)
    gone = unpriced(choice)
    if gone:
        choice = replace(choice, space=replace(asked, gpus=tuple(g for g in asked.gpus if g not in gone)))
    table = _judged(choice, predictor, quality)
    others = [
        *((_on_one(asked, gpu), PRICE) for gpu in gone),
        *_unsupported(asked),
    ]
    fits = table is None or bool(table.answers.fits.any())
    found = recommendation_of(
        choice,
        table,
        predictor,
        others,
        offered=[] if table is None else offers(choice, table, predictor, quality),
        smallest=None if fits else _smallest_that_holds(choice, predictor),
        notes=(
            *choice.notes,
            *choice.border.notes(asked.model.name, [gpu.name for gpu in asked.gpus]),
            *_price_notes(choice),
        ),
    )
    notes = (
        *_assumed_gpus(found),
        *found.notes,
        *closed_form_note(found.table),
        *_tight_memory(found),
        *_waits(found),
        *_spread(found),
    )
    return replace(found, notes=notes)


def _assumed_gpus(found: Recommendation) -> tuple[str, ...]:
    """Of how many GPUs the throughput is, where nobody said (see `gpu_count.machines`)."""
    if found.winner is None or found.choice is None or not lacks_bound(found.choice):
        return ()
    served = found.winner.deployment
    machine = max(served.gpu.gpus_per_node, 1)
    nodes = ceil(served.num_gpus / machine)
    there = "one machine" if nodes == 1 else f"{nodes:,} machines"
    gpus = f"{nodes * machine:,} {served.gpu.label}, {there}"
    return (f"throughput of at most {gpus}: --max-gpus sets another number",)


def _spread(found: Recommendation) -> tuple[str, ...]:
    """GPUs that the winner leaves idle, and how its replicas share few requests in flight."""
    if found.winner is None:
        return ()
    served = found.winner.deployment
    texts = [spread_text(served, found.workload.load)]
    there = None if found.choice is None else found.choice.space.num_gpus
    if there is not None and served.num_gpus < there:
        idle = there - served.num_gpus
        texts.insert(
            0, f"{idle:,} of the {there:,} GPUs {'stays' if idle == 1 else 'stay'} idle, and paid for"
        )
    return tuple(text for text in texts if text)


def _price_notes(choice: Choice) -> tuple[str, ...]:
    return price_notes(
        choice.space.gpus,
        choice.price_of,
        by_cost=choice.workload.objective == "cost",
        budget=choice.max_usd_per_hour is not None,
        pricing=choice.pricing,
    )


def _tight_memory(found: Recommendation) -> tuple[str, ...]:
    """That the room for the winner's KV cache is little known: how many sequences share a step, or whether
    the engine starts at all, depends on it."""
    prediction = None if found.winner is None else found.winner.prediction
    if prediction is None or prediction.memory.kv.low >= (1.0 - LITTLE_KNOWN) * prediction.memory.kv_bytes:
        return ()
    memory = prediction.memory
    usable, weights, own = (
        number(size / GB) for size in (memory.usable_bytes, memory.weight_bytes, memory.overhead_bytes)
    )
    return (
        f"the KV cache is what estimates leave: {span(memory.kv.scaled(1 / GB))} of {usable} GB per GPU, "
        f"after {weights} of weights and {own} of the engine's own. The probability counts whether it holds "
        'the longest request, not what less room costs in speed: check "GPU KV cache size" in vLLM\'s log',
    )


def _waits(found: Recommendation) -> tuple[str, ...]:
    """That the winner's first token takes longer than people wait, where no limit says how long they do."""
    first, workload = found.winner, found.workload
    limited = workload.goodput is not None or any(
        limit.metric in ("ttft", "e2e") for limit in workload.limits
    )
    ttft = None if first is None else first.estimate("ttft", "mean")
    offline = workload.load.arrival.kind == "maximum"
    if ttft is None or limited or offline or ttft.value < MS_PER_S * PATIENCE_S:
        return ()
    cache = "if prompts begin with what was sent before, say what share of them does (--prefix-hit-rate 95%)"
    return (
        f"the first token takes {number(ttft.value / MS_PER_S)} s on average, longer than anyone waits in a "
        f"chat: limit it (--slo ttft_p95=5s){'' if workload.load.prefix_hit_rate else f'; {cache}'}",
    )


def _judged(choice: Choice, predictor: Predictor, quality: QualityModel | None) -> JudgedTable | None:
    """Without what the workload's convention on GPU counts leaves out; None where there is nothing."""
    every = candidates(choice, predictor)
    if not every:
        return None
    table = judge(choice, [choice.workload.load], predictor, quality, among=every)
    left = [limit.kept[0] for limit in table.limits if limit.kind == "convention"]
    table = table.only(np.flatnonzero(left[0])) if left else table
    return confirmed(choice, table, predictor, quality)


def _on_one(space: search.Space, gpu: GpuSpec) -> Deployment:
    """What stands for all that a GPU without a price could run."""
    return Deployment(model=space.model, format=space.formats[0], gpu=gpu, engine=space.engine)


def recommendation_of(
    choice: Choice,
    table: JudgedTable | None,
    predictor: Predictor,
    others: Sequence[tuple[Deployment, RefusalKind]] = (),
    *,
    offered: Sequence[Offer] | None = None,
    smallest: Prediction | None = None,
    notes: tuple[str, ...] = (),
) -> Recommendation:
    """The answer that a judged table gives under its load. others: what could not be predicted. offered: what
    there is to pick from, the table's rows by default."""
    model, workload = choice.space.model, choice.workload
    if table is None:
        unpredicted = OtherRows(others)
        return Recommendation(
            model=model, workload=workload, ranked=(), refused=unpredicted.every(), pareto=(),
            reasons=unpredicted.reasons(), notes=notes, fit=predictor.summary(), choice=choice,
        )  # fmt: skip
    kept = table.kept[0]
    ranked, refused = order(table, 0, np.flatnonzero(kept)), _nearest_first(table, np.flatnonzero(~kept))
    table = table.only(np.concatenate([ranked, refused]))
    count = len(ranked)
    rows = TableRows(table, predictor, choice.border, others)
    likely = np.flatnonzero(table.likely[0])
    likely = order(table, 0, likely[likely >= count])
    if not count:
        likely = likely[np.argsort(-_shown(table)[likely], kind="stable")]
    found = offers_of(table) if offered is None else offered
    first = next(iter(offers_of(table.only(np.arange(1)))), None) if count else None
    made = picks(first, found, workload)
    objective = table.objective.value[0]
    tie = np.flatnonzero(tied(objective[:count], objective[0])) if count else np.array([], dtype=np.intp)
    return Recommendation(
        model=model,
        workload=workload,
        ranked=rows.some(range(count)),
        refused=rows.some(range(count, len(table.deployments) + len(others))),
        reasons=rows.reasons(),
        pareto=rows.some(pareto(_points(table)[:count])),
        likely=rows.some(likely.tolist()),
        ties=rows.some(i for i in tie.tolist() if i > 0),
        decided=tuple(what_decided(table, 0, range(count))) if count else (),
        picks=made,
        frontier=frontier(found, [pick.offer for pick in made]),
        smallest=smallest,
        notes=notes,
        fit=predictor.summary(),
        choice=choice,
        table=table,
    )


def _nearest_first(table: JudgedTable, at: Ints) -> Ints:
    """Misses of a degree first: the surest before, of equals the smallest miss; then the rest by name."""
    excess, served, sure = worst_excess(table), table.served(), _shown(table)
    known = {i: (-float(sure[i]), float(excess[i])) for i in at.tolist() if np.isfinite(excess[i])}
    keyed = sorted((i not in known, known.get(i, (0.0, 0.0)), served[i].key, i) for i in at.tolist())
    return np.array([one[-1] for one in keyed], dtype=np.intp)


def _shown(table: JudgedTable) -> Floats:
    """The probability of keeping all limits under the first load, to the per cent that is shown (`chance`);
    what draws cannot tell from none is none."""
    keeps = table.keeps_all[0]
    return np.asarray(np.where(keeps < AS_SURE, 0.0, np.floor(100 * keeps + ROUNDING) / 100))


def _points(table: JudgedTable) -> list[tuple[float, float, float]]:
    """Cost, latency and loss of every row under the first load; infinite where unknown."""
    latency = table.answers.latency_ms["e2e", "mean"].value
    columns = (
        table.usd_per_million.value[0],
        np.where(np.isfinite(latency), latency, np.inf),
        [np.inf if r is None or r.true is None else 2 - r.true.value for r in table.recoveries],
    )
    return list(zip(*(np.asarray(column).tolist() for column in columns), strict=True))


def _unsupported(space: search.Space) -> Iterator[tuple[Deployment, RefusalKind]]:
    """What vLLM starts nothing of, and whether that is the release's doing or the format's."""
    newest = replace(space.engine, version=known_releases()[0])
    for d in search.unsupported(space):
        by_release = d.kernels.refused_by in ("build", "model") or (
            newest != space.engine and replace(d, engine=newest).kernels.starts
        )
        yield d, "engine" if by_release else "format"


def _smallest_that_holds(choice: Choice, predictor: Predictor) -> Prediction | None:
    """The fewest GPUs, then the least memory in all, that hold the model: first on the GPUs and in the
    formats asked for whatever their number, then on any GPU in any format."""
    own = replace(choice.space.unbounded(), tensor_parallel=HOLDING_DEGREES)
    anywhere = replace(own, gpus=choice.every_gpu, formats=choice.every_format)
    for space in (own, anywhere):
        predicted = predictor.predictions(
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
