"""Looking models up: names, Hub ids, checkpoints, folders; what is unknown, damaged or out of reach."""

from __future__ import annotations

import json
import sys

import pytest

from advisor.errors import InputError, QuantAdviseError, UnknownNameError, UnsupportedError
from advisor.spec.models.catalog import find_model, known_models, model_from_file
from tests.spec.build_models import llama_config


@pytest.fixture
def offline(monkeypatch):
    """A machine without the `hf` extra."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", None)


FAMILIES = """
    Llama-2-7b Meta-Llama-3-8B Llama-3.1-8B Llama-3.2-1B Llama-3.3-70B Llama-4-Scout Qwen2-7B Qwen2.5-7B
    Qwen3-8B
    Qwen3-30B-A3B Qwen3.5-9B Qwen3.6-27B DeepSeek-R1-Distill DeepSeek-V3 DeepSeek-V3.2 Mistral-7B Mixtral-8x7B
    Mistral-Small gemma-2 gemma-3 gemma-4 Phi-3 phi-4 granite-3.1 gpt-oss-20b GLM-4.5 Kimi-K2 MiniMax-M2
    Nemotron
    OLMo-2 SmolLM2
"""


def folder(tmp_path, text, name="my-model"):
    path = tmp_path / name
    path.mkdir()
    (path / "config.json").write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "spelling",
    [
        "Llama-3.1-8B-Instruct",
        "meta-llama/Llama-3.1-8B-Instruct",
        "meta-llama/Meta-Llama-3.1-8B-Instruct",
        "llama_3.1_8b_instruct",
        "LLAMA 3.1 8B INSTRUCT",
        "unsloth/Llama-3.1-8B-Instruct",
        "  Llama-3.1-8B-Instruct ",
    ],
)
def test_a_name_is_found_however_it_is_written(spelling):
    model = find_model(spelling)
    assert model.name == "Llama-3.1-8B-Instruct"
    assert model.native_format is None


def test_a_variant_keeps_its_own_name():
    assert find_model("Llama-3.1-8B").hf_id == "meta-llama/Llama-3.1-8B"
    assert find_model("granite-3.1-8b-base").name == "granite-3.1-8b-base"
    assert find_model("Llama-2-7b-chat").hf_id == "meta-llama/Llama-2-7b-chat-hf"


@pytest.mark.parametrize(
    ("hf_id", "base", "native"),
    [
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic", "Llama-3.1-8B-Instruct", "fp8"),
        ("RedHatAI/Meta-Llama-3.1-70B-Instruct-quantized.w4a16", "Llama-3.1-70B-Instruct", "int4"),
        ("RedHatAI/DeepSeek-R1-Distill-Qwen-7B-quantized.w8a8", "DeepSeek-R1-Distill-Qwen-7B", "int8"),
        ("Qwen/Qwen3-14B-AWQ", "Qwen3-14B", "int4"),
        ("meta-llama/Llama-3.1-405B-FP8", "Llama-3.1-405B", "fp8"),
        ("nvidia/DeepSeek-V3.2-NVFP4", "DeepSeek-V3.2", "nvfp4"),
        ("lmsys/gpt-oss-20b-bf16", "gpt-oss-20b", None),
    ],
)
def test_a_quantized_checkpoint_leads_to_its_base_model(hf_id, base, native):
    model = find_model(hf_id)
    assert (model.name, model.hf_id, model.native_format) == (base, hf_id, native)
    assert model.total_params == find_model(base).total_params


def test_the_parts_of_a_checkpoint_are_known_where_they_were_read():
    assert find_model("nvidia/Gemma-4-31B-IT-NVFP4").native_parts == "ffn"
    assert find_model("nvidia/MiniMax-M2.5-NVFP4").native_parts == "experts"
    assert find_model("nvidia/Qwen3-235B-A22B-NVFP4").native_parts == "linear"


def test_the_source_of_a_model_is_a_citation():
    assert (
        find_model("Qwen3-8B").source == "config.json as bundled with aiconfigurator-core 0.12.0 (Apache-2.0)"
    )


def test_an_unknown_name_gets_the_nearest_known_ones():
    with pytest.raises(UnknownNameError) as caught:
        find_model("Lama-3.1-8B-Instuct")
    assert str(caught.value) == (
        "unknown model 'Lama-3.1-8B-Instuct'; did you mean "
        "Llama-3.1-8B-Instruct, Llama-3.2-1B-Instruct, Llama-3.1-70B-Instruct?"
    )


def test_a_name_like_none_gets_the_ways_to_describe_a_model():
    """A few names of the catalog would not help; a size in the name is taken up."""
    with pytest.raises(UnknownNameError) as seen:
        find_model("zork")
    assert "quantadvise models lists the " in str(seen.value)
    assert "a folder with config.json, or, to recommend and predict, a size alone: --params 13B" in str(
        seen.value
    )
    with pytest.raises(UnknownNameError, match=r"did you mean .*\? Else .* --params 7B$"):
        find_model("zork-7b-v2")


def test_an_unknown_id_says_how_the_hub_could_help(offline):
    with pytest.raises(UnknownNameError) as caught:
        find_model("someone/brand-new-model")
    assert "pip install 'quantadvise[hf]'" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("start", ["", "./"])
def test_a_name_longer_than_a_file_can_have_is_refused_like_any_other(start):
    with pytest.raises(QuantAdviseError, match=r"x{300}"):
        find_model(start + "x" * 300)


def test_an_empty_name_is_refused():
    with pytest.raises(InputError, match="the name is empty"):
        find_model("  ")


def test_a_folder_is_read(tmp_path):
    model = find_model(str(folder(tmp_path, llama_config())))
    assert (model.name, model.total_params) == ("my-model", 8_030_261_248)
    assert find_model(str(tmp_path / "my-model" / "config.json")) == model


def test_a_folder_named_like_nothing_known_is_read_without_a_slash(tmp_path, monkeypatch):
    folder(tmp_path, llama_config(), name="tuned")
    monkeypatch.chdir(tmp_path)
    assert find_model("tuned").name == "tuned"


def test_modelopts_notes_beside_the_config_count(tmp_path):
    path = folder(tmp_path, llama_config())
    notes = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4", "group_size": 16}}
    (path / "hf_quant_config.json").write_text(json.dumps(notes), encoding="utf-8")
    assert model_from_file(path).native_format == "nvfp4"
    (path / "hf_quant_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="'quantization' is missing"):
        model_from_file(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty; download config.json again"),
        ("{", "not JSON (line 1"),
        ("[1, 2]", "holds no keys"),
        ("null", "holds no keys"),
        ("[" * 100_000, "not a readable JSON file"),
        ('{"model_type": "llama", "hidden_size": ' + "9" * 5000 + "}", ""),
        ("{}", "'model_type' is missing"),
        ('{"model_type": "llama", "hidden_size": NaN}', ""),
    ],
)
def test_a_damaged_config_is_one_line_with_the_file(tmp_path, text, words):
    path = folder(tmp_path, text)
    with pytest.raises((InputError, UnsupportedError)) as caught:
        find_model(str(path))
    assert str(caught.value).startswith(str(path / "config.json"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_or_far_too_large(tmp_path):
    path = folder(tmp_path, "{}")
    (path / "config.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8 text"):
        find_model(str(path))
    (path / "config.json").write_bytes(b" " * 8_000_001)
    with pytest.raises(InputError, match=r"larger than 8 MB; is it a config\.json"):
        find_model(str(path))


def test_a_path_that_does_not_exist(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        find_model(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="no such file or folder"):
        find_model("./nowhere/config.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"config\.json: no such file, so the folder holds no model"):
        find_model(str(tmp_path / "empty"))


def test_known_models_names_families_people_deploy():
    names = " ".join(known_models())
    missing = [family for family in FAMILIES.split() if family not in names]
    assert not missing


# save_pretrained writes metadata.total_size (bytes) and, since transformers 4.57, total_parameters
@pytest.mark.parametrize(
    ("metadata", "sound"),
    [
        ({"total_size": 2 * 8_030_261_248}, True),
        ({"total_size": 2 * 8_030_261_248, "total_parameters": 8_200_000_000}, True),
        ({"total_size": 2 * 70_553_706_496}, False),
        ({"total_parameters": 4_000_000_000}, False),
        ({"total_size": float("inf")}, True),
        ({}, True),
        (None, True),
    ],
)
def test_weights_read_are_held_to_the_index_beside_the_config(tmp_path, metadata, sound):
    path = folder(tmp_path, {**llama_config(), "torch_dtype": "bfloat16"})
    (path / "model.safetensors.index.json").write_text(json.dumps({"metadata": metadata, "weight_map": {}}))
    if sound:
        assert find_model(str(path)).total_params == 8_030_261_248
        return
    with pytest.raises(UnsupportedError, match=r"gives 8,030,261,248 weights, but model\.safetensors\.index"):
        find_model(str(path))


def test_an_index_of_packed_weights_or_of_32_bits_is_not_held_against_the_config(tmp_path):
    packed = {"quant_method": "fp8", "activation_scheme": "dynamic"}
    for name, more in (
        ("a", {"quantization_config": packed, "dtype": "bfloat16"}),
        ("b", {"dtype": "float32"}),
    ):
        path = folder(tmp_path, {**llama_config(), **more}, name)
        (path / "model.safetensors.index.json").write_text('{"metadata": {"total_size": 32121044992}}')
        assert find_model(str(path)).total_params == 8_030_261_248


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("Lama-3.3-70B", "Llama-3.3-70B-Instruct"),
        ("qwen3-30b", "Qwen3-30B-A3B"),
        ("mixtral-8x7", "Mixtral-8x7B-v0.1"),
        ("lama-3.1-8b", "Llama-3.1-8B"),
    ],
)
def test_a_misspelt_beginning_is_answered_with_what_begins_so(asked: str, first: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean {first}, "):
        find_model(asked)
