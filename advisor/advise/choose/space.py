"""Which deployments there are to choose from: format × KV type × GPU × tensor parallel, one replica each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from advisor.spec.deployment import Deployment, KvChoice, resolved_kv
from advisor.spec.engines.engine import Engine, newest_version
from advisor.spec.engines.model_starts import starts_of
from advisor.spec.formats.format import QuantFormat
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.model import ModelSpec
from advisor.spec.parallelism import Parallelism

TENSOR_PARALLEL = (1, 2, 4, 8, 16)
"""16 spans two nodes of eight, as the seed paper's 405B tables do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What may be chosen from. None = no bound, or every value that makes sense."""

    model: ModelSpec
    gpus: tuple[GpuSpec, ...]
    formats: tuple[QuantFormat, ...]
    kv_formats: tuple[KvChoice, ...] = ("16bit", "fp8")
    tensor_parallel: tuple[int, ...] | None = None
    num_gpus: int | None = None
    """Exactly so many GPUs in all."""
    max_gpus: int | None = None
    nodes: int | None = None
    """At most so many machines for one replica; None: several only where one does not hold the model."""
    kv_where_needed: bool = False
    """True: an FP8 KV cache, too, where a 16-bit one does not hold the longest request."""
    unmeasured_formats: bool = True
    """False: no format whose accuracy nobody measured."""
    engine: Engine = Engine()


def deployments(space: Space) -> list[Deployment]:
    """Every deployment of one replica in the space whose GPU runs its format; in a fixed order."""
    return [d for d in _every(space) if starts(d)]


def _every(space: Space) -> Iterator[Deployment]:
    """Every combination of the space, whether it starts or not."""
    for gpu in space.gpus:
        degrees = list(_degrees(space, gpu))
        for fmt in space.formats:
            for kv in space.kv_formats:
                for degree in degrees:
                    yield _one(space, gpu, fmt, kv, degree)


def _one(space: Space, gpu: GpuSpec, fmt: QuantFormat, kv: KvChoice, degree: int) -> Deployment:
    single = Deployment(model=space.model, format=fmt, gpu=gpu, tensor_parallel=degree, engine=space.engine)
    chosen = resolved_kv(
        kv, model=space.model, format=fmt, gpu=gpu, engine=space.engine, parallelism=single.parallelism
    )
    return single if chosen == "16bit" else replace(single, kv_format=chosen)


def unsupported(space: Space) -> list[Deployment]:
    """One deployment for each pair of GPU and format of which vLLM starts nothing in the space.

    The one on the fewest GPUs stands for the others, with what refuses it.
    """
    found: list[Deployment] = []
    for gpu in space.gpus:
        degrees = list(_degrees(space, gpu)) or [1]
        for fmt in space.formats:
            tried = [_one(space, gpu, fmt, space.kv_formats[0], degree) for degree in degrees]
            if not any(starts(d) for d in tried):
                found.append(tried[0])
    return found


def starts(d: Deployment) -> bool:
    """Whether vLLM starts it, and the cost model knows the format's speed on the GPU."""
    return d.format.execution(d.gpu) is not None and d.kernels.starts


def divides(model: ModelSpec, degree: int, version: str = "") -> bool:
    """True when vLLM splits the model over `degree` GPUs at 16 bits: heads, vocabulary, widths."""
    split = Parallelism(tensor=degree)
    return starts_of(model).split_misfit(split, version or newest_version()) is None


def _degrees(space: Space, gpu: GpuSpec) -> Iterable[int]:
    asked = TENSOR_PARALLEL if space.tensor_parallel is None else space.tensor_parallel
    most = min(bound for bound in (space.max_gpus, space.num_gpus, max(asked)) if bound is not None)
    exact = space.num_gpus
    machine = max(gpu.gpus_per_node, 1)
    nodes = space.nodes or (2 if machine >= 8 else 1)
    if space.tensor_parallel is None and space.nodes:
        asked = tuple(sorted({*asked, *(machine * n for n in range(1, nodes + 1))}))
        most = min(bound for bound in (space.max_gpus, space.num_gpus, max(asked)) if bound is not None)
    for degree in asked:
        if degree > most:
            continue
        if space.tensor_parallel is None and degree > nodes * machine:
            continue
        if exact is not None and exact % degree:
            continue
        yield degree
