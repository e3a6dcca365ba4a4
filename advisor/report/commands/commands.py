"""What to type to run a deployment: the checkpoint, the recipe that makes one, the `vllm serve` command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import TypeAlias

from advisor.cost.predict.prediction import Prediction
from advisor.report.commands.recipe import recipe_yaml
from advisor.spec.deployment import Deployment
from advisor.spec.models.catalog import known_checkpoint

Setting: TypeAlias = str | int | float | bool
"""Value of an option of `vllm serve`."""

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
    settings: Mapping[str, Setting] = field(hash=False)
    """The options in `serve`, as its `--config` file writes them."""
    recipe: str | None
    """llm-compressor's recipe, YAML, that makes the checkpoint; None when it is published or not needed."""


def commands_for(prediction: Prediction) -> Commands:
    """The commands for the prediction's deployment, with room for its load's longest request."""
    deployment = prediction.deployment
    checkpoint, published = checkpoint_of(deployment)
    max_model_len = _max_model_len(prediction)
    return Commands(
        checkpoint=checkpoint,
        published=published,
        serve=serve_command(deployment, checkpoint, max_model_len=max_model_len),
        settings=serve_settings(deployment, max_model_len=max_model_len),
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


def parallel_split(deployment: Deployment) -> tuple[int, int]:
    """GPUs that share each layer, and groups of layers: tensor parallel within a node, pipeline across.

    vLLM's documentation splits so across nodes, and the cost model assumes it.
    """
    gpus = deployment.tensor_parallel
    most = min(gpus, max(deployment.gpu.gpus_per_node, 1))
    tensor = next(size for size in range(most, 0, -1) if gpus % size == 0)
    return tensor, gpus // tensor


def serve_settings(deployment: Deployment, *, max_model_len: int) -> dict[str, Setting]:
    """The options of `vllm serve`; those that are the engine's default are left out."""
    engine = deployment.engine
    tensor, pipeline = parallel_split(deployment)
    asked: dict[str, Setting | None] = {
        "tensor-parallel-size": tensor if tensor > 1 else None,
        "pipeline-parallel-size": pipeline if pipeline > 1 else None,
        "max-model-len": max_model_len,
        "kv-cache-dtype": "fp8" if deployment.kv_format == "fp8" else None,
        "dtype": "float16" if _needs_float16(deployment) else None,
        "max-num-seqs": engine.max_num_seqs,
        "max-num-batched-tokens": engine.max_num_batched_tokens,
        "gpu-memory-utilization": engine.gpu_memory_utilization,
        "enable-prefix-caching": engine.prefix_caching or None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def serve_command(deployment: Deployment, checkpoint: str, *, max_model_len: int) -> str:
    """The `vllm serve` command line."""
    settings = serve_settings(deployment, max_model_len=max_model_len)
    return shlex.join(["vllm", "serve", checkpoint, *option_words(settings)])


def option_words(settings: Mapping[str, Setting]) -> list[str]:
    """Settings as words of a command line."""
    words: list[str] = []
    for name, value in settings.items():
        words.append(f"--{name}")
        if not isinstance(value, bool):
            words.append(f"{value:g}" if isinstance(value, float) else str(value))
    return words


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
