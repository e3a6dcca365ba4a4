"""Attention-and-MLP models: layers from the common keys of config.json and the row of `model_type_traits`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from advisor.errors import UnsupportedError
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.layers import dense_ffn, grouped_attention, moe_ffn
from advisor.spec.models.model import Attention, Ffn
from advisor.spec.models.model_type_traits import TRAITS, Traits

MOST_LAYERS = 2_000
"""Real models have up to 126; a damaged number must not be counted through."""

Layer = tuple[Attention, Ffn, int]
"""Token mixing, feed-forward part, norm parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What lies between the embedding and the head."""

    layers: tuple[Layer, ...]
    again: tuple[Layer, ...] = ()
    """Further layers that use the weights of others: read once more in each step, in memory once (Zamba2)."""
    tied: bool
    """Whether the head is the embedding, where the config does not say."""
    final_norm_params: int
    other_params: int = 0
    """Parameters of further embeddings: positions, per-layer inputs."""
    head_bias: bool = False


def hidden_size(c: ConfigValues) -> int:
    return c.count("hidden_size", "n_embd", "d_model")


def layer_count(c: ConfigValues) -> int:
    keys = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
    layers = c.count(*keys)
    if layers > MOST_LAYERS:
        raise c.wrong(next(key for key in keys if key in c), f"is more than any model has ({MOST_LAYERS})")
    return layers


def layer_kinds(c: ConfigValues, key: str, layers: int, default: Iterable[str]) -> tuple[str, ...]:
    """The kind of each layer, by the list under `key`; `default` where there is none.

    Raises InputError for a list of another length.
    """
    kinds = c.texts(key) or tuple(default)
    if len(kinds) != layers:
        raise c.wrong(key, f"has {len(kinds)} entries for {layers} layers")
    return kinds


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
    """Key and value heads, by the key each family uses; all heads where the config states none."""
    heads = head_count(c)
    if model_type == "falcon":
        if c.flag("new_decoder_architecture", False):
            kv = c.count("num_kv_heads", "n_head_kv", default=heads)
        else:
            kv = 1 if c.flag("multi_query", True) else heads
    elif model_type == "gpt_bigcode":
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
    if c.text("model_type") in ("falcon", "gptj", "bloom", "mpt", "gpt2", "gpt_bigcode"):
        ratio = c.count("expansion_ratio", default=4)
        return c.count("ffn_hidden_size", "n_inner", default=ratio * hidden_size(c))
    return c.count("intermediate_size", "ffn_hidden_size", "ffn_dim")


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
    keys = ("sliding_window_pattern", "_sliding_window_pattern", "global_attn_every_n_layers")
    pattern = c.count(*keys, default=traits.pattern)
    whole = 0 if traits.window_default == "first" else pattern - 1
    return tuple(None if i % pattern == whole else size for i in range(layers))


def _biases(c: ConfigValues, traits: Traits) -> tuple[bool, bool]:
    qkv = c.flag(traits.bias_keys[0], traits.qkv_bias) if traits.bias_keys else traits.qkv_bias
    if traits.out_bias is None:
        return qkv, qkv
    return qkv, traits.out_bias if traits.out_bias_key is None else c.flag(
        traits.out_bias_key, traits.out_bias
    )


def _norm_of_heads(traits: Traits, c: ConfigValues, heads: int, kv_heads: int, head_dim: int) -> int:
    if traits.qk_norm == "none" or (traits.qk_norm_key and not c.flag(traits.qk_norm_key, False)):
        return 0
    return 2 * head_dim if traits.qk_norm == "head" else (heads + kv_heads) * head_dim


def active_experts(c: ConfigValues, experts: int) -> int:
    """Experts a token is routed to, by the key each family uses."""
    keys = (
        *("num_experts_per_tok", "num_experts_per_token", "experts_per_token"),
        *("moe_topk", "moe_top_k", "moe_k", "top_k_experts"),
    )
    active = c.count(*keys)
    if active > experts:
        key = next(key for key in keys if key in c)
        raise c.wrong(key, f"is more than the {experts} experts")
    return active


EXPERTS = ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")
"""Keys that count the routed experts, by family."""


def _is_dense(c: ConfigValues, traits: Traits, model_type: str, layer: int) -> bool:
    """Whether a layer of a mixture of experts has a plain feed-forward part."""
    kinds = c.texts("mlp_layer_types")
    if kinds is not None:
        if layer >= len(kinds):
            raise c.wrong("mlp_layer_types", f"has {len(kinds)} entries and no layer {layer}")
        return kinds[layer] == "dense"
    first = c.count_or_zero(
        "first_k_dense_replace", "num_dense_layers", "moe_layer_start_index", default=traits.first_dense
    )
    step = c.count("decoder_sparse_step", "moe_layer_freq", "moe_layer_interval", default=1)
    offset = 1 if model_type.startswith("qwen") else 0
    return layer < first or layer in (c.numbers("mlp_only_layers") or ()) or (layer + offset) % step != 0


def feed_forward(c: ConfigValues, traits: Traits, model_type: str, layer: int) -> Ffn:
    """The dense or routed part of one layer, by the keys each family uses."""
    hidden = hidden_size(c)
    experts = c.count_or_zero(*EXPERTS)
    if experts <= 1 or _is_dense(c, traits, model_type, layer):
        bias = c.flag(traits.mlp_bias_keys[0], traits.mlp_bias) if traits.mlp_bias_keys else traits.mlp_bias
        own = c.count_or_none("prefix_dense_intermediate_size", "dense_intermediate_size")
        wide = own if own is not None and experts > 1 else inner_size(c)
        return dense_ffn(hidden=hidden, inner=wide, gated=traits.gated, bias=bias)
    inner = c.count("moe_intermediate_size", "intermediate_size")
    shared = c.count_or_zero("shared_expert_intermediate_size", "shared_intermediate_size")
    keys: tuple[str, ...] = ("n_shared_experts", "num_shared_expert")
    if traits.shared_experts_key is not None:
        keys = (traits.shared_experts_key, *keys)
    shared = shared or inner * c.count_or_zero(*keys)
    return moe_ffn(
        hidden=hidden,
        experts=experts,
        active=active_experts(c, experts),
        inner=inner,
        shared_inner=shared,
        gated=traits.gated,
        shared_gate=model_type == "qwen2_moe",
        router_bias=traits.router_bias,
        expert_bias=model_type == "gpt_oss",
    )


def read_transformer(c: ConfigValues, model_type: str, max_context: int) -> Body:
    """Layers of an attention-and-MLP model; `c` has the family's defaults already."""
    traits = TRAITS[model_type]
    hidden, heads = hidden_size(c), head_count(c)
    head_dim = hidden // heads if traits.plain_heads else head_width(c)
    kv_heads = heads if traits.plain_heads else kv_head_count(c, model_type)
    qkv_bias, out_bias = _biases(c, traits)
    if traits.position_rows is not None and c.count("word_embed_proj_dim", default=hidden) != hidden:
        raise UnsupportedError(f"{c.where}: word_embed_proj_dim: a projected embedding cannot be read yet")
    norms = traits.norms
    if model_type == "falcon" and not c.flag("new_decoder_architecture", False):
        norms = 1 if c.flag("parallel_attn", True) else 2
    if model_type == "stablelm" and c.flag("use_parallel_residual", False):
        norms = 1
    if model_type == "hyperclovax" and c.flag("use_post_norm", True):
        norms = 4
    per_layer = c.numbers("num_attention_heads_per_layer")
    if per_layer is not None and set(per_layer) != {heads}:
        raise UnsupportedError(
            f"{c.where}: num_attention_heads_per_layer: layers of unlike width cannot be read"
        )
    gate = "none" if traits.gate_key and not c.flag(traits.gate_key, True) else traits.gate
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
            gated=gate == "wide",
            linear_extra=hidden * heads if gate == "head" else 0,
        )
        own = norms * hidden * traits.norm_values + traits.layer_extra
        layers.append((attention, feed_forward(c, traits, model_type, i), own))
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
