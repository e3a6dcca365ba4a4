"""llm-compressor's recipe for a format, as the YAML its `oneshot` and its Hub checkpoints use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advisor.errors import UnsupportedError
from advisor.spec.formats.recipes import IGNORE, Modifier, find_recipe

CLASSES = {
    "smoothquant": "SmoothQuantModifier",
    "awq": "AWQModifier",
    "gptq": "GPTQModifier",
    "rtn": "QuantizationModifier",
}

PRESETS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "W8A8": {
        "weights": {"num_bits": 8, "type": "int", "strategy": "channel", "symmetric": True},
        "input_activations": {
            "num_bits": 8,
            "type": "int",
            "strategy": "token",
            "symmetric": True,
            "dynamic": True,
        },
    },
    "W4A16": {
        "weights": {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128, "symmetric": True},
    },
}
"""What compressed-tensors 0.20 means by the presets whose weights a recipe changes; a preset's name cannot
carry a change, so those are written out."""


def needs_data(format_name: str) -> bool:
    """Whether the first recipe of the format is calibrated. Raises UnsupportedError where there is none."""
    return find_recipe("fp8" if format_name == "fp8-w8a16" else format_name).needs_data


def recipe_yaml(format_name: str) -> str | None:
    """The first recipe of the format; None when none is known."""
    import yaml

    try:
        recipe = find_recipe(format_name)
    except UnsupportedError:
        return None
    steps = {CLASSES[modifier.kind]: _settings(modifier) for modifier in recipe.modifiers}
    document = {"quantization_stage": {"quantization_modifiers": steps}}
    data = "needs calibration data" if recipe.needs_data else "needs no data"
    # Only the innermost lists and settings stand on one line each.
    text = yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=10_000)
    return f"# {recipe.format} by {recipe.algorithm}; {data}\n{text}"


def _settings(modifier: Modifier) -> dict[str, Any]:
    if modifier.scheme is None:
        return dict(modifier.options)
    settings: dict[str, Any] = {"ignore": list(IGNORE), **modifier.options}
    if not modifier.weights:
        return {"targets": ["Linear"], "scheme": modifier.scheme, **settings}
    preset = {part: dict(values) for part, values in PRESETS[modifier.scheme].items()}
    preset["weights"] |= modifier.weights
    return {"config_groups": {"group_0": {"targets": ["Linear"], **preset}}, **settings}
