"""Readers of single architectures against transformers' modules, and what vLLM's registry lists."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from advisor.errors import InputError, UnsupportedError
from advisor.spec.models.architectures.vllm_registry import NO_DECODER, REFUSED, find_registered, registered
from advisor.spec.models.config_json import model_from_config, readable_types
from advisor.spec.models.local_files import model_from_file
from docs.tools import architectures
from tests.spec.build_models import llama_config, read

DATA = Path(__file__).resolve().parents[2] / "data" / "architectures"
COUNTS: dict[str, Any] = json.loads((DATA / "counts.json").read_text(encoding="utf-8"))
PUBLISHED: dict[str, Any] = json.loads((DATA / "published.json").read_text(encoding="utf-8"))
WRAPPERS: dict[str, Any] = json.loads((DATA / "wrappers.json").read_text(encoding="utf-8"))
PAGE = Path(__file__).resolve().parents[3] / "docs" / "architectures.md"


@pytest.mark.parametrize("model_type", COUNTS)
def test_parameters_are_those_of_the_modules(model_type: str) -> None:
    row = COUNTS[model_type]
    model = model_from_config(row["config"], name=model_type)
    assert (model.total_params, model.linear_params) == (row["total"], row["linear"])


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_the_published_ones(name: str) -> None:
    row = PUBLISHED[name]
    model = model_from_config(row["config"], name=name)
    assert model.total_params == pytest.approx(row["total"], rel=row["within"])
    if "active" in row:
        assert model.active_params == pytest.approx(row["active"], rel=row["active_within"])


def test_a_state_stands_for_a_cache_in_models_without_attention() -> None:
    """Codestral Mamba: 64 layers of 128 heads, 64 x 128 numbers each, and three tokens of a convolution."""
    model = model_from_config(PUBLISHED["Mamba-Codestral-7B-v0.1"]["config"], name="m")
    state = 64 * (128 * 64 * 128 * 2 + (8192 + 2 * 8 * 128) * 3 * 2)
    assert model.kv_bytes_per_token(16) == 0
    assert model.kv_bytes(1_000, 16) == model.kv_bytes(100_000, 16) == state


def test_blocks_that_are_used_again_are_stored_once_and_cached_each_time() -> None:
    """Zamba2-7B: 13 blocks with 7,168 wide keys and values each, weights for two of them."""
    model = model_from_config(PUBLISHED["Zamba2-7B"]["config"], name="m")
    assert model.kv_bytes_per_token(16) == 13 * 2 * 7168 * 2
    blocks = [g for g in model.groups if g.attention.kind == "full"]
    assert [(g.count, g.again) for g in blocks] == [(2, False), (11, True)]
    whole = dataclasses.replace(
        model, groups=tuple(dataclasses.replace(g, again=False) for g in model.groups)
    )
    block = blocks[0].attention.linear_params + blocks[0].ffn.linear_params
    assert whole.linear_params - model.linear_params == 11 * block


def test_layers_between_two_indexers_attend_to_what_the_first_chose() -> None:
    """GLM-5.2: most layers have no indexer of their own and are as sparse as those that have one."""
    model = model_from_config(
        COUNTS["hy_v4"]["config"]
        | {
            "num_hidden_layers": 4,
            "mlp_layer_types": ["dense"] + ["sparse"] * 3,
            "indexer_types": ["full", "shared", "shared", "full"],
        },
        name="m",
    )
    assert {g.attention.attended_tokens for g in model.groups} == {2048}
    assert sum(g.count for g in model.groups if g.attention.kv_extra_bytes_per_token) == 2


@pytest.mark.parametrize(
    ("model_type", "key", "value"),
    [
        ("step3p5", "mlp_layer_types", ["dense"] * 7),
        ("gemma3n_text", "layer_types", ["full_attention"]),
        ("glm5_next_text", "mlp_layer_types", ["dense"]),
        ("hy_v4", "mlp_layer_types", ["dense"]),
        ("ernie4_5_vl_moe_text", "moe_num_experts", []),
    ],
)
def test_a_list_that_leaves_layers_out_is_named(model_type: str, key: str, value: list[str]) -> None:
    """A short list must neither shorten the model nor end in a traceback."""
    with pytest.raises(InputError, match=rf"m: {key}: .* (entries for|is not a figure)"):
        model_from_config(COUNTS[model_type]["config"] | {key: value}, name="m")


def test_mistrals_own_file_is_read_as_vllm_reads_it(tmp_path: Path) -> None:
    """Mistral Large 3 has params.json alone: latent attention, softmax routing, FP8, an image encoder."""
    params = PUBLISHED["Mistral-Large-3-675B"]["config"]
    (tmp_path / "params.json").write_text(json.dumps(params), encoding="utf-8")
    model = model_from_file(tmp_path)
    assert (model.max_context, model.native_format) == (294_912, "fp8")
    assert model.kv_bytes_per_token(16) == 61 * (512 + 64) * 2
    local = {**params, "sliding_window": [None, 4096, 4096, 4096], "n_layers": 8}
    for key in ("moe", "vision_encoder", "quantization", *(k for k in params if "rank" in k or "qk_" in k)):
        local.pop(key, None)
    dense = model_from_config(local, name="m")
    assert sorted((g.count, g.attention.window) for g in dense.groups if g.attention.window) == [(6, 4096)]


@pytest.mark.parametrize("architecture", REFUSED)
def test_what_is_refused_by_name_is_refused_whatever_its_keys(architecture: str) -> None:
    way_on = "name a decoder" if REFUSED[architecture] in NO_DECODER else "--params"
    with pytest.raises(UnsupportedError, match=f"cannot be read: .*{way_on}"):
        read(llama_config(architectures=[architecture]))


@pytest.mark.parametrize("model_type", WRAPPERS)
def test_a_tower_of_no_known_family_is_counted_by_its_widths(model_type: str) -> None:
    """Within three per cent of the whole model: what the weights take in memory."""
    row = WRAPPERS[model_type]
    model = model_from_config(row["config"], name=model_type)
    assert model.total_params == pytest.approx(row["total"], rel=0.03)


def test_deepseek_v4_flash_is_284b_and_its_cache_a_tenth_of_v32s() -> None:
    """43 layers of 256 experts; DeepSeek-V3.2 keeps 61 x (576 x 2 + 132) bytes per token."""
    config = COUNTS["deepseek_v4"]["config"] | {"num_hidden_layers": 43, "vocab_size": 129_280}
    config.pop("layer_types", None), config.pop("mlp_layer_types", None)
    model = model_from_config(config, name="DeepSeek-V4-Flash")
    assert model.total_params == pytest.approx(284.3e9, rel=1e-3)
    assert model.active_params == pytest.approx(13e9, rel=0.1)
    assert model.kv_bytes_per_token(16) < 0.12 * 61 * (576 * 2 + 132)
    # compress_ratios, as the repository's config.json has them, are the same layers.
    ratios = [128, 128] + [4 if i % 2 else 128 for i in range(2, 43)] + [0]
    assert model_from_config(config | {"compress_ratios": ratios}, name="x").groups == model.groups


def test_its_checkpoint_is_fp4_experts() -> None:
    config = COUNTS["deepseek_v4"]["config"] | {
        "expert_dtype": "fp4",
        "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128], "scale_fmt": "ue8m0"},
    }
    model = model_from_config(config, name="x")
    assert (model.native_format, model.native_parts) == ("mxfp4", "experts")
    assert model.expert_params > 0.9 * model.linear_params


def test_a_wrapper_that_leaves_its_language_models_sizes_out() -> None:
    """LLaVA 1.5's config.json names the class and the vocabulary, no size of the 7B Llama."""
    model = model_from_config(
        {
            "architectures": ["LlavaForConditionalGeneration"],
            "model_type": "llava",
            "text_config": {"model_type": "llama", "vocab_size": 32_064, "max_position_embeddings": 4096},
            "vision_config": {
                "model_type": "clip_vision_model",
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "num_hidden_layers": 24,
                "image_size": 336,
                "patch_size": 14,
            },
        },
        name="llava-1.5-7b-hf",
    )
    # 6.74 billion of Llama 2 7B, 0.3 of CLIP ViT-L/14 and a projector of two matrices
    assert model.total_params == pytest.approx(7.063e9, rel=0.002)
    assert model.max_context == 4096


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ("Qwen2ForProcessRewardModel", "it generates no text"),
        ("XLMRobertaForSequenceClassification", "it generates no text"),
        ("BertModel", "it generates no text"),
        ("DeepSeekMTPModel", "a draft model for speculative decoding"),
    ],
)
def test_models_that_generate_no_text_are_named(architecture: str, words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        read(llama_config(architectures=[architecture]))


def test_a_refusal_names_the_reason_and_the_way_on() -> None:
    with pytest.raises(UnsupportedError, match=r"experts of values inside attention.*--params 8B"):
        read(llama_config(model_type="k2_horizon", architectures=["K2HorizonForCausalLM"]))
    config = llama_config(model_type="new_moe", architectures=["NewMoeForCausalLM"], n_routed_experts=256)
    with pytest.raises(UnsupportedError, match=r"nor does vLLM .* list it.*such as --params 284B-A13B"):
        read(config)


def test_every_listed_architecture_is_read_or_has_a_reason() -> None:
    entries = registered()
    assert len(entries) > 400
    for entry in entries:
        outcome = entry.outcome(readable_types())
        assert outcome.startswith(("read", "refused: "))
        if entry.model_type in readable_types() and entry.kind in ("text", "multimodal"):
            assert outcome.startswith("read")
    for architecture in REFUSED:
        assert find_registered(architecture) is not None, architecture


def test_the_page_is_what_the_code_does() -> None:
    assert PAGE.read_text(encoding="utf-8") == architectures.page()


def test_the_maker_reads_a_registry_and_transformers_tables(tmp_path: Path) -> None:
    registry, auto = tmp_path / "registry.py", tmp_path / "auto.py"
    registry.write_text(
        '_TEXT_GENERATION_MODELS = {"LlamaForCausalLM": ("llama", "LlamaForCausalLM")}\n'
        '_EMBEDDING_MODELS = {"BertModel": ("bert", "BertEmbeddingModel")}\n'
        '_PREVIOUSLY_SUPPORTED_MODELS = {"Grok1ForCausalLM": "0.24.0"}\n',
        encoding="utf-8",
    )
    auto.write_text(
        'MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict(\n    [("llama", "LlamaForCausalLM")]\n)\n',
        encoding="utf-8",
    )
    kinds, removed = architectures.listed(registry)
    assert kinds["text"] == ["LlamaForCausalLM"]
    assert kinds["pooling"] == ["BertModel"]
    assert removed == {"Grok1ForCausalLM": "0.24.0"}
    assert architectures.model_types(auto)["LlamaForCausalLM"] == "llama"
