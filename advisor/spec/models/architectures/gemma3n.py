"""Gemma 3n: mixed residual streams (AltUp), a narrow path beside attention (LAuReL), per-layer inputs.

Shapes follow transformers 5.24.0. The mixers stay at 16 bits; the tables of per-layer inputs are embeddings.
"""

from __future__ import annotations

import dataclasses

from advisor.spec.models.attention_and_mlp import (
    Body,
    Layer,
    head_count,
    head_width,
    hidden_size,
    kv_head_count,
    layer_count,
    layer_kinds,
)
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.layers import dense_ffn, grouped_attention
from advisor.spec.models.model import Attention

_PATTERN = 5


def _kinds(c: ConfigValues, layers: int) -> tuple[str, ...]:
    default = ("full_attention" if (i + 1) % _PATTERN == 0 else "sliding_attention" for i in range(layers))
    return layer_kinds(c, "layer_types", layers, default)


def _widths(c: ConfigValues, layers: int) -> tuple[int, ...]:
    """Width of each layer's feed-forward part; one number stands for all."""
    value = c.raw("intermediate_size")
    if not isinstance(value, (list, tuple)):
        return (c.count("intermediate_size"),) * layers
    widths = c.numbers("intermediate_size") or ()
    if len(widths) != layers:
        raise c.wrong("intermediate_size", f"has {len(widths)} entries for {layers} layers")
    return widths


def _attention(c: ConfigValues, kind: str, *, shared: bool) -> Attention:
    hidden, width, rank = hidden_size(c), head_width(c), c.count("laurel_rank", default=64)
    return grouped_attention(
        hidden=hidden,
        heads=head_count(c),
        kv_heads=kv_head_count(c, "gemma3n_text"),
        head_dim=width,
        norm_params=width if shared else 2 * width,
        window=c.count("sliding_window", default=512) if kind == "sliding_attention" else None,
        shares_cache=shared,
        linear_extra=2 * hidden * rank,
    )


def _gemma3n(c: ConfigValues, max_context: int) -> Body:
    hidden, layers = hidden_size(c), layer_count(c)
    narrow, streams = (
        c.count("hidden_size_per_layer_input", default=256),
        c.count("altup_num_inputs", default=4),
    )
    own_caches = layers - c.count_or_zero("num_kv_shared_layers", default=15)
    # Four norms of attention and feed-forward, those of the narrow path and of the layer's input; the mixer's
    # scale, norm, router and coefficients.
    norms = 6 * hidden + 2 * hidden + streams * hidden + streams**2 + streams**3
    result: list[Layer] = []
    for i, (kind, inner) in enumerate(zip(_kinds(c, layers), _widths(c, layers), strict=True)):
        ffn = dense_ffn(hidden=hidden, inner=inner)
        ffn = dataclasses.replace(ffn, linear_params=ffn.linear_params + 2 * hidden * narrow, matmuls=4)
        result.append((_attention(c, kind, shared=i >= own_caches), ffn, norms))
    rows = c.count("vocab_size_per_layer_input", default=c.count("vocab_size"))
    wide = layers * narrow
    return Body(
        layers=tuple(result),
        tied=True,
        final_norm_params=hidden,
        other_params=rows * wide + hidden * wide + narrow + 2 * (streams - 1) * hidden * hidden,
    )


READERS = {"gemma3n_text": _gemma3n}
