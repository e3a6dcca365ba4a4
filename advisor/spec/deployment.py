"""Deployment: a model in a format on so many GPUs, run by an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from advisor.spec.engine import Engine, is_older
from advisor.spec.format import QuantFormat
from advisor.spec.gpu import GpuSpec
from advisor.spec.model import ModelSpec

KvFormat = Literal["16bit", "fp8"]


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

    @property
    def needs_engine(self) -> str | None:
        """The engine's release that first runs the format on this GPU, where this one is older.

        A model that ships in the format has a layout of its own, whose releases are not known here.
        """
        execution = self.format.execution(self.gpu)
        since = None if execution is None else execution.since
        if since is None or self.engine.takes_any_format or self.model.native_format == self.format.name:
            return None
        return since if is_older(self.engine.version, since) else None

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
