"""Grouped-query attention with something of its own: MiniMax M3, DBRX, Ling, Step-3.5."""

from __future__ import annotations

import dataclasses

from advisor.errors import InputError, UnsupportedError
from advisor.spec.models.attention_and_mlp import (
    EXPERTS,
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


def _minimax_m3(c: ConfigValues, max_context: int) -> Body:
    """MiniMax M3: on its sparse layers an indexer picks blocks of 128 tokens."""
    hidden, layers, heads, width = hidden_size(c), layer_count(c), head_count(c), head_width(c)
    sparse = c.section("sparse_attention_config")
    marks = None if sparse is None else sparse.numbers("sparse_attention_freq")
    kinds = c.texts("layer_types") or tuple(
        "minimax_m3_sparse" if mark else "full_attention" for mark in marks or (0,) * layers
    )
    frequency = c.raw("moe_layer_freq")
    routed_at = c.numbers("moe_layer_freq") if isinstance(frequency, (list, tuple)) else None
    parts = c.texts("mlp_layer_types") or tuple(
        "sparse" if mark else "dense" for mark in routed_at or (1,) * layers
    )
    if len(kinds) != layers or len(parts) != layers:
        raise c.wrong("num_hidden_layers", f"is not the {len(kinds)} and {len(parts)} layers named by kind")
    full = grouped_attention(
        hidden=hidden,
        heads=heads,
        kv_heads=c.count("num_key_value_heads"),
        head_dim=width,
        norm_params=2 * width,
    )
    made = {"full_attention": full, "minimax_m3_sparse": _indexed(full, c, sparse or c, hidden)}
    unread = set(kinds) - set(made)
    if unread:
        raise UnsupportedError(f"{c.where}: layer_types: {', '.join(sorted(unread))} cannot be read yet")
    experts, inner = c.count(*EXPERTS), c.count("moe_intermediate_size", "intermediate_size")
    dense = dense_ffn(hidden=hidden, inner=c.count("dense_intermediate_size", "intermediate_size"))
    routed = moe_ffn(
        hidden=hidden,
        experts=experts,
        active=active_experts(c, experts),
        inner=inner,
        shared_inner=c.count_or_zero("shared_intermediate_size")
        or inner * c.count_or_zero("n_shared_experts"),
        router_bias=True,
    )
    return Body(
        layers=tuple(
            (made[kind], routed if part == "sparse" else dense, 2 * hidden)
            for kind, part in zip(kinds, parts, strict=True)
        ),
        tied=False,
        final_norm_params=hidden,
    )


def _indexed(full: Attention, c: ConfigValues, sparse: ConfigValues, hidden: int) -> Attention:
    """The attention over the blocks that an indexer (own queries, one key) picks."""
    index_heads = sparse.count("sparse_num_index_heads", "index_n_heads", default=4)
    index_width = sparse.count("sparse_index_dim", "index_head_dim", default=128)
    block = sparse.count("sparse_block_size", "index_block_size", default=128)
    blocks = sparse.count("sparse_topk_blocks", "index_topk_blocks", default=16)
    return dataclasses.replace(
        full,
        linear_params=full.linear_params + hidden * (index_heads + 1) * index_width,
        other_params=full.other_params + 2 * index_width,
        kv_extra_bytes_per_token=index_width * BYTES_16BIT,
        attended_tokens=block * blocks,
        matmuls=full.matmuls + 1,
    )


def _dbrx(c: ConfigValues, max_context: int) -> Body:
    """DBRX: every layer routed, LayerNorm without bias, sizes in sections of their own."""
    hidden, heads, layers = c.count("d_model"), c.count("n_heads"), c.count("n_layers")
    mixing, forward = c.section("attn_config"), c.section("ffn_config")
    if mixing is None or forward is None:
        raise InputError(f"{c.where}: 'attn_config' or 'ffn_config' is missing; give all of config.json")
    experts = forward.count("moe_num_experts")
    attention = grouped_attention(
        hidden=hidden, heads=heads, kv_heads=mixing.count("kv_n_heads", default=1), head_dim=hidden // heads
    )
    routed = moe_ffn(
        hidden=hidden,
        experts=experts,
        active=forward.count("moe_top_k"),
        inner=forward.count("ffn_hidden_size"),
    )
    return Body(layers=((attention, routed, 2 * hidden),) * layers, tied=False, final_norm_params=hidden)


def ling_experts(c: ConfigValues) -> Ffn:
    """Ling's routed and shared experts."""
    experts, inner = c.count(*EXPERTS), c.count("moe_intermediate_size")
    shared = c.count("moe_shared_expert_intermediate_size", default=inner)
    return moe_ffn(
        hidden=hidden_size(c),
        experts=experts,
        active=active_experts(c, experts),
        inner=inner,
        shared_inner=shared * c.count_or_zero("num_shared_experts", "n_shared_experts"),
        router_bias=c.flag("moe_router_enable_expert_bias", c.text("model_type") != "bailing_moe"),
    )


def _ling(c: ConfigValues, max_context: int) -> Body:
    """Ling and Ring (Bailing), Sarvam, Param2: dense layers first, then routed and shared experts."""
    hidden, layers = hidden_size(c), layer_count(c)
    width, bias = head_width(c), c.flag("use_bias", False)
    attention = grouped_attention(
        hidden=hidden,
        heads=head_count(c),
        kv_heads=c.count("num_key_value_heads"),
        head_dim=width,
        qkv_bias=bias or c.flag("use_qkv_bias", False),
        out_bias=bias,
        norm_params=2 * width if c.flag("use_qk_norm", c.text("model_type") != "bailing_moe") else 0,
    )
    routed = ling_experts(c)
    dense = dense_ffn(hidden=hidden, inner=inner_size(c), bias=bias)
    first = c.count_or_zero("first_k_dense_replace")
    return Body(
        layers=tuple((attention, dense if i < first else routed, 2 * hidden) for i in range(layers)),
        tied=False,
        final_norm_params=hidden,
    )


READERS = {
    "minimax_m3": _minimax_m3,
    "minimax_m3_text": _minimax_m3,
    "minimax_m3_vl": _minimax_m3,
    "minimax_m3_vl_text": _minimax_m3,
    "dbrx": _dbrx,
    "bailing_moe": _ling,
    "bailing_moe_v2": _ling,
    "sarvam_moe": _ling,
    "param2moe": _ling,
}
