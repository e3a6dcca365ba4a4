"""Numbers of known models, and what must hold for every model."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.spec.models.catalog import find_model, known_models
from advisor.spec.models.model import Attention, Ffn, LayerGroup, ModelSpec
from tests.spec.build_models import llama_config, moe_config, read


def test_kv_bytes_per_token_of_llama_8b():
    # 2 (key, value) x 32 layers x 8 KV heads x 128 x 2 bytes
    assert find_model("Llama-3.1-8B").kv_bytes_per_token(16) == 131_072


def test_kv_bytes_per_token_of_llama_70b():
    # 2 x 80 layers x 8 KV heads x 128 x 2 bytes
    assert find_model("Llama-3.1-70B").kv_bytes_per_token(16) == 327_680


def test_an_fp8_cache_is_half_as_large():
    model = find_model("Llama-3.1-8B")
    assert model.kv_bytes_per_token(8) == model.kv_bytes_per_token(16) / 2


def test_deepseek_v3_caches_one_latent_per_layer():
    # 61 layers x (kv_lora_rank 512 + qk_rope_head_dim 64) x 2 bytes
    assert find_model("DeepSeek-V3").kv_bytes_per_token(16) == 61 * 576 * 2 == 70_272


def test_deepseek_v3_multiplies_by_the_latent_in_decode():
    attention = find_model("DeepSeek-V3").groups[0].attention
    # prefill: 128 heads, keys 128 + 64 wide, values 128; decode: 512 + 64 and 512
    assert attention.flop_per_pair == 2 * 128 * (192 + 128)
    assert attention.decode_flop_per_pair == 2 * 128 * (576 + 512)


def test_deepseek_v32_caches_the_indexers_keys_as_fp8_besides():
    # vLLM 0.32 keeps 128 FP8 numbers and one 32-bit scale per token and layer (deepseek_v2.py)
    v32, v3 = find_model("DeepSeek-V3.2"), find_model("DeepSeek-V3")
    assert v32.kv_bytes_per_token(16) - v3.kv_bytes_per_token(16) == 61 * (128 + 4)
    assert v32.kv_bytes_per_token(8) - v3.kv_bytes_per_token(8) == 61 * (128 + 4)
    assert {g.attention.attended_tokens for g in v32.groups} == {2048}


def test_mla_keeps_a_second_copy_of_its_up_projection():
    # 61 layers x 512 x 128 heads x (128 + 128): 1.02 billion weights at 16 bits
    assert find_model("DeepSeek-V3").absorbed_params == 61 * 512 * 128 * 256


def test_gpt_oss_120b_looks_back_128_tokens_on_every_second_layer():
    model = find_model("gpt-oss-120b")
    # 36 layers x 2 x 8 KV heads x 64 x 2 bytes
    assert model.kv_bytes_per_token(16) == 73_728
    # beyond the window only the 18 global layers grow
    assert model.kv_bytes(1128, 16) - model.kv_bytes(128, 16) == 1000 * 73_728 / 2


def test_gpt_oss_ships_mxfp4_experts_and_16_bit_attention():
    model = find_model("gpt-oss-20b")
    assert (model.native_format, model.native_parts) == ("mxfp4", "experts")
    # 24 layers x 32 experts x 3 matrices of 2880 x 2880
    assert model.expert_params == 24 * 32 * 3 * 2880 * 2880


def test_gemma_3_27b_has_ten_global_layers():
    model = find_model("gemma-3-27b-it")
    # 62 layers x 2 x 16 KV heads x 128 x 2 bytes; every sixth layer is global: 62 // 6 = 10
    assert model.kv_bytes_per_token(16) == 62 * 2 * 16 * 128 * 2
    assert sum(g.count for g in model.groups if g.attention.window is None) == 10
    assert {g.attention.window for g in model.groups} == {None, 1024}


def test_gemma_4_e2b_shares_the_cache_of_its_last_twenty_layers():
    model = find_model("gemma-4-E2B-it")
    storing = [g for g in model.groups if g.attention.kv_elements_per_token]
    reading = [g for g in model.groups if g.attention.kv_read_elements_per_token]
    assert (sum(g.count for g in storing), sum(g.count for g in reading)) == (15, 35)
    # one KV head: 12 local layers of 256, 3 global ones of 512, key and value, 2 bytes
    assert model.kv_bytes_per_token(16) == (12 * 256 + 3 * 512) * 2 * 2


def test_qwen3_next_holds_states_in_three_layers_of_four():
    model = find_model("Qwen3-Next-80B-A3B-Instruct")
    # 12 full layers x 2 x 2 KV heads x 256 x 2 bytes
    assert model.kv_bytes_per_token(16) == 24_576
    # 36 x (convolution 3 x (2 x 2048 + 4096) + 32 heads x 128 x 128) x 2 bytes
    assert model.kv_bytes(0, 16) == 36 * (3 * 8192 + 32 * 128 * 128) * 2


def test_qwen35_keeps_its_states_at_32_bits():
    # mamba_ssm_dtype is float32: 48 layers x (3 x 10,240 x 2 bytes + 48 x 128 x 128 x 4 bytes)
    assert find_model("Qwen3.5-27B").kv_bytes(0, 16) == 48 * (3 * 10_240 * 2 + 48 * 128 * 128 * 4)


def test_nemotron_3_nano_caches_six_layers_of_52():
    model = find_model("NVIDIA-Nemotron-3-Nano-30B-A3B")
    # 6 attention layers x 2 x 2 KV heads x 128 x 2 bytes
    assert model.kv_bytes_per_token(16) == 6_144
    # 23 Mamba-2 layers x (3 x (4096 + 2 x 8 x 128) x 2 + 64 x 64 x 128 x 4)
    assert model.kv_bytes(0, 16) == 23 * (3 * 6144 * 2 + 64 * 64 * 128 * 4)
    assert model.layers == 52


@pytest.mark.parametrize(
    ("name", "billions", "source"),
    [
        ("DeepSeek-V3", 37, "makers: 37B activated for each token"),
        ("Qwen3-235B-A22B", 22, "its name"),
        ("Mixtral-8x7B-v0.1", 12.9, "makers: 12.9B active"),
        ("gpt-oss-120b", 5.7, "makers: 5.1B without the embedding of 0.58B"),
        ("GLM-4.5", 33.6, "makers: 32B active, without the embedding of 0.8B and the head"),
        ("Llama-4-Scout-17B-16E", 17, "its name"),
        ("Kimi-K2-Instruct", 32, "makers: 32 billion activated"),
    ],
)
def test_active_parameters(name, billions, source):
    assert find_model(name).active_params / 1e9 == pytest.approx(billions, rel=0.05), source


def test_a_tied_model_has_no_head_of_its_own():
    assert find_model("Llama-3.2-1B").tied
    assert not find_model("Llama-3.1-8B").tied
    assert find_model("Llama-3.2-1B").total_params == 1_235_814_400


@pytest.mark.parametrize("name", known_models())
def test_totals_split_exactly(name):
    model = find_model(name)
    assert model.linear_params + model.kept_params == model.total_params
    assert 0 < model.expert_params + model.attention_params <= model.linear_params
    assert 0 < model.active_params <= model.total_params
    idle = model.total_params - model.other_params - model.active_params
    assert model.is_moe == (idle > 0)


@given(
    name=st.sampled_from(known_models()),
    shorter=st.integers(0, 200_000),
    more=st.integers(0, 200_000),
    bits=st.sampled_from([8, 16]),
)
def test_a_longer_context_never_holds_less(name, shorter, more, bits):
    model = find_model(name)
    held = model.kv_bytes(shorter, bits)
    assert held <= model.kv_bytes(shorter + more, bits) <= held + more * model.kv_bytes_per_token(bits)
    assert model.kv_bytes(shorter, 8) <= model.kv_bytes(shorter, 16)


@given(layers=st.integers(1, 200), experts=st.integers(9, 256))
def test_more_layers_and_more_experts_mean_more_parameters(layers, experts):
    one = read(moe_config(num_hidden_layers=layers, num_experts=experts))
    assert read(moe_config(num_hidden_layers=layers + 1, num_experts=experts)).total_params > one.total_params
    wider = read(moe_config(num_hidden_layers=layers, num_experts=experts + 1))
    assert wider.total_params > one.total_params
    # an idle expert costs its router's row only
    assert wider.active_params - one.active_params == layers * 2048


@given(kv_heads=st.sampled_from([1, 2, 4, 8, 16, 32]))
def test_the_cache_grows_with_the_key_and_value_heads(kv_heads):
    model = read(llama_config(num_key_value_heads=kv_heads))
    assert model.kv_bytes_per_token(16) == 32 * 2 * kv_heads * 128 * 2
    assert {g.attention.kv_heads for g in model.groups} == {kv_heads}


def test_impossible_layers_are_refused():
    ffn = Ffn(linear_params=1)
    attention = Attention(kind="full", query_heads=1, qk_head_dim=1, v_head_dim=1, linear_params=1)
    with pytest.raises(ValueError, match="0 layers"):
        LayerGroup(count=0, attention=attention, ffn=ffn)
    with pytest.raises(ValueError, match="3 active of 2 experts"):
        Ffn(linear_params=1, experts=2, active_experts=3)


def test_a_model_is_a_value():
    assert find_model("Llama-3.1-8B") == find_model("llama_3.1_8b")
    assert dataclasses.replace(find_model("Qwen3-8B"), name="x") != find_model("Qwen3-8B")
    assert isinstance(hash(find_model("Qwen3-8B")), int)
    assert isinstance(find_model("Qwen3-8B"), ModelSpec)
