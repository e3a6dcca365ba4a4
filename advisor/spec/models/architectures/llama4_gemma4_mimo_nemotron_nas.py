"""Layers that differ within one model: Llama 4, Gemma 4, MiMo V2, Nemotron NAS."""

from __future__ import annotations

from dataclasses import replace

from advisor.errors import UnsupportedError
from advisor.spec.models.architectures.deepseek_v2_v3 import shared_and_routed
from advisor.spec.models.attention_and_mlp import (
    Body,
    Layer,
    active_experts,
    head_count,
    head_width,
    hidden_size,
    inner_size,
    kv_head_count,
    layer_count,
    windows,
)
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.layers import (
    NO_ATTENTION,
    NO_FFN,
    dense_ffn,
    grouped_attention,
    moe_ffn,
)
from advisor.spec.models.model import Attention
from advisor.spec.models.model_type_traits import Traits

_GEMMA4 = Traits(norms=4, tied=True, qk_norm="head", window_default="pattern", pattern=6)


def _llama4(c: ConfigValues, max_context: int) -> Body:
    """Llama 4: chunked attention on three layers of four, experts on every `interleave`-th layer."""
    hidden, heads, layers = hidden_size(c), head_count(c), layer_count(c)
    inner, experts = c.count("intermediate_size"), c.count("num_local_experts")
    step = c.count("interleave_moe_layer_step", default=1)
    moe = moe_ffn(
        hidden=hidden,
        experts=experts,
        active=active_experts(c, experts),
        inner=inner,
        shared_inner=inner,
    )
    dense = dense_ffn(hidden=hidden, inner=c.count("intermediate_size_mlp"))
    chunk = c.count_or_none("attention_chunk_size")
    rope = c.numbers("no_rope_layers")
    every = c.count("no_rope_layer_interval", default=4)
    moe_layers = c.numbers("moe_layers")
    result: list[Layer] = []
    for i in range(layers):
        chunked = bool(rope[i]) if rope and i < len(rope) else (i + 1) % every != 0
        attention = grouped_attention(
            hidden=hidden,
            heads=heads,
            kv_heads=kv_head_count(c, "llama4_text"),
            head_dim=head_width(c),
            qkv_bias=c.flag("attention_bias", False),
            out_bias=c.flag("attention_bias", False),
            window=chunk if chunked and chunk is not None and chunk < max_context else None,
        )
        is_moe = i in moe_layers if moe_layers else (i + 1) % step == 0
        result.append((attention, moe if is_moe else dense, 2 * hidden))
    return Body(layers=tuple(result), tied=False, final_norm_params=hidden)


def _by_layer(c: ConfigValues) -> dict[int, ConfigValues] | None:
    """transformers 5's per_layer_config, whose keys are layer numbers with leading zeros; None: absent."""
    section = c.section("per_layer_config")
    if section is None:
        return None
    own: dict[int, ConfigValues] = {}
    for key in section.names():
        part = section.section(key) if key.isdecimal() else None
        if part is None:
            raise c.wrong("per_layer_config", "is not a section by layer number")
        own[int(key)] = part
    return own


def _gemma4(c: ConfigValues, max_context: int) -> Body:
    """Gemma 4: wider heads on global layers, shared caches, per-layer inputs, experts beside the MLP."""
    hidden, heads, layers = hidden_size(c), head_count(c), layer_count(c)
    local_dim, local_kv = c.count("head_dim", default=256), kv_head_count(c, "gemma4_text")
    global_dim = c.count("global_head_dim", default=512)
    same = c.flag("attention_k_eq_v", False)
    global_kv = c.count("num_global_key_value_heads", default=local_kv) if same else local_kv
    overrides = _by_layer(c)
    sharing = c.count_or_zero("num_kv_shared_layers")
    narrow = c.count_or_zero("hidden_size_per_layer_input")
    wide = c.flag("use_double_wide_mlp", False)
    bias = c.flag("attention_bias", False)
    experts = c.count_or_zero("num_experts") if c.flag("enable_moe_block", False) else 0
    kinds = windows(c, layers, _GEMMA4, max_context)
    result: list[Layer] = []
    for i, window in enumerate(kinds):
        shared = i >= layers - sharing
        # transformers makes the last layer global whatever the list says.
        is_global = window is None or i == layers - 1
        dim, kv = (global_dim, global_kv) if is_global else (local_dim, local_kv)
        if overrides is not None:
            # transformers 5 saves the global layers' sizes by layer in place of global_head_dim.
            own = overrides.get(i)
            dim = local_dim if own is None else own.count("head_dim", default=local_dim)
            kv = local_kv if own is None else own.count("num_key_value_heads", default=local_kv)
        attention = grouped_attention(
            hidden=hidden,
            heads=heads,
            kv_heads=kv,
            head_dim=dim,
            qkv_bias=bias,
            out_bias=bias,
            norm_params=dim if shared else 2 * dim,
            window=None if is_global else window,
            shares_cache=shared,
            key_is_value=same and is_global,
        )
        inner = inner_size(c) * (2 if wide and shared else 1)
        ffn = dense_ffn(hidden=hidden, inner=inner)
        norms = 4 * hidden
        if narrow:
            norms += hidden
            # The per-layer gate and projection are plain matrices beside the MLP's.
            ffn = replace(ffn, linear_params=ffn.linear_params + 2 * hidden * narrow, matmuls=ffn.matmuls + 2)
        if experts:
            norms += 3 * hidden
            ffn = moe_ffn(
                hidden=hidden,
                experts=experts,
                active=active_experts(c, experts),
                inner=c.count("moe_intermediate_size"),
                shared_inner=inner,
                other_extra=hidden + experts,
            )
        result.append((attention, ffn, norms))
    other = 0
    if narrow:
        rows = c.count("vocab_size_per_layer_input", default=c.count("vocab_size"))
        other = rows * layers * narrow + hidden * layers * narrow + narrow
    return Body(layers=tuple(result), tied=True, final_norm_params=hidden, other_params=other)


def _nemotron_nas(c: ConfigValues, max_context: int) -> Body:
    """Nemotron Super and Ultra: Llama layers, each with its own attention and MLP width, or without."""
    hidden, heads, head_dim = hidden_size(c), head_count(c), head_width(c)
    blocks = c.sections("block_configs")
    if len(blocks) != layer_count(c):
        raise c.wrong("num_hidden_layers", f"is not the {len(blocks)} entries of block_configs")
    result: list[Layer] = []
    for block in blocks:
        mixing, forward = block.section("attention"), block.section("ffn")
        if mixing is None or forward is None:
            raise UnsupportedError(f"{block.where}: a block without attention and ffn cannot be read")
        for part in (mixing, forward):
            if part.flag("replace_with_linear", False) or part.raw("sparsify") is not None:
                raise UnsupportedError(f"{part.where}: linear or sparse replacements cannot be read yet")
        attention, ffn, norms = NO_ATTENTION, NO_FFN, 0
        if not mixing.flag("no_op", False):
            per_group = mixing.count("n_heads_in_group")
            if heads % per_group:
                raise mixing.wrong("n_heads_in_group", f"does not divide {heads} attention heads")
            attention = grouped_attention(
                hidden=hidden,
                heads=heads,
                kv_heads=heads // per_group,
                head_dim=head_dim,
                window=mixing.count_or_none("window_length"),
            )
            norms += hidden
        if not forward.flag("no_op", False):
            wanted = int(2 * forward.factor("ffn_mult") * hidden / 3)
            ffn = dense_ffn(hidden=hidden, inner=-(-wanted // 256) * 256)
            norms += hidden
        result.append((attention, ffn, norms))
    return Body(layers=tuple(result), tied=False, final_norm_params=hidden)


def _mimo_v2(c: ConfigValues, max_context: int) -> Body:
    """MiMo-V2-Flash: narrower values than keys; local layers have sinks and twice the KV heads."""
    hidden, heads, layers = hidden_size(c), head_count(c), layer_count(c)
    bias, kv_heads = c.flag("attention_bias", False), c.count("num_key_value_heads")
    marks = c.numbers("hybrid_layer_pattern")
    kinds = c.texts("layer_types") or (
        None if marks is None else tuple("sliding_attention" if mark else "full_attention" for mark in marks)
    )
    sparse = c.texts("mlp_layer_types") or tuple(
        "sparse" if mark else "dense" for mark in c.numbers("moe_layer_freq") or ()
    )
    if kinds is None or len(kinds) != layers or set(kinds) - {"sliding_attention", "full_attention"}:
        raise c.wrong("hybrid_layer_pattern", f"does not name {layers} local or global layers")
    if len(sparse) != layers:
        raise c.wrong("moe_layer_freq", f"has {len(sparse)} entries for {layers} layers")

    def attention(kind: str) -> Attention:
        local = kind == "sliding_attention"
        width = c.count("swa_head_dim", "head_dim") if local else c.count("head_dim")
        return grouped_attention(
            hidden=hidden,
            heads=heads,
            kv_heads=c.count("swa_num_key_value_heads", default=2 * kv_heads) if local else kv_heads,
            head_dim=width,
            v_head_dim=c.count("swa_v_head_dim", "v_head_dim") if local else c.count("v_head_dim"),
            qkv_bias=bias,
            window=c.count("sliding_window") if local else None,
            sinks=local,
        )

    dense, moe = dense_ffn(hidden=hidden, inner=inner_size(c)), shared_and_routed(c)
    made = {kind: attention(kind) for kind in dict.fromkeys(kinds)}
    return Body(
        layers=tuple(
            (made[kind], moe if part == "sparse" else dense, 2 * hidden)
            for kind, part in zip(kinds, sparse, strict=True)
        ),
        tied=False,
        final_norm_params=hidden,
    )


READERS = {
    "llama4_text": _llama4,
    "gemma4_text": _gemma4,
    "mimo_v2_flash": _mimo_v2,
    "nemotron-nas": _nemotron_nas,
}
