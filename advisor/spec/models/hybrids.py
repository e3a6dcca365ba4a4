"""Hybrids: recurrent layers (gated delta net, Mamba) whose state replaces the cache, with some attention."""

from __future__ import annotations

from collections.abc import Callable

from advisor.errors import InputError, UnsupportedError
from advisor.spec.models.attention_and_mlp import (
    MOST_LAYERS,
    Body,
    Layer,
    active_experts,
    feed_forward,
    head_count,
    head_width,
    hidden_size,
    inner_size,
    kv_head_count,
    layer_count,
)
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.layers import (
    NO_ATTENTION,
    NO_FFN,
    dense_ffn,
    gated_delta_net,
    grouped_attention,
    mamba1,
    mamba2,
    moe_ffn,
    short_convolution,
)
from advisor.spec.models.model import Attention, Ffn
from advisor.spec.models.model_type_traits import TRAITS

BYTES_PER_STATE_NUMBER = {"float32": 4, "float": 4, "bfloat16": 2, "float16": 2, "half": 2}


def state_bytes(c: ConfigValues) -> int:
    """Width of a recurrent state's numbers; vLLM follows the config and falls back on 16 bits."""
    for key in ("mamba_ssm_cache_dtype", "mamba_ssm_dtype"):
        name = c.text(key)
        if name is not None:
            if name not in BYTES_PER_STATE_NUMBER:
                raise c.wrong(key, f"is none of {', '.join(BYTES_PER_STATE_NUMBER)}")
            return BYTES_PER_STATE_NUMBER[name]
    return 2


def _qwen_hybrid(c: ConfigValues, max_context: int) -> Body:
    """Qwen3-Next and Qwen3.5: gated delta net, gated attention on every `full_attention_interval`-th."""
    hidden, layers = hidden_size(c), layer_count(c)
    interval = c.count("full_attention_interval", default=4)
    kinds = c.texts("layer_types") or tuple(
        "full_attention" if (i + 1) % interval == 0 else "linear_attention" for i in range(layers)
    )
    if len(kinds) != layers or set(kinds) - {"full_attention", "linear_attention"}:
        raise c.wrong("layer_types", f"is not {layers} of full_attention and linear_attention")
    head_dim, bias = c.count("head_dim", default=256), c.flag("attention_bias", False)
    full = grouped_attention(
        hidden=hidden,
        heads=head_count(c),
        kv_heads=kv_head_count(c, "qwen3_next"),
        head_dim=head_dim,
        qkv_bias=bias,
        out_bias=bias,
        norm_params=2 * head_dim,
        gated=c.flag("attn_output_gate", True),
    )
    linear = gated_delta_net(
        hidden=hidden,
        key_heads=c.count("linear_num_key_heads"),
        value_heads=c.count("linear_num_value_heads"),
        key_dim=c.count("linear_key_head_dim"),
        value_dim=c.count("linear_value_head_dim"),
        kernel=c.count("linear_conv_kernel_dim", default=4),
        state_bytes=state_bytes(c),
    )
    traits = TRAITS["qwen3_moe"]
    return Body(
        layers=tuple(
            (
                full if kind == "full_attention" else linear,
                feed_forward(c, traits, "qwen2_moe", i),
                2 * hidden,
            )
            for i, kind in enumerate(kinds)
        ),
        tied=False,
        final_norm_params=hidden,
    )


def _nemotron_h(c: ConfigValues, max_context: int) -> Body:
    """Nemotron-H and Nemotron 3: each layer is one block, Mamba-2, attention, MLP or experts."""
    hidden = hidden_size(c)
    pattern = c.text("hybrid_override_pattern")
    named = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
    older = {"linear_attention": "mamba", "full_attention": "attention"}
    blocks = (
        tuple(named.get(letter, letter) for letter in pattern)
        if pattern is not None
        else tuple(older.get(b, b) for b in c.texts("layers_block_type") or c.texts("layer_types") or ())
    )
    if len(blocks) > MOST_LAYERS:
        raise c.wrong("hybrid_override_pattern", f"has more layers than any model ({MOST_LAYERS})")
    if not blocks:
        raise InputError(f"{c.where}: 'hybrid_override_pattern' is missing; give all of config.json")
    unread = set(blocks) - set(named.values())
    if unread:
        raise UnsupportedError(f"{c.where}: layers of kind {', '.join(sorted(unread))} cannot be read yet")
    if "num_hidden_layers" in c and c.count("num_hidden_layers") != len(blocks):
        raise c.wrong("num_hidden_layers", f"is not the {len(blocks)} layers of hybrid_override_pattern")
    makers: dict[str, Callable[[], Layer]] = {
        "mamba": lambda: (
            mamba2(
                hidden=hidden,
                heads=c.count("mamba_num_heads"),
                head_dim=c.count("mamba_head_dim"),
                groups=c.count("n_groups"),
                state=c.count("ssm_state_size"),
                kernel=c.count("conv_kernel", default=4),
                conv_bias=c.flag("use_conv_bias", True),
                proj_bias=c.flag("use_bias", False),
                state_bytes=state_bytes(c),
            ),
            NO_FFN,
            hidden,
        ),
        "attention": lambda: (plain_attention(c, "nemotron_h"), NO_FFN, hidden),
        "mlp": lambda: (
            NO_ATTENTION,
            dense_ffn(hidden=hidden, inner=inner_size(c), gated=False, bias=c.flag("mlp_bias", False)),
            hidden,
        ),
        "moe": lambda: (NO_ATTENTION, _nemotron_experts(c, hidden), hidden),
    }
    made = {kind: makers[kind]() for kind in dict.fromkeys(blocks)}
    return Body(layers=tuple(made[kind] for kind in blocks), tied=False, final_norm_params=hidden)


def _nemotron_experts(c: ConfigValues, hidden: int) -> Ffn:
    experts = c.count("n_routed_experts")
    latent = c.count_or_none("moe_latent_size")
    shared = (
        c.count_or_zero("moe_shared_expert_intermediate_size") if c.count_or_zero("n_shared_experts") else 0
    )
    return moe_ffn(
        hidden=hidden,
        experts=experts,
        active=active_experts(c, experts),
        inner=c.count("moe_intermediate_size"),
        shared_inner=shared,
        gated=False,
        router_bias=True,
        expert_hidden=latent,
        linear_extra=2 * hidden * latent if latent else 0,
    )


def plain_attention(c: ConfigValues, family: str) -> Attention:
    """Grouped attention as most configs give it: the usual sizes, one flag for the biases."""
    bias = c.flag("attention_bias", False)
    return grouped_attention(
        hidden=hidden_size(c),
        heads=head_count(c),
        kv_heads=kv_head_count(c, family),
        head_dim=head_width(c),
        qkv_bias=bias,
        out_bias=bias,
    )


def mamba2_mixer(c: ConfigValues, inner: int) -> Attention:
    """Mamba-2 as Granite 4, Bamba and Falcon-H1 give it, over `inner` channels."""
    heads = c.count("mamba_n_heads", default=128)
    return mamba2(
        hidden=hidden_size(c),
        heads=heads,
        head_dim=inner // heads if c.raw("mamba_d_head") in (None, "auto") else c.count("mamba_d_head"),
        groups=c.count("mamba_n_groups", default=1),
        state=c.count("mamba_d_state", default=256),
        kernel=c.count("mamba_d_conv", default=4),
        conv_bias=c.flag("mamba_conv_bias", True),
        proj_bias=c.flag("mamba_proj_bias", False),
        state_bytes=state_bytes(c),
    )


def _mamba_or_attention(c: ConfigValues, kinds: tuple[str, ...] | None, family: str) -> tuple[Attention, ...]:
    """Each layer's token mixing by its kind; newer configs write `linear_attention` and `full_attention`."""
    layers = layer_count(c)
    is_mamba = {"mamba": True, "linear_attention": True, "attention": False, "full_attention": False}
    if kinds is None or len(kinds) != layers or any(kind not in is_mamba for kind in kinds):
        raise c.wrong("layer_types", f"is not {layers} of mamba and attention")
    full = plain_attention(c, family)
    linear = mamba2_mixer(c, c.count("mamba_expand", default=2) * hidden_size(c))
    return tuple(linear if is_mamba[kind] else full for kind in kinds)


def _granite_hybrid(c: ConfigValues, max_context: int) -> Body:
    """Granite 4: Mamba-2 and attention layers, each with a shared MLP and, in some sizes, experts."""
    hidden = hidden_size(c)
    kinds = c.texts("layer_types") or c.texts("layers_block_type")
    shared, experts = c.count("shared_intermediate_size"), c.count_or_zero("num_local_experts")
    ffn = dense_ffn(hidden=hidden, inner=shared)
    if experts:
        ffn = moe_ffn(
            hidden=hidden,
            experts=experts,
            active=active_experts(c, experts),
            inner=c.count("intermediate_size"),
            shared_inner=shared,
        )
    mixing = _mamba_or_attention(c, kinds, "granite")
    return Body(layers=tuple((one, ffn, 2 * hidden) for one in mixing), tied=False, final_norm_params=hidden)


def _jamba(c: ConfigValues, max_context: int) -> Body:
    """Jamba: Mamba-1, attention on every `attn_layer_period`-th layer, experts on every second."""
    hidden, layers = hidden_size(c), layer_count(c)
    experts = c.count("num_experts", default=16)
    inner = inner_size(c)
    dense = dense_ffn(hidden=hidden, inner=inner)
    moe = dense
    if experts > 1:
        active = active_experts(c, experts)
        moe = moe_ffn(hidden=hidden, experts=experts, active=active, inner=inner)
    full = grouped_attention(
        hidden=hidden, heads=head_count(c), kv_heads=kv_head_count(c, "jamba"), head_dim=head_width(c)
    )
    rank = -(-hidden // 16)
    linear = mamba1(
        hidden=hidden,
        inner=c.count("mamba_expand", default=2) * hidden,
        state=c.count("mamba_d_state", default=16),
        kernel=c.count("mamba_d_conv", default=4),
        step_rank=rank if c.raw("mamba_dt_rank") in (None, "auto") else c.count("mamba_dt_rank"),
        conv_bias=c.flag("mamba_conv_bias", True),
        proj_bias=c.flag("mamba_proj_bias", False),
        inner_norms=True,
        state_bytes=state_bytes(c),
    )
    period, offset = c.count("attn_layer_period", default=8), c.count_or_zero("attn_layer_offset", default=4)
    every, start = (
        c.count("expert_layer_period", default=2),
        c.count_or_zero("expert_layer_offset", default=1),
    )
    return Body(
        layers=tuple(
            (
                full if i % period == offset else linear,
                moe if i % every == start else dense,
                2 * hidden,
            )
            for i in range(layers)
        ),
        tied=False,
        final_norm_params=hidden,
    )


def _bamba(c: ConfigValues, max_context: int) -> Body:
    """Bamba: Mamba-2 layers and a few attention layers, each with an MLP."""
    hidden = hidden_size(c)
    kinds = c.texts("layer_types") or c.texts("layers_block_type")
    if kinds is None:
        full_at = c.numbers("attn_layer_indices") or ()
        kinds = tuple("attention" if i in full_at else "mamba" for i in range(layer_count(c)))
    ffn = dense_ffn(hidden=hidden, inner=inner_size(c), bias=c.flag("mlp_bias", False))
    mixing = _mamba_or_attention(c, kinds, "bamba")
    return Body(layers=tuple((one, ffn, 2 * hidden) for one in mixing), tied=False, final_norm_params=hidden)


def lfm2_layers(c: ConfigValues) -> tuple[Attention, ...]:
    """LFM2's token mixing by layer: gated short convolutions, attention on some."""
    hidden, layers = hidden_size(c), layer_count(c)
    kinds = c.texts("layer_types")
    if kinds is None:
        full_at = c.numbers("full_attn_idxs") or ()
        kinds = tuple("full_attention" if i in full_at else "conv" for i in range(layers))
    if len(kinds) != layers or set(kinds) - {"full_attention", "conv"}:
        raise c.wrong("layer_types", f"is not {layers} of conv and full_attention")
    head_dim = head_width(c)
    full = grouped_attention(
        hidden=hidden,
        heads=head_count(c),
        kv_heads=kv_head_count(c, "lfm2"),
        head_dim=head_dim,
        norm_params=2 * head_dim,
    )
    conv = short_convolution(
        hidden=hidden, kernel=c.count("conv_L_cache", default=3), bias=c.flag("conv_bias", False)
    )
    return tuple(full if kind == "full_attention" else conv for kind in kinds)


def _lfm2(c: ConfigValues, max_context: int) -> Body:
    """LFM2: gated short convolutions and some attention, each with an MLP."""
    hidden = hidden_size(c)
    inner = c.count("block_ff_dim", "intermediate_size")
    if c.flag("block_auto_adjust_ff_dim", True):
        # The first Llama's rule: two thirds, times a factor, up to the next multiple.
        inner = 2 * inner // 3
        if "block_ffn_dim_multiplier" in c:
            multiple = c.count("block_multiple_of", default=256)
            inner = -(-int(c.factor("block_ffn_dim_multiplier") * inner) // multiple) * multiple
    ffn = dense_ffn(hidden=hidden, inner=inner)
    return Body(
        layers=tuple((mixing, ffn, 2 * hidden) for mixing in lfm2_layers(c)),
        tied=c.flag("tie_embedding", True),
        final_norm_params=hidden,
    )


HYBRIDS: dict[str, Callable[[ConfigValues, int], Body]] = {
    "qwen3_next": _qwen_hybrid,
    "qwen3_5_text": _qwen_hybrid,
    "qwen3_5_moe_text": _qwen_hybrid,
    "nemotron_h": _nemotron_h,
    "granitemoehybrid": _granite_hybrid,
    "jamba": _jamba,
    "bamba": _bamba,
    "lfm2": _lfm2,
}
"""Readers by model_type."""
