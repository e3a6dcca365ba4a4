"""Latent attention outside DeepSeek's own models: A.X K1, MiniCPM3, Youtu, LongCat-Flash, Kimi Linear."""

from __future__ import annotations

import dataclasses

from advisor.spec.models.architectures.deepseek_v2_v3 import latent_mixer, shared_and_routed
from advisor.spec.models.attention_and_mlp import (
    EXPERTS,
    Body,
    Layer,
    active_experts,
    hidden_size,
    inner_size,
    layer_count,
)
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.layers import dense_ffn, moe_ffn
from advisor.spec.models.model import Attention
from advisor.units import BYTES_16BIT, BYTES_32BIT


def _dense(c: ConfigValues, max_context: int) -> Body:
    """MiniCPM3 and Youtu: latent attention and a plain feed-forward part."""
    hidden = hidden_size(c)
    layer = (latent_mixer(c), dense_ffn(hidden=hidden, inner=inner_size(c)), 2 * hidden)
    return Body(layers=(layer,) * layer_count(c), tied=True, final_norm_params=hidden)


def _axk1(c: ConfigValues, max_context: int) -> Body:
    """A.X K1: DeepSeek V3's layers with a norm after the experts."""
    hidden, layers = hidden_size(c), layer_count(c)
    first = c.count_or_zero("first_k_dense_replace", default=1)
    attention, dense = latent_mixer(c), dense_ffn(hidden=hidden, inner=inner_size(c))
    routed = shared_and_routed(c)
    return Body(
        layers=tuple(
            (attention, dense, 2 * hidden) if i < first else (attention, routed, 3 * hidden)
            for i in range(layers)
        ),
        tied=False,
        final_norm_params=hidden,
    )


def longcat(c: ConfigValues, max_context: int) -> Body:
    """LongCat-Flash: a layer has attention and a dense part twice, and experts beside the first.

    Some of the experts compute nothing: on average a token passes that share fewer of the others.
    """
    hidden, experts = hidden_size(c), c.count("n_routed_experts")
    idle = c.count_or_zero("zero_expert_num")
    inner = c.count("expert_ffn_hidden_size", "moe_intermediate_size")
    active = active_experts(c, experts + idle)
    wide = c.count("ffn_hidden_size", "intermediate_size")
    attention = latent_mixer(c)
    routed = moe_ffn(
        hidden=hidden,
        experts=experts,
        active=max(1, round(active * experts / (experts + idle))),
        inner=inner,
        shared_inner=wide,
        other_extra=hidden * idle + experts + idle,
    )
    pair: tuple[Layer, ...] = (
        (attention, routed, 2 * hidden),
        (attention, dense_ffn(hidden=hidden, inner=wide), 2 * hidden),
    )
    return Body(layers=pair * layer_count(c), tied=False, final_norm_params=hidden)


def delta_attention(
    *,
    hidden: int,
    heads: int,
    width: int,
    kernel: int,
    wide_gate: bool = False,
    wide_decay: bool = False,
) -> Attention:
    """Kimi's delta attention: per head a width × width state at 32 bits, gates through narrow projections.

    `wide_gate`: the output's gate is one whole matrix (Kimi K3); `wide_decay`: the forget gate (Ling 3.0).
    """
    inner = heads * width
    narrow = hidden * width + width * inner
    return Attention(
        kind="linear",
        query_heads=heads,
        qk_head_dim=width,
        v_head_dim=width,
        # q, k, v, output; the forget and the output gate in two steps; one number per head.
        linear_params=4 * hidden * inner
        + (hidden * inner if wide_decay else narrow)
        + (hidden * inner if wide_gate else narrow)
        + hidden * heads,
        # three convolutions, the gate's bias and decay, the norm
        other_params=3 * inner * kernel + inner + heads + width,
        state_bytes_per_sequence=3 * inner * (kernel - 1) * BYTES_16BIT + inner * width * BYTES_32BIT,
        matmuls=6,
    )


def _kimi_linear(c: ConfigValues, max_context: int) -> Body:
    """Kimi Linear and K3: delta attention, latent attention on some layers, experts.

    K3's experts work on narrowed inputs, its gates are whole matrices, and each layer reads what earlier
    blocks of layers left (vLLM 0.33.0, models/kimi_k3).
    """
    hidden, layers = hidden_size(c), layer_count(c)
    own = c.section("linear_attn_config") or c
    kinds, whole = c.texts("layer_types"), own.numbers("full_attn_layers")
    if kinds is None and whole is None:
        raise c.wrong("linear_attn_config", "does not name the layers of full attention (full_attn_layers)")
    full = (
        {i for i, kind in enumerate(kinds) if kind == "full_attention"}
        if kinds is not None
        else {at - 1 for at in whole or ()}  # counted from 1
    )
    linear = delta_attention(
        hidden=hidden,
        heads=own.count("num_heads", "linear_num_heads"),
        width=own.count("head_dim" if own is not c else "linear_head_dim"),
        kernel=own.count("short_conv_kernel_size", "linear_conv_kernel_dim", default=4),
        wide_gate=own.flag("use_full_rank_gate", False),
    )
    experts, inner = c.count(*EXPERTS), c.count("moe_intermediate_size")
    first, step = c.count_or_zero("first_k_dense_replace", default=1), c.count("moe_layer_freq", default=1)
    narrowed = c.count_or_none("routed_expert_hidden_size")
    dense = dense_ffn(hidden=hidden, inner=inner_size(c))
    routed = moe_ffn(
        hidden=hidden,
        experts=experts,
        active=active_experts(c, experts) if experts else 0,
        inner=inner,
        shared_inner=inner * c.count_or_zero("num_shared_experts", "n_shared_experts"),
        router_bias=True,
        expert_hidden=narrowed,
        linear_extra=2 * hidden * (narrowed or 0),
        other_extra=(narrowed or 0) if c.flag("latent_moe_use_norm", False) else 0,
    )
    latent = latent_mixer(c)
    if c.flag("mla_use_output_gate", False):
        gate = hidden * latent.query_heads * c.count("v_head_dim")
        latent = dataclasses.replace(latent, linear_params=latent.linear_params + gate)
    # a norm and one number a channel, before attention, before the experts and at the end
    left = 2 * hidden if c.count_or_none("attn_res_block_size") else 0
    return Body(
        layers=tuple(
            (
                latent if i in full else linear,
                routed if i >= first and i % step == 0 else dense,
                2 * hidden + 2 * left,
            )
            for i in range(layers)
        ),
        tied=False,
        final_norm_params=hidden + left,
    )


def _pangu_ultra(c: ConfigValues, max_context: int) -> Body:
    """openPangu Ultra: DeepSeek V3's layers with norms after both parts too (vLLM 0.33.0, openpangu.py)."""
    hidden = hidden_size(c)
    first = c.count_or_zero("first_k_dense_replace", "num_dense_layers")
    attention, dense = latent_mixer(c), dense_ffn(hidden=hidden, inner=inner_size(c))
    routed = shared_and_routed(c, router_bias=c.flag("router_enable_expert_bias", False))
    norms = hidden * (4 if c.flag("sandwich_norm", False) else 2)
    return Body(
        layers=tuple((attention, dense if i < first else routed, norms) for i in range(layer_count(c))),
        tied=False,
        final_norm_params=hidden,
    )


READERS = {
    "axk1": _axk1,
    "minicpm3": _dense,
    "youtu": _dense,
    "longcat_flash": longcat,
    "kimi_linear": _kimi_linear,
    "pangu_ultra_moe": _pangu_ultra,
}
