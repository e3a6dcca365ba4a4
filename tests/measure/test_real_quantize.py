"""Every recipe through the real llm-compressor on an untrained model: the checkpoint is what it should be."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from advisor.measure.state.job_site import Site
from advisor.measure.steps import checkpoint, quantize
from advisor.measure.steps.calibration_data import Calibration
from advisor.measure.steps.checkpoint import Checkpoint
from advisor.measure.tools import envs
from advisor.spec.formats.recipes import RECIPES, Recipe
from tests.measure.test_real_loop import MAKER

pytestmark = pytest.mark.heavy

IN_THE_LOOP = {("fp8", "rtn"), ("int8", "smoothquant+gptq"), ("int4", "gptq")}
"""Made, served and evaluated by test_real_loop.py."""
OTHERS = [recipe for recipe in RECIPES if (recipe.format, recipe.algorithm) not in IN_THE_LOOP]


@pytest.fixture(scope="module")
def root(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    subprocess.run([envs.require("quantize").python, MAKER, folder, "0"], check=True, capture_output=True)
    return folder


def made(root: Path, folder: Path, recipe: Recipe, *, kv_fp8: bool = False) -> Checkpoint:
    site = Site(folder=folder, offline=True)
    return quantize.measure(
        envs.require("quantize"),
        checkpoint.locate(str(root / "model"), None),
        None,
        recipe,
        Calibration(source=str(root / "calibration.jsonl"), samples=8, length=64),
        folder / "checkpoint",
        work=site.work("one"),
        log=folder / "log",
        env=site.env(),
        limit_s=900,
        kv_fp8=kv_fp8,
    )


def config_of(found: Checkpoint) -> dict[str, object]:
    text = (Path(found.path) / "config.json").read_text(encoding="utf-8")
    config: dict[str, object] = json.loads(text)["quantization_config"]
    return config


@pytest.mark.parametrize("recipe", OTHERS, ids=[f"{one.format} {one.algorithm}" for one in OTHERS])
def test_a_recipe_makes_its_checkpoint(recipe: Recipe, root: Path, tmp_path: Path):
    found = made(root, tmp_path, recipe)  # bits, types and size are verified on the way
    assert found.weight_bytes is not None
    assert config_of(found)["ignore"] == ["lm_head"]


def test_an_fp8_kv_cache_is_calibrated_with_the_weights(root: Path, tmp_path: Path):
    fp8 = next(recipe for recipe in RECIPES if recipe.format == "fp8")
    scheme = config_of(made(root, tmp_path, fp8, kv_fp8=True))["kv_cache_scheme"]
    assert isinstance(scheme, dict)
    assert (scheme["num_bits"], scheme["type"]) == (8, "float")
