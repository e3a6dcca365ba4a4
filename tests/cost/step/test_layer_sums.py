"""Sums over a model's layers are those of its config.json, worked out by hand."""

from __future__ import annotations

import pytest

from advisor.cost.step.layer_sums import kv_groups, reads, state_bytes, widths
from advisor.spec.models.catalog import find_model


def test_a_cached_token_of_llama_8b_is_128_kib():
    [group] = kv_groups(find_model("Llama-3.1-8B-Instruct"), kv_bits=16, shards=1)
    # a key and a value, 32 layers, 8 KV heads of 128 numbers, 2 bytes each
    assert group.store == group.read == 2 * 32 * 8 * 128 * 2
    # 32 query heads, 2 FLOP for each of 128 numbers, for the score and for the weighted sum, in 32 layers
    assert group.prefill_flop == group.decode_flop == 2 * 32 * (128 + 128) * 32
    assert group.window == float("inf")


def test_gpus_share_kv_heads_until_there_is_one_on_each():
    whole, split, more = (
        kv_groups(find_model("Llama-3.1-8B-Instruct"), kv_bits=16, shards=n)[0].store for n in (1, 8, 16)
    )
    assert split == whole / 8
    assert more == split  # eight KV heads: sixteen GPUs hold copies


def test_an_fp8_cache_is_half_a_16_bit_one():
    full, half = (kv_groups(find_model("Qwen2.5-7B-Instruct"), bits, 1)[0].store for bits in (16, 8))
    assert half == full / 2


def test_the_latent_of_mla_is_whole_on_every_gpu():
    [one] = kv_groups(find_model("DeepSeek-V3"), kv_bits=16, shards=1)
    [eight] = kv_groups(find_model("DeepSeek-V3"), kv_bits=16, shards=8)
    # 512 numbers of the latent and 64 of the rotary key, 61 layers, 2 bytes
    assert one.store == eight.store == (512 + 64) * 61 * 2
    assert eight.decode_flop == one.decode_flop / 8  # query heads are split


def test_layers_that_look_back_a_window_are_a_group_of_their_own():
    groups = kv_groups(find_model("gpt-oss-20b"), kv_bits=16, shards=1)
    assert [g.window for g in groups] == [float("inf"), 128.0]
    # every other of 24 layers; 8 KV heads of 64 numbers
    assert groups[0].store == groups[1].store == 12 * 2 * 8 * 64 * 2


@pytest.mark.parametrize("name", ["Llama-3.1-8B-Instruct", "Mixtral-8x7B-Instruct-v0.1", "DeepSeek-V3"])
def test_narrowed_kept_and_expert_weights_are_all_linear_weights(name: str):
    model = find_model(name)
    narrowed, kept, experts = widths(model, "int4")
    routers = sum(g.count * g.ffn.router_params for g in model.groups)
    assert narrowed + kept + experts == model.linear_params + routers


def test_mxfp4_of_gpt_oss_covers_its_experts_alone():
    model = find_model("gpt-oss-20b")
    narrowed, kept, experts = widths(model, "mxfp4")
    assert (narrowed, experts) == (0.0, float(model.expert_params))
    assert kept > 0


def test_a_transformer_has_no_state_and_reads_each_weight_once():
    model = find_model("Llama-3.1-8B-Instruct")
    assert state_bytes(model, shards=1) == 0.0
    assert reads(model) == 1.0
