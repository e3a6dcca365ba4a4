"""Packagings whose format takes more than one key to tell: Quark, ModelOpt by layer, torchao, bitsandbytes.

Keys were read in vLLM 0.33.0's layers/quantization (quark/quark.py, modelopt.py, torchao.py).
What cannot be read is refused with the nearest format that can be asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from advisor.errors import UnsupportedError
from advisor.spec.models.config_values import ConfigValues

MODELOPT: Mapping[str, str] = {
    "FP8": "fp8",
    "FP8_PER_CHANNEL_PER_TOKEN": "fp8",
    "FP8_PB_WO": "fp8",
    "FP8_PB_REAL": "fp8",
    "NVFP4": "nvfp4",
    "NVFP4_AWQ": "nvfp4",
    "NVFP4_SVD": "nvfp4",
    "W4A16_NVFP4": "nvfp4",
    "MXFP4": "mxfp4",
    "W4A8_AWQ": "w4a8-fp8",
    "W4A16_AWQ": "int4",
    "INT8_SQ": "int8",
    "W8A8_SQ_PER_CHANNEL": "int8",
    "W8A16": "int8-w8a16",
}
"""ModelOpt's `quant_algo` → canonical format."""
_HEAVY = re.compile(r"experts|mlp|ffn|feed_forward|gate_up|down_proj")
_TORCHAO = (
    (r"Float8Dynamic|Float8DynamicActivationFloat8", "fp8"),
    (r"Float8WeightOnly", "fp8-w8a16"),
    (r"Int8DynamicActivationInt8", "int8"),
    (r"Int8WeightOnly", "int8-w8a16"),
    (r"Int4WeightOnly|UIntX|IntxWeightOnly|Int4", "int4"),
    (r"NVFP4", "nvfp4"),
    (r"MX", "mxfp4"),
)


def closest(where: str, what: str, format: str | None) -> UnsupportedError:
    """The refusal of a checkpoint, with the format that comes close on the unquantized model."""
    way = (
        "name the unquantized model instead"
        if format is None
        else f"name the unquantized model with --format {format}, which is close"
    )
    return UnsupportedError(f"{where}: {what}; {way}")


def mixed(where: str, formats: Mapping[str, str]) -> UnsupportedError:
    """The refusal of a checkpoint whose layers differ: `formats` is the format by module or pattern.

    The nearest single format is that of the feed-forward parts, which hold most of the weights.
    """
    counts = Counter(formats.values())
    heavy = Counter(format for name, format in formats.items() if _HEAVY.search(name))
    format = (heavy or counts).most_common(1)[0][0]
    shares = ", ".join(f"{name} on {count}" for name, count in counts.most_common())
    total = sum(counts.values())
    return closest(
        where, f"mixed precision ({shares} of {total} named parts): one format for all is known", format
    )


def modelopt_by_layer(q: ConfigValues) -> str:
    """The format of a ModelOpt checkpoint that lists its layers; UnsupportedError where they differ."""
    layers = q.section("quantized_layers")
    if layers is None or not layers.names():
        raise closest(q.where, "MIXED_PRECISION without 'quantized_layers' does not name its formats", None)
    formats: dict[str, str] = {}
    for name in layers.names():
        section = layers.section(name)
        algorithm = "" if section is None else (section.text("quant_algo") or "").upper()
        if algorithm not in MODELOPT:
            raise closest(
                q.where, f"quantized_layers: quant_algo '{algorithm}' is not a format known here", None
            )
        formats[name] = MODELOPT[algorithm]
    if len(set(formats.values())) > 1:
        raise mixed(q.where, formats)
    return next(iter(formats.values()))


def quark(q: ConfigValues) -> str:
    """The format of an AMD Quark checkpoint; UnsupportedError where its layers differ."""
    base = q.section("global_quant_config")
    if base is None:
        raise closest(q.where, "'global_quant_config' is missing, so Quark's format is unknown", None)
    formats = {"all": _quark_scheme(base)}
    layers = q.section("layer_quant_config")
    for name in () if layers is None else layers.names():
        section = layers.section(name) if layers is not None else None
        if section is not None:
            formats[name] = _quark_scheme(section)
    if len(set(formats.values())) > 1:
        raise mixed(q.where, formats)
    return formats["all"]


def _tensor(c: ConfigValues, key: str) -> Mapping[str, object]:
    """A tensor's settings; the first of a list, as NVFP4 has scales of scales. Empty: not quantized."""
    value = c.raw(key)
    if isinstance(value, (list, tuple)):
        value = value[0] if value else None
    return value if isinstance(value, Mapping) else {}


def _quark_scheme(c: ConfigValues) -> str:
    weight, activation = _tensor(c, "weight"), _tensor(c, "input_tensors")
    raw = c.raw("weight")
    kind, acts = str(weight.get("dtype")), str(activation.get("dtype") or "16-bit")
    if isinstance(raw, (list, tuple)) and len(raw) == 2 and kind == "fp8_e4m3":
        return "w4a8-fp8"  # INT4 inside FP8
    if kind == "fp8_e4m3":
        if weight.get("group_size") == 32:
            raise closest(c.where, "MXFP8 is not a format known here", "fp8")
        return "fp8" if acts == "fp8_e4m3" else "fp8-w8a16"
    if kind == "int8":
        return "int8" if acts == "int8" else "int8-w8a16"
    if kind in ("int4", "uint4"):
        return "int4"
    if kind == "fp4":
        return "nvfp4" if weight.get("group_size") == 16 else "mxfp4"
    near = "mxfp4" if kind.startswith("fp6") else None
    raise closest(c.where, f"Quark's weights of {kind} are not a format known here", near)


def torchao(q: ConfigValues) -> UnsupportedError:
    """The refusal of a torchao checkpoint: its own kernels are not timed here."""
    kind = q.raw("quant_type")
    # A section since transformers 4.50; before, a function's name: int4_weight_only.
    name = str(kind.get("default") if isinstance(kind, Mapping) else kind).replace("_", "")
    near = next((format for pattern, format in _TORCHAO if re.search(pattern, name, re.IGNORECASE)), None)
    return closest(q.where, "torchao runs kernels of its own, which no measurement here covers", near)


def bitsandbytes(q: ConfigValues) -> UnsupportedError:
    """The refusal of a bitsandbytes checkpoint."""
    four = q.flag("load_in_4bit", False) or q.flag("_load_in_4bit", False)
    bits = "4-bit" if four else "8-bit"
    what = f"bitsandbytes {bits} runs slow kernels of its own, which no measurement here covers"
    return closest(q.where, what, "int4" if four else "int8-w8a16")


_INTEGERS = {4: "int4", 8: "int8-w8a16"}


def integer_weights(q: ConfigValues, method: str) -> str:
    """The format of GPTQ's, AWQ's and AutoRound's checkpoints: integers in groups, 16-bit activations.

    Raises UnsupportedError for other widths, and where matrices have a width of their own.
    """
    bits = q.count("bits", "w_bit", default=4)
    if bits not in _INTEGERS:
        near = "int4" if bits < 8 else None
        raise closest(q.where, f"{bits}-bit {method} is not a format known here", near)
    own = {name: width for name, width in _own_widths(q).items() if width not in (bits, _WHOLE)}
    if own:
        widths = ", ".join(str(width) for width in sorted(set(own.values())))
        what = (
            f"mixed precision ({bits} bits, {len(own)} named parts in {widths}): one format for all is known"
        )
        raise closest(q.where, what, _INTEGERS[bits])
    return _INTEGERS[bits]


_WHOLE = 16
"""Bits of what stays as it was."""


def _own_widths(q: ConfigValues) -> dict[str, int]:
    """Bits by module or pattern where they are not those of the whole: GPTQModel's `dynamic` ("-:" leaves a
    module at 16 bits), AutoRound's `extra_config`."""
    found: dict[str, int] = {}
    for key in ("dynamic", "extra_config"):
        section = q.section(key)
        if section is None:
            continue
        for name in section.names():
            part = None if name.startswith("-:") else section.section(name)
            if part is not None and "bits" in part:
                found[name] = part.count("bits")
    return found
