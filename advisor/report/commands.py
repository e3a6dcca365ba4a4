"""What to type to run a deployment: the checkpoint, the recipe that makes one, the `vllm serve` command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from advisor.cost.prediction import Prediction
from advisor.report.recipe import recipe_yaml
from advisor.spec.deployment import Deployment
from advisor.spec.models import known_checkpoint

MODEL_LEN_STEP = 256
"""--max-model-len is rounded up to a multiple of this: a round number that leaves a little room."""

SUFFIXES: Mapping[str, str] = {
    "fp8": "FP8-dynamic",
    "fp8-w8a16": "FP8-dynamic",
    "int8": "quantized.w8a8",
    "int8-w8a16": "quantized.w8a16",
    "int4": "quantized.w4a16",
    "nvfp4": "NVFP4",
    "mxfp4": "MXFP4",
    "w4a8-fp8": "quantized.w4a8",
}
"""How checkpoints of a format are called on the Hub; what `recipe` writes is called alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """How to run one deployment."""

    checkpoint: str
    """What `vllm serve` loads: a repository on the Hub, or the folder that `recipe` fills."""
    published: bool
    """True when the checkpoint is published, or the model needs none but its own."""
    serve: str
    """For one replica."""
    recipe: str | None
    """llm-compressor's recipe, YAML, that makes the checkpoint; None when it is published or not needed."""


def commands_for(prediction: Prediction) -> Commands:
    """The commands for the prediction's deployment, with room for its load's longest request."""
    deployment = prediction.deployment
    checkpoint, published = checkpoint_of(deployment)
    return Commands(
        checkpoint=checkpoint,
        published=published,
        serve=serve_command(deployment, checkpoint, max_model_len=_max_model_len(prediction)),
        recipe=None if published else recipe_yaml(_stored(deployment.format.name)),
    )


def checkpoint_of(deployment: Deployment) -> tuple[str, bool]:
    """The name of the checkpoint in the deployment's format, and whether it is published."""
    model, fmt = deployment.model, deployment.format
    own = model.hf_id or model.name
    if fmt.name == model.native_format or (model.native_format is None and fmt.weight_bits == 16):
        return own, model.hf_id is not None
    known = known_checkpoint(model, _stored(fmt.name))
    if known is not None:
        return known, True
    return f"./{model.name}-{SUFFIXES.get(fmt.name, fmt.name)}", False


def serve_command(deployment: Deployment, checkpoint: str, *, max_model_len: int) -> str:
    """The `vllm serve` command line; settings that are the engine's default are left out."""
    engine = deployment.engine
    words = ["vllm", "serve", checkpoint]
    if deployment.tensor_parallel > 1:
        words += ["--tensor-parallel-size", str(deployment.tensor_parallel)]
    words += ["--max-model-len", str(max_model_len)]
    if deployment.kv_format == "fp8":
        words += ["--kv-cache-dtype", "fp8"]
    if _needs_float16(deployment):
        words += ["--dtype", "float16"]
    if engine.max_num_seqs is not None:
        words += ["--max-num-seqs", str(engine.max_num_seqs)]
    if engine.max_num_batched_tokens is not None:
        words += ["--max-num-batched-tokens", str(engine.max_num_batched_tokens)]
    if engine.gpu_memory_utilization is not None:
        words += ["--gpu-memory-utilization", f"{engine.gpu_memory_utilization:g}"]
    if engine.prefix_caching:
        words += ["--enable-prefix-caching"]
    return shlex.join(words)


def _stored(format_name: str) -> str:
    """The format of the stored checkpoint: FP8 run weight-only is the same file as FP8."""
    return "fp8" if format_name == "fp8-w8a16" else format_name


def _max_model_len(prediction: Prediction) -> int:
    needed = prediction.load.longest_context
    rounded = MODEL_LEN_STEP * ceil(needed / MODEL_LEN_STEP)
    return max(needed, min(rounded, prediction.memory.max_context, prediction.deployment.model.max_context))


def _needs_float16(deployment: Deployment) -> bool:
    """vLLM takes bfloat16 where the checkpoint says so, and refuses it on GPUs that lack it."""
    execution = deployment.format.execution(deployment.gpu)
    without_bf16 = deployment.gpu.dense_tflops.get("bf16") is None
    return deployment.format.name == "fp16" or (
        without_bf16 and execution is not None and execution.compute == "fp16"
    )
