"""What is to be said of a question before its answer: what stands in for what, and what nobody has read."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.advise.choose.candidate_deployments import Space
from advisor.cost.quality.algorithm_and_maker import Recipe
from advisor.cost.quality.checkpoint_of_recipe import is_known_by
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.engines.release import is_older
from advisor.spec.engines.start_table import known_releases
from advisor.spec.formats.format import QuantFormat
from advisor.spec.models.model import ModelSpec


def question_notes(space: Space) -> tuple[str, ...]:
    """All that is to be said of what may be chosen from."""
    return (
        *model_notes(space.model),
        *engine_notes(space.engine),
        *recipe_notes(space.model, space.formats, space.recipe),
    )


def model_notes(model: ModelSpec) -> tuple[str, ...]:
    """Encoders whose time does not count, or the shape that stands for a size."""
    if model.has_encoder:
        return (
            f"{model.name} takes images or sound, too: their tokens count as far as --image-tokens gives "
            "them, the time of the encoder does not",
        )
    if not model.typical:
        return ()
    shape = "mixture of experts" if model.is_moe else "dense shape"
    return (
        f"{model.name} is not a published model: a typical {shape} of that size ({model.layers} layers, "
        f"hidden {model.hidden}); name the model, or give its config.json, for an answer about it",
    )


def engine_notes(engine: Engine) -> tuple[str, ...]:
    """A release that came after the newest whose source was read."""
    newest = known_releases()[0]
    if not is_older(newest, engine.version):
        return ()
    return (f"{engine} is newer than what was read of vLLM: it is taken to start and run as {newest} does",)


def recipe_notes(model: ModelSpec, formats: Sequence[QuantFormat], recipe: Recipe | None) -> tuple[str, ...]:
    """A recipe by which no checkpoint of the model is known in any of the formats."""
    if recipe is None or any(is_known_by(model, form, recipe) for form in formats):
        return ()
    return (
        f"--recipe {recipe}: no checkpoint of {model.name} is known that is made so; another one is "
        "served, and accuracy is that of the recipe",
    )


def split_notes(deployment: Deployment) -> tuple[str, ...]:
    """GPUs of one replica that are more than a machine holds, which splits layers too."""
    split, gpu = deployment.parallelism, deployment.gpu
    if split.pipeline == 1:
        return ()
    return (
        f"--tp {deployment.tensor_parallel}: a machine holds {gpu.gpus_per_node} {gpu.label}, so a replica "
        f"is tensor parallel {split.tensor} in each of {split.pipeline} machines, pipeline parallel across "
        "them",
    )
