"""Deployment: a model in a format on so many GPUs, run by an engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from advisor.errors import InputError
from advisor.spec.engines.engine import Engine
from advisor.spec.engines.kernel_choice import KernelChoice, KvFormat
from advisor.spec.engines.model_starts import Start, starts_of
from advisor.spec.formats.checkpoint import Checkpoint
from advisor.spec.formats.format import QuantFormat
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.model import ModelSpec
from advisor.spec.parallelism import Parallelism

KvChoice = Literal["auto", "16bit", "fp8"]
"""auto: as the checkpoint says, as vLLM does without a flag."""


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Deployment:
    """model × format × KV type × GPU × parallel sizes × replicas, on one engine."""

    model: ModelSpec
    format: QuantFormat
    gpu: GpuSpec
    parallelism: Parallelism
    kv_format: KvFormat
    engine: Engine
    checkpoint: Checkpoint | None
    """The weights to load; None = the first of the format that starts (see `start`)."""

    def __init__(
        self,
        *,
        model: ModelSpec,
        format: QuantFormat,
        gpu: GpuSpec,
        parallelism: Parallelism | None = None,
        tensor_parallel: int | None = None,
        replicas: int | None = None,
        kv_format: KvFormat = "16bit",
        engine: Engine = Engine(),  # noqa: B008  a frozen value
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """`tensor_parallel` is the GPUs of one replica: pipeline parallel where they are on several machines.

        Both it and `replicas` win over what `parallelism` says.
        """
        split = parallelism
        if split is None or (tensor_parallel is not None and tensor_parallel != split.gpus_per_replica):
            split = _split(1 if tensor_parallel is None else tensor_parallel, gpu.gpus_per_node)
        if replicas is not None and replicas != split.replicas:
            split = _replicated(split, replicas)
        put = object.__setattr__
        put(self, "model", model)
        put(self, "format", format)
        put(self, "gpu", gpu)
        put(self, "parallelism", split)
        put(self, "kv_format", kv_format)
        put(self, "engine", engine)
        put(self, "checkpoint", checkpoint)

    @property
    def tensor_parallel(self) -> int:
        """GPUs of one replica: its tensor × pipeline × data parallel sizes."""
        return self.parallelism.gpus_per_replica

    @property
    def replicas(self) -> int:
        return self.parallelism.replicas

    @property
    def num_gpus(self) -> int:
        return self.parallelism.num_gpus

    @property
    def kv_bits(self) -> int:
        return 8 if self.kv_format == "fp8" else 16

    def times(self, replicas: int) -> Deployment:
        """This deployment with `replicas` replicas."""
        if replicas == self.replicas:
            return self
        # Not `replace`: a search asks this thousands of times, and of one field.
        return Deployment(
            model=self.model,
            format=self.format,
            gpu=self.gpu,
            parallelism=_replicated(self.parallelism, replicas),
            kv_format=self.kv_format,
            engine=self.engine,
            checkpoint=self.checkpoint,
        )

    def with_kv(self, kv: KvChoice) -> Deployment:
        """This deployment with a KV cache of this type; `auto` follows the checkpoint, as vLLM does."""
        chosen = resolved_kv(
            kv,
            model=self.model,
            format=self.format,
            gpu=self.gpu,
            engine=self.engine,
            parallelism=self.parallelism,
            checkpoint=self.checkpoint,
        )
        return self if chosen == self.kv_format else replace(self, kv_format=chosen)

    @property
    def start(self) -> Start:
        """The checkpoint that is served and the kernels it gets, or why none starts."""
        return starts_of(self.model).start(
            self.format.name,
            self.gpu,
            self.engine,
            self.parallelism,
            kv_format=self.kv_format,
            checkpoint=self.checkpoint,
        )

    @property
    def kernels(self) -> KernelChoice:
        """The kernels that run it; `starts` is False where vLLM refuses it."""
        return self.start.kernels

    @property
    def format_and_gpu(self) -> tuple[str, str]:
        """Names of both: deployments that share them are listed as one choice."""
        return self.format.name, self.gpu.name

    @property
    def replica_key(self) -> tuple[str, str, str, str, int]:
        """Names that tell a replica of this deployment from every other, whatever the engine."""
        return self.model.name, self.format.name, self.kv_format, self.gpu.name, self.tensor_parallel

    @property
    def key(self) -> tuple[str, str, str, str, int, int, str]:
        """Names that tell this deployment from every other."""
        return self.key_with(self.replicas)

    def key_with(self, replicas: int) -> tuple[str, str, str, str, int, int, str]:
        """The key of this deployment with so many replicas."""
        return (*self.replica_key, replicas, f"{self.engine.name} {self.engine.version}")


@lru_cache(maxsize=1024)
def _split(gpus: int, gpus_per_node: int) -> Parallelism:
    return Parallelism.of_gpus(gpus, gpus_per_node=gpus_per_node)


@lru_cache(maxsize=65_536)
def _replicated(split: Parallelism, replicas: int) -> Parallelism:
    return split.times(replicas)


def kv_choice(engine: Engine) -> KvChoice:
    """The KV type that an engine's settings ask for."""
    known: dict[str, KvChoice] = {"fp8": "fp8", "bfloat16": "16bit"}
    return known.get(engine.kv_cache_dtype, "auto")


def kv_formats(dtype: str | None) -> tuple[KvChoice, ...] | None:
    """The KV types that `--kv-cache-dtype` allows; None = the command's own default."""
    known: dict[str, tuple[KvChoice, ...]] = {
        "auto": ("auto",),
        "16bit": ("16bit",),
        "bfloat16": ("16bit",),
        "float16": ("16bit",),
        "fp8": ("fp8",),
        "fp8_e4m3": ("fp8",),
        "any": ("16bit", "fp8"),
    }
    if dtype is None:
        return None
    if dtype.lower() not in known:
        raise InputError(f"--kv-cache-dtype: unknown value '{dtype}'; known: auto, bfloat16, fp8, any")
    return known[dtype.lower()]


def resolved_kv(
    kv: KvChoice,
    *,
    model: ModelSpec,
    format: QuantFormat,
    gpu: GpuSpec,
    engine: Engine,
    parallelism: Parallelism | None = None,
    checkpoint: Checkpoint | None = None,
) -> KvFormat:
    """The KV type that vLLM would use: `auto` follows the checkpoint that would be served."""
    if kv != "auto":
        return kv
    split = parallelism or Parallelism()
    return starts_of(model).auto_kv(format.name, gpu, engine, split, checkpoint)
