"""Which formats are searched: as they are named, else all that the model can be had in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from advisor.cost.quality.algorithm_and_maker import Recipe, parse_recipe
from advisor.cost.quality.checkpoint_of_recipe import algorithm_in, is_known_by
from advisor.errors import InputError
from advisor.spec.formats.catalog import find_format, known_formats
from advisor.spec.formats.format import QuantFormat
from advisor.spec.models.model import ModelSpec
from advisor.spec.workloads.workload import Workload

CLEARLY_NARROWER = 0.9
"""Share of its bits that another format must have to be searched for a model that comes quantized: INT4 of a
model in MXFP4 saves three per cent of memory, and a checkpoint has to be made."""

ALIKE = frozenset({"fp16", "fp8-w8a16"})
"""Formats that are searched only when named: each is another's twin (bf16 in the other 16 bits; the same
FP8 checkpoint, which GPUs without FP8 run weight-only anyway)."""


def formats_for(
    model: ModelSpec, named: Sequence[str | QuantFormat] | None
) -> tuple[tuple[QuantFormat, ...], tuple[str, ...]]:
    """The formats to search, and what must be said about the choice.

    A checkpoint that is quantized already comes in its own format and can be made narrower, never wider:
    what was lost is lost.
    """
    if named is not None:
        chosen = [find_format(f) if isinstance(f, str) else f for f in named]
        if not chosen:
            raise InputError("formats: none named; leave it out to search all")
        return tuple(dict.fromkeys(chosen)), ()
    usual = [f for f in known_formats() if f.name not in ALIKE]
    if model.native_format is None:
        return tuple(usual), ()
    native = find_format(model.native_format)
    most = CLEARLY_NARROWER * native.bits_per_weight
    narrower = [f for f in usual if f.name == native.name or f.bits_per_weight <= most]
    if native not in narrower:
        narrower.insert(0, native)
    return tuple(narrower), (
        f"{model.name} comes in {native.name}: formats that are no narrower would not bring back what it "
        "lost; name them with --formats to see them all the same",
    )


def recipe_named(named: Sequence[str | QuantFormat] | None, recipe: str | None) -> Recipe | None:
    """The recipe that checkpoints are to be chosen by: the stated one, or that of a format's name (`awq`).

    Raises InputError where formats are named by two recipes.
    """
    by_name = _algorithms(named)
    stated = None if recipe is None else parse_recipe(recipe)
    if not by_name:
        return stated
    first, *others = by_name
    if others:
        raise InputError(
            f"formats: {first} and {others[0]} are made by different methods, and one question takes one; "
            f"name one, or compare the two: quantadvise compare {first}@H100 {others[0]}@H100"
        )
    algorithm = by_name[first]
    if stated is not None and stated.algorithm not in (None, algorithm):
        raise InputError(f"recipe: {recipe} contradicts the format {first}; name one of the two")
    return Recipe(algorithm=algorithm, maker=None if stated is None else stated.maker)


def accuracy_as_named(
    model: ModelSpec, named: Sequence[str | QuantFormat] | None, asked: Workload
) -> Workload:
    """The workload with its accuracy that of the algorithm in a format's name (`awq`), where no checkpoint of
    the model is known that is made so: one is to be made, or another is served."""
    by_name = _algorithms(named)
    if not by_name or asked.quality.recipe is not None:
        return asked
    name, algorithm = next(iter(by_name.items()))
    if is_known_by(model, find_format(name), Recipe(algorithm=algorithm)):
        return asked
    return replace(asked, quality=replace(asked.quality, recipe=algorithm))


def _algorithms(named: Sequence[str | QuantFormat] | None) -> dict[str, str]:
    """The algorithm that a format's name says (`awq`), by the name; of the names that say one."""
    words = [name for name in named or () if isinstance(name, str)]
    return {word: algorithm for word in words if (algorithm := algorithm_in(word)) is not None}
