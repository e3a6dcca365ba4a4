"""Which deployments there are to choose from: format × KV type × GPU × tensor parallel, one replica each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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
