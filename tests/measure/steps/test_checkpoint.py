"""A checkpoint is what its config says, by content; recipes follow the paper."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from advisor.errors import DataError, InputError, UnsupportedError
from advisor.measure.steps import calibration_data, checkpoint
from advisor.measure.steps.calibration_data import Calibration
from advisor.spec.formats.catalog import find_format
from advisor.spec.formats.recipes import IGNORE, RECIPES, find_recipe


def group(bits: int, kind: str, activations: int | None) -> dict[str, Any]:
    inputs = None if activations is None else {"num_bits": activations}
    return {"weights": {"num_bits": bits, "type": kind}, "input_activations": inputs}


def model(folder: Path, groups: dict[str, Any] | None = None, size: int = 100) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {"model_type": "llama"}
    if groups is not None:
        config["quantization_config"] = {"quant_method": "compressed-tensors", "config_groups": groups}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(bytes(size))
    return folder


def test_the_formats_of_recipes_are_the_catalogs():
    for recipe in RECIPES:
        known = find_format(recipe.format)
        assert known.weight_bits == recipe.weight_bits, recipe.format
        assert known.activation_bits == (recipe.activation_bits or 16), recipe.format


def test_the_papers_recipes():
    # arXiv:2411.02355v4, section 3: FP8 no data; INT8 GPTQ after SmoothQuant; INT4 GPTQ, MSE clipping
    assert (find_recipe("fp8").algorithm, find_recipe("fp8").needs_data) == ("rtn", False)
    assert find_recipe("int8").algorithm == "smoothquant+gptq"
    int4 = find_recipe("int4")
    assert int4.algorithm == "gptq"
    assert int4.modifiers[0].weights["observer"] == "mse"
    assert int4.modifiers[0].options["actorder"] == "static"


def test_lm_head_and_routers_stay_at_16_bits():
    assert "lm_head" in IGNORE
    assert any("router" in pattern for pattern in IGNORE)


def test_another_algorithm_by_name():
    assert find_recipe("int4", "awq").algorithm == "awq"
    with pytest.raises(UnsupportedError, match="int4: no recipe by 'magic'; known: gptq, awq, rtn"):
        find_recipe("int4", "magic")


def test_a_good_checkpoint_is_accepted(tmp_path: Path):
    folder = model(tmp_path / "q", {"group_0": group(4, "int", None)})
    assert checkpoint.verify(folder, find_recipe("int4"), 200).weight_bytes == 100


@pytest.mark.parametrize(
    ("groups", "size", "message"),
    [
        (None, 10, "no compressed-tensors quantization_config"),
        ({}, 10, "names no group"),
        ({"group_0": group(8, "int", None)}, 10, "group_0 has 8-bit int weights, int4 needs 4-bit int"),
        ({"group_0": group(4, "int", 8)}, 10, "group_0 has 8-bit activations, int4 needs 16"),
        ({"group_0": group(4, "int", None)}, 200, "200 bytes of weights, not fewer than the 200 before"),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused(
    tmp_path: Path, groups: dict[str, Any] | None, size: int, message: str
):
    folder = model(tmp_path / "q", groups, size)
    with pytest.raises(DataError, match=message):
        checkpoint.verify(folder, find_recipe("int4"), 200)


def test_identity_is_content_not_place(tmp_path: Path):
    one, other = checkpoint.of_folder(model(tmp_path / "a")), checkpoint.of_folder(model(tmp_path / "b"))
    assert one.identity == other.identity
    assert checkpoint.of_folder(model(tmp_path / "c", size=101)).identity != one.identity


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "three/part/name", "justaname"])
def test_a_wrong_model_path_is_one_line(name: str):
    with pytest.raises(InputError, match="no such folder, and no Hub name"):
        checkpoint.locate(name, None)


def test_a_hub_name_is_told_by_its_revision():
    assert checkpoint.locate("org/model", "abc").identity == "org/model@abc"


def test_a_folder_without_weights_does_for_dummy_only(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="--load-format dummy"):
        checkpoint.locate(str(tmp_path), None)
    assert checkpoint.locate(str(tmp_path), None, dummy=True).weight_bytes is None


def test_calibration_rows_are_drawn_by_seed(tmp_path: Path):
    path = tmp_path / "calibration.jsonl"
    path.write_text("".join(f'{{"text": "row {at}"}}\n' for at in range(50)))
    drawn = []
    for seed in (0, 0, 1):
        made = Calibration(source=str(path), samples=10, seed=seed).prepare(tmp_path / "work")
        drawn.append(Path(made["path"]).read_text())
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0].splitlines()) == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), ("\n \n", "is empty"), ("{oops", "jsonl:1: not JSON"), ("[1]", "must be an object")],
)
def test_a_bad_calibration_file_is_named(tmp_path: Path, text: str, message: str):
    path = tmp_path / "c.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        calibration_data.read_rows(path)


def test_a_missing_calibration_file_is_named():
    with pytest.raises(InputError, match=r"nowhere\.jsonl: no such calibration file"):
        Calibration(source="nowhere.jsonl").identity()


def test_kinds_of_calibration_data(tmp_path: Path):
    assert Calibration(source="random").kind == "random"
    assert Calibration(source="owner/name").kind == "hub"
    assert Calibration(source="owner/name:train_sft").kind == "hub"
    assert Calibration(source="data/rows.jsonl").kind == "file"


def test_the_commit_of_a_hub_name_is_that_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert checkpoint.cached_commit("org/model", None) is None
    refs = tmp_path / "models--org--model" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text("0e9e39f249a16976918f6564b8830bc894c89659\n")
    assert checkpoint.cached_commit("org/model", None) == "0e9e39f249a16976918f6564b8830bc894c89659"
    assert checkpoint.cached_commit("org/model", "v2") is None
