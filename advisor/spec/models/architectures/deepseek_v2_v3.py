"""DeepSeek V2 to V3.2, Kimi K2, GLM-5: latent attention, and routed experts beside shared ones."""

from __future__ import annotations

from dataclasses import replace

from advisor.spec.models.attention_and_mlp import (
    Body,
    active_experts,
    head_count,
    hidden_size,
    inner_size,
    layer_count,
)
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.layers import (
    dense_ffn,
    latent_attention,
    moe_ffn,
)
from advisor.spec.models.model import Attention, Ffn


def indexers(c: ConfigValues, layers: int) -> tuple[bool, ...]:
    """Which layers have DeepSeek-V3.2's indexer; the others attend to what the one before chose (GLM-5.2)."""
    if "index_topk" not in c:
        return (False,) * layers
    kinds = c.texts("indexer_types")
    letters = c.raw("index_topk_pattern")
    if kinds is None and isinstance(letters, str):
        kinds = tuple("full" if letter == "F" else "shared" for letter in letters)
    if kinds is not None:
        if len(kinds) != layers:
            raise c.wrong("indexer_types", f"has {len(kinds)} entries for {layers} layers")
        return tuple(kind == "full" for kind in kinds)
    every = c.count("index_topk_freq", default=1)
    first = c.count_or_zero("index_skip_topk_offset", default=2)
    return tuple(max(i - first + 1, 0) % every == 0 for i in range(layers))


def latent_mixer(c: ConfigValues, *, with_index: bool = False) -> Attention:
    """Latent attention by the keys that DeepSeek gave it; `with_index`: with V3.2's indexer."""
    return latent_attention(
        hidden=hidden_size(c),
        heads=head_count(c),
        query_rank=c.count_or_none("q_lora_rank"),
        kv_rank=c.count("kv_lora_rank"),
        nope_dim=c.count("qk_nope_head_dim"),
        rope_dim=c.count_or_zero("qk_rope_head_dim"),
        v_dim=c.count("v_head_dim"),
        bias=c.flag("attention_bias", False),
        index_heads=c.count("index_n_heads") if with_index else 0,
        index_dim=c.count("index_head_dim") if with_index else 0,
        index_top=c.count("index_topk") if with_index else None,
    )


def shared_and_routed(c: ConfigValues, *, router_bias: bool = True) -> Ffn:
    """Routed experts beside shared ones of the same width, by the keys that DeepSeek gave them."""
    experts, inner = c.count("n_routed_experts"), c.count("moe_intermediate_size")
    return moe_ffn(
        hidden=hidden_size(c),
        experts=experts,
        active=active_experts(c, experts),
        inner=inner,
        shared_inner=inner * c.count_or_zero("n_shared_experts"),
        router_bias=router_bias,
    )


def _deepseek(c: ConfigValues, max_context: int) -> Body:
    """DeepSeek V2, V3, V3.2, Kimi K2, GLM-5: latent attention, shared and routed experts."""
    hidden, layers = hidden_size(c), layer_count(c)
    first, step = c.count_or_zero("first_k_dense_replace"), c.count("moe_layer_freq", default=1)
    kinds = c.texts("mlp_layer_types") or tuple(
        "sparse" if i >= first and i % step == 0 else "dense" for i in range(layers)
    )
    if len(kinds) != layers or set(kinds) - {"sparse", "dense"}:
        raise c.wrong("mlp_layer_types", f"is not {layers} of sparse and dense")
    indexed = indexers(c, layers)
    plain, sparse = latent_mixer(c), latent_mixer(c, with_index=True) if any(indexed) else None
    if sparse is not None:
        plain = replace(plain, attended_tokens=sparse.attended_tokens)
    dense = dense_ffn(hidden=hidden, inner=inner_size(c))
    moe = dense
    if c.count_or_zero("n_routed_experts"):
        older = c.text("topk_method") == "greedy" or c.text("model_type") in (
            "deepseek_v2",
            "mistral4",
            "mistral_large_3",
        )
        moe = shared_and_routed(c, router_bias=not older)
    return Body(
        layers=tuple(
            (
                sparse if sparse is not None and has_index else plain,
                moe if kind == "sparse" else dense,
                2 * hidden,
            )
            for has_index, kind in zip(indexed, kinds, strict=True)
        ),
        tied=False,
        final_norm_params=hidden,
    )


READERS = {
    "deepseek_v2": _deepseek,
    "deepseek_v3": _deepseek,
    "glm4_moe_lite": _deepseek,
}
