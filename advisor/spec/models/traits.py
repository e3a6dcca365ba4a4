"""What each model_type of attention-and-MLP models adds to the common keys of config.json: one row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a model_type's layers have beyond the common keys; a key in the config always wins."""

    qkv_bias: bool = False
    out_bias: bool | None = None
    """Bias of the output projection; None = as the other three."""
    out_bias_key: str | None = None
    bias_keys: tuple[str, ...] = ("attention_bias",)
    mlp_bias: bool = False
    mlp_bias_keys: tuple[str, ...] = ()
    gated: bool = True
    norms: int = 2
    """Norms of width `hidden` per layer."""
    norm_values: int = 1
    """Parameters per norm and channel: weight (1), weight and bias (2), none (0)."""
    qk_norm: Literal["none", "head", "all"] = "none"
    """Norm of queries and keys: one per head width, or one over all heads."""
    qk_norm_key: str | None = None
    """Key that switches `qk_norm` on; None = always on."""
    sinks: bool = False
    plain_heads: bool = False
    """Every head has its own key and value, hidden / heads wide, whatever the config holds."""
    tied: bool = False
    head_bias: bool = False
    window_default: Literal["all", "none", "pattern"] = "none"
    """Which layers a bare `sliding_window` covers: all, none, or all but every `pattern`-th."""
    pattern: int = 0
    position_rows: int | None = None
    """Learnt position embeddings beyond max_position_embeddings; None = no such table."""
    embedding_norm: bool = False
    defaults: Mapping[str, int] = field(default_factory=dict)
    """Values that published config.json files of this type leave to transformers."""


_PHI = Traits(
    qkv_bias=True, out_bias=True, mlp_bias=True, gated=False, norms=1, norm_values=2, head_bias=True
)
_NEOX = Traits(qkv_bias=True, mlp_bias=True, gated=False, norm_values=2, plain_heads=True)

TRAITS: dict[str, Traits] = {
    "llama": Traits(mlp_bias_keys=("mlp_bias",)),
    "mistral": Traits(bias_keys=(), window_default="all"),
    "ministral": Traits(bias_keys=(), window_default="all"),
    "ministral3": Traits(bias_keys=(), window_default="all"),
    "mixtral": Traits(bias_keys=(), window_default="all"),
    "smollm3": Traits(tied=True, mlp_bias_keys=("mlp_bias",)),
    "arcee": Traits(gated=False, mlp_bias_keys=("mlp_bias",)),
    "seed_oss": Traits(
        qkv_bias=True, out_bias=False, out_bias_key="attention_out_bias", mlp_bias_keys=("mlp_bias",)
    ),
    "qwen2": Traits(qkv_bias=True, out_bias=False, bias_keys=()),
    "qwen2_moe": Traits(qkv_bias=True, out_bias=False, bias_keys=("qkv_bias",)),
    "qwen2_vl_text": Traits(qkv_bias=True, out_bias=False, bias_keys=()),
    "qwen2_5_vl_text": Traits(qkv_bias=True, out_bias=False, bias_keys=()),
    "qwen3": Traits(qk_norm="head"),
    "qwen3_moe": Traits(qk_norm="head"),
    "qwen3_vl_text": Traits(qk_norm="head"),
    "qwen3_vl_moe_text": Traits(qk_norm="head"),
    "phi": _PHI,
    "phi3": Traits(bias_keys=(), window_default="all"),
    "phimoe": Traits(norm_values=2, window_default="all"),
    "granite": Traits(mlp_bias_keys=("mlp_bias",)),
    "granitemoe": Traits(),
    "granitemoeshared": Traits(),
    "dots1": Traits(qk_norm="head"),
    "gemma": Traits(tied=True),
    "gemma2": Traits(norms=4, tied=True, window_default="pattern", pattern=2),
    "gemma3_text": Traits(
        norms=4,
        tied=True,
        qk_norm="head",
        window_default="pattern",
        pattern=6,
        defaults={
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 256,
            "vocab_size": 262_208,
            "max_position_embeddings": 131_072,
        },
    ),
    "olmo": Traits(norm_values=0, bias_keys=("attention_bias",)),
    "olmo2": Traits(qk_norm="all"),
    "olmo3": Traits(qk_norm="all", window_default="pattern", pattern=4),
    "olmoe": Traits(qk_norm="all"),
    "starcoder2": Traits(
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        bias_keys=("use_bias",),
        mlp_bias_keys=("use_bias",),
        gated=False,
        norm_values=2,
        tied=True,
        window_default="all",
    ),
    "cohere": Traits(norms=1, tied=True, qk_norm="all", qk_norm_key="use_qk_norm"),
    "cohere2": Traits(norms=1, tied=True, window_default="pattern", pattern=4),
    "nemotron": Traits(gated=False, norm_values=2, mlp_bias_keys=("mlp_bias",)),
    "falcon": Traits(bias_keys=("bias",), mlp_bias_keys=("bias",), gated=False, norm_values=2, tied=True),
    "gpt_neox": _NEOX,
    "gptj": Traits(
        plain_heads=True,
        bias_keys=(),
        mlp_bias=True,
        mlp_bias_keys=(),
        gated=False,
        norms=1,
        norm_values=2,
        head_bias=True,
    ),
    "opt": Traits(
        plain_heads=True,
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        bias_keys=("enable_bias",),
        mlp_bias_keys=("enable_bias",),
        gated=False,
        norm_values=2,
        tied=True,
        position_rows=2,
    ),
    "gpt2": Traits(
        plain_heads=True,
        qkv_bias=True,
        bias_keys=(),
        mlp_bias=True,
        gated=False,
        norm_values=2,
        tied=True,
        position_rows=0,
    ),
    "gpt_bigcode": Traits(
        qkv_bias=True, bias_keys=(), mlp_bias=True, gated=False, norm_values=2, tied=True, position_rows=0
    ),
    "bloom": Traits(
        plain_heads=True,
        qkv_bias=True,
        out_bias=True,
        bias_keys=(),
        mlp_bias=True,
        mlp_bias_keys=(),
        gated=False,
        norm_values=2,
        tied=True,
        embedding_norm=True,
        defaults={"max_position_embeddings": 2048},
    ),
    "mpt": Traits(bias_keys=(), gated=False, tied=True),
    "stablelm": Traits(bias_keys=("use_qkv_bias",), out_bias=False, norm_values=2),
    "internlm2": Traits(bias_keys=("bias",)),
    "baichuan": Traits(bias_keys=()),
    "chatglm": Traits(bias_keys=("add_qkv_bias",), out_bias=False, mlp_bias_keys=("add_bias_linear",)),
    "glm": Traits(qkv_bias=True, out_bias=False),
    "glm4": Traits(qkv_bias=True, out_bias=False, norms=4),
    "glm4_moe": Traits(out_bias=False, qk_norm="head", qk_norm_key="use_qk_norm"),
    "hunyuan_v1_dense": Traits(qk_norm="head"),
    "hunyuan_v1_moe": Traits(qk_norm="head"),
    "exaone4": Traits(bias_keys=(), qk_norm="head", window_default="pattern", pattern=4),
    "ernie4_5": Traits(bias_keys=("use_bias",), mlp_bias_keys=("use_bias",), tied=True),
    "minimax_m2": Traits(qk_norm="all", bias_keys=()),
    "gpt_oss": Traits(qkv_bias=True, sinks=True, window_default="pattern", pattern=2),
    "mimo": Traits(qkv_bias=True, out_bias=False),
}
"""Checked module by module against transformers 5.23.0, but for four types it does not have."""
