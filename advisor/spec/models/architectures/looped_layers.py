"""Layers that run several times in a step: IQuest-Coder Loop, HRM-Text, Dory.

Each pass reads the weights again and, but for what is said below, keeps keys and values of its own. Shapes
follow transformers 5.24.0; IQuest-Coder Loop, which it does not have, vLLM 0.33.0.
"""

from __future__ import annotations

import dataclasses

from advisor.spec.models.attention_and_mlp import (
    Body,
    Layer,
    head_count,
    head_width,
    hidden_size,
    inner_size,
    kv_head_count,
    layer_count,
)
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.layers import dense_ffn, grouped_attention
from advisor.spec.models.model import Attention


def _attention(c: ConfigValues, *, window: int | None = None, gated: bool = False) -> Attention:
    return grouped_attention(
        hidden=hidden_size(c),
        heads=head_count(c),
        kv_heads=kv_head_count(c, "llama"),
        head_dim=head_width(c),
        window=window,
        gated=gated,
    )


def _loop_coder(c: ConfigValues, max_context: int) -> Body:
    """IQuest-Coder Loop: later passes look at the first one's keys, and a short window of their own."""
    hidden, layers, loops = hidden_size(c), layer_count(c), c.count("loop_num", default=2)
    base = _attention(c)
    gates = base.query_heads * (base.qk_head_dim + 1)
    ffn = dense_ffn(hidden=hidden, inner=inner_size(c))
    first = dataclasses.replace(base, kv_read_elements_per_token=loops * base.kv_read_elements_per_token)
    later = _attention(c, window=c.count("loop_window_size", default=64))
    return Body(
        layers=((first, ffn, 2 * hidden + gates),) * layers,
        again=((later, ffn, 0),) * (layers * (loops - 1)),
        tied=False,
        final_norm_params=hidden,
    )


def _hrm(c: ConfigValues, max_context: int) -> Body:
    """HRM-Text: a fast stack runs `L_cycles` times before each of the `H_cycles` runs of a slow one."""
    each = c.count("num_layers_per_stack", "num_hidden_layers")
    slow, fast = c.count("H_cycles", default=2), c.count("L_cycles", default=3)
    layer: Layer = (_attention(c, gated=True), dense_ffn(hidden=hidden_size(c), inner=inner_size(c)), 0)
    return Body(
        layers=(layer,) * (2 * each),
        again=(layer,) * (each * (slow * (fast + 1) - 2)),
        tied=False,
        final_norm_params=0,
        other_params=hidden_size(c),
    )


def _dory(c: ConfigValues, max_context: int) -> Body:
    """Dory: layers in, layers that run `n_recurrent_loops` times, layers out; scales in place of norms."""
    hidden, layers = hidden_size(c), layer_count(c)
    first, last = c.count_or_zero("n_input_layers", default=8), c.count_or_zero("n_output_layers", default=8)
    kinds = c.texts("layer_types")
    if kinds is not None and "mlp" in kinds:
        # As published: attention and feed-forward parts in turn, all counts twice as large.
        kinds, layers, first, last = kinds[::2], layers // 2, first // 2, last // 2
    if kinds is None:
        kinds = tuple("full_attention" if (i + 1) % 4 == 0 else "sliding_attention" for i in range(layers))
    if len(kinds) != layers or first + last > layers:
        raise c.wrong("layer_types", f"has {len(kinds)} entries for {layers} layers")
    inner, window = inner_size(c), c.count("sliding_window", default=1024)
    ffn = dense_ffn(hidden=hidden, inner=inner)
    scales = 2 * hidden + 2 * inner + 2 * head_count(c) * head_width(c)
    made = tuple(
        (_attention(c, window=window if kind == "sliding_attention" else None, gated=True), ffn, scales)
        for kind in kinds
    )
    repeated = made[first : layers - last]
    if c.text("recurrent_kv_cache_mode", "per_loop") != "per_loop":
        repeated = tuple(
            (dataclasses.replace(attention, kv_elements_per_token=0), part, own)
            for attention, part, own in repeated
        )
    return Body(
        layers=made,
        again=repeated * (c.count("n_recurrent_loops", default=2) - 1),
        tied=False,
        final_norm_params=0,
        other_params=c.count("vocab_size"),
    )


READERS = {"iquest_loopcoder": _loop_coder, "iquestloopcoder": _loop_coder, "hrm_text": _hrm, "dory": _dory}
