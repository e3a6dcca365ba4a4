"""DeepSeek V4: one shared key-value head, a short window, and compressed keys of everything before it.

Shapes follow transformers 5.24.0 (modeling_deepseek_v4.py). A layer of ratio 4 keeps one entry per four
tokens, of which a query reads the best `index_topk`; a layer of ratio 128 reads all of its few entries; one
of ratio 0 has the window alone. An entry is key and value at once.
"""

from __future__ import annotations

from advisor.spec.models.attention_and_mlp import Body, active_experts, head_count, hidden_size, layer_count
from advisor.spec.models.config_values import ConfigValues
from advisor.spec.models.layers import moe_ffn
from advisor.spec.models.model import Attention
from advisor.units import BYTES_16BIT, BYTES_32BIT

_SPARSE, _HEAVY, _LOCAL = 4, 128, 0
_KINDS = {
    "compressed_sparse_attention": _SPARSE,
    "heavily_compressed_attention": _HEAVY,
    "sliding_attention": _LOCAL,
}


def _ratios(c: ConfigValues, layers: int) -> tuple[int, ...]:
    """Tokens per compressed entry of each layer, 0 = the window alone."""
    kinds, ratios = c.texts("layer_types"), c.numbers("compress_ratios")
    if kinds is not None:
        if len(kinds) < layers or set(kinds) - set(_KINDS):
            raise c.wrong("layer_types", f"is not {layers} of {', '.join(_KINDS)}")
        return tuple(_KINDS[kind] for kind in kinds[:layers])
    if ratios is not None:
        if len(ratios) < layers or set(ratios) - set(_KINDS.values()):
            raise c.wrong("compress_ratios", f"is not {layers} of 0, {_SPARSE} and {_HEAVY}")
        return ratios[:layers]  # a last entry is of the layer that predicts further tokens
    return tuple(_HEAVY if i < 2 or i % 2 == 0 else _SPARSE for i in range(layers))


def _attention(c: ConfigValues, ratio: int) -> Attention:
    hidden, heads, width = hidden_size(c), head_count(c), c.count("head_dim", default=512)
    rank, groups, out_rank = c.count("q_lora_rank"), c.count("o_groups"), c.count("o_lora_rank")
    queries = heads * width
    linear = hidden * rank + rank * queries + hidden * width + queries * out_rank + groups * out_rank * hidden
    other = heads + rank + width  # sinks, the norms of the latent query and of the key
    attended, extra_bytes = None, 0
    if ratio == _SPARSE:
        index_heads, index_width = c.count("index_n_heads"), c.count("index_head_dim")
        linear += 4 * hidden * width + 4 * hidden * index_width + rank * index_heads * index_width
        other += 2 * ratio * width + width + 2 * ratio * index_width + index_width + hidden * index_heads
        attended = ratio * c.count("index_topk")
        # The indexer's key is FP8 with one 32-bit scale per 128 numbers, once per entry.
        extra_bytes = -(-(index_width + BYTES_32BIT * -(-index_width // 128)) // ratio)
    elif ratio == _HEAVY:
        linear += 2 * hidden * width
        other += ratio * width + width
    entry = width // ratio if ratio else 0
    return Attention(
        kind="full",
        query_heads=heads,
        kv_heads=1,
        # Work and bytes per token before: an entry stands for `ratio` of them.
        qk_head_dim=max(entry, 1),
        v_head_dim=max(entry, 1),
        linear_params=linear,
        other_params=other,
        kv_elements_per_token=entry,
        kv_read_elements_per_token=entry,
        kv_extra_bytes_per_token=extra_bytes,
        attended_tokens=attended,
        state_bytes_per_sequence=c.count("sliding_window", default=128) * width * BYTES_16BIT,
        matmuls=5 + (2 if ratio else 0) + (3 if ratio == _SPARSE else 0),
    )


def read(c: ConfigValues, max_context: int) -> Body:
    """Every layer routed; the first ones by a table of tokens, which has no correction per expert."""
    hidden, layers = hidden_size(c), layer_count(c)
    experts, inner = c.count("n_routed_experts", "num_local_experts"), c.count("moe_intermediate_size")
    streams = c.count("hc_mult", default=4)
    by_table = c.count_or_zero("num_hash_layers", default=3)
    # Two mixers of the residual streams a layer, each with a base and three scales.
    mixed = (2 + streams) * streams
    connections = 2 * (mixed * streams * hidden + mixed + 3)
    ratios = _ratios(c, layers)
    made = {ratio: _attention(c, ratio) for ratio in dict.fromkeys(ratios)}

    def routed(layer: int) -> Attention:
        return made[ratios[layer]]

    parts = {
        corrected: moe_ffn(
            hidden=hidden,
            experts=experts,
            active=active_experts(c, experts),
            inner=inner,
            shared_inner=inner * c.count_or_zero("n_shared_experts", default=1),
            router_bias=corrected,
        )
        for corrected in (False, True)
    }
    return Body(
        layers=tuple((routed(i), parts[i >= by_table], 2 * hidden + connections) for i in range(layers)),
        tied=False,
        final_norm_params=hidden,
        other_params=streams * streams * hidden + streams + 1,
    )


READERS = {"deepseek_v4": read, "deepseek_ref": read}
