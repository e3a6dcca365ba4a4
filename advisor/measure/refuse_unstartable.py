"""Whether vLLM would start what a plan measures, by the start table, before the first step takes its time."""

from __future__ import annotations

import contextlib

from advisor.errors import QuantAdviseError, UnsupportedError
from advisor.measure.steps.what_to_measure import Plan
from advisor.measure.tools.machine import Device
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.formats.checkpoint import SIXTEEN_BIT, Checkpoint, CheckpointKind, made_kind
from advisor.spec.formats.published_checkpoints import checkpoint_by_repo
from advisor.spec.formats.recipes import UNQUANTIZED
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.models.model import ModelSpec


def check_starts(plan: Plan, device: Device, engine_version: str | None) -> None:
    """Raises UnsupportedError for a format and GPU count that this vLLM refuses.

    Arguments of the user's own, an unknown GPU, model or checkpoint are left to vLLM: the table cannot say.
    """
    if engine_version is None or not device.in_catalog or plan.engine_args:
        return
    model: ModelSpec | None = None
    with contextlib.suppress(QuantAdviseError):
        model = find_model(plan.model)
    if model is None:
        return
    for format in plan.formats:
        kind = _kind(plan, model, format)
        if kind is None:
            continue
        for tensor_parallel in plan.tensor_parallel:
            deployment = Deployment(
                model=model,
                format=find_format(format),
                gpu=find_gpu(device.name),
                tensor_parallel=tensor_parallel,
                kv_format="fp8" if plan.kv_fp8 else "16bit",
                engine=Engine(version=engine_version.partition("+")[0]),
                checkpoint=Checkpoint(kind=kind, format=format),
            )
            choice = deployment.kernels
            if not choice.starts:
                raise UnsupportedError(
                    f"{format} on {tensor_parallel}x {device.name}: vllm {engine_version} does not start it "
                    f"({choice.why}); leave it out of the plan, or pass vLLM an argument that mends it"
                )


def _kind(plan: Plan, model: ModelSpec, format: str) -> CheckpointKind | None:
    """Packaging and scheme of the weights that the plan serves; None where they are unknown."""
    if plan.is_made(format):
        return made_kind(format)
    given = dict(plan.checkpoints).get(format)
    if given is None:
        return SIXTEEN_BIT if format in UNQUANTIZED else model.native_kind
    listed = checkpoint_by_repo(given)
    if listed is not None:
        return listed.kind
    with contextlib.suppress(QuantAdviseError):
        return find_model(given).native_kind
    return None
