"""A step as a sum of kernel families: milliseconds of each, and what its speed rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from advisor.cost.step.deployment_work import DeploymentArrays
from advisor.cost.step.step_time import StepBreakdown
from advisor.units import MS_PER_S

KernelBasis = Literal["timed on this GPU", "timed on its architecture", "timed on other GPUs", "served"]
"""served: no kernel was timed alone; learnt from steps and requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelShare:
    """What one family of kernels takes of a step."""

    name: str
    ms: float
    basis: KernelBasis


def kernel_shares(
    breakdown: StepBreakdown, a: DeploymentArrays, kernels: Mapping[str, float]
) -> list[tuple[KernelShare, ...]]:
    """Each deployment's step by family of kernels, the longest first; `kernels` as `FittedSpeed` has it."""
    columns = [
        (name, parameter, (MS_PER_S * seconds).tolist())
        for name, parameter, seconds in (
            ("matrix products", None, breakdown.weights_s),
            ("lm_head", "read_bf16", breakdown.head_s),
            ("decode attention", "kv_read", breakdown.kv_s),
            ("prefill attention", "prefill_attention", breakdown.attention_s),
            ("norms, activations, quantization", "", breakdown.elementwise_s),
            ("all-reduces", "all_reduce_s", breakdown.communication_s),
            ("kernel starts and the engine", "", breakdown.overhead_s),
            ("launches without a CUDA graph", "", breakdown.eager_s + breakdown.launch_s),
        )
    ]
    found = []
    for i in range(len(a)):
        shares = []
        for name, parameter, ms in columns:
            if ms[i] <= 0.0:
                continue
            of_family = f"read_{a.kernel[i]}" if parameter is None else parameter
            family = f"{name} ({a.kernel[i]})" if parameter is None else name
            gpus = f"*{a.gpus[i]}" if parameter == "all_reduce_s" else ""
            basis = _basis(kernels, of_family, a.gpu[i] + gpus, a.architecture[i] + gpus)
            shares.append(KernelShare(name=family, ms=ms[i], basis=basis))
        found.append(tuple(sorted(shares, key=lambda one: -one.ms)))
    return found


def _basis(kernels: Mapping[str, float], parameter: str, gpu: str, architecture: str) -> KernelBasis:
    if f"{parameter}@{gpu}" in kernels:
        return "timed on this GPU"
    if f"{parameter}@{architecture}" in kernels:
        return "timed on its architecture"
    return "timed on other GPUs" if parameter in kernels else "served"
