"""config.json as makers and transformers write it, and what cannot be read right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import InputError, QuantAdviseError, UnsupportedError
from advisor.spec.models.catalog import find_model
from advisor.spec.models.config_json import readable_types
from tests.spec.build_models import ABSENT, llama_config, moe_config, read


def windows(model):
    """(layers, window) of each group."""
    return [(g.count, g.attention.window) for g in model.groups]


def test_heads_of_a_config_that_leaves_them_out():
    model = read(llama_config(num_key_value_heads=ABSENT))
    (group,) = model.groups
    assert (group.attention.kv_heads, group.attention.qk_head_dim) == (32, 128)


def test_attention_bias_adds_a_number_per_output():
    plain, biased = read(llama_config()), read(llama_config(attention_bias=True))
    # 32 layers x (query 4096 + key 1024 + value 1024 + output 4096)
    assert biased.total_params - plain.total_params == 32 * (4096 + 1024 + 1024 + 4096)
    assert biased.linear_params == plain.linear_params


def test_qwen2_has_biases_of_query_key_and_value_without_saying_so():
    qwen, llama = read(llama_config(model_type="qwen2")), read(llama_config())
    assert qwen.total_params - llama.total_params == 32 * (4096 + 1024 + 1024)


def test_a_tied_head_is_counted_once():
    tied, free = read(llama_config(tie_word_embeddings=True)), read(llama_config())
    assert free.total_params - tied.total_params == 128256 * 4096
    assert tied.lm_head_params == 0


def test_tying_is_the_familys_where_the_config_is_silent():
    assert not read(llama_config(tie_word_embeddings=ABSENT)).tied
    gemma = llama_config(model_type="gemma", head_dim=256, tie_word_embeddings=ABSENT)
    assert read(gemma).tied


def test_a_nested_text_config_decides_under_its_own_type():
    nested = {"model_type": "mistral3", "text_config": llama_config(model_type="mistral")}
    assert read(nested).groups == read(llama_config(model_type="mistral")).groups


def test_mistral_looks_back_one_window_in_every_layer():
    config = llama_config(model_type="mistral", sliding_window=4096, max_position_embeddings=32768)
    assert windows(read(config)) == [(32, 4096)]
    assert windows(read({**config, "sliding_window": None})) == [(32, None)]


def test_a_window_as_long_as_the_context_is_none():
    config = llama_config(model_type="mistral", sliding_window=32768, max_position_embeddings=32768)
    assert windows(read(config)) == [(32, None)]


def test_qwen_uses_its_window_only_when_told():
    config = llama_config(model_type="qwen2", sliding_window=4096, max_window_layers=28)
    assert windows(read(config)) == [(32, None)]
    assert windows(read({**config, "use_sliding_window": True})) == [(28, None), (4, 4096)]


@pytest.mark.parametrize(
    ("model_type", "full", "local"), [("gemma2", 16, 16), ("gemma3_text", 5, 27), ("cohere2", 8, 24)]
)
def test_patterns_of_local_and_global_layers(model_type, full, local):
    config = llama_config(model_type=model_type, sliding_window=1024)
    assert sorted(windows(read(config)), key=str) == sorted([(local, 1024), (full, None)], key=str)


def test_layer_types_win_over_the_pattern():
    kinds = ["sliding_attention", "full_attention"] * 16
    config = llama_config(model_type="gemma3_text", sliding_window=512, layer_types=kinds)
    assert windows(read(config)) == [(16, 512), (16, None)]


def test_exaone_writes_its_pattern_in_letters():
    config = llama_config(model_type="exaone4", sliding_window=4096, sliding_window_pattern="LLLG")
    assert windows(read(config)) == [(24, 4096), (8, None)]


def test_dense_layers_among_the_experts():
    config = moe_config(decoder_sparse_step=2, mlp_only_layers=[1])
    model = read(config)
    # layers 1, 3, 5 … of 48 hold experts, all but layer 1
    assert sum(g.count for g in model.groups if g.ffn.experts) == 23


def test_hunyuan_writes_one_number_per_layer():
    lists = moe_config(num_experts_per_tok=[8] * 48, moe_intermediate_size=[768] * 48)
    assert read(lists).groups == read(moe_config()).groups
    with pytest.raises(InputError, match="differs between layers"):
        read(moe_config(moe_intermediate_size=[768, 1024]))


def test_yarn_makes_the_context_longer():
    scaling = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
    config = llama_config(model_type="qwen2", max_position_embeddings=32768)
    assert read(config).max_context == 32_768
    assert read({**config, "rope_scaling": scaling}).max_context == 131_072
    # Llama 3.1's scaling is already in max_position_embeddings
    llama3 = {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}
    assert read(llama_config(rope_scaling=llama3)).max_context == 131_072


def test_transformers_5_saves_gemma_4s_global_layers_by_number():
    made = {
        "model_type": "gemma4_text",
        "hidden_size": 256,
        "num_hidden_layers": 12,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 32,
        "intermediate_size": 384,
        "vocab_size": 1000,
        "max_position_embeddings": 8192,
        "sliding_window": 512,
    }
    old = read({**made, "global_head_dim": 64})
    new = read({**made, "per_layer_config": {"05": {"head_dim": 64}, "11": {"head_dim": 64}}})
    assert new.groups == old.groups
    assert {g.attention.qk_head_dim for g in new.groups} == {32, 64}


def test_glm_52_shares_an_indexer_among_four_layers():
    # GLM-5.2 holds 57 x 9,371,904 parameters less than GLM-5.1 on the Hub: 21 of 78 layers have one
    longer, shorter = find_model("GLM-5.1"), find_model("GLM-5.2")
    assert longer.total_params - shorter.total_params == 57 * 9_371_904
    indexed = [g.count for g in shorter.groups if g.attention.kv_extra_bytes_per_token]
    assert sum(indexed) == 21


def test_lfm2_remembers_two_tokens_per_channel_in_its_convolutions():
    config = llama_config(model_type="lfm2", layer_types=["conv"] * 30 + ["full_attention"] * 2)
    model = read({**config, "block_auto_adjust_ff_dim": False})
    # 30 layers x 4096 channels x (3 - 1) tokens x 2 bytes; 2 layers cache keys and values
    assert model.kv_bytes(0, 16) == 30 * 4096 * 2 * 2
    assert model.kv_bytes_per_token(16) == 2 * 2 * 8 * 128 * 2


def test_mimo_v2_caches_narrower_values_than_keys():
    model = find_model("MiMo-V2-Flash")
    # 9 global layers of 4 KV heads, 39 local ones of 8: keys 192 wide, values 128, 2 bytes
    assert model.kv_bytes_per_token(16) == (9 * 4 + 39 * 8) * (192 + 128) * 2


def test_multi_query_attention_has_one_key_and_value_head():
    falcon = read(llama_config(model_type="falcon", num_key_value_heads=ABSENT))
    starcoder = read(llama_config(model_type="gpt_bigcode", num_key_value_heads=ABSENT))
    assert {g.attention.kv_heads for m in (falcon, starcoder) for g in m.groups} == {1}


def test_nemotron_nas_leaves_attention_out_of_31_layers():
    model = find_model("Llama-3_3-Nemotron-Super-49B-v1")
    # 49 of 80 layers cache 2 x 8 KV heads x 128 x 2 bytes
    assert model.layers == 80
    assert model.kv_bytes_per_token(16) == 49 * 2 * 8 * 128 * 2


@pytest.mark.parametrize(
    ("model_type", "words"),
    [
        ("rwkv", "'rwkv'"),
        ("t5", "'t5'"),
        ("mllama_text_model", "'mllama_text_model'"),
        ("deepseek_v9", "'deepseek_v9' cannot be read yet.*similar: deepseek_v"),
        ("brand_new_2027", "'brand_new_2027'"),
    ],
)
def test_an_unknown_architecture_is_refused_by_name(model_type, words):
    with pytest.raises(UnsupportedError, match=words) as caught:
        read(llama_config(model_type=model_type))
    assert "\n" not in str(caught.value)


def test_no_model_type_no_guess():
    with pytest.raises(UnsupportedError, match="'model_type' is missing"):
        read(llama_config(model_type=ABSENT))


def test_an_unknown_vision_tower_is_refused_unless_its_size_is_given():
    config = {
        **llama_config(model_type="llava"),
        "text_config": llama_config(),
        "vision_config": {"depth": 1},
    }
    with pytest.raises(UnsupportedError, match="vision_config of 'llava'"):
        read(config)
    assert (
        read(config, extra_params=300_000_000).total_params == read(llama_config()).total_params + 300_000_000
    )


def test_encoder_decoders_are_refused():
    with pytest.raises(UnsupportedError, match="encoder-decoder"):
        read(llama_config(is_encoder_decoder=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 0}, "some-model: hidden_size: 0 is not a positive whole number"),
        ({"hidden_size": -4096}, "some-model: hidden_size: -4096 is not a whole number of at least 0"),
        ({"hidden_size": 4096.5}, "some-model: hidden_size: 4096.5 is not a whole number of at least 0"),
        ({"hidden_size": float("nan")}, "some-model: hidden_size: nan is not a whole number of at least 0"),
        (
            {"hidden_size": float("inf")},
            "some-model: hidden_size: inf is larger than any model's (1,000,000,000)",
        ),
        ({"hidden_size": 10**12}, "is larger than any model's (1,000,000,000)"),
        ({"hidden_size": "4096"}, "some-model: hidden_size: '4096' is not a whole number"),
        ({"hidden_size": True}, "some-model: hidden_size: True is not a whole number"),
        ({"hidden_size": ABSENT}, "some-model: 'hidden_size' is missing; give a complete config.json"),
        ({"vocab_size": ABSENT}, "some-model: 'vocab_size' is missing; give a complete config.json"),
        ({"num_hidden_layers": 10**8}, "some-model: num_hidden_layers: 100000000 is more than any model has"),
        ({"num_key_value_heads": 7}, "some-model: num_key_value_heads: 7 does not divide 32 attention heads"),
        ({"num_attention_heads": 31, "num_key_value_heads": 31}, "hidden_size: 4096 is not a multiple of 31"),
        ({"tie_word_embeddings": "yes"}, "some-model: tie_word_embeddings: 'yes' is not true or false"),
        ({"model_type": 3}, "some-model: model_type: 3 is not a text"),
        ({"layer_types": ["full_attention"]}, "some-model: layer_types: ['full_attention'] has 1 entries"),
        ({"layer_types": "full"}, "some-model: layer_types: 'full' is not a list of texts"),
        ({"text_config": []}, "some-model: text_config: [] is not a section of keys"),
        ({"quantization_config": "fp8"}, "some-model: quantization_config: 'fp8' is not a section of keys"),
        (
            {"rope_scaling": {"type": "yarn", "factor": -1}},
            "rope_scaling: factor: -1 is not a positive number",
        ),
    ],
)
def test_impossible_values_are_one_line_with_file_and_key(changes, message):
    with pytest.raises(InputError) as caught:
        read(llama_config(**changes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_more_active_experts_than_there_are():
    with pytest.raises(InputError, match="num_experts_per_tok: 200 is more than the 128 experts"):
        read(moe_config(num_experts_per_tok=200))


@pytest.mark.parametrize(
    ("config", "size"),
    [
        (llama_config(layer_types=["lightning_attention"] * 32), "8B"),
        (llama_config(layer_types=["lightning_attention"] * 32, num_experts=8), "284B-A13B"),
    ],
)
def test_layers_of_a_kind_we_do_not_know_leave_the_size_to_go_on_with(config, size):
    words = f"layer_types: lightning_attention cannot be read yet; give .* instead, such as --params {size}"
    with pytest.raises(UnsupportedError, match=words):
        read(config)


KEYS = (*llama_config(), "head_dim", "sliding_window", "layer_types", "quantization_config", "rope_scaling")
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**13),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(-1, 5), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


@given(model_type=st.sampled_from(readable_types()), damage=st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_a_damaged_config_is_a_model_or_one_line(model_type, damage):
    try:
        model = read({**llama_config(model_type=model_type), **damage})
    except QuantAdviseError as refused:
        said = str(refused)
    else:
        said = ""
        assert model.total_params == model.linear_params + model.kept_params > 0
    assert "\n" not in said
