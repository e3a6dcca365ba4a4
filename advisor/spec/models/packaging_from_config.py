"""Packaging and scheme of a checkpoint, as the quantization_config of its config.json states them."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.spec.formats.checkpoint import CheckpointKind, Packaging, Parts, Scheme
from advisor.spec.models.config_values import ConfigValues

_PACKAGINGS: Mapping[str, Packaging] = {
    "compressed-tensors": "compressed-tensors",
    "compressed_tensors": "compressed-tensors",
    "sparseml": "compressed-tensors",
    "gptq": "gptq",
    "gptq_marlin": "gptq",
    "awq": "awq",
    "awq_marlin": "awq",
    "auto-round": "auto-round",
    "fp8": "fp8",
    "fbgemm_fp8": "fp8",
    "mxfp4": "mxfp4",
    "quark": "quark",
    "modelopt": "modelopt",
    "modelopt_fp4": "modelopt",
    "torchao": "torchao",
}
_SCHEMES: Mapping[str, Scheme] = {
    "fp8": "fp8-tensor",
    "fp8-w8a16": "fp8-a16",
    "int8": "int8",
    "int4": "w4a16",
    "int8-w8a16": "w8a16",
    "w4a8-fp8": "w4a8-fp8",
    "nvfp4": "nvfp4",
    "mxfp4": "mxfp4",
}
_FIXED_GROUPS = {"nvfp4": 16, "mxfp4": 32}


def kind_of_config(config: ConfigValues, format_name: str | None, parts: Parts) -> CheckpointKind | None:
    """The kind of checkpoint; `config` is the section quantization_config, `format_name` its format here.

    None where the format or the packaging has no name here.
    """
    packaging = _PACKAGINGS.get((config.text("quant_method") or "modelopt").lower())
    if format_name is None or format_name not in _SCHEMES or packaging is None:
        return None
    weights = _weights_of_first_group(config)
    scaled = weights or config
    return CheckpointKind(
        packaging=packaging,
        scheme=_fp8_scheme(config, weights) if format_name == "fp8" else _SCHEMES[format_name],
        group_size=_FIXED_GROUPS.get(format_name) or _group_size(scaled),
        symmetric=scaled.flag("symmetric", config.flag("sym", not config.flag("zero_point", False))),
        act_order=config.flag("desc_act", False) or _is_act_ordered(weights),
        kv_scheme="fp8" if _has_kv_scales(config) else None,
        parts=parts,
    )


def _group_size(scaled: ConfigValues) -> int | None:
    """Weights of one scale; GPTQ writes -1 for a whole channel."""
    for key in ("group_size", "q_group_size"):
        size = scaled.raw(key)
        if isinstance(size, int) and not isinstance(size, bool) and size > 0:
            return size
    return None


def _fp8_scheme(config: ConfigValues, weights: ConfigValues | None) -> Scheme:
    """Block, channel or tensor: by the block sizes, or the strategy of compressed-tensors and ModelOpt."""
    strategy = None if weights is None else weights.text("strategy")
    if config.raw("weight_block_size") is not None or strategy == "block":
        return "fp8-block"
    if strategy == "channel" or "PER_CHANNEL" in (config.text("quant_algo") or "").upper():
        return "fp8-channel"
    return "fp8-tensor"


def _weights_of_first_group(config: ConfigValues) -> ConfigValues | None:
    groups = config.section("config_groups")
    if groups is None:
        return None
    for key in groups.names():
        group = groups.section(key)
        weights = None if group is None else group.section("weights")
        if weights is not None:
            return weights
    return None


def _is_act_ordered(weights: ConfigValues | None) -> bool:
    order = None if weights is None else weights.raw("actorder")
    return order is True or order in ("group", "dynamic")


def _has_kv_scales(config: ConfigValues) -> bool:
    """compressed-tensors writes `kv_cache_scheme`, ModelOpt `kv_cache_quant_algo`."""
    algorithm = str(config.raw("kv_cache_quant_algo") or "").upper()
    return config.raw("kv_cache_scheme") is not None or "FP8" in algorithm
