"""The published checkpoint that a recipe names: what is served is what accuracy is told of."""

from __future__ import annotations

import dataclasses
import re

from advisor.cost.quality.algorithm_and_maker import (
    ALGORITHMS,
    Recipe,
    algorithm_name,
    parse_recipe,
    recipe_of_checkpoint,
)
from advisor.errors import InputError, UnsupportedError
from advisor.spec.deployment import Deployment
from advisor.spec.engines.model_starts import starts_of
from advisor.spec.formats.checkpoint import Checkpoint
from advisor.spec.formats.format import QuantFormat
from advisor.spec.formats.published_checkpoints import checkpoint_by_repo
from advisor.spec.models.model import ModelSpec

_IN_FORMAT = ("awq", "gptq", "autoround")
"""Algorithms by which people name INT4, though each makes it differently."""
_MADE_HERE = {"int4": "gptq", "int8": "gptq", "int8-w8a16": "gptq", "fp8": "rtn", "nvfp4": "rtn"}
"""What the shipped recipes of llm-compressor do."""


def algorithm_in(format_name: str) -> str | None:
    """The algorithm that a format's name says: `awq`, `GPTQ-Int4`; None of `int4`, which says none."""
    letters = re.sub(r"[^a-z]", "", format_name.lower())
    return next((name for name in _IN_FORMAT if name in letters), None)


def made_by(deployment: Deployment, recipe: Recipe) -> Deployment | None:
    """The deployment with the first checkpoint by this recipe that starts; None where none is known.

    One that the shipped recipes would make comes after the published ones.
    """
    for checkpoint in starts_of(deployment.model).candidates(deployment.format.name):
        if _is_by(checkpoint, recipe):
            served = dataclasses.replace(deployment, checkpoint=checkpoint)
            if served.kernels.starts:
                return served
    return None


def made_as_named(deployment: Deployment, format_name: str, recipe: str | None) -> Deployment:
    """The deployment with the checkpoint that its format's name (`awq`) or a recipe means.

    Raises InputError where the two name different algorithms, UnsupportedError where the format's name says
    one by which no checkpoint is known that starts.
    """
    named = algorithm_in(format_name)
    asked = Recipe() if recipe is None else parse_recipe(recipe)
    if named is None:
        return deployment if recipe is None else made_by(deployment, asked) or deployment
    if asked.algorithm not in (None, named):
        raise InputError(f"--recipe: {recipe} contradicts the format {format_name}; name one of the two")
    by_name = Recipe(algorithm=named, maker=asked.maker)
    found = made_by(deployment, by_name)
    if found is None:
        model, form = deployment.model, deployment.format
        known = is_known_by(model, form, by_name)
        missing = f"starts on {deployment.gpu.name}" if known else "is known"
        raise UnsupportedError(
            f"{format_name}: no checkpoint of {model.name} in {form.name} by {by_name} {missing}; "
            f"ask for {form.name}, which takes any"
        )
    return found


def is_known_by(model: ModelSpec, form: QuantFormat, recipe: Recipe) -> bool:
    """Whether a checkpoint of the model in a format is known by a recipe, or would be made by it."""
    return any(_is_by(checkpoint, recipe) for checkpoint in starts_of(model).candidates(form.name))


def recipe_of(repository: str) -> Recipe:
    """Algorithm and maker of a checkpoint: by its name, else by what was read of one that is listed."""
    named = recipe_of_checkpoint(repository)
    listed = None if named.algorithm else checkpoint_by_repo(repository)
    read = algorithm_name(listed.algorithm) if listed is not None and listed.algorithm else None
    return Recipe(algorithm=read, maker=named.maker) if read in ALGORITHMS else named


def _is_by(checkpoint: Checkpoint, recipe: Recipe) -> bool:
    if checkpoint.repo is None:
        known = Recipe(algorithm=_MADE_HERE.get(checkpoint.format))
    else:
        known = recipe_of(checkpoint.repo)
    return recipe.may_be(known)
