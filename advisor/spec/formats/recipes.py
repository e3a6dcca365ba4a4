"""How each format is made: the paper's tuned recipes (arXiv:2411.02355v4, section 3) and newer formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from advisor.errors import UnsupportedError

ModifierKind = Literal["smoothquant", "awq", "gptq", "rtn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Modifier:
    """One step of a recipe, in llm-compressor's terms."""

    kind: ModifierKind
    scheme: str | None = None
    """compressed-tensors preset, for the step that quantizes."""
    weights: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the preset's weights that differ."""
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "scheme": self.scheme,
            "weights": dict(self.weights),
            "options": dict(self.options),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A format made by an algorithm, and what the checkpoint's config must say afterwards."""

    format: str
    algorithm: str
    """The algorithm, by its name in `QualityMeasurement`."""
    modifiers: tuple[Modifier, ...]
    needs_data: bool
    weight_bits: int
    weight_type: Literal["int", "float"]
    activation_bits: int | None
    """None = activations stay at 16 bits."""


IGNORE = (
    "lm_head",
    "re:.*mlp[.]gate$",
    "re:.*block_sparse_moe[.]gate$",
    "re:.*feed_forward[.]router$",
    "re:.*mlp[.]router$",
    "re:.*router[.]classifier$",
    "re:.*shared_expert_gate$",
    "re:.*vision.*",
    "re:.*visual.*",
    "re:.*multi_modal_projector.*",
)
"""Output head, MoE routers, image towers stay at 16 bits; embeddings are no Linear and never touched."""

# PAPER, section 3.1: 8-bit integers by GPTQ with SmoothQuant, dampening 1 %; INT4 with MSE-optimal clipping.
_GPTQ = {"dampening_frac": 0.01}
_MSE = {"observer": "mse"}
_SMOOTH = Modifier(kind="smoothquant", options={"smoothing_strength": 0.8})

RECIPES = (
    Recipe(
        format="fp8",
        algorithm="rtn",
        modifiers=(Modifier(kind="rtn", scheme="FP8_DYNAMIC"),),
        needs_data=False,
        weight_bits=8,
        weight_type="float",
        activation_bits=8,
    ),
    Recipe(
        format="int8",
        algorithm="smoothquant+gptq",
        modifiers=(_SMOOTH, Modifier(kind="gptq", scheme="W8A8", weights=_MSE, options=_GPTQ)),
        needs_data=True,
        weight_bits=8,
        weight_type="int",
        activation_bits=8,
    ),
    Recipe(
        format="int4",
        algorithm="gptq",
        modifiers=(
            Modifier(kind="gptq", scheme="W4A16", weights=_MSE, options={**_GPTQ, "actorder": "static"}),
        ),
        needs_data=True,
        weight_bits=4,
        weight_type="int",
        activation_bits=None,
    ),
    Recipe(
        format="int4",
        algorithm="awq",
        modifiers=(Modifier(kind="awq"), Modifier(kind="rtn", scheme="W4A16_ASYM")),
        needs_data=True,
        weight_bits=4,
        weight_type="int",
        activation_bits=None,
    ),
    Recipe(
        format="int4",
        algorithm="rtn",
        modifiers=(Modifier(kind="rtn", scheme="W4A16"),),
        needs_data=False,
        weight_bits=4,
        weight_type="int",
        activation_bits=None,
    ),
    Recipe(
        format="int8-w8a16",
        algorithm="gptq",
        modifiers=(Modifier(kind="gptq", scheme="W8A16", options=_GPTQ),),
        needs_data=True,
        weight_bits=8,
        weight_type="int",
        activation_bits=None,
    ),
    Recipe(
        format="w4a8-fp8",
        algorithm="gptq",
        modifiers=(Modifier(kind="gptq", scheme="W4AFP8", options=_GPTQ),),
        needs_data=True,
        weight_bits=4,
        weight_type="int",
        activation_bits=8,
    ),
    Recipe(
        format="nvfp4",
        algorithm="rtn",
        modifiers=(Modifier(kind="rtn", scheme="NVFP4"),),
        needs_data=True,
        weight_bits=4,
        weight_type="float",
        activation_bits=4,
    ),
    Recipe(
        format="mxfp4",
        algorithm="rtn",
        modifiers=(Modifier(kind="rtn", scheme="MXFP4"),),
        needs_data=False,
        weight_bits=4,
        weight_type="float",
        activation_bits=4,
    ),
)
"""The first row of a format is the one used unless another algorithm is asked for."""

UNQUANTIZED = frozenset({"bf16", "fp16"})


def find_recipe(format: str, algorithm: str | None = None) -> Recipe:
    """The recipe of a format. Raises UnsupportedError when there is none."""
    rows = [recipe for recipe in RECIPES if recipe.format == format]
    for recipe in rows:
        if algorithm is None or recipe.algorithm == algorithm:
            return recipe
    if rows:
        ways = ", ".join(recipe.algorithm for recipe in rows)
        raise UnsupportedError(f"{format}: no recipe by '{algorithm}'; known: {ways}")
    known = ", ".join(dict.fromkeys(recipe.format for recipe in RECIPES))
    raise UnsupportedError(
        f"{format}: no recipe to make it (known: {known}); give one that is made: --checkpoint {format}=PATH"
    )
