"""Grouped attention behind a gate, or beside convolutions: Step 3 and 3.5, Muse Spark, Inkling.

Shapes follow transformers 5.24.0; Step 3, which it does not have, vLLM 0.33.0.
"""

from __future__ import annotations

import dataclasses

from advisor.spec.models.attention_and_mlp import (
    Body,
    active_experts,
    head_count,
    head_width,
    hidden_size,
    inner_size,
    layer_count,
)
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.layers import dense_ffn, grouped_attention, moe_ffn
from advisor.spec.models.model import Attention, Ffn
from advisor.units import BYTES_16BIT


def _named(c: ConfigValues, key: str, layers: int, default: tuple[str, ...]) -> tuple[str, ...]:
    """The kind of each layer; published lists also hold those of layers that predict further tokens."""
    kinds = c.texts(key) or default
    if len(kinds) < layers:
        raise c.wrong(key, f"has {len(kinds)} entries for {layers} layers")
    return kinds[:layers]


def _listed_experts(c: ConfigValues, layers: int) -> tuple[str, ...]:
    """Step's list of routed layers, "4,5,6,…"; all but the first layer where it is left out."""
    listed = c.raw("moe_layers_enum")
    if listed is None:
        return tuple("sparse" if i else "dense" for i in range(layers))
    if not isinstance(listed, (str, list, tuple)):
        raise c.wrong("moe_layers_enum", "is not a list of layers, such as '4,5,6'")
    items = [str(item).strip() for item in (listed.split(",") if isinstance(listed, str) else listed)]
    if not all(item.isdecimal() for item in items if item):
        raise c.wrong("moe_layers_enum", "is not a list of layers, such as '4,5,6'")
    routed = {int(item) for item in items if item}
    return tuple("sparse" if i in routed else "dense" for i in range(layers))


def _step_experts(c: ConfigValues, *, router_bias: bool) -> Ffn:
    experts = c.count("moe_num_experts", "n_routed_experts", "num_local_experts")
    return moe_ffn(
        hidden=hidden_size(c),
        experts=experts,
        active=active_experts(c, experts),
        inner=c.count("moe_intermediate_size"),
        shared_inner=c.count("share_expert_dim"),
        router_bias=router_bias,
    )


def _step3(c: ConfigValues, max_context: int) -> Body:
    """Step 3: queries through a narrow projection, one head of keys and values."""
    hidden, layers, heads, width = hidden_size(c), layer_count(c), head_count(c), head_width(c)
    rank = c.count("share_q_dim", default=width)
    base = grouped_attention(hidden=hidden, heads=heads, kv_heads=1, head_dim=width)
    attention = dataclasses.replace(
        base,
        linear_params=hidden * (rank + 2 * width) + rank * heads * width + heads * width * hidden,
        other_params=rank,
        matmuls=3,
    )
    dense, routed = dense_ffn(hidden=hidden, inner=inner_size(c)), _step_experts(c, router_bias=False)
    return Body(
        layers=tuple(
            (attention, routed if part == "sparse" else dense, 2 * hidden)
            for part in _listed_experts(c, layers)
        ),
        tied=False,
        final_norm_params=hidden,
    )


def _step3p5(c: ConfigValues, max_context: int) -> Body:
    """Step 3.5 and 3.7 Flash: a gate per head, more heads on the local layers."""
    hidden, layers, width = hidden_size(c), layer_count(c), c.count("head_dim", default=128)
    kinds = _named(c, "layer_types", layers, ("full_attention",) * layers)
    parts = _named(c, "mlp_layer_types", layers, _listed_experts(c, layers))
    other = c.section("attention_other_setting")
    local_heads = c.count(
        "num_sliding_attention_heads",
        default=head_count(c) if other is None else other.count("num_attention_heads"),
    )
    window, bias = c.count_or_none("sliding_window"), c.flag("attention_bias", False)

    def attention(kind: str) -> Attention:
        local = kind == "sliding_attention"
        heads = local_heads if local else head_count(c)
        return grouped_attention(
            hidden=hidden,
            heads=heads,
            kv_heads=c.count("num_attention_groups", "num_key_value_heads"),
            head_dim=width,
            qkv_bias=bias,
            norm_params=2 * width,
            window=window if local else None,
            linear_extra=hidden * heads if c.flag("use_head_wise_attn_gate", True) else 0,
        )

    made = {kind: attention(kind) for kind in set(kinds)}
    dense, routed = dense_ffn(hidden=hidden, inner=inner_size(c)), _step_experts(c, router_bias=True)
    return Body(
        layers=tuple(
            (made[kind], routed if part == "sparse" else dense, 2 * hidden)
            for kind, part in zip(kinds, parts, strict=True)
        ),
        tied=False,
        final_norm_params=hidden,
    )


def _muse_spark(c: ConfigValues, max_context: int) -> Body:
    """Muse Spark: gated attention, experts on narrowed inputs, gates on both residual sums."""
    hidden, layers, width = hidden_size(c), layer_count(c), head_width(c)
    default = tuple(
        "full_attention" if (layers - 1 - i) % 4 == 0 else "sliding_attention" for i in range(layers)
    )
    kinds = _named(c, "layer_types", layers, default)
    narrow, experts = c.count("moe_hidden_size"), c.count("num_local_experts", "num_experts")
    made = {
        kind: grouped_attention(
            hidden=hidden,
            heads=head_count(c),
            kv_heads=c.count("num_key_value_heads"),
            head_dim=width,
            window=c.count_or_none("sliding_window") if kind == "sliding_attention" else None,
            gated=True,
        )
        for kind in set(kinds)
    }
    routed = moe_ffn(
        hidden=hidden,
        experts=experts,
        active=active_experts(c, experts),
        inner=c.count("moe_intermediate_size"),
        router_bias=True,
        expert_hidden=narrow,
        linear_extra=2 * hidden * narrow,
        other_extra=2 * narrow,
    )
    dense = dense_ffn(hidden=hidden, inner=inner_size(c))
    parts = _named(c, "mlp_layer_types", layers, ("sparse",) * layers)
    return Body(
        layers=tuple(
            (made[kind], routed if part == "sparse" else dense, 5 * hidden)
            for kind, part in zip(kinds, parts, strict=True)
        ),
        tied=False,
        final_norm_params=hidden,
    )


def _inkling_attention(c: ConfigValues, *, local: bool) -> Attention:
    """Attention with learnt relative positions and short convolutions over keys, values and both outputs."""
    hidden = hidden_size(c)
    heads = c.count("swa_num_attention_heads", "num_attention_heads") if local else head_count(c)
    kv = (
        c.count("swa_num_key_value_heads", "num_key_value_heads") if local else c.count("num_key_value_heads")
    )
    width = c.count("swa_head_dim", "head_dim") if local else c.count("head_dim")
    window, reach = c.count("sliding_window_size", default=512), c.count("rel_extent", default=1024)
    rank, kernel = c.count("d_rel", default=16), c.count("conv_kernel_size", "sconv_kernel_size", default=4)
    convolved = 2 * kv * width + 2 * hidden
    base = grouped_attention(
        hidden=hidden,
        heads=heads,
        kv_heads=kv,
        head_dim=width,
        norm_params=2 * width + convolved * kernel + rank * (window if local else reach),
        window=window if local else None,
        linear_extra=hidden * heads * rank,
    )
    return dataclasses.replace(base, state_bytes_per_sequence=convolved * (kernel - 1) * BYTES_16BIT)


def _inkling(c: ConfigValues, max_context: int) -> Body:
    """Inkling: five local layers, one global; experts beside two that every token passes."""
    hidden, layers = hidden_size(c), layer_count(c)
    local = c.numbers("local_layer_ids")
    default = tuple(
        "hybrid_sliding" if (i in local if local is not None else (i + 1) % 6) else "hybrid"
        for i in range(layers)
    )
    kinds = _named(c, "layer_types", layers, default)
    first = c.count_or_zero("dense_mlp_idx")
    parts = _named(
        c, "mlp_layer_types", layers, tuple("dense" if i < first else "sparse" for i in range(layers))
    )
    # The first published config.json has the experts' width as intermediate_size beside the dense one's.
    renamed = "dense_intermediate_size" in c
    inner = c.count("intermediate_size") if renamed else c.count("moe_intermediate_size")
    wide = c.count("dense_intermediate_size" if renamed else "intermediate_size", default=4 * hidden)
    experts, shared = c.count("n_routed_experts"), c.count_or_zero("n_shared_experts")
    routed = moe_ffn(
        hidden=hidden,
        experts=experts,
        active=active_experts(c, experts),
        inner=inner,
        shared_inner=inner * shared,
        router_bias=True,
        other_extra=hidden * shared + 1,  # the router weighs the shared experts too; one scale
    )
    dense = dataclasses.replace(dense_ffn(hidden=hidden, inner=wide), other_params=1)
    made = {kind: _inkling_attention(c, local=kind == "hybrid_sliding") for kind in set(kinds)}
    return Body(
        layers=tuple(
            (made[kind], routed if part == "sparse" else dense, 2 * hidden)
            for kind, part in zip(kinds, parts, strict=True)
        ),
        tied=False,
        final_norm_params=2 * hidden,  # one of the embedding, one at the end
    )


READERS = {
    "step3_text": _step3,
    "step3p5": _step3p5,
    "muse_spark_text": _muse_spark,
    "inkling_text": _inkling,
}
