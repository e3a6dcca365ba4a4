"""Attention-and-MLP models: one table of what each model_type adds to its config.json, one reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from advisor.errors import UnsupportedError
from advisor.spec.model import Attention, Ffn
from advisor.spec.model_layers import dense_ffn, grouped_attention, moe_ffn
from advisor.spec.model_values import ConfigValues

Layer = tuple[Attention, Ffn, int]
"""Token mixing, feed-forward part, norm parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What lies between the embedding and the head."""

    layers: tuple[Layer, ...]
    tied: bool
    """Whether the head is the embedding, where the config does not say."""
    final_norm_params: int
    other_params: int = 0
    """Further embeddings: positions, per-layer inputs."""
    head_bias: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a model_type's layers have beyond the common keys; a key in the config always wins."""

    qkv_bias: bool = False
    out_bias: bool | None = None
    """Bias of the output projection; None = as the other three."""
    bias_keys: tuple[str, ...] = ("attention_bias",)
    mlp_bias: bool = False
    mlp_bias_keys: tuple[str, ...] = ("mlp_bias",)
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
_NEOX = Traits(qkv_bias=True, out_bias=True, mlp_bias=True, gated=False, norm_values=2, mlp_bias_keys=())

TRAITS: dict[str, Traits] = {
    "llama": Traits(),
    "mistral": Traits(window_default="all"),
    "ministral": Traits(window_default="all"),
    "ministral3": Traits(window_default="all"),
    "mixtral": Traits(window_default="all"),
    "smollm3": Traits(tied=True),
    "arcee": Traits(gated=False),
    "seed_oss": Traits(qkv_bias=True, out_bias=False),
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
    "granite": Traits(),
    "granitemoe": Traits(),
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
    "nemotron": Traits(gated=False, norm_values=2),
    "falcon": Traits(bias_keys=("bias",), mlp_bias_keys=("bias",), gated=False, norm_values=2, tied=True),
    "gpt_neox": _NEOX,
    "gptj": Traits(
        bias_keys=(), mlp_bias=True, mlp_bias_keys=(), gated=False, norms=1, norm_values=2, head_bias=True
    ),
    "opt": Traits(
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
    "bloom": Traits(
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
    "glm": Traits(out_bias=False),
    "glm4": Traits(out_bias=False, norms=4),
    "glm4_moe": Traits(out_bias=False, qk_norm="head", qk_norm_key="use_qk_norm"),
    "hunyuan_v1_dense": Traits(qk_norm="head"),
    "hunyuan_v1_moe": Traits(qk_norm="head"),
    "exaone4": Traits(qk_norm="head", window_default="pattern", pattern=4),
    "ernie4_5": Traits(bias_keys=("use_bias",), mlp_bias_keys=("use_bias",), tied=True),
    "minimax_m2": Traits(qk_norm="all", bias_keys=()),
    "gpt_oss": Traits(qkv_bias=True, sinks=True, window_default="pattern", pattern=2),
    "mimo": Traits(qkv_bias=True, out_bias=False),
}
"""Checked module by module against transformers 5.23 (see tests/spec/test_model_shapes.py)."""


def hidden_size(c: ConfigValues) -> int:
    return c.count("hidden_size", "n_embd", "d_model")


def layer_count(c: ConfigValues) -> int:
    return c.count("num_hidden_layers", "n_layer", "n_layers", "num_layers")


def head_count(c: ConfigValues) -> int:
    return c.count("num_attention_heads", "n_head", "n_heads")


def head_width(c: ConfigValues) -> int:
    """`head_dim`, or hidden / heads where it is left out."""
    if "head_dim" in c or "kv_channels" in c:
        return c.count("head_dim", "kv_channels")
    hidden, heads = hidden_size(c), head_count(c)
    if hidden % heads:
        raise c.wrong("hidden_size", f"is not a multiple of {heads} heads and 'head_dim' is missing")
    return hidden // heads


def kv_head_count(c: ConfigValues, model_type: str) -> int:
    """Key and value heads, by the key each family uses; all heads where it says nothing."""
    heads = head_count(c)
    if model_type == "falcon":
        if c.flag("new_decoder_architecture", False):
            kv = c.count("num_kv_heads", "n_head_kv", default=heads)
        else:
            kv = 1 if c.flag("multi_query", True) else heads
    elif model_type == "chatglm":
        kv = c.count("multi_query_group_num") if c.flag("multi_query_attention", False) else heads
    elif model_type == "mpt":
        section = c.section("attn_config")
        kv = heads if section is None else section.count("kv_n_heads", default=heads)
    else:
        kv = c.count("num_key_value_heads", default=heads)
    if heads % kv:
        raise c.wrong("num_key_value_heads", f"does not divide {heads} attention heads")
    return kv


def inner_size(c: ConfigValues) -> int:
    """Width of the dense feed-forward part; four times hidden where older families leave it out."""
    keys = ("intermediate_size", "ffn_hidden_size", "ffn_dim", "n_inner", "ffn_hidden_size")
    if any(key in c for key in keys):
        return c.count(*keys)
    if c.text("model_type") in ("falcon", "gptj", "bloom", "mpt"):
        ratio = c.count("expansion_ratio", default=4)
        return ratio * hidden_size(c)
    return c.count("intermediate_size")


def windows(c: ConfigValues, layers: int, traits: Traits, max_context: int) -> tuple[int | None, ...]:
    """Per layer how many tokens it looks back; None = all of them."""
    size = c.count_or_none("sliding_window", "sliding_window_size")
    if size is not None and size >= max_context:
        size = None
    kinds = c.texts("layer_types")
    if kinds is not None:
        if len(kinds) != layers:
            raise c.wrong("layer_types", f"has {len(kinds)} entries for {layers} layers")
        unread = set(kinds) - {"full_attention", "sliding_attention"}
        if unread:
            raise UnsupportedError(f"{c.where}: layer_types: {', '.join(sorted(unread))} cannot be read yet")
        return tuple(size if kind == "sliding_attention" else None for kind in kinds)
    if size is None or not c.flag("use_sliding_window", traits.window_default != "none"):
        return (None,) * layers
    if traits.window_default == "none":
        # Qwen: the first max_window_layers look at everything.
        full = c.count_or_zero("max_window_layers", default=0)
        return tuple(None if i < full else size for i in range(layers))
    if traits.window_default == "all":
        return (size,) * layers
    letters = c.raw("sliding_window_pattern")
    if isinstance(letters, str):
        # EXAONE 4 writes LLLG: three local layers, one global.
        if not letters or set(letters) - {"L", "G"}:
            raise c.wrong("sliding_window_pattern", "is not made of L and G")
        return tuple(None if letters[i % len(letters)] == "G" else size for i in range(layers))
    pattern = c.count("sliding_window_pattern", "_sliding_window_pattern", default=traits.pattern)
    return tuple(None if (i + 1) % pattern == 0 else size for i in range(layers))


def _biases(c: ConfigValues, traits: Traits) -> tuple[bool, bool]:
    qkv = c.flag(traits.bias_keys[0], traits.qkv_bias) if traits.bias_keys else traits.qkv_bias
    if traits.out_bias is None:
        return qkv, qkv
    return qkv, c.flag("attention_out_bias", traits.out_bias) if traits.out_bias is False else qkv


def _norm_of_heads(traits: Traits, c: ConfigValues, heads: int, kv_heads: int, head_dim: int) -> int:
    if traits.qk_norm == "none" or (traits.qk_norm_key and not c.flag(traits.qk_norm_key, False)):
        return 0
    return 2 * head_dim if traits.qk_norm == "head" else (heads + kv_heads) * head_dim


def feed_forward(c: ConfigValues, traits: Traits, model_type: str, layer: int) -> Ffn:
    """The dense or routed part of one layer, by the keys each family uses."""
    hidden = hidden_size(c)
    experts = c.count_or_zero("num_local_experts", "n_routed_experts", "num_experts")
    first_dense = c.count_or_zero("first_k_dense_replace")
    dense_layers = c.numbers("mlp_only_layers") or ()
    step = c.count("decoder_sparse_step", "moe_layer_freq", default=1)
    offset = 1 if model_type.startswith("qwen") else 0
    is_dense = experts <= 1 or layer < first_dense or layer in dense_layers or (layer + offset) % step != 0
    if is_dense:
        bias = c.flag(traits.mlp_bias_keys[0], traits.mlp_bias) if traits.mlp_bias_keys else traits.mlp_bias
        return dense_ffn(hidden=hidden, inner=inner_size(c), gated=traits.gated, bias=bias)
    inner = c.count("moe_intermediate_size", "intermediate_size")
    shared = c.count_or_zero("shared_expert_intermediate_size", "shared_intermediate_size")
    shared = shared or inner * c.count_or_zero("n_shared_experts", "num_shared_expert")
    active = c.count("num_experts_per_tok", "experts_per_token", "moe_topk")
    if active > experts:
        raise c.wrong("num_experts_per_tok", f"is more than the {experts} experts")
    return moe_ffn(
        hidden=hidden,
        experts=experts,
        active=active,
        inner=inner,
        shared_inner=shared,
        gated=traits.gated,
        shared_gate=model_type == "qwen2_moe",
        router_bias=model_type in ("gpt_oss", "glm4_moe", "minimax_m2"),
        expert_bias=model_type == "gpt_oss",
    )


def read_transformer(c: ConfigValues, model_type: str, max_context: int) -> Body:
    """Layers of an attention-and-MLP model."""
    traits = TRAITS[model_type]
    c = c.over(ConfigValues(traits.defaults, c.where))
    hidden, heads, head_dim = hidden_size(c), head_count(c), head_width(c)
    kv_heads = kv_head_count(c, model_type)
    qkv_bias, out_bias = _biases(c, traits)
    if traits.position_rows is not None and c.count("word_embed_proj_dim", default=hidden) != hidden:
        raise UnsupportedError(f"{c.where}: word_embed_proj_dim: a projected embedding cannot be read yet")
    norms = traits.norms
    if model_type == "falcon" and not c.flag("new_decoder_architecture", False):
        norms = 1 if c.flag("parallel_attn", True) else 2
    if model_type == "stablelm" and c.flag("use_parallel_residual", False):
        norms = 1
    if model_type == "stablelm" and c.flag("qk_layernorm", False):
        raise UnsupportedError(f"{c.where}: qk_layernorm of stablelm cannot be read yet")
    layers: list[Layer] = []
    for i, window in enumerate(windows(c, layer_count(c), traits, max_context)):
        attention = grouped_attention(
            hidden=hidden,
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            qkv_bias=qkv_bias,
            out_bias=out_bias,
            norm_params=_norm_of_heads(traits, c, heads, kv_heads, head_dim),
            window=window,
            sinks=traits.sinks,
        )
        layers.append(
            (attention, feed_forward(c, traits, model_type, i), norms * hidden * traits.norm_values)
        )
    other = 0
    if traits.position_rows is not None:
        other += (max_context + traits.position_rows) * hidden
    if traits.embedding_norm:
        other += 2 * hidden
    return Body(
        layers=tuple(layers),
        tied=traits.tied,
        final_norm_params=hidden * traits.norm_values,
        other_params=other,
        head_bias=c.flag("lm_head_bias", traits.head_bias),
    )
