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
    gate: Literal["none", "wide", "head"] = "none"
    """A gate on the attention's output: as wide as the queries, or one number per head."""
    gate_key: str | None = None
    """Key that switches `gate` off; None = always on."""
    shared_experts_key: str | None = None
    """Key that counts experts that every token passes, each as wide as a routed one."""
    first_dense: int = 0
    """Dense layers before the routed ones, where the config does not say."""
    router_bias: bool = False
    """One correction of the router per expert."""
    layer_extra: int = 0
    """Parameters of a layer, beside the others, that no format quantizes."""
    plain_heads: bool = False
    """Every head has its own key and value, hidden / heads wide, whatever the config holds."""
    tied: bool = False
    head_bias: bool = False
    window_default: Literal["all", "none", "pattern", "first"] = "none"
    """Which layers a bare `sliding_window` covers: all, none, all but every `pattern`-th, or all but the
    first of each `pattern`."""
    pattern: int = 0
    position_rows: int | None = None
    """Learnt position embeddings beyond max_position_embeddings; None = no such table."""
    embedding_norm: bool = False
    defaults: Mapping[str, object] = field(default_factory=dict)
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
    "granite_swa": Traits(mlp_bias_keys=("mlp_bias",), sinks=True, window_default="first", pattern=4),
    "granitemoe_swa": Traits(sinks=True, window_default="first", pattern=4),
    "dots1": Traits(qk_norm="head", router_bias=True),
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
    "flex_olmo": Traits(qk_norm="all"),
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
    "cohere2_moe": Traits(
        norms=1, tied=True, window_default="pattern", pattern=4, shared_experts_key="num_shared_experts"
    ),
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
    "glm4_moe": Traits(out_bias=False, qk_norm="head", qk_norm_key="use_qk_norm", router_bias=True),
    "hunyuan_v1_dense": Traits(qk_norm="head"),
    "hunyuan_v1_moe": Traits(qk_norm="head"),
    "exaone4": Traits(bias_keys=(), qk_norm="head", window_default="pattern", pattern=4),
    "ernie4_5": Traits(bias_keys=("use_bias",), mlp_bias_keys=("use_bias",), tied=True),
    "minimax_m2": Traits(qk_norm="all", bias_keys=(), router_bias=True),
    "gpt_oss": Traits(qkv_bias=True, sinks=True, window_default="pattern", pattern=2, router_bias=True),
    "mimo": Traits(qkv_bias=True, out_bias=False),
}

TRAITS |= {
    "deepseek": Traits(),
    "internlm": Traits(bias_keys=("bias",)),
    "xverse": Traits(bias_keys=()),
    "PanguEmbedded": Traits(bias_keys=("bias",)),
    "afmoe": Traits(
        norms=4,
        qk_norm="head",
        gate="wide",
        first_dense=1,
        router_bias=True,
        shared_experts_key="num_shared_experts",
        window_default="pattern",
        pattern=4,
    ),
    "apertus": Traits(gated=False, qk_norm="head", layer_extra=2),
    "cwm": Traits(mlp_bias_keys=("mlp_bias",), window_default="first", pattern=4),
    "ernie4_5_moe": Traits(
        bias_keys=("use_bias",),
        mlp_bias_keys=("use_bias",),
        tied=True,
        first_dense=1,
        router_bias=True,
        shared_experts_key="moe_num_shared_experts",
    ),
    "exaone": Traits(bias_keys=()),
    "exaone_moe": Traits(
        bias_keys=(),
        qk_norm="head",
        first_dense=1,
        router_bias=True,
        shared_experts_key="num_shared_experts",
        window_default="pattern",
        pattern=4,
    ),
    "flint": Traits(qk_norm="head", sinks=True, defaults={"mlp_only_layers": (0, 1)}),
    "hy_v3": Traits(
        qk_norm="head",
        mlp_bias_keys=("mlp_bias",),
        first_dense=1,
        router_bias=True,
        shared_experts_key="num_shared_experts",
    ),
    "hyperclovax": Traits(mlp_bias_keys=("mlp_bias",)),
    "internlm3": Traits(bias_keys=("qkv_bias",), out_bias=False, out_bias_key="bias"),
    "iquestcoder": Traits(mlp_bias_keys=("mlp_bias",)),
    "jais2": Traits(
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        mlp_bias_keys=("mlp_bias",),
        gated=False,
        norm_values=2,
    ),
    "kolibri1": Traits(
        norms=4, qk_norm="head", bias_keys=(), router_bias=True, window_default="pattern", pattern=5
    ),
    "laguna": Traits(
        qk_norm="head", gate="head", gate_key="gating", first_dense=1, router_bias=True, window_default="none"
    ),
    "mellum": Traits(qk_norm="head"),
    "minicpm": Traits(bias_keys=()),
    "nanbeige": Traits(mlp_bias_keys=("mlp_bias",)),
    "orion": Traits(bias_keys=(), norm_values=2),
    "plamo3": Traits(norms=4, bias_keys=(), qk_norm="head", tied=True, window_default="pattern", pattern=8),
    "rnj1": Traits(norms=4, tied=True, qk_norm="head", window_default="pattern", pattern=6),
    "solar": Traits(mlp_bias_keys=("mlp_bias",)),
    "solar_open": Traits(
        qk_norm="none", router_bias=True, shared_experts_key="n_shared_experts", bias_keys=("attention_bias",)
    ),
    "step1": Traits(mlp_bias_keys=("mlp_bias",)),
    "telechat3": Traits(mlp_bias_keys=("mlp_bias",)),
    "teleflm": Traits(bias_keys=()),
    "muse_glimmer_text": Traits(norms=4, gate="wide", window_default="pattern", pattern=4),
    "beam": Traits(
        norms=4, qk_norm="head", gate="wide", first_dense=3, router_bias=True, window_default="none"
    ),
    "aria_text": Traits(shared_experts_key="moe_num_shared_experts"),
    "cosmos3_edge_text": Traits(gated=False, mlp_bias_keys=("mlp_bias",)),
    "telechat2": Traits(bias_keys=(), out_bias=True),
    "vaultgemma": Traits(tied=True, window_default="pattern", pattern=2),
}
"""Checked module by module against transformers (5.23.0, the second part 5.24.0), but for the types it does
not have: deepseek, internlm, xverse, PanguEmbedded, minicpm, nanbeige, orion, plamo3, rnj1, solar, step1,
telechat3, teleflm and mimo were read in vLLM 0.33.0's modules."""
