"""Checkpoint: how quantized weights are packed and scaled in a file, and who published it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Packaging = Literal[
    "none",
    "compressed-tensors",
    "gptq",
    "awq",
    "fp8",
    "modelopt",
    "quark",
    "mxfp4",
    "auto-round",
    "torchao",
    "bitsandbytes",
    "gguf",
    "experts_int8",
    "moe_wna16",
    "fbgemm_fp8",
    "fp_quant",
    "online",
]
"""The loader: `quant_method` of config.json. none: 16-bit weights. online: vLLM narrows 16-bit weights as it
loads them. mxfp4 is gpt-oss's packaging, fp8 the one of DeepSeek and Qwen."""

Scheme = Literal[
    "16bit",
    "fp8-channel",
    "fp8-tensor",
    "fp8-block",
    "fp8-a16",
    "int8",
    "w4a16",
    "w8a16",
    "wna16-other",
    "w4a8-fp8",
    "w4a8-int",
    "w8a8-int-packed",
    "nvfp4",
    "nvfp4-a16",
    "mxfp4",
    "mxfp8",
    "mixed",
    "sparse-24",
    "nf4",
    "bnb-int8",
    "gguf",
]
"""What is scaled how. fp8-channel: weights per channel, activations per token at run time. fp8-tensor:
static, one scale per tensor. fp8-block: blocks of 128 x 128, activations per group at run time."""

Evidence = Literal["config", "card", "recipe", "named", "own", "to be made"]
"""What was read: its config.json; its card, or a table made of cards; a recipe or loader test that names
packaging or scheme; only a list of names. own: the model's own repository. to be made: by a recipe."""

Parts = Literal["linear", "ffn", "experts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointKind:
    """Packaging and scheme: what decides which kernel runs."""

    packaging: Packaging
    scheme: Scheme
    group_size: int | None = None
    """Weights that share a scale along the input; None = one scale per channel or tensor."""
    symmetric: bool = True
    act_order: bool = False
    """Groups in the order of activation sizes (GPTQ's desc_act, compressed-tensors' actorder group)."""
    kv_scheme: Literal["fp8"] | None = None
    """Scales of the KV cache that the checkpoint carries; None = none, or not seen."""
    parts: Parts = "linear"
    """Which matrices are quantized: all linear ones, all but attention, routed experts only."""


SIXTEEN_BIT = CheckpointKind(packaging="none", scheme="16bit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One set of weights: a repository on the Hub, or what a recipe makes."""

    kind: CheckpointKind
    format: str
    """The catalog's name of the format."""
    repo: str | None = None
    """Repository on the Hub; None = to be made."""
    base_repo: str | None = None
    """The repository that was quantized."""
    maker: str = ""
    official: bool = False
    """Made by the model's own maker."""
    algorithm: str | None = None
    """How the weights were rounded, where it was read: GPTQ, AWQ, RTN, …"""
    evidence: Evidence = "to be made"
    kind_by_name: bool = False
    """True: packaging and scheme are what the maker's naming makes likely; neither was read."""
    downloads: int = 0
    inner: int | None = None
    """Width to which its feed-forward part is padded, so that groups divide; None = as the model's."""

    @property
    def published(self) -> bool:
        return self.repo is not None

    @property
    def only_listed(self) -> bool:
        """Whether a list of names is all that is known of it: it may not exist."""
        return self.evidence == "named"

    @property
    def is_own(self) -> bool:
        """Whether these are the weights of the model that was named, as they stand."""
        return self.evidence == "own"


_MADE: dict[str, CheckpointKind] = {
    "bf16": SIXTEEN_BIT,
    "fp16": SIXTEEN_BIT,
    "fp8": CheckpointKind(packaging="compressed-tensors", scheme="fp8-channel"),
    "fp8-w8a16": CheckpointKind(packaging="compressed-tensors", scheme="fp8-a16"),
    "int8": CheckpointKind(packaging="compressed-tensors", scheme="int8"),
    "int4": CheckpointKind(packaging="compressed-tensors", scheme="w4a16", group_size=128),
    "int8-w8a16": CheckpointKind(packaging="compressed-tensors", scheme="w8a16", group_size=128),
    "nvfp4": CheckpointKind(packaging="compressed-tensors", scheme="nvfp4", group_size=16),
    "mxfp4": CheckpointKind(packaging="compressed-tensors", scheme="mxfp4", group_size=32),
    "w4a8-fp8": CheckpointKind(packaging="compressed-tensors", scheme="w4a8-fp8", group_size=128),
}
"""What the recipes of `recipes.py` write (presets of compressed-tensors 0.17.0)."""


def made_kind(format: str) -> CheckpointKind | None:
    """The kind of checkpoint that a format's recipe makes; None for a format without one."""
    return _MADE.get(format)
