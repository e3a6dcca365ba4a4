"""The workload's conventions on GPU counts: which deployments are judged, with how many replicas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from advisor.advise.choose import candidate_deployments as search
from advisor.advise.choose.choice import Choice, fills_gpus
from advisor.advise.choose.deployment_cost import most_replicas, replicas_at_no_cost
from advisor.advise.choose.judged_table import JudgedTable
from advisor.cost.array_table import Bools, Ints
from advisor.cost.predict.predictor import Predictor
from advisor.spec.deployment import Deployment
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.workloads.workload import Arrival


def candidates(choice: Choice, predictor: Predictor) -> list[Deployment]:
    """The deployments to judge, with the replicas that a convention or a count of GPUs fixes."""
    space = choice.space
    gone = set(unpriced(choice))
    priced = replace(space, gpus=tuple(gpu for gpu in space.gpus if gpu not in gone)) if gone else space
    singles = search.deployments(priced)
    if choice.workload.gpu_count == "free":
        singles = sensible(space, singles, choice.workload.load.longest_context, predictor)
    if choice.workload.gpu_count == "smallest":
        return singles
    if choice.workload.gpu_count == "same":
        formats = tuple(f for f in choice.every_format if f.weight_bits == 16)
        wide = search.deployments(replace(priced, formats=formats, kv_formats=("16bit",)))
        fits = predictor.table(wide, choice.workload.load).fits.tolist() if wide else []
        return arranged(singles, sixteen_bit_count(wide, fits), space.num_gpus)
    if fills_gpus(choice):
        return [d.times(_replicas_held(choice, d)) for d in singles]
    if choice.workload.load.arrival.kind == "maximum":
        return [d.times(_replicas_paid_for(choice, d)) for d in singles]
    return singles


def _replicas_held(choice: Choice, d: Deployment) -> int:
    """The most replicas within every bound on GPUs and the budget; in a closed loop no more than there are
    clients, unless the number of GPUs is exact."""
    space, arrival, degree = choice.space, choice.workload.load.arrival, d.tensor_parallel
    most, price = space.most_gpus(d.gpu), choice.price_of(d.gpu, d.tensor_parallel)
    bounds: list[float] = [inf] if most is None else [most // degree]
    if space.num_gpus is None:
        if choice.max_usd_per_hour is not None and price is not None:
            bounds.append(most_replicas(price, degree, choice.max_usd_per_hour))
        bounds.append(most_busy(arrival))
    return max(int(min(bounds)), 1)


def _replicas_paid_for(choice: Choice, d: Deployment) -> int:
    """Replicas that the machine it must rent holds anyway: all requests at once use them all."""
    replicas = replicas_at_no_cost(choice.price_of(d.gpu, d.tensor_parallel), d.tensor_parallel)
    most = choice.space.most_gpus(d.gpu)
    return max(replicas if most is None else min(replicas, most // d.tensor_parallel), 1)


def machines(table: JudgedTable) -> tuple[Ints, Bools]:
    """(replicas of each pair that fill the machines, mask of the pairs that these hold).

    Of each kind of GPU there is one machine, or as many as a load's limits need; where nothing keeps those,
    as the model's memory needs. The number is one for all formats and splits, so that throughputs compare.
    """
    shape = table.replicas.shape
    degree = np.array([d.tensor_parallel for d in table.deployments])
    used, fits = degree * table.replicas, table.answers.fits.reshape(shape)
    held = np.ones(shape, dtype=np.intp)
    kinds: dict[str, list[int]] = {}
    for i, d in enumerate(table.deployments):
        kinds.setdefault(d.gpu.name, []).append(i)
    for at in kinds.values():
        machine = max(table.deployments[at[0]].gpu.gpus_per_node, 1)
        kept, held_by = (
            np.where(mask[:, at], used[:, at], np.inf).min(axis=1) for mask in (table.kept, fits)
        )
        least = np.where(np.isfinite(kept), kept, np.where(np.isfinite(held_by), held_by, 1.0))
        held[:, at] = (machine * np.ceil(least / machine)).astype(np.intp)[:, None]
    most = np.array([most_busy(load.arrival) for load in table.loads])[:, None]
    count = np.clip(np.minimum(held // degree, most), 1, None).astype(np.intp)
    return count, np.asarray(degree <= held)


def most_busy(arrival: Arrival) -> float:
    """Replicas that may have requests: in a closed loop no more than there are clients."""
    return arrival.value if arrival.kind == "concurrency" and arrival.value is not None else inf


def unpriced(choice: Choice) -> tuple[GpuSpec, ...]:
    """GPUs without a known price where all are searched; a GPU that was named is ranked without one."""
    if choice.space.gpus != choice.every_gpu:
        return ()
    return tuple(gpu for gpu in choice.space.gpus if choice.price_of(gpu, 1) is None)


def sensible(
    space: search.Space, singles: Sequence[Deployment], longest: int, predictor: Predictor
) -> list[Deployment]:
    """Without what nobody would deploy unless asked to: several machines where one holds the model, an FP8 KV
    cache where a 16-bit one holds the longest request."""
    held = predictor.max_context(singles) >= longest if singles else np.zeros(0, dtype=bool)
    is_free = space.nodes is None and space.tensor_parallel is None
    spread = [is_free and d.parallelism.nodes > 1 for d in singles]
    on_one = {_kind(d) for d, holds, wide in zip(singles, held, spread, strict=True) if holds and not wide}
    left = [
        (d, h) for d, h, wide in zip(singles, held, spread, strict=True) if not (wide and _kind(d) in on_one)
    ]
    if not space.kv_where_needed:
        return [d for d, _ in left]
    narrow = {d.key: d.with_kv("fp8") for d, holds in left if not holds}
    narrow = {key: d for key, d in narrow.items() if d.kernels.starts}
    if narrow:
        enough = predictor.max_context(list(narrow.values())) >= longest
        narrow = {key: d for (key, d), holds in zip(narrow.items(), enough.tolist(), strict=True) if holds}
    return [each for d, _ in left for each in (d, *([narrow[d.key]] if d.key in narrow else []))]


def _kind(d: Deployment) -> tuple[str, str, str]:
    return (d.gpu.name, d.format.name, d.kv_format)


def sixteen_bit_count(wide: Sequence[Deployment], fits: Sequence[bool]) -> dict[str, int]:
    """GPUs by name: the smallest count at which the model fits at 16 bits, the largest tried where it
    never does."""
    needed: dict[str, tuple[bool, int]] = {}
    for d, fit in sorted(zip(wide, fits, strict=True), key=lambda one: one[0].tensor_parallel):
        if not needed.get(d.gpu.name, (False, 0))[0]:
            needed[d.gpu.name] = (fit, d.tensor_parallel)
    return {name: count for name, (_, count) in needed.items()}


def arranged(singles: Sequence[Deployment], needed: Mapping[str, int], count: int | None) -> list[Deployment]:
    """Each deployment with the replicas that `count` GPUs hold, or what `needed` says of its GPU; those of
    which they hold none are left out.

    The seed paper's asynchronous tables fix the number of GPUs, not how a format uses them: their figures
    are those of the best split into replicas (70B INT4 on four H100 is four replicas of one).
    """
    totals = [(d, count or needed.get(d.gpu.name, 0)) for d in singles]
    return [d.times(total // d.tensor_parallel) for d, total in totals if total >= d.tensor_parallel]


def by_convention(choice: Choice, table: JudgedTable) -> Bools:
    """Mask of the pairs that the workload's convention on GPU counts leaves to choose from.

    smallest: of each GPU, format and KV type the fewest GPUs that hold it (the most tried where none does).
    same: the split into replicas that serves most.
    """
    shape = table.replicas.shape
    if choice.workload.gpu_count == "free":
        return np.ones(shape, dtype=bool)
    kinds: dict[tuple[str, str, str], list[int]] = {}
    for i, d in enumerate(table.deployments):
        kinds.setdefault(_kind(d), []).append(i)
    fits = table.answers.fits.reshape(shape)
    served = np.nan_to_num(table.answers.capacity_requests_per_s.value, nan=-1.0).reshape(shape)
    mask = np.zeros(shape, dtype=bool)
    for at in kinds.values():
        order = np.array(sorted(at, key=lambda i: table.deployments[i].tensor_parallel))
        if choice.workload.gpu_count == "smallest":
            fit = fits[:, order]
            chosen = np.where(fit.any(axis=1), order[np.argmax(fit, axis=1)], order[-1])
        else:
            chosen = np.array(at)[np.argmax(served[:, at], axis=1)]
        mask[np.arange(shape[0]), chosen] = True
    return mask
