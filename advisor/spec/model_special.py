"""Models whose layers differ from the common transformer: latent attention, hybrids, Llama 4, Gemma 4."""

from __future__ import annotations

from collections.abc import Callable

from advisor.errors import UnsupportedError
from advisor.spec.model import Ffn
from advisor.spec.model_layers import (
    NO_ATTENTION,
    NO_FFN,
    dense_ffn,
    gated_delta_net,
    grouped_attention,
    latent_attention,
    mamba1,
    mamba2,
    moe_ffn,
)
from advisor.spec.model_transformer import (
    TRAITS,
    Body,
    Layer,
    Traits,
    feed_forward,
    head_count,
    head_width,
    hidden_size,
    inner_size,
    kv_head_count,
    layer_count,
    windows,
)
from advisor.spec.model_values import ConfigValues

BYTES_PER_STATE_NUMBER = {"float32": 4, "float": 4, "bfloat16": 2, "float16": 2, "half": 2}


def _state_bytes(c: ConfigValues) -> int:
    """Width of a recurrent state's numbers; vLLM follows the config and falls back on 16 bits."""
    for key in ("mamba_ssm_cache_dtype", "mamba_ssm_dtype"):
        name = c.text(key)
        if name is not None:
            if name not in BYTES_PER_STATE_NUMBER:
                raise c.wrong(key, f"is none of {', '.join(BYTES_PER_STATE_NUMBER)}")
            return BYTES_PER_STATE_NUMBER[name]
    return 2


def _routed(c: ConfigValues, key: str, experts: int) -> int:
    active = c.count(key)
    if active > experts:
        raise c.wrong(key, f"is more than the {experts} experts")
    return active


def _deepseek(c: ConfigValues, max_context: int) -> Body:
    """DeepSeek V2, V3, V3.2, Kimi K2, GLM-5: latent attention, shared and routed experts."""
    hidden, heads, layers = hidden_size(c), head_count(c), layer_count(c)
    sparse = "index_topk" in c
    if sparse and "index_topk_freq" in c and c.count("index_topk_freq") > 1:
        raise UnsupportedError(f"{c.where}: index_topk_freq: layers sharing an indexer cannot be read yet")
    attention = latent_attention(
        hidden=hidden,
        heads=heads,
        query_rank=c.count_or_none("q_lora_rank"),
        kv_rank=c.count("kv_lora_rank"),
        nope_dim=c.count("qk_nope_head_dim"),
        rope_dim=c.count("qk_rope_head_dim"),
        v_dim=c.count("v_head_dim"),
        bias=c.flag("attention_bias", False),
        index_heads=c.count("index_n_heads") if sparse else 0,
        index_dim=c.count("index_head_dim") if sparse else 0,
        index_top=c.count("index_topk") if sparse else None,
    )
    dense = dense_ffn(hidden=hidden, inner=inner_size(c))
    experts = c.count_or_zero("n_routed_experts")
    moe = dense
    if experts:
        inner = c.count("moe_intermediate_size")
        moe = moe_ffn(
            hidden=hidden,
            experts=experts,
            active=_routed(c, "num_experts_per_tok", experts),
            inner=inner,
            shared_inner=inner * c.count_or_zero("n_shared_experts"),
            router_bias=c.text("topk_method") != "greedy" and c.text("model_type") != "deepseek_v2",
        )
    first, step = c.count_or_zero("first_k_dense_replace"), c.count("moe_layer_freq", default=1)
    return Body(
        layers=tuple(
            (attention, moe if i >= first and i % step == 0 else dense, 2 * hidden) for i in range(layers)
        ),
        tied=False,
        final_norm_params=hidden,
    )


def _llama4(c: ConfigValues, max_context: int) -> Body:
    """Llama 4: chunked attention on three layers of four, experts on every `interleave`-th layer."""
    hidden, heads, layers = hidden_size(c), head_count(c), layer_count(c)
    inner, experts = c.count("intermediate_size"), c.count("num_local_experts")
    step = c.count("interleave_moe_layer_step", default=1)
    moe = moe_ffn(
        hidden=hidden,
        experts=experts,
        active=_routed(c, "num_experts_per_tok", experts),
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


_GEMMA4 = Traits(norms=4, tied=True, qk_norm="head", window_default="pattern", pattern=6)


def _gemma4(c: ConfigValues, max_context: int) -> Body:
    """Gemma 4: wider heads on global layers, shared caches, per-layer inputs, experts beside the MLP."""
    hidden, heads, layers = hidden_size(c), head_count(c), layer_count(c)
    local_dim, local_kv = c.count("head_dim", default=256), kv_head_count(c, "gemma4_text")
    global_dim = c.count("global_head_dim", default=512)
    same = c.flag("attention_k_eq_v", False)
    global_kv = c.count("num_global_key_value_heads", default=local_kv) if same else local_kv
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
            ffn = Ffn(linear_params=ffn.linear_params + 2 * hidden * narrow, matmuls=ffn.matmuls + 2)
        if experts:
            norms += 3 * hidden
            ffn = moe_ffn(
                hidden=hidden,
                experts=experts,
                active=_routed(c, "top_k_experts", experts),
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
        state_bytes=_state_bytes(c),
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
    if not blocks:
        raise UnsupportedError(f"{c.where}: 'hybrid_override_pattern' is missing, so the layers are unknown")
    unread = set(blocks) - set(named.values())
    if unread:
        raise UnsupportedError(f"{c.where}: layers of kind {', '.join(sorted(unread))} cannot be read yet")
    if "num_hidden_layers" in c and c.count("num_hidden_layers") != len(blocks):
        raise c.wrong("num_hidden_layers", f"is not the {len(blocks)} layers of hybrid_override_pattern")
    bias = c.flag("attention_bias", False)
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
                state_bytes=_state_bytes(c),
            ),
            NO_FFN,
            hidden,
        ),
        "attention": lambda: (
            grouped_attention(
                hidden=hidden,
                heads=head_count(c),
                kv_heads=kv_head_count(c, "nemotron_h"),
                head_dim=head_width(c),
                qkv_bias=bias,
                out_bias=bias,
            ),
            NO_FFN,
            hidden,
        ),
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
        active=_routed(c, "num_experts_per_tok", experts),
        inner=c.count("moe_intermediate_size"),
        shared_inner=shared,
        gated=False,
        router_bias=True,
        expert_hidden=latent,
        linear_extra=2 * hidden * latent if latent else 0,
    )


def _granite_hybrid(c: ConfigValues, max_context: int) -> Body:
    """Granite 4: Mamba-2 and attention layers, each with a shared MLP and, in some sizes, experts."""
    hidden, layers = hidden_size(c), layer_count(c)
    kinds = c.texts("layer_types") or c.texts("layers_block_type")
    names = {"mamba": "mamba", "linear_attention": "mamba", "attention": "full", "full_attention": "full"}
    if kinds is None or len(kinds) != layers or any(kind not in names for kind in kinds):
        raise c.wrong("layer_types", f"is not {layers} of mamba and attention")
    bias = c.flag("attention_bias", False)
    full = grouped_attention(
        hidden=hidden,
        heads=head_count(c),
        kv_heads=kv_head_count(c, "granite"),
        head_dim=head_width(c),
        qkv_bias=bias,
        out_bias=bias,
    )
    shared, experts = c.count("shared_intermediate_size"), c.count_or_zero("num_local_experts")
    ffn = dense_ffn(hidden=hidden, inner=shared)
    if experts:
        ffn = moe_ffn(
            hidden=hidden,
            experts=experts,
            active=_routed(c, "num_experts_per_tok", experts),
            inner=c.count("intermediate_size"),
            shared_inner=shared,
        )
    heads = c.count("mamba_n_heads", default=128)
    head_dim = c.raw("mamba_d_head")
    inner = c.count("mamba_expand", default=2) * hidden
    linear = mamba2(
        hidden=hidden,
        heads=heads,
        head_dim=inner // heads if head_dim in (None, "auto") else c.count("mamba_d_head"),
        groups=c.count("mamba_n_groups", default=1),
        state=c.count("mamba_d_state", default=256),
        kernel=c.count("mamba_d_conv", default=4),
        conv_bias=c.flag("mamba_conv_bias", True),
        proj_bias=c.flag("mamba_proj_bias", False),
        state_bytes=_state_bytes(c),
    )
    return Body(
        layers=tuple((linear if names[kind] == "mamba" else full, ffn, 2 * hidden) for kind in kinds),
        tied=False,
        final_norm_params=hidden,
    )


def _jamba(c: ConfigValues, max_context: int) -> Body:
    """Jamba: Mamba-1, attention on every `attn_layer_period`-th layer, experts on every second."""
    hidden, layers = hidden_size(c), layer_count(c)
    experts = c.count("num_experts", default=16)
    inner = inner_size(c)
    dense = dense_ffn(hidden=hidden, inner=inner)
    moe = dense
    if experts > 1:
        active = _routed(c, "num_experts_per_tok", experts)
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
        state_bytes=_state_bytes(c),
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
            attention = grouped_attention(
                hidden=hidden,
                heads=heads,
                kv_heads=heads // mixing.count("n_heads_in_group"),
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


SPECIAL: dict[str, Callable[[ConfigValues, int], Body]] = {
    "deepseek_v2": _deepseek,
    "deepseek_v3": _deepseek,
    "glm4_moe_lite": _deepseek,
    "llama4_text": _llama4,
    "gemma4_text": _gemma4,
    "qwen3_next": _qwen_hybrid,
    "qwen3_5_text": _qwen_hybrid,
    "qwen3_5_moe_text": _qwen_hybrid,
    "nemotron_h": _nemotron_h,
    "granitemoehybrid": _granite_hybrid,
    "jamba": _jamba,
    "nemotron-nas": _nemotron_nas,
}
"""Readers by model_type."""
