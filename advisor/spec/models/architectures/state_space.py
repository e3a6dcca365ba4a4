"""State-space models: Mamba, Mamba-2 and Falcon Mamba without attention, Zamba2 with shared blocks.

Shapes follow transformers 5.24.0, states vLLM 0.33.0.
"""

from __future__ import annotations

import dataclasses

from advisor.spec.models.attention_and_mlp import Body, Layer, head_count, hidden_size, layer_count
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.hybrids import state_bytes
from advisor.spec.models.layers import NO_FFN, dense_ffn, grouped_attention, mamba1, mamba2
from advisor.spec.models.model import Attention, Ffn

ENDLESS = 1 << 20
"""A state is as large after any number of tokens; vLLM serves whatever --max-model-len says."""


def _mamba(c: ConfigValues, max_context: int) -> Body:
    """Mamba and Falcon Mamba: one mixer and one norm a layer, nothing else."""
    hidden = hidden_size(c)
    rank = -(-hidden // 16)
    mixer = mamba1(
        hidden=hidden,
        inner=c.count("intermediate_size", default=c.count("expand", default=2) * hidden),
        state=c.count("state_size", default=16),
        kernel=c.count("conv_kernel", default=4),
        step_rank=rank if c.raw("time_step_rank") in (None, "auto") else c.count("time_step_rank"),
        conv_bias=c.flag("use_conv_bias", True),
        proj_bias=c.flag("use_bias", False),
        inner_norms=False,  # Falcon Mamba norms them too, without weights
        state_bytes=state_bytes(c),
    )
    return Body(layers=((mixer, NO_FFN, hidden),) * layer_count(c), tied=True, final_norm_params=hidden)


def _mamba2(c: ConfigValues, max_context: int) -> Body:
    """Mamba-2 (Codestral Mamba): the same with heads."""
    hidden = hidden_size(c)
    mixer = mamba2(
        hidden=hidden,
        heads=c.count("num_heads", default=128),
        head_dim=c.count("head_dim", default=64),
        groups=c.count("n_groups", default=8),
        state=c.count("state_size", default=128),
        kernel=c.count("conv_kernel", default=4),
        conv_bias=c.flag("use_conv_bias", True),
        proj_bias=c.flag("use_bias", False),
        state_bytes=state_bytes(c),
    )
    return Body(layers=((mixer, NO_FFN, hidden),) * layer_count(c), tied=False, final_norm_params=hidden)


def _zamba2_block(c: ConfigValues) -> tuple[Attention, Ffn, int]:
    """The shared block: attention over the layer's input beside the embedding, a gated feed-forward part."""
    hidden, heads = hidden_size(c), head_count(c)
    wide = 2 * hidden
    kv_heads, width = c.count("num_key_value_heads", default=heads), wide // heads
    attention = dataclasses.replace(
        grouped_attention(hidden=wide, heads=heads, kv_heads=kv_heads, head_dim=width),
        linear_params=wide * (heads + 2 * kv_heads) * width + heads * width * hidden,
    )
    inner = c.count("intermediate_size", default=4 * hidden)
    return attention, dense_ffn(hidden=hidden, inner=inner), wide + hidden


def _zamba2(c: ConfigValues, max_context: int) -> Body:
    """Zamba2: Mamba-2, on some layers one of a few shared blocks with narrow matrices of the layer's own."""
    hidden, layers = hidden_size(c), layer_count(c)
    kinds = c.texts("layers_block_type") or c.texts("layer_types")
    hybrid = sum(kind == "hybrid" for kind in kinds or ())
    if kinds is None or len(kinds) != layers or not hybrid:
        raise c.wrong("layers_block_type", f"is not {layers} of mamba and hybrid")
    heads = c.count("n_mamba_heads", default=8)
    inner = c.count("mamba_expand", default=2) * hidden
    mixer = mamba2(
        hidden=hidden,
        heads=heads,
        head_dim=inner // heads,
        groups=c.count("mamba_ngroups", default=1),
        state=c.count("mamba_d_state", default=64),
        kernel=c.count("mamba_d_conv", default=4),
        conv_bias=c.flag("use_conv_bias", True),
        proj_bias=c.flag("add_bias_linear", False),
        state_bytes=state_bytes(c),
    )
    attention, ffn, norms = _zamba2_block(c)
    rank, wide = c.count("adapter_rank", default=128), 2 * hidden
    assert ffn.inner is not None
    own = hidden * hidden + hidden * rank + rank * 2 * ffn.inner
    if c.flag("use_shared_attention_adapter", False):
        own += 3 * (wide * rank + rank * attention.query_heads * attention.qk_head_dim)
    blocks = min(c.count("num_mem_blocks", default=1), hybrid)
    with_own = dataclasses.replace(mixer, linear_params=mixer.linear_params + own, matmuls=mixer.matmuls + 3)
    shared: Layer = (attention, ffn, norms)
    return Body(
        layers=((mixer, NO_FFN, hidden),) * (layers - hybrid)
        + ((with_own, NO_FFN, hidden),) * hybrid
        + (shared,) * blocks,
        again=(shared,) * (hybrid - blocks),
        tied=True,
        final_norm_params=hidden,
    )


WITHOUT_ATTENTION = ("mamba", "falcon_mamba", "mamba2")
READERS = {"mamba": _mamba, "falcon_mamba": _mamba, "mamba2": _mamba2, "zamba2": _zamba2}
