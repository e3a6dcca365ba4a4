"""Which format a checkpoint already has: by quantization_config, by suffix, never by torch_dtype."""

from __future__ import annotations

import pytest

from advisor.errors import UnsupportedError
from advisor.spec.models.native_format import split_suffix
from tests.spec.build_models import llama_config, moe_config, read


def compressed(bits, kind, acts=None, group_size=None, ignore=("lm_head",), **weights):
    """A compressed-tensors section as llm-compressor writes it."""
    w = {"num_bits": bits, "type": kind, "group_size": group_size, **weights}
    group = {"targets": ["Linear"], "weights": w, "input_activations": acts}
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "config_groups": {"group_0": group},
        "ignore": list(ignore),
    }


FP8_ACTS = {"num_bits": 8, "type": "float", "dynamic": True}
INT8_ACTS = {"num_bits": 8, "type": "int", "dynamic": True}


@pytest.mark.parametrize(
    ("section", "native"),
    [
        (compressed(8, "float", FP8_ACTS), "fp8"),
        (compressed(8, "float"), "fp8-w8a16"),
        (compressed(8, "int", INT8_ACTS), "int8"),
        (compressed(8, "int"), "int8-w8a16"),
        (compressed(4, "int", group_size=128), "int4"),
        (compressed(4, "int", FP8_ACTS, group_size=128), "w4a8-fp8"),
        (compressed(4, "float", {"num_bits": 4, "type": "float"}, group_size=16), "nvfp4"),
        (compressed(4, "float", group_size=32), "mxfp4"),
        ({"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"}, "fp8"),
        ({"quant_method": "fbgemm_fp8"}, "fp8"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "int4"),
        ({"quant_method": "gptq", "bits": 8, "group_size": 128}, "int8-w8a16"),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "int4"),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "group_size": 16}, "nvfp4"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
    ],
)
def test_quantization_config_says_the_format(section, native):
    assert read(llama_config(quantization_config=section)).native_format == native


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes 4-bit"),
        ({"quant_method": "gptq", "bits": 3}, "3-bit gptq"),
        ({"quant_method": "aqlm"}, "'aqlm'"),
        ({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}, "MIXED_PRECISION"),
        ({"bits": 4}, "'quant_method' is missing"),
        ({"quant_method": "compressed-tensors"}, "'config_groups' is missing"),
        (compressed(4, "int", INT8_ACTS, group_size=128), "8-bit integer activations"),
        (compressed(2, "int"), "2-bit int weights"),
    ],
)
def test_a_quantization_that_is_none_of_ours_is_refused_by_name(section, words):
    with pytest.raises(UnsupportedError, match=words) as caught:
        read(llama_config(quantization_config=section))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("some-model: quantization_config")


def test_two_formats_in_one_checkpoint_are_refused():
    section = compressed(8, "float", FP8_ACTS)
    section["config_groups"]["group_1"] = {"weights": {"num_bits": 4, "type": "float", "group_size": 16}}
    with pytest.raises(UnsupportedError, match=r"mixed precision \(fp8 on 1, nvfp4 on 1 of 2"):
        read(llama_config(quantization_config=section))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float8_e4m3fn", "int8"])
def test_torch_dtype_says_nothing_about_the_format(dtype):
    assert read(llama_config(torch_dtype=dtype)).native_format is None
    section = compressed(4, "int", group_size=128)
    assert read(llama_config(torch_dtype=dtype, quantization_config=section)).native_format == "int4"


@pytest.mark.parametrize(
    ("ignore", "parts"),
    [
        (["lm_head"], "linear"),
        (["lm_head", "model.layers.0.input_layernorm", "model.layers.0.mlp.gate"], "linear"),
        (["lm_head", "model.layers.0.self_attn.q_norm"], "linear"),
        (["lm_head", "re:.*self_attn.*"], "experts"),
        (["lm_head", "model.layers.0.self_attn*", "model.layers.1.self_attn*"], "experts"),
    ],
)
def test_what_is_left_out_says_which_matrices_are_covered(ignore, parts):
    section = compressed(4, "float", group_size=16, ignore=ignore)
    assert read(moe_config(quantization_config=section)).native_parts == parts


def test_a_dense_model_without_quantized_attention_is_covered_in_its_mlp():
    section = compressed(4, "float", group_size=16, ignore=["lm_head", "model.layers.0.self_attn*"])
    model = read(llama_config(quantization_config=section))
    assert model.native_parts == "ffn"
    # 32 layers x 3 matrices of 4096 x 14336
    assert model.linear_params - model.attention_params == 32 * 3 * 4096 * 14336


def test_shared_experts_count_with_the_experts_unless_left_out():
    shared = moe_config(n_shared_experts=1)
    attention = ["re:.*self_attn.*"]
    section = compressed(4, "int", group_size=32, ignore=attention)
    assert read({**shared, "quantization_config": section}).native_parts == "ffn"
    section = compressed(4, "int", group_size=32, ignore=[*attention, "re:.*shared_experts.*"])
    assert read({**shared, "quantization_config": section}).native_parts == "experts"


@pytest.mark.parametrize(
    ("name", "base", "native"),
    [
        ("Meta-Llama-3.1-8B-Instruct-FP8-dynamic", "Meta-Llama-3.1-8B-Instruct", "fp8"),
        ("Meta-Llama-3.1-8B-Instruct-quantized.w8a8", "Meta-Llama-3.1-8B-Instruct", "int8"),
        ("Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "Meta-Llama-3.1-8B-Instruct", "int4"),
        ("Meta-Llama-3.1-8B-Instruct-quantized.w8a16", "Meta-Llama-3.1-8B-Instruct", "int8-w8a16"),
        ("Llama-3.3-70B-Instruct-FP8-block", "Llama-3.3-70B-Instruct", "fp8"),
        ("Llama-3.1-405B-Instruct-FP8-KV", "Llama-3.1-405B-Instruct", "fp8"),
        ("Qwen3-14B-AWQ", "Qwen3-14B", "int4"),
        ("Qwen2.5-7B-Instruct-GPTQ-Int4", "Qwen2.5-7B-Instruct", "int4"),
        ("Qwen2.5-7B-Instruct-GPTQ-Int8", "Qwen2.5-7B-Instruct", "int8-w8a16"),
        ("Meta-Llama-3.1-8B-Instruct-AWQ-INT4", "Meta-Llama-3.1-8B-Instruct", "int4"),
        ("Mistral-7B-Instruct-v0.3-GPTQ-4bit", "Mistral-7B-Instruct-v0.3", "int4"),
        ("DeepSeek-R1-0528-NVFP4", "DeepSeek-R1-0528", "nvfp4"),
        ("Qwen3-235B-A22B-Instruct-2507-MXFP4", "Qwen3-235B-A22B-Instruct-2507", "mxfp4"),
        ("gpt-oss-20b-BF16", "gpt-oss-20b", "bf16"),
        ("Qwen3-8B", "Qwen3-8B", None),
        ("phi-4", "phi-4", None),
    ],
)
def test_suffixes_of_the_hub(name, base, native):
    assert split_suffix(name) == (base, native)


def test_a_config_without_quantization_falls_back_on_the_name():
    assert read(llama_config(), name="my-llama-FP8-dynamic").native_format == "fp8"
    assert read(llama_config(), name="my-llama-BF16").native_format is None
    section = {"quant_method": "gptq", "bits": 4}
    assert read(llama_config(quantization_config=section), name="my-llama-FP8").native_format == "int4"


def quark(weight, acts, layers=None):
    """A Quark section as amd/*-FP8-KV and *-MXFP4 checkpoints have it (keys of vLLM's quark.py)."""
    base = {"weight": weight, "input_tensors": acts, "output_tensors": None}
    return {
        "quant_method": "quark",
        "global_quant_config": base,
        "layer_quant_config": {name: {**base, "weight": w} for name, w in (layers or {}).items()},
        "exclude": ["lm_head"],
    }


FP8 = {"dtype": "fp8_e4m3", "qscheme": "per_tensor", "is_dynamic": False}
MXFP4 = {"dtype": "fp4", "qscheme": "per_group", "group_size": 32, "scale_format": "e8m0"}
INT8 = {"dtype": "int8", "qscheme": "per_channel", "symmetric": True}


@pytest.mark.parametrize(
    ("section", "native"),
    [
        (quark(FP8, FP8), "fp8"),
        (quark(FP8, None), "fp8-w8a16"),
        (quark(INT8, {"dtype": "int8", "is_dynamic": True}), "int8"),
        (quark({"dtype": "uint4", "group_size": 128}, None), "int4"),
        (quark(MXFP4, {"dtype": "fp4", "is_dynamic": True}), "mxfp4"),
        (quark([MXFP4 | {"group_size": 16}, FP8], [MXFP4 | {"group_size": 16}, FP8]), "nvfp4"),
        (quark([FP8, {"dtype": "int4", "qscheme": "per_channel"}], FP8), "w4a8-fp8"),
        (
            {
                "quant_method": "modelopt",
                "quant_algo": "MIXED_PRECISION",
                "quantized_layers": {"model.layers.0.mlp.up_proj": {"quant_algo": "NVFP4"}},
            },
            "nvfp4",
        ),
    ],
)
def test_quark_and_layers_that_agree(section, native):
    assert read(llama_config(quantization_config=section)).native_format == native


@pytest.mark.parametrize(
    ("section", "near"),
    [
        (quark(FP8, FP8, {"*down_proj": MXFP4}), "mxfp4"),
        (quark({"dtype": "fp6_e3m2", "group_size": 32}, None), "mxfp4"),
        (
            {
                "quant_method": "modelopt",
                "quant_algo": "MIXED_PRECISION",
                "quantized_layers": {
                    "model.layers.0.mlp.up_proj": {"quant_algo": "NVFP4"},
                    "model.layers.0.self_attn.q_proj": {"quant_algo": "FP8"},
                    "model.layers.0.self_attn.o_proj": {"quant_algo": "FP8"},
                },
            },
            "nvfp4",
        ),
        ({"quant_method": "torchao", "quant_type": {"default": {"_type": "Int4WeightOnlyConfig"}}}, "int4"),
        (
            {
                "quant_method": "torchao",
                "quant_type": {"default": {"_type": "Float8DynamicActivationFloat8WeightConfig"}},
            },
            "fp8",
        ),
        # until transformers 4.50 the name of torchao's function
        ({"quant_method": "torchao", "quant_type": "int8_weight_only"}, "int8-w8a16"),
        ({"quant_method": "torchao", "quant_type": "float8_dynamic_activation_float8_weight"}, "fp8"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "int4"),
        ({"quant_method": "gptq", "bits": 3}, "int4"),
        # GPTQModel's `dynamic` and AutoRound's `extra_config`: matrices of a width of their own
        ({"quant_method": "gptq", "bits": 4, "dynamic": {"+:.*down_proj.*": {"bits": 8}}}, "int4"),
        (
            {"quant_method": "auto-round", "bits": 4, "extra_config": {"model.layers.0.x": {"bits": 8}}},
            "int4",
        ),
    ],
)
def test_a_refused_checkpoint_names_the_format_that_is_close(section, near):
    """Of layers that differ it is the feed-forward parts' format: they hold most of the weights."""
    with pytest.raises(UnsupportedError, match=f"the unquantized model with --format {near}, which is close"):
        read(llama_config(quantization_config=section))


def test_modules_left_at_16_bits_make_no_mixture():
    """GPTQModel writes "-:" before a pattern that it leaves out, AutoRound 16 bits."""
    dynamic = {"quant_method": "gptq", "bits": 4, "dynamic": {"-:.*lm_head.*": {}, "+:.*up.*": {"bits": 4}}}
    extra = {"quant_method": "auto-round", "bits": 4, "extra_config": {"lm_head": {"bits": 16}}}
    for section in (dynamic, extra):
        assert read(llama_config(quantization_config=section)).native_format == "int4"


def test_a_section_without_a_method_says_what_to_do():
    with pytest.raises(UnsupportedError, match=r"'quant_method' is missing.*name the unquantized model"):
        read(llama_config(quantization_config={"bits": 4}))
