"""Attention beside recurrence: Falcon-H1 (both in every layer), OLMo Hybrid, LFM2-MoE."""

from __future__ import annotations

from advisor.spec.models.attention_and_mlp import (
    Body,
    active_experts,
    head_count,
    head_width,
    hidden_size,
    inner_size,
    kv_head_count,
    layer_count,
)
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.hybrids import lfm2_layers, mamba2_mixer, plain_attention, state_bytes
from advisor.spec.models.layers import (
    NO_FFN,
    dense_ffn,
    gated_delta_net,
    grouped_attention,
    moe_ffn,
)


def _falcon_h1(c: ConfigValues, max_context: int) -> Body:
    """Falcon-H1: attention and Mamba-2 read the same input side by side; counted here one after the other."""
    hidden, attention = hidden_size(c), plain_attention(c, "falcon_h1")
    inner = c.count_or_none("mamba_d_ssm") or c.count("mamba_expand", default=2) * hidden
    normed = c.flag("mamba_rms_norm", True)
    mixer = mamba2_mixer(c, inner)
    ffn = dense_ffn(hidden=hidden, inner=inner_size(c), bias=c.flag("mlp_bias", False))
    pair = (
        # The gated norm is optional here; `mamba2` counts it.
        (mixer, NO_FFN, hidden - (0 if normed else inner)),
        (attention, ffn, hidden),
    )
    return Body(layers=pair * layer_count(c), tied=False, final_norm_params=hidden)


def _olmo_hybrid(c: ConfigValues, max_context: int) -> Body:
    """OLMo Hybrid: gated delta net, and on every fourth layer attention with norms after it."""
    hidden, layers, heads, width = hidden_size(c), layer_count(c), head_count(c), head_width(c)
    kinds = c.texts("layer_types") or tuple(
        "full_attention" if (i + 1) % 4 == 0 else "linear_attention" for i in range(layers)
    )
    if len(kinds) != layers or set(kinds) - {"full_attention", "linear_attention"}:
        raise c.wrong("layer_types", f"is not {layers} of full_attention and linear_attention")
    kv_heads = kv_head_count(c, "olmo_hybrid")
    full = grouped_attention(
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=width,
        norm_params=(heads + kv_heads) * width,
    )
    linear = gated_delta_net(
        hidden=hidden,
        key_heads=c.count("linear_num_key_heads", default=heads),
        value_heads=c.count("linear_num_value_heads", default=heads),
        key_dim=c.count("linear_key_head_dim"),
        value_dim=c.count("linear_value_head_dim"),
        kernel=c.count("linear_conv_kernel_dim", default=4),
        state_bytes=state_bytes(c),
    )
    ffn = dense_ffn(hidden=hidden, inner=inner_size(c))
    return Body(
        layers=tuple((full if kind == "full_attention" else linear, ffn, 2 * hidden) for kind in kinds),
        tied=False,
        final_norm_params=hidden,
    )


def _lfm2_moe(c: ConfigValues, max_context: int) -> Body:
    """LFM2-MoE: LFM2's convolutions and attention, experts after the first layers."""
    hidden = hidden_size(c)
    first, experts = c.count_or_zero("num_dense_layers", default=2), c.count("num_experts")
    dense = dense_ffn(hidden=hidden, inner=inner_size(c))
    routed = moe_ffn(
        hidden=hidden,
        experts=experts,
        active=active_experts(c, experts),
        inner=c.count("moe_intermediate_size"),
        router_bias=c.flag("use_expert_bias", True),
    )
    return Body(
        layers=tuple(
            (mixing, dense if i < first else routed, 2 * hidden) for i, mixing in enumerate(lfm2_layers(c))
        ),
        tied=c.flag("tie_embedding", True),
        final_norm_params=hidden,
    )


READERS = {"falcon_h1": _falcon_h1, "olmo_hybrid": _olmo_hybrid, "lfm2_moe": _lfm2_moe}
