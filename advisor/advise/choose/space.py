"""Which deployments there are to choose from: format × KV type × GPU × tensor parallel, one replica each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from advisor.cost.predict.prediction import Prediction
from advisor.spec.deployment import Deployment, KvFormat
from advisor.spec.engines.engine import Engine
from advisor.spec.formats.catalog import find_kv_format
from advisor.spec.formats.format import QuantFormat
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.model import ModelSpec

TENSOR_PARALLEL = (1, 2, 4, 8, 16)
"""16 spans two nodes of eight, as the seed paper's 405B tables do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What may be chosen from. None = no bound, or every value that makes sense."""

    model: ModelSpec
    gpus: tuple[GpuSpec, ...]
    formats: tuple[QuantFormat, ...]
    kv_formats: tuple[KvFormat, ...] = ("16bit", "fp8")
    tensor_parallel: tuple[int, ...] | None = None
    num_gpus: int | None = None
    """Exactly so many GPUs in all."""
    max_gpus: int | None = None
    engine: Engine = Engine()


def deployments(space: Space) -> list[Deployment]:
    """Every deployment of one replica in the space whose GPU runs its format; in a fixed order."""
    found: list[Deployment] = []
    for gpu in space.gpus:
        kv_formats = [kv for kv in space.kv_formats if keeps_kv(gpu, kv)]
        degrees = list(_degrees(space, gpu))
        found += [
            Deployment(
                model=space.model,
                format=fmt,
                gpu=gpu,
                tensor_parallel=degree,
                kv_format=kv,
                engine=space.engine,
            )
            for fmt in space.formats
            if _runs(Deployment(model=space.model, format=fmt, gpu=gpu, engine=space.engine))
            for kv in kv_formats
            for degree in degrees
        ]
    return found


def unsupported(space: Space) -> list[Deployment]:
    """One deployment for each pair of GPU and format that the GPU, or the engine on it, cannot run."""
    every = (
        Deployment(model=space.model, format=fmt, gpu=gpu, engine=space.engine)
        for gpu in space.gpus
        for fmt in space.formats
    )
    return [d for d in every if not _runs(d)]


def _runs(d: Deployment) -> bool:
    """Whether the GPU has a kernel for the format and the engine knows it, whatever the degree and cache."""
    return d.format.execution(d.gpu) is not None and d.needs_engine is None


def keeps_kv(gpu: GpuSpec, kv: KvFormat) -> bool:
    """True when attention on `gpu` can read a cache of this type."""
    return find_kv_format(kv).execution(gpu) is not None


def divides(model: ModelSpec, degree: int) -> bool:
    """True when tensor parallelism of `degree` splits every layer's heads evenly.

    vLLM refuses query heads that do not divide; fewer KV heads than GPUs are copied, so those need
    only divide one way or the other, which query heads that divide imply.
    """
    return all(group.attention.query_heads % degree == 0 for group in model.groups)


def _degrees(space: Space, gpu: GpuSpec) -> Iterable[int]:
    asked = TENSOR_PARALLEL if space.tensor_parallel is None else space.tensor_parallel
    most = min(bound for bound in (space.max_gpus, space.num_gpus, max(asked)) if bound is not None)
    exact = space.num_gpus
    nodes = 2 if gpu.gpus_per_node >= 8 else 1
    for degree in asked:
        if degree > most or not divides(space.model, degree):
            continue
        if space.tensor_parallel is None and degree > max(nodes * gpu.gpus_per_node, 1):
            continue
        if exact is not None and exact % degree:
            continue
        yield degree


def smallest_count(predictions: Sequence[Prediction]) -> list[Prediction]:
    """Of each GPU, format and KV type the smallest tensor parallelism that fits (the largest where none
    does): the seed paper's synchronous convention."""
    best: dict[tuple[str, str, str], Prediction] = {}
    for prediction in sorted(predictions, key=_degree):
        d = prediction.deployment
        kind = (d.gpu.name, d.format.name, d.kv_format)
        if kind not in best or not best[kind].memory.fits:
            best[kind] = prediction
    return list(best.values())


def sixteen_bit_count(sixteen_bit: Sequence[Prediction]) -> dict[str, int]:
    """GPUs by name: the smallest count at which the model fits at 16 bits, the largest tried where it
    never does."""
    needed: dict[str, Prediction] = {}
    for prediction in sorted(sixteen_bit, key=_degree):
        name = prediction.deployment.gpu.name
        if name not in needed or not needed[name].memory.fits:
            needed[name] = prediction
    return {name: prediction.deployment.tensor_parallel for name, prediction in needed.items()}


def arranged(
    predictions: Sequence[Prediction], needed: Mapping[str, int], count: int | None
) -> list[Deployment]:
    """Each deployment with the replicas that fill `count` GPUs, or what `needed` says of its GPU; those that
    do not divide it are left out.

    The seed paper's asynchronous tables fix the number of GPUs, not how a format uses them: their figures
    are those of the best split into replicas (70B INT4 on four H100 is four replicas of one).
    """
    found = []
    for prediction in predictions:
        d = prediction.deployment
        total = count or needed.get(d.gpu.name, 0)
        if total and total % d.tensor_parallel == 0:
            found.append(replace(d, replicas=total // d.tensor_parallel))
    return found


def best_arrangement(predictions: Sequence[Prediction]) -> list[Prediction]:
    """Of each GPU, format and KV type the split into replicas that serves most; one that fits if any does."""
    best: dict[tuple[str, str, str], Prediction] = {}
    for prediction in predictions:
        d = prediction.deployment
        kind = (d.gpu.name, d.format.name, d.kv_format)
        if kind not in best or _served(prediction) > _served(best[kind]):
            best[kind] = prediction
    return list(best.values())


def _served(prediction: Prediction) -> float:
    rate = prediction.capacity_requests_per_s
    return -1.0 if rate is None else rate.value


def _degree(prediction: Prediction) -> int:
    return prediction.deployment.tensor_parallel
