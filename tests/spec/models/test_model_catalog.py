"""The whole catalog against the published counts, and against what its header promises."""

from __future__ import annotations

import re

import pytest
import yaml

from advisor.errors import UnknownNameError
from advisor.shipped_files import catalog
from advisor.spec.formats.catalog import find_format
from advisor.spec.formats.published_checkpoints import checkpoint_by_repo, listed_repos
from advisor.spec.models.catalog import (
    catalog_model,
    checkpoints_for,
    find_model,
    known_checkpoint,
    known_models,
)

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DOCUMENT = yaml.load(catalog("models.yaml").read_text(encoding="utf-8"), Loader=LOADER)
ROWS = {row["name"]: row for row in DOCUMENT["models"]}


def test_the_names_read_by_line_are_the_rows_of_the_yaml():
    assert list(known_models()) == list(ROWS)
    assert len(ROWS) >= 180


@pytest.mark.parametrize("name", ROWS)
def test_total_parameters_match_the_published_count(name):
    model = find_model(name)
    assert model.published_params is not None
    assert model.total_params == pytest.approx(model.published_params, rel=0.005)


def test_nearly_all_totals_match_to_the_digit():
    # The rest differ by numbers that are no weights: rotary frequencies, clipping limits, router biases.
    # A model card prints tenths of a billion.
    counted = [name for name, row in ROWS.items() if row["cited"] != "card"]
    exact = [n for n in counted if find_model(n).total_params == find_model(n).published_params]
    assert len(exact) >= 0.9 * len(ROWS)
    for name in set(counted) - set(exact):
        model = find_model(name)
        assert model.total_params == pytest.approx(model.published_params, rel=1e-6), name


@pytest.mark.parametrize(
    ("name", "count", "where"),
    [
        ("Llama-3.1-8B-Instruct", 8_030_261_248, "Hub, safetensors total"),
        ("Llama-3.1-70B-Instruct", 70_553_706_496, "Hub, safetensors total"),
        ("Llama-3.1-405B-Instruct", 405_853_388_800, "Hub, safetensors total"),
        ("granite-3.1-8b-instruct", 8_170_848_256, "Hub, safetensors total"),
        ("Qwen2.5-7B-Instruct", 7_615_616_512, "Hub, safetensors total"),
        (
            "DeepSeek-V3",
            671_026_419_200,
            "makers: 671B of main model weights, 14B of multi-token prediction besides",
        ),
        ("gpt-oss-120b", 116_829_156_672, "Hub; makers: 117B"),
        ("gpt-oss-20b", 20_914_757_184, "Hub; makers: 21B"),
        ("gemma-3-27b-it", 27_432_406_640, "Hub, with the vision tower"),
        ("Llama-4-Scout-17B-16E-Instruct", 108_641_793_536, "Hub, with the vision tower"),
    ],
)
def test_known_totals(name, count, where):
    assert find_model(name).total_params == count, where


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_complete(name):
    row = ROWS[name]
    assert set(row) <= {"name", "hf", "aka", "params", "cited", "unserved", "source", "family", "config"}
    assert row["cited"] in DOCUMENT["sources"]
    assert row["source"] in DOCUMENT["sources"]
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+", hf_id) for hf_id in row["hf"])
    assert row["config"]["architectures"]
    assert row["config"]["model_type"]


def test_every_repository_and_alias_leads_to_its_own_row():
    for row in ROWS.values():
        for hf_id in row["hf"]:
            model = find_model(hf_id)
            assert model.name == hf_id.split("/")[1]
            assert model.groups == find_model(row["name"]).groups
        for alias in row.get("aka", ()):
            assert find_model(alias).groups == find_model(row["name"]).groups


def test_what_is_not_served_is_less_than_a_tenth():
    for row in ROWS.values():
        assert 0 <= row.get("unserved", 0) < 0.1 * row["params"]


def test_native_formats_are_canonical():
    for name in ROWS:
        native = find_model(name).native_format
        assert native is None or find_format(native).name == native
    native = {name: find_model(name).native_format for name in ROWS}
    assert native["DeepSeek-V3"] == native["MiniMax-M2"] == native["Kimi-K2-Instruct"] == "fp8"
    assert native["gpt-oss-20b"] == "mxfp4"
    assert native["Kimi-K2.5"] == "int4"
    assert native["Llama-3.1-8B-Instruct"] is None


def test_a_listed_checkpoint_leads_to_its_base_model_in_its_format():
    found = 0
    for repo in listed_repos():
        checkpoint = checkpoint_by_repo(repo)
        assert checkpoint is not None
        try:
            base = catalog_model(checkpoint.base_repo or "")
        except UnknownNameError:
            continue
        model = catalog_model(repo)
        found += 1
        assert model.groups == base.groups, repo
        assert model.native_format == checkpoint.format, repo
        assert model.hf_id == checkpoint.repo, repo
    assert found > 500


def test_the_papers_checkpoints_are_known():
    model = find_model("Llama-3.1-8B-Instruct")
    assert known_checkpoint(model, "fp8") == "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic"
    assert known_checkpoint(model, "int8") == "RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a8"
    assert known_checkpoint(model, "int4") == "RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16"
    assert known_checkpoint(model, "mxfp4") is None
    assert known_checkpoint(find_model("DeepSeek-V3"), "fp8") == "deepseek-ai/DeepSeek-V3"


def test_a_checkpoint_that_quantizes_a_part_says_which():
    assert find_model("openai/gpt-oss-120b").native_parts == "experts"
    assert find_model("nvidia/MiniMax-M2.5-NVFP4").native_parts == "experts"
    assert find_model("nvidia/GLM-5-NVFP4").native_parts == "ffn"
    assert find_model("RedHatAI/Qwen3-8B-NVFP4").native_parts == "linear"


def test_addresses_that_moved_are_followed():
    moved = find_model("neuralmagic/Meta-Llama-3.1-8B-Instruct-FP8-dynamic")
    assert moved.hf_id == "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic"
    assert find_model("nvidia/Llama-3.1-8B-Instruct-FP4").hf_id == "nvidia/Llama-3.1-8B-Instruct-NVFP4"


def test_a_checkpoint_is_offered_for_the_repository_it_was_made_from():
    instruct, base = find_model("meta-llama/Llama-3.1-8B-Instruct"), find_model("meta-llama/Llama-3.1-8B")
    assert all(c.base_repo == "meta-llama/Llama-3.1-8B" for c in checkpoints_for(base, "fp8"))
    assert all(c.base_repo == instruct.hf_id for c in checkpoints_for(instruct, "fp8"))
