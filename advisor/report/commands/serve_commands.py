"""What to type to run a deployment: the checkpoint, the recipe that makes one, the `vllm serve` command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from advisor.cost.predict.prediction import Prediction
from advisor.spec.deployment import Deployment
from advisor.spec.engines.model_starts import Start
from advisor.spec.engines.serve_options import Setting, engine_options, option_words
from advisor.spec.models.model import ModelSpec
from advisor.spec.workloads.length_distribution import share_longer

MODEL_LEN_STEP = 256
"""--max-model-len is rounded up to a multiple of this: a round number that leaves a little room."""

RARE_REQUEST = 1e-6
"""Share of requests that are longer than the server takes, below which it is not worth a line."""

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
    """What `vllm serve` loads: a repository on the Hub, the model's own folder, or the one `recipe` fills."""
    published: bool
    """True when the checkpoint is a repository on the Hub."""
    serve: str
    """For one replica."""
    settings: Mapping[str, Setting] = field(hash=False)
    """The options in `serve`, as its `--config` file writes them."""
    start: Start
    """The checkpoint's packaging and scheme, and the kernels that the figures assume."""
    recipe: str | None
    """llm-compressor's recipe, YAML, that makes the checkpoint; None when it is published or the user's, and
    of a size alone, which has no weights to quantize."""


def common_name(model: ModelSpec) -> str:
    """What requests call a model that several checkpoints serve behind one router."""
    return model.hf_id or model.name


def commands_for(prediction: Prediction) -> Commands:
    """The commands for the prediction's deployment, with room for its load's longest request."""
    deployment = prediction.deployment
    checkpoint, published = checkpoint_of(deployment)
    is_there = published or deployment.start.checkpoint.is_own or deployment.model.typical
    max_model_len = _max_model_len(prediction)
    recipe = None
    if not is_there:
        from advisor.report.commands.recipe import recipe_yaml

        recipe = recipe_yaml(_stored(deployment.format.name))
    return Commands(
        checkpoint=checkpoint,
        published=published,
        serve=serve_command(deployment, checkpoint, max_model_len=max_model_len),
        settings=serve_settings(deployment, max_model_len=max_model_len),
        start=deployment.start,
        recipe=recipe,
    )


def remarks(prediction: Prediction, commands: Commands) -> list[str]:
    """What to know before the command is typed, a clause each; a recipe is another line."""
    stands_in = commands.recipe is None and not commands.published
    return [*([stand_in_text(prediction, commands)] if stands_in else []), *cautions(prediction, commands)]


def cautions(prediction: Prediction, commands: Commands) -> list[str]:
    """What may go wrong with the command as it stands, and what its numbers count; a clause each."""
    found, gpu = [], prediction.deployment.gpu
    if gpu.devices_per_card > 1:
        found.append(
            f"one {gpu.name} card is {gpu.devices_per_card} GPUs to vLLM: counts, memory and prices here are "
            "of one of them"
        )
    if commands.published and commands.start.checkpoint.only_listed:
        found.append(f"{commands.checkpoint} is only listed: check that it exists")
    longer = share_longer(prediction.load, _max_model_len(prediction))
    if longer >= RARE_REQUEST:
        found.append(
            f"{100 * longer:.2g} % of requests are longer than --max-model-len and refused "
            "(HTTP 400); raise it to the longest that may come"
        )
    return found


def stand_in_text(prediction: Prediction, commands: Commands) -> str:
    """What a checkpoint's name that is neither published nor made by a recipe stands for."""
    deployment = prediction.deployment
    if deployment.model.typical:
        return (
            f"{commands.checkpoint} stands for your model in {deployment.format.name}; a size alone has none"
        )
    return f"{commands.checkpoint} stands for your model's folder"


def checkpoint_of(deployment: Deployment) -> tuple[str, bool]:
    """The name of the checkpoint that is served, and whether it is published."""
    served = deployment.start.checkpoint
    if served.repo is not None:
        return served.repo, True
    model, fmt = deployment.model, deployment.format
    if served.is_own:  # a folder of the user's
        return model.name, False
    return f"./{model.name}-{SUFFIXES.get(fmt.name, fmt.name)}", False


def parallel_split(deployment: Deployment) -> tuple[int, int]:
    """GPUs that share each layer, and groups of layers: tensor parallel within a node, pipeline across."""
    return deployment.parallelism.tensor, deployment.parallelism.pipeline


def serve_settings(deployment: Deployment, *, max_model_len: int) -> dict[str, Setting]:
    """The options of `vllm serve`; those that are the engine's default are left out."""
    split, start = deployment.parallelism, deployment.start
    requested: dict[str, Setting | None] = {
        "tensor-parallel-size": split.tensor if split.tensor > 1 else None,
        "pipeline-parallel-size": split.pipeline if split.pipeline > 1 else None,
        "data-parallel-size": split.data if split.data > 1 else None,
        "enable-expert-parallel": split.expert or start.kernels.expert_parallel or None,
        "max-model-len": max_model_len,
        "kv-cache-dtype": _kv_cache_dtype(deployment),
        "dtype": "float16" if start.kernels.dtype == "fp16" else None,
        **engine_options(deployment.engine),
    }
    return {name: value for name, value in requested.items() if value is not None}


def _kv_cache_dtype(deployment: Deployment) -> str | None:
    """None where vLLM takes that type by itself: it follows the checkpoint's KV scales."""
    if deployment.kv_format == deployment.with_kv("auto").kv_format:
        return None
    if deployment.kv_format == "fp8":
        return "fp8"
    return "float16" if deployment.kernels.dtype == "fp16" else "bfloat16"


def serve_command(deployment: Deployment, checkpoint: str, *, max_model_len: int) -> str:
    """The `vllm serve` command line."""
    settings = serve_settings(deployment, max_model_len=max_model_len)
    return shlex.join(["vllm", "serve", checkpoint, *option_words(settings)])


def _stored(format_name: str) -> str:
    """The format of the stored checkpoint: FP8 run weight-only is the same file as FP8."""
    return "fp8" if format_name == "fp8-w8a16" else format_name


def _max_model_len(prediction: Prediction) -> int:
    needed = prediction.load.longest_context
    rounded = MODEL_LEN_STEP * ceil(needed / MODEL_LEN_STEP)
    return max(needed, min(rounded, prediction.memory.max_context, prediction.deployment.model.max_context))
