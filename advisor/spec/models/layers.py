"""Layers from their dimensions: parameters, cache and kernels of every kind of layer we know.

Shapes are those of the modules in transformers 5 and vLLM; `linear` is what a quantization format
narrows (projections), `other` what it leaves at 16 bits (biases, norms, convolutions, decays).
"""

from __future__ import annotations

from advisor.spec.models.model import Attention, Ffn
from advisor.units import BYTES_16BIT, BYTES_32BIT


def grouped_attention(
    *,
    hidden: int,
    heads: int,
    kv_heads: int,
    head_dim: int,
    v_head_dim: int | None = None,
    qkv_bias: bool = False,
    out_bias: bool = False,
    norm_params: int = 0,
    window: int | None = None,
    gated: bool = False,
    sinks: bool = False,
    shares_cache: bool = False,
    key_is_value: bool = False,
    linear_extra: int = 0,
) -> Attention:
    """Multi-head, grouped-query or multi-query attention.

    `gated`: an output gate as wide as the queries (Qwen3-Next). `sinks`: one learnt logit per head
    (gpt-oss). `shares_cache`: reads an earlier layer's cache and has no key and value matrices
    (Gemma 4). `key_is_value`: one projection gives both, both are cached (Gemma 4).
    """
    v_dim = head_dim if v_head_dim is None else v_head_dim
    query = heads * head_dim * (2 if gated else 1)
    key = 0 if shares_cache else kv_heads * head_dim
    value = 0 if shares_cache or key_is_value else kv_heads * v_dim
    bias = (query + key + value if qkv_bias else 0) + (hidden if out_bias else 0)
    cached = kv_heads * (head_dim + v_dim)
    return Attention(
        kind="full" if window is None else "sliding",
        query_heads=heads,
        kv_heads=kv_heads,
        qk_head_dim=head_dim,
        v_head_dim=v_dim,
        linear_params=hidden * (query + key + value) + heads * v_dim * hidden + linear_extra,
        other_params=bias + norm_params + (heads if sinks else 0),
        kv_elements_per_token=0 if shares_cache else cached,
        kv_read_elements_per_token=cached,
        window=window,
        matmuls=2,
        sinks=sinks,
    )


def latent_attention(
    *,
    hidden: int,
    heads: int,
    query_rank: int | None,
    kv_rank: int,
    nope_dim: int,
    rope_dim: int,
    v_dim: int,
    bias: bool = False,
    index_heads: int = 0,
    index_dim: int = 0,
    index_top: int | None = None,
) -> Attention:
    """DeepSeek's multi-head latent attention, with V3.2's sparse indexer when `index_heads`.

    The cache holds one latent and one rotated key per token, shared by all heads: kv_rank + rope_dim
    numbers. In decode vLLM multiplies by copies of the up-projection kept at 16 bits
    (`absorbed_params`), over kv_rank + rope_dim wide keys and kv_rank wide values.
    """
    qk_dim = nope_dim + rope_dim
    query = heads * qk_dim
    linear = hidden * (kv_rank + rope_dim) + kv_rank * heads * (nope_dim + v_dim) + heads * v_dim * hidden
    other = kv_rank
    if query_rank is None:
        linear += hidden * query
    else:
        linear += hidden * query_rank + query_rank * query
        other += query_rank
    if bias:
        other += (query_rank or 0) + kv_rank + rope_dim + hidden
    extra_bytes = 0
    if index_heads:
        # wq_b and wk are quantizable; weights_proj stays 16-bit, the key norm has weight and bias.
        linear += (query_rank or hidden) * index_heads * index_dim + hidden * index_dim
        other += hidden * index_heads + 2 * index_dim
        # vLLM caches the indexer's key as FP8 with one 32-bit scale per 128 numbers.
        extra_bytes = index_dim + BYTES_32BIT * -(-index_dim // 128)
    latent = kv_rank + rope_dim
    return Attention(
        kind="mla",
        query_heads=heads,
        kv_heads=1,
        qk_head_dim=qk_dim,
        v_head_dim=v_dim,
        decode_qk_dim=latent,
        decode_v_dim=kv_rank,
        linear_params=linear,
        other_params=other,
        kv_elements_per_token=latent,
        kv_read_elements_per_token=latent,
        kv_extra_bytes_per_token=extra_bytes,
        attended_tokens=index_top if index_heads else None,
        absorbed_params=kv_rank * heads * (nope_dim + v_dim),
        matmuls=5 + (2 if index_heads else 0),
    )


def gated_delta_net(
    *,
    hidden: int,
    key_heads: int,
    value_heads: int,
    key_dim: int,
    value_dim: int,
    kernel: int,
    state_bytes: int,
) -> Attention:
    """Qwen3-Next's linear attention: per value head a key_dim × value_dim state, and a short convolution.

    `state_bytes` is the width of the recurrent state's numbers; the convolution's are 16-bit.
    """
    keys, values = key_heads * key_dim, value_heads * value_dim
    convolved = 2 * keys + values
    return Attention(
        kind="linear",
        query_heads=value_heads,
        qk_head_dim=key_dim,
        v_head_dim=value_dim,
        # q, k, v and the output gate z; b and a (one number per value head each); the output.
        linear_params=hidden * (convolved + values) + hidden * 2 * value_heads + values * hidden,
        # convolution, dt_bias, A_log, gated norm
        other_params=convolved * kernel + 2 * value_heads + value_dim,
        state_bytes_per_sequence=convolved * (kernel - 1) * BYTES_16BIT
        + value_heads * key_dim * value_dim * state_bytes,
        matmuls=3,
    )


def mamba2(
    *,
    hidden: int,
    heads: int,
    head_dim: int,
    groups: int,
    state: int,
    kernel: int,
    conv_bias: bool,
    proj_bias: bool,
    state_bytes: int,
) -> Attention:
    """A Mamba-2 mixer: per head a head_dim × state matrix, and a short convolution."""
    inner = heads * head_dim
    convolved = inner + 2 * groups * state
    projected = inner + convolved + heads
    return Attention(
        kind="linear",
        query_heads=heads,
        qk_head_dim=state,
        v_head_dim=head_dim,
        linear_params=hidden * projected + inner * hidden,
        # convolution, dt_bias, A_log, D, gated norm
        other_params=convolved * (kernel + int(conv_bias))
        + 3 * heads
        + inner
        + (projected + hidden if proj_bias else 0),
        state_bytes_per_sequence=convolved * (kernel - 1) * BYTES_16BIT + inner * state * state_bytes,
        matmuls=2,
    )


def mamba1(
    *,
    hidden: int,
    inner: int,
    state: int,
    kernel: int,
    step_rank: int,
    conv_bias: bool,
    proj_bias: bool,
    inner_norms: bool,
    state_bytes: int,
) -> Attention:
    """A Mamba-1 mixer: per channel `state` numbers; `inner_norms` is Jamba's norm of dt, B and C."""
    return Attention(
        kind="linear",
        query_heads=inner,
        qk_head_dim=state,
        v_head_dim=1,
        linear_params=hidden * 2 * inner
        + inner * (step_rank + 2 * state)
        + step_rank * inner
        + inner * hidden,
        # convolution, dt bias, A_log, D, the norms
        other_params=inner * (kernel + int(conv_bias))
        + inner
        + inner * state
        + inner
        + (step_rank + 2 * state if inner_norms else 0)
        + (2 * inner + hidden if proj_bias else 0),
        state_bytes_per_sequence=inner * (kernel - 1) * BYTES_16BIT + inner * state * state_bytes,
        matmuls=4,
    )


def short_convolution(*, hidden: int, kernel: int, bias: bool) -> Attention:
    """LFM2's gated short convolution: three projections in, one out, `kernel` tokens remembered."""
    return Attention(
        kind="linear",
        query_heads=hidden,
        qk_head_dim=1,
        v_head_dim=1,
        linear_params=4 * hidden * hidden,
        other_params=hidden * kernel + (5 * hidden if bias else 0),
        state_bytes_per_sequence=hidden * (kernel - 1) * BYTES_16BIT,
        matmuls=2,
    )


NO_ATTENTION = Attention(
    kind="linear", query_heads=1, qk_head_dim=1, v_head_dim=1, linear_params=0, matmuls=0
)
"""A layer that is a feed-forward part only (Nemotron-H counts such layers)."""

NO_FFN = Ffn(linear_params=0, matmuls=0)


def dense_ffn(*, hidden: int, inner: int, gated: bool = True, bias: bool = False) -> Ffn:
    """A gated (up, gate, down) or plain (up, down) feed-forward part."""
    ups = 2 if gated else 1
    return Ffn(
        linear_params=(ups + 1) * hidden * inner,
        other_params=(ups * inner + hidden) if bias else 0,
        inner=inner,
        matmuls=2,
    )


def moe_ffn(
    *,
    hidden: int,
    experts: int,
    active: int,
    inner: int,
    shared_inner: int = 0,
    gated: bool = True,
    shared_gate: bool = False,
    router_bias: bool = False,
    expert_bias: bool = False,
    expert_hidden: int | None = None,
    linear_extra: int = 0,
    other_extra: int = 0,
) -> Ffn:
    """Routed experts and, when `shared_inner`, experts that every token passes.

    `expert_hidden`: width of the experts' input where a projection narrows it (Nemotron's latent
    experts). `shared_gate`: a learnt weight of the shared part (Qwen2-MoE). `router_bias` is also the
    score correction of DeepSeek's router.
    """
    ups = 2 if gated else 1
    width = hidden if expert_hidden is None else expert_hidden
    return Ffn(
        linear_params=(ups + 1) * hidden * shared_inner + linear_extra,
        expert_params=(ups + 1) * width * inner,
        experts=experts,
        active_experts=active,
        router_params=hidden * experts,
        other_params=(experts if router_bias else 0)
        + (experts * (ups * inner + width) if expert_bias else 0)
        + (hidden if shared_gate else 0)
        + other_extra,
        inner=shared_inner or None,
        expert_inner=inner,
        matmuls=2 + (2 if shared_inner else 0) + (2 if linear_extra else 0),
    )
