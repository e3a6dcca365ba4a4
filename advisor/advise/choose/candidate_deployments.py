"""Which deployments there are to choose from: format × KV type × GPU × tensor parallel, one replica each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from advisor.cost.quality.algorithm_and_maker import Recipe
from advisor.cost.quality.checkpoint_of_recipe import made_by
from advisor.spec.deployment import Deployment, KvChoice, resolved_kv
from advisor.spec.engines.engine import Engine
from advisor.spec.formats.format import QuantFormat
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.model import ModelSpec
from advisor.spec.parallelism import MAX_FLEET

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
    """Exactly so many GPUs in all, which are all paid for; those that make no whole replica stay idle."""
    max_gpus: int | None = None
    stock: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Most GPUs of a kind, by its name; the others are bounded by `max_gpus` alone."""
    nodes: int | None = None
    """At most so many machines for one replica; None: several only where one does not hold the model."""
    kv_where_needed: bool = False
    """True: an FP8 KV cache, too, where a 16-bit one does not hold the longest request."""
    unmeasured_formats: bool = True
    """False: only formats whose accuracy has been measured."""
    engine: Engine = Engine()
    recipe: Recipe | None = None
    """Where a checkpoint of a format is known by this recipe, it is the one that is served."""

    def most_gpus(self, gpu: GpuSpec) -> int | None:
        """How many of this kind there may be at most, all replicas together; None = no bound."""
        bounds = (self.max_gpus, self.num_gpus, self.stock.get(gpu.name))
        return min((bound for bound in bounds if bound is not None), default=None)

    def searched_gpus(self, gpu: GpuSpec) -> int:
        """How many of this kind a search goes to, all replicas together."""
        bound = self.most_gpus(gpu)
        return MAX_FLEET if bound is None else bound

    @property
    def is_bounded(self) -> bool:
        """Whether any number of GPUs is bounded."""
        return self.max_gpus is not None or self.num_gpus is not None or bool(self.stock)

    def unbounded(self) -> Space:
        """This space without a bound on the number of GPUs."""
        return replace(self, max_gpus=None, num_gpus=None, stock={})


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
    if space.recipe is not None:
        single = made_by(single, space.recipe) or single
    chosen = resolved_kv(
        kv,
        model=space.model,
        format=fmt,
        gpu=gpu,
        engine=space.engine,
        parallelism=single.parallelism,
        checkpoint=single.checkpoint,
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
            tried = (_one(space, gpu, fmt, space.kv_formats[0], degree) for degree in degrees)
            if not any(starts(d) for d in tried):
                found.append(_one(space, gpu, fmt, space.kv_formats[0], degrees[0]))
    return found


def starts(d: Deployment) -> bool:
    """Whether vLLM starts it, and the cost model knows the format's speed on the GPU."""
    return d.format.execution(d.gpu) is not None and d.kernels.starts


def _degrees(space: Space, gpu: GpuSpec) -> Iterator[int]:
    """GPUs of one replica: as named, else powers of two and whole machines; within every bound."""
    most = space.most_gpus(gpu)
    bounds = [] if most is None else [most]
    tried = space.tensor_parallel
    if tried is None:
        machine = max(gpu.gpus_per_node, 1)
        whole = (machine * n for n in range(1, (space.nodes or 0) + 1))
        tried = tuple(sorted({*TENSOR_PARALLEL, *whole}))
        bounds.append(machine * (space.nodes or (2 if machine >= 8 else 1)))
    for degree in tried:
        if all(degree <= bound for bound in bounds):
            yield degree
