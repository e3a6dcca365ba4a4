"""Deployment: a model in a format on so many GPUs, run by an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from advisor.errors import InputError
from advisor.spec.engines.engine import Engine, first_release_for, is_older
from advisor.spec.formats.format import QuantFormat
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.model import ModelSpec

KvFormat = Literal["16bit", "fp8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineNeed:
    """A release of the engine that is needed, and what needs it."""

    since: str
    what: str
    """The model's name or the format's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """model × format × KV type × GPU × tensor parallel × replicas, on one engine."""

    model: ModelSpec
    format: QuantFormat
    gpu: GpuSpec
    tensor_parallel: int = 1
    replicas: int = 1
    kv_format: KvFormat = "16bit"
    engine: Engine = Engine()

    @property
    def num_gpus(self) -> int:
        return self.tensor_parallel * self.replicas

    @property
    def kv_bits(self) -> int:
        return 8 if self.kv_format == "fp8" else 16

    def times(self, replicas: int) -> Deployment:
        """The same with so many replicas."""
        if replicas == self.replicas:
            return self
        # Not `replace`: a search asks this thousands of times, and of one field.
        return Deployment(
            model=self.model,
            format=self.format,
            gpu=self.gpu,
            tensor_parallel=self.tensor_parallel,
            replicas=replicas,
            kv_format=self.kv_format,
            engine=self.engine,
        )

    @property
    def needs_engine(self) -> EngineNeed | None:
        """The release that first serves the model, or runs the format on this GPU, where this one is older.

        A model that ships in the format has a layout of its own, of which the model's release alone is known.
        """
        if self.engine.takes_any_format:
            return None
        execution = self.format.execution(self.gpu)
        own = self.model.native_format == self.format.name
        needs = (
            (self.model.name, first_release_for(self.model.architecture)),
            (self.format.name, None if execution is None or own else execution.since),
        )
        found = None
        for what, since in needs:
            if (
                since is not None
                and is_older(self.engine.version, since)
                and (found is None or is_older(found.since, since))
            ):
                found = EngineNeed(since=since, what=what)
        return found

    @property
    def key(self) -> tuple[str, str, str, str, int, int, str]:
        """Names that tell this deployment from every other."""
        return (
            self.model.name,
            self.format.name,
            self.kv_format,
            self.gpu.name,
            self.tensor_parallel,
            self.replicas,
            f"{self.engine.name} {self.engine.version}",
        )


def kv_formats(dtype: str | None) -> tuple[KvFormat, ...] | None:
    """The KV types that `--kv-cache-dtype` allows; None = the command's own default."""
    known: dict[str, tuple[KvFormat, ...]] = {
        "auto": ("16bit",),
        "16bit": ("16bit",),
        "bfloat16": ("16bit",),
        "fp8": ("fp8",),
        "fp8_e4m3": ("fp8",),
        "any": ("16bit", "fp8"),
    }
    if dtype is None:
        return None
    if dtype.lower() not in known:
        raise InputError(f"--kv-cache-dtype: unknown value '{dtype}'; known: auto, fp8, any")
    return known[dtype.lower()]
