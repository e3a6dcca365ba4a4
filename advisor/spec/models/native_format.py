"""The format a checkpoint already has: from its quantization_config, or from its name's suffix.

Never from torch_dtype: it states the dtype of what is *not* quantized.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from advisor.errors import UnsupportedError
from advisor.spec.formats.checkpoint import Parts
from advisor.spec.models import quark_modelopt_torchao
from advisor.spec.models.config_values import ConfigValues

SUFFIXES: tuple[tuple[str, str], ...] = (
    # The longest that fits wins: try them in this order.
    (r"quantized\.w8a8", "int8"),
    (r"quantized\.w4a16", "int4"),
    (r"quantized\.w8a16", "int8-w8a16"),
    (r"w4afp8|w4a8-fp8", "w4a8-fp8"),
    (r"fp8[-_]?dynamic|fp8[-_]?block|fp8[-_]kv|fp8[-_]static([-_]pertensor)?|fp8", "fp8"),
    (r"w8a8([-_]int8)?|int8[-_]w8a8|int8", "int8"),
    (r"w4a16([-_]g\d+)?|int4|gptq[-_]int4|gptq[-_]4bit|awq([-_]int4)?|gptq", "int4"),
    (r"gptq[-_]int8|gptq[-_]8bit|w8a16", "int8-w8a16"),
    (r"nvfp4(a16)?|fp4", "nvfp4"),
    (r"mxfp4", "mxfp4"),
    (r"bf16", "bf16"),
)
"""What makers append to a repository's name (Red Hat AI, Neural Magic, Qwen, NVIDIA, AMD)."""

_SUFFIX = (
    r"(?i)[-_.](?:" + "|".join(f"(?P<f{i}>{pattern})" for i, (pattern, _) in enumerate(SUFFIXES)) + r")$"
)


def split_suffix(name: str) -> tuple[str, str | None]:
    """A repository's name without its format suffix, and the canonical format (None: no suffix)."""
    match = re.search(_SUFFIX, name)
    if match is None:
        return name, None
    which = next(key for key, text in match.groupdict().items() if text is not None)
    return name[: match.start()], SUFFIXES[int(which[1:])][1]


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Iterable) and not isinstance(value, (Mapping, bytes)):
        return tuple(item for item in value if isinstance(item, str))
    return ()


def _scheme(weights: ConfigValues, activations: ConfigValues | None) -> str:
    """Canonical format of one compressed-tensors group."""
    bits, kind = weights.count("num_bits", default=8), weights.text("type", "int")
    act_bits = None if activations is None else activations.count("num_bits", default=16)
    act_kind = None if activations is None else activations.text("type", "int")
    if kind == "float" and bits == 4:
        group = weights.count_or_zero("group_size")
        return "mxfp4" if group == 32 else "nvfp4"
    if kind == "float" and bits == 8:
        return "fp8" if act_bits == 8 else "fp8-w8a16"
    if kind == "int" and bits == 8:
        return "int8" if act_bits == 8 else "int8-w8a16"
    if kind == "int" and bits == 4:
        if act_bits == 8:
            if act_kind == "float":
                return "w4a8-fp8"
            raise UnsupportedError(
                f"{weights.where}: 4-bit weights with 8-bit integer activations are not known"
            )
        return "int4"
    raise UnsupportedError(f"{weights.where}: {bits}-bit {kind} weights are not a format known here")


def _compressed_tensors(q: ConfigValues) -> str:
    groups = q.section("config_groups")
    if groups is None:
        raise UnsupportedError(f"{q.where}: 'config_groups' is missing, so the format is unknown")
    formats: dict[str, str] = {}
    for key in groups.names():
        group = groups.section(key)
        weights = None if group is None else group.section("weights")
        if group is not None and weights is not None:
            targets = " ".join(_texts(group.raw("targets"))) or key
            formats[targets] = _scheme(weights, group.section("input_activations"))
    if not formats:
        raise UnsupportedError(f"{q.where}: config_groups: no group has weights, so the format is unknown")
    if len(set(formats.values())) > 1:
        raise quark_modelopt_torchao.mixed(q.where, formats)
    return next(iter(formats.values()))


def _format(q: ConfigValues) -> str | None:
    method = q.text("quant_method") or ("modelopt" if "quant_algo" in q else None)
    if method is None:
        raise quark_modelopt_torchao.closest(
            q.where, "'quant_method' is missing, so the format is unknown", None
        )
    method = method.lower()
    if method in ("compressed-tensors", "compressed_tensors", "sparseml"):
        return _compressed_tensors(q)
    if method in ("fp8", "fbgemm_fp8"):
        return "fp8"
    if method == "mxfp4":
        return "mxfp4"
    if method in (
        "gptq",
        "awq",
        "auto-round",
        "intel/auto-round",
        "inc",
        "gptq_marlin",
        "awq_marlin",
        "moe_wna16",
    ):
        return quark_modelopt_torchao.integer_weights(q, method)
    if method.startswith("modelopt"):
        algorithm = q.text("quant_algo") or q.text("moe_quant_algo") or ""
        if not algorithm and "config_groups" in q:
            return _compressed_tensors(q)
        if algorithm.upper() == "MIXED_PRECISION":
            return quark_modelopt_torchao.modelopt_by_layer(q)
        if algorithm.upper() in quark_modelopt_torchao.MODELOPT:
            return quark_modelopt_torchao.MODELOPT[algorithm.upper()]
        near = "fp8" if "FP8" in algorithm.upper() else None
        raise quark_modelopt_torchao.closest(
            q.where, f"quant_algo '{algorithm}' is not a format known here", near
        )
    if method == "quark":
        return quark_modelopt_torchao.quark(q)
    if method == "torchao":
        raise quark_modelopt_torchao.torchao(q)
    if method == "bitsandbytes":
        raise quark_modelopt_torchao.bitsandbytes(q)
    raise quark_modelopt_torchao.closest(q.where, f"quant_method '{method}' is not a format known here", None)


def _parts(q: ConfigValues, c: ConfigValues) -> Parts:
    """Which matrices are covered, by the modules the config leaves out."""
    left_out = " ".join(
        text
        for key in ("ignore", "modules_to_not_convert", "exclude_modules", "exclude")
        for text in _texts(q.raw(key))
    )
    if not re.search(r"self_attn|\battn\b|attention", left_out.replace("_norm", "")):
        return "linear"
    # Only norms, the sparse indexer or single projections of attention may be named: those do not count.
    whole = re.search(r"(self_attn|\.attn|attention)(\*|\.\*|\s|$|\.(q|k|v|o|qkv)_proj)", left_out)
    if whole is None:
        return "linear"
    is_moe = c.count_or_zero("num_local_experts", "n_routed_experts", "num_experts") > 1
    shared = c.count_or_zero("n_shared_experts", "shared_expert_intermediate_size", "num_shared_expert")
    if is_moe and (not shared or "shared_expert" in left_out):
        return "experts"
    return "ffn"


def native_format(outer: ConfigValues, c: ConfigValues, *, name: str) -> tuple[str | None, Parts]:
    """Canonical format of the checkpoint and the matrices it covers; None where they are 16-bit.

    `quantization_config` decides; without one the name's suffix does. Raises UnsupportedError for a
    quantization that is none of ours.
    """
    q = outer.section("quantization_config") or c.section("quantization_config")
    if q is None:
        _, suffix = split_suffix(name)
        return (None if suffix in (None, "bf16") else suffix), "linear"
    format = _format(q)
    if format == "fp8" and c.text("expert_dtype") == "fp4":
        return "mxfp4", "experts"  # DeepSeek V4: nearly all of the weights; the rest is FP8
    return format, _parts(q, c)
