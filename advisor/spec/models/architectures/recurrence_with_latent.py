"""Recurrence beside latent attention (Ling 2.5 and 3.0, GLM-5.3 Flash), and Hy4's latent attention alone.

Shapes follow transformers 5.24.0; Ling 2.5, which it does not have, vLLM 0.33.0.
"""

from __future__ import annotations

import dataclasses

from advisor.spec.models.architectures.deepseek_v2_v3 import indexers, latent_mixer, shared_and_routed
from advisor.spec.models.architectures.grouped_query import ling_experts
from advisor.spec.models.architectures.latent_attention_beyond_deepseek import delta_attention
from advisor.spec.models.attention_and_mlp import (
    Body,
    head_count,
    head_width,
    hidden_size,
    inner_size,
    layer_count,
    layer_kinds,
)
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.hybrids import state_bytes
from advisor.spec.models.layers import dense_ffn
from advisor.spec.models.model import Attention
from advisor.units import BYTES_32BIT


def _full_layers(c: ConfigValues) -> tuple[bool, ...]:
    """Which layers have attention: named, or the last of each group and what is left after the groups."""
    layers, every = layer_count(c), c.count("layer_group_size", default=1)
    kinds = c.texts("layer_types")
    if kinds is not None:
        if len(kinds) != layers:
            raise c.wrong("layer_types", f"has {len(kinds)} entries for {layers} layers")
        return tuple(kind != "linear_attention" for kind in kinds)
    return tuple((i + 1) % every == 0 or i >= layers // every * every for i in range(layers))


def _lightning(c: ConfigValues) -> Attention:
    """Lightning attention: per head a width × width state that decays; a gate as wide as the heads."""
    hidden, heads, width = hidden_size(c), head_count(c), head_width(c)
    inner = heads * width
    return Attention(
        kind="linear",
        query_heads=heads,
        qk_head_dim=width,
        v_head_dim=width,
        linear_params=5 * hidden * inner,
        other_params=inner + (2 * width if c.flag("use_qk_norm", False) else 0),
        state_bytes_per_sequence=inner * width * state_bytes(c),
        matmuls=3,
    )


def _ling(c: ConfigValues, max_context: int) -> Body:
    """Ling and Ring 2.5 (lightning attention) and 3.0 (Kimi's delta attention, gated latent attention).

    Both write model_type bailing_hybrid; only 3.0's has short convolutions.
    """
    hidden = hidden_size(c)
    full = latent_mixer(c)
    if "short_conv_kernel_size" in c or "linear_conv_kernel_dim" in c:
        width = c.count("linear_head_dim" if "linear_head_dim" in c else "head_dim", default=128)
        gate = c.text("gated_attention_proj_granularity_type", "head_wise")
        out = full.query_heads * (full.v_head_dim if gate == "element_wise" else 1)
        full = dataclasses.replace(full, linear_params=full.linear_params + hidden * out)
        linear = delta_attention(
            hidden=hidden,
            heads=head_count(c),
            width=width,
            kernel=c.count("short_conv_kernel_size", "linear_conv_kernel_dim"),
            wide_gate=True,
            wide_decay=True,
        )
    else:
        linear = _lightning(c)
    dense, routed = dense_ffn(hidden=hidden, inner=inner_size(c)), ling_experts(c)
    first = c.count_or_zero("first_k_dense_replace")
    return Body(
        layers=tuple(
            (full if is_full else linear, dense if i < first else routed, 2 * hidden)
            for i, is_full in enumerate(_full_layers(c))
        ),
        tied=False,
        final_norm_params=hidden,
    )


def _streams(hidden: int, streams: int, *, mixed: int, scales: int) -> int:
    """Parameters of two mixers of a layer's residual streams, each with a base and its scales."""
    return 2 * (mixed * streams * hidden + mixed + scales)


def _glm5_next(c: ConfigValues, max_context: int) -> Body:
    """GLM-5.3 Flash: three layers of four with delta attention, one with latent attention and an indexer.

    The indexer's keys are pooled: one a few tokens. Residual streams are mixed before both parts of a layer.
    """
    hidden, layers = hidden_size(c), layer_count(c)
    own = c.section("linear_attn_config") or c
    linear = delta_attention(
        hidden=hidden,
        heads=own.count("num_heads", "linear_num_heads", default=64),
        width=own.count("head_dim" if own is not c else "linear_head_dim", default=128),
        kernel=own.count("short_conv_kernel_size", "linear_conv_kernel_dim", default=4),
    )
    mixers = ("linear_attention" if i % 4 != 3 else "indexed_attention" for i in range(layers))
    kinds = layer_kinds(c, "layer_types", layers, mixers)
    routed_after = ("dense" if i < 3 else "sparse" for i in range(layers))
    parts = layer_kinds(c, "mlp_layer_types", layers, routed_after)
    full = latent_mixer(c, with_index=True)
    pool, width = c.count("index_kpool", default=16), c.count("index_head_dim")
    full = dataclasses.replace(
        full,
        other_params=full.other_params + pool * width + width * hidden,
        kv_extra_bytes_per_token=-(-(width + BYTES_32BIT * -(-width // 128)) // pool),
    )
    streams = c.count("hc_mult", default=4)
    norms = 2 * hidden + _streams(hidden, streams, mixed=(2 + streams) * streams, scales=3)
    dense, routed = dense_ffn(hidden=hidden, inner=inner_size(c)), shared_and_routed(c)
    return Body(
        layers=tuple(
            (linear if kind == "linear_attention" else full, dense if part == "dense" else routed, norms)
            for kind, part in zip(kinds, parts, strict=True)
        ),
        tied=False,
        final_norm_params=hidden,
    )


def _hy_v4(c: ConfigValues, max_context: int) -> Body:
    """Hy4: latent attention with sinks and a wide gate, an indexer on some layers, mixed residual streams."""
    hidden, layers = hidden_size(c), layer_count(c)
    marks = indexers(c, layers)

    def attention(*, with_index: bool) -> Attention:
        plain = latent_mixer(c, with_index=with_index)
        return dataclasses.replace(
            plain,
            linear_params=plain.linear_params + hidden * plain.query_heads * plain.v_head_dim,
            other_params=plain.other_params + plain.query_heads,
            attended_tokens=c.count("index_topk"),
            matmuls=plain.matmuls + 1,
            sinks=True,
        )

    made = {mark: attention(with_index=mark) for mark in set(marks)}
    parts = layer_kinds(c, "mlp_layer_types", layers, ("sparse" if i else "dense" for i in range(layers)))
    streams = c.count("hc_mult", default=4)
    norms = 2 * hidden + _streams(hidden, streams, mixed=2 * streams, scales=2)
    dense, routed = dense_ffn(hidden=hidden, inner=inner_size(c)), shared_and_routed(c)
    return Body(
        layers=tuple(
            (made[mark], dense if part == "dense" else routed, norms)
            for mark, part in zip(marks, parts, strict=True)
        ),
        tied=False,
        final_norm_params=hidden,
        other_params=streams * streams * hidden + streams + 1,
    )


READERS = {"bailing_hybrid": _ling, "glm5_next_text": _glm5_next, "hy_v4": _hy_v4, "hy_v4_vl_text": _hy_v4}
