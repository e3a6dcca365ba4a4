"""Layers from their dimensions: parameters, cache and state of published models, worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.spec.models.layers import (
    NO_ATTENTION,
    NO_FFN,
    dense_ffn,
    gated_delta_net,
    grouped_attention,
    latent_attention,
    mamba1,
    mamba2,
    moe_ffn,
    short_convolution,
)

LLAMA = {"hidden": 4_096, "heads": 32, "kv_heads": 8, "head_dim": 128}


def test_grouped_attention_of_llama_8b() -> None:
    made = grouped_attention(**LLAMA)
    # query and output 4,096 × 4,096, key and value 4,096 × 1,024
    assert made.linear_params == 2 * 4_096 * 4_096 + 2 * 4_096 * 1_024
    assert made.other_params == 0
    assert made.kv_elements_per_token == made.kv_read_elements_per_token == 2 * 8 * 128
    assert (made.kind, made.window) == ("full", None)


def test_biases_of_qwen2_stand_at_query_key_and_value() -> None:
    # Qwen2.5-7B: 28 heads of 128, 4 KV heads
    made = grouped_attention(hidden=3_584, heads=28, kv_heads=4, head_dim=128, qkv_bias=True)
    assert made.other_params == 28 * 128 + 2 * 4 * 128
    both = grouped_attention(hidden=3_584, heads=28, kv_heads=4, head_dim=128, qkv_bias=True, out_bias=True)
    assert both.other_params - made.other_params == 3_584


def test_a_window_and_sinks_as_gpt_oss_has_them() -> None:
    made = grouped_attention(hidden=2_880, heads=64, kv_heads=8, head_dim=64, window=128, sinks=True)
    assert (made.kind, made.window, made.sinks, made.other_params) == ("sliding", 128, True, 64)


def test_a_gate_is_as_wide_as_the_queries() -> None:
    plain, gated = grouped_attention(**LLAMA), grouped_attention(**LLAMA, gated=True)
    assert gated.linear_params - plain.linear_params == 4_096 * 32 * 128


def test_a_layer_that_reads_an_earlier_cache_has_no_key_and_value() -> None:
    plain, shares = grouped_attention(**LLAMA), grouped_attention(**LLAMA, shares_cache=True)
    assert plain.linear_params - shares.linear_params == 2 * 4_096 * 1_024
    assert (shares.kv_elements_per_token, shares.kv_read_elements_per_token) == (0, 2_048)


def test_one_projection_for_key_and_value_is_cached_twice() -> None:
    plain, one = grouped_attention(**LLAMA), grouped_attention(**LLAMA, key_is_value=True)
    assert plain.linear_params - one.linear_params == 4_096 * 1_024
    assert one.kv_elements_per_token == plain.kv_elements_per_token


@given(st.integers(1, 64), st.integers(1, 8), st.sampled_from([64, 128, 256]))
def test_fewer_kv_heads_save_cache_and_weights_alike(groups: int, kv_heads: int, dim: int) -> None:
    heads = groups * kv_heads
    few = grouped_attention(hidden=1_024, heads=heads, kv_heads=kv_heads, head_dim=dim)
    many = grouped_attention(hidden=1_024, heads=heads, kv_heads=heads, head_dim=dim)
    assert many.kv_elements_per_token == groups * few.kv_elements_per_token
    assert many.linear_params - few.linear_params == 2 * 1_024 * dim * (heads - kv_heads)


DEEPSEEK = {
    "hidden": 7_168, "heads": 128, "query_rank": 1_536, "kv_rank": 512, "nope_dim": 128, "rope_dim": 64,
    "v_dim": 128,
}  # fmt: skip


def test_latent_attention_of_deepseek_v3() -> None:
    made = latent_attention(**DEEPSEEK)
    # q_a, q_b, kv_a, kv_b and o of its modeling file
    q_a, q_b = 7_168 * 1_536, 1_536 * 128 * 192
    kv_a, kv_b, out = 7_168 * 576, 512 * 128 * 256, 128 * 128 * 7_168
    assert made.linear_params == q_a + q_b + kv_a + kv_b + out == 187_105_280
    assert made.other_params == 1_536 + 512
    # 576 numbers a token for all 128 heads
    assert made.kv_elements_per_token == 576
    assert made.absorbed_params == kv_b
    assert (made.qk_head_dim, made.decode_qk_dim, made.decode_v_dim) == (192, 576, 512)


def test_without_a_query_rank_the_query_is_one_matrix() -> None:
    lite = latent_attention(**{**DEEPSEEK, "query_rank": None})
    full = latent_attention(**DEEPSEEK)
    saved = 7_168 * 1_536 + 1_536 * 128 * 192
    assert lite.linear_params - full.linear_params == 7_168 * 128 * 192 - saved
    assert lite.other_params == 512


def test_the_sparse_indexer_attends_to_its_top_tokens_and_caches_a_key_in_fp8() -> None:
    made = latent_attention(**DEEPSEEK, index_heads=64, index_dim=128, index_top=2_048)
    plain = latent_attention(**DEEPSEEK)
    assert (made.attended_tokens, plain.attended_tokens) == (2_048, None)
    assert made.kv_extra_bytes_per_token == 128 + 4  # 128 numbers and a scale
    assert made.linear_params - plain.linear_params == 1_536 * 64 * 128 + 7_168 * 128
    assert made.other_params - plain.other_params == 7_168 * 64 + 2 * 128


def test_linear_attention_holds_a_state_and_no_cache() -> None:
    # Qwen3-Next-80B: 16 key heads and 32 value heads of 128
    made = gated_delta_net(
        hidden=2_048, key_heads=16, value_heads=32, key_dim=128, value_dim=128, kernel=4, state_bytes=4
    )
    convolved = 2 * 2_048 + 4_096
    assert made.kv_elements_per_token == 0
    assert made.state_bytes_per_sequence == convolved * 3 * 2 + 32 * 128 * 128 * 4
    assert made.linear_params == 2_048 * (convolved + 4_096) + 2_048 * 64 + 4_096 * 2_048


def test_a_mamba_2_mixer() -> None:
    made = mamba2(
        hidden=4_096, heads=128, head_dim=64, groups=8, state=128, kernel=4, conv_bias=True, proj_bias=False,
        state_bytes=4,
    )  # fmt: skip
    inner, convolved = 8_192, 8_192 + 2 * 8 * 128
    assert made.linear_params == 4_096 * (inner + convolved + 128) + inner * 4_096
    assert made.other_params == convolved * 5 + 3 * 128 + inner
    assert made.state_bytes_per_sequence == convolved * 3 * 2 + inner * 128 * 4


def test_a_mamba_1_mixer_has_a_state_per_channel() -> None:
    common = {
        "hidden": 4_096, "inner": 8_192, "state": 16, "kernel": 4, "step_rank": 256, "conv_bias": True,
        "proj_bias": False, "state_bytes": 4,
    }  # fmt: skip
    plain = mamba1(**common, inner_norms=False)
    jamba = mamba1(**common, inner_norms=True)
    assert plain.linear_params == 4_096 * 16_384 + 8_192 * (256 + 32) + 256 * 8_192 + 8_192 * 4_096
    assert jamba.other_params - plain.other_params == 256 + 2 * 16
    assert plain.state_bytes_per_sequence == 8_192 * 3 * 2 + 8_192 * 16 * 4


def test_a_short_convolution_remembers_its_kernel() -> None:
    made = short_convolution(hidden=2_048, kernel=3, bias=False)
    assert made.linear_params == 4 * 2_048**2
    assert made.state_bytes_per_sequence == 2_048 * 2 * 2
    assert short_convolution(hidden=2_048, kernel=3, bias=True).other_params - made.other_params == 5 * 2_048


@pytest.mark.parametrize(
    ("gated", "bias", "linear", "other"),
    [(True, False, 3, 0), (False, False, 2, 0), (True, True, 3, 2), (False, True, 2, 1)],
)
def test_a_feed_forward_part_has_three_matrices_or_two(
    gated: bool, bias: bool, linear: int, other: int
) -> None:
    made = dense_ffn(hidden=1_024, inner=4_096, gated=gated, bias=bias)
    assert made.linear_params == linear * 1_024 * 4_096
    assert made.other_params == (other * 4_096 + 1_024 if bias else 0)


def test_routed_experts_of_qwen3_30b_a3b() -> None:
    made = moe_ffn(hidden=2_048, experts=128, active=8, inner=768)
    assert made.expert_params == 3 * 2_048 * 768
    assert (made.experts, made.active_experts, made.router_params) == (128, 8, 2_048 * 128)
    assert (made.linear_params, made.matmuls) == (0, 2)


def test_shared_experts_are_read_by_every_token() -> None:
    # DeepSeek-V3: 256 experts of 2,048, one shared, a correction of the router for each
    made = moe_ffn(hidden=7_168, experts=256, active=8, inner=2_048, shared_inner=2_048, router_bias=True)
    assert made.linear_params == 3 * 7_168 * 2_048
    assert made.other_params == 256
    assert made.matmuls == 4


def test_a_gate_of_the_shared_part_and_biases_of_experts_stay_at_16_bits() -> None:
    plain = moe_ffn(hidden=2_880, experts=32, active=4, inner=2_880)
    biased = moe_ffn(hidden=2_880, experts=32, active=4, inner=2_880, expert_bias=True, shared_gate=True)
    assert biased.other_params - plain.other_params == 32 * (2 * 2_880 + 2_880) + 2_880
    assert biased.expert_params == plain.expert_params


def test_experts_may_be_narrower_than_the_model() -> None:
    wide = moe_ffn(hidden=4_096, experts=8, active=2, inner=1_024)
    narrow = moe_ffn(hidden=4_096, experts=8, active=2, inner=1_024, expert_hidden=1_024)
    assert 4 * narrow.expert_params == wide.expert_params
    assert narrow.router_params == wide.router_params  # the router sees the whole width


def test_a_part_that_a_layer_has_not_costs_nothing() -> None:
    assert (NO_ATTENTION.linear_params, NO_ATTENTION.kv_elements_per_token, NO_ATTENTION.matmuls) == (0, 0, 0)
    assert (NO_FFN.linear_params, NO_FFN.matmuls) == (0, 0)
