"""Which deployments were measured, and in which cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine, defaults
from advisor.spec.models.model import ModelSpec


class DeploymentKey(NamedTuple):
    """What the measurements of a deployment are filed under; engines count by generation."""

    shape: str
    format: str
    kv_format: str
    gpu: str
    num_gpus: int
    any_arrangement: bool
    """Whether the GPUs may be split into replicas in any way: some sources state a count of GPUs only."""
    generation: str


def shape_key(model: ModelSpec) -> str:
    """What models must have in common to be equally fast: R1-Distill-Llama-70B is a Llama-3.1-70B."""
    return f"{model.layers}x{model.hidden}x{model.vocab}/{round(model.linear_params / 1e6)}M"


def deployment_keys(d: Deployment, shape: str, generation: str) -> tuple[DeploymentKey, DeploymentKey]:
    """The key of one replica, and the key of all its GPUs however they are split."""
    fmt = "bf16" if d.format.weight_bits >= 16 else d.format.name
    stored = (shape, fmt, str(d.kv_format), d.gpu.name)
    return (
        DeploymentKey(*stored, d.tensor_parallel, False, generation),
        DeploymentKey(*stored, d.num_gpus, True, generation),
    )


def deployment_key(d: Deployment, *, any_arrangement: bool = False) -> DeploymentKey:
    """One of `deployment_keys`."""
    generation = defaults(d.engine, d.gpu).generation
    return deployment_keys(d, shape_key(d.model), generation)[int(any_arrangement)]


_SAME_CELL = {"gpu_memory_utilization", "kv_cache_dtype", "prefix_caching"}
"""Settings that a measurement may differ in: the share only bounds the cache, the type is part of its key,
and cells are of prompts that share nothing."""


def settings_of(d: Deployment) -> str:
    """The engine's settings that move speed and differ from the release's own; empty where none does."""
    stated = d.engine.stated.keys() - _SAME_CELL
    if not stated:
        return ""
    plain, used = defaults(Engine(version=d.engine.version), d.gpu), defaults(d.engine, d.gpu)
    moved = [name for name in stated if getattr(plain, name) != getattr(used, name)]
    return " ".join(f"{name}={getattr(used, name)}" for name in sorted(moved))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One deployment that the fit has measurements of."""

    model: str
    format: str
    gpu: str
    num_gpus: int
    engine: str
    source: str
    rows: int
    kernel: str
    """Family of GEMM kernels; see `step.work.KERNELS`."""
    key: DeploymentKey

    @property
    def text(self) -> str:
        gpus = f"{self.num_gpus} × {self.gpu}" if self.num_gpus > 1 else self.gpu
        return f"{self.model} {self.format} on {gpus}, {self.engine} ({self.source}, {self.rows} rows)"


class MeasuredCell(NamedTuple):
    """A mean or a percentile that was measured on a deployment."""

    release: str
    """Release of the engine: `0.11`."""
    input_tokens: float
    output_tokens: float
    load: str
    level: float | None
    """Clients or requests/s; None where the load has none."""
    quantity: str
    """ttft, tpot, e2e or throughput; of one's own runs also percentiles, such as `ttft p95`."""
    log_ratio: float
    """log(measured ÷ physics)."""
    rows: int
    settings: str = ""
    """Engine settings, from `settings_of`; own runs only, since published rows seldom state them all."""
    scatter: float = 0.0
    """Relative standard error that the run itself shows of its figure; 0 where it is not known."""
    value: float | None = None
    """The figure as the user's own run measured it, ms or per second; None of published rows."""
