"""The command that refreshes the catalog, on what the Hub answers about two models (tests/data/hub)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from advisor.spec.models.catalog import find_model
from advisor.spec.models.config_json import model_from_config
from docs.tools import models

ANSWERS = Path(__file__).parents[2] / "data/hub"
FLASH, QWEN = "deepseek-ai/DeepSeek-V4-Flash", "Qwen/Qwen3-30B-A3B"
ROWS = yaml.safe_load(models.CATALOG.read_text(encoding="utf-8"))["models"]
ASK = models.from_folder(ANSWERS)


def recipe(hf_id: str, **stated: object) -> models.Recipe:
    values = {"size": "", "max_context": None, "tasks": frozenset({"text"}), "checkpoints": (), **stated}
    return models.Recipe(hf_id=hf_id, **values)  # type: ignore[arg-type]


def judged(hf_id: str, ask: models.Ask = ASK, **stated: object) -> models.Finding:
    return models.judged(recipe(hf_id, **stated), ask, lambda _: None, ROWS, "hub", "aiconfigurator")


@pytest.mark.parametrize("hf_id", [FLASH, QWEN])
def test_a_line_made_anew_is_the_catalogs_model(hf_id: str) -> None:
    finding = judged(hf_id)
    assert finding.line is not None
    row = yaml.safe_load(finding.line)[0]
    catalogs = next(r for r in ROWS if r["name"] == row["name"])
    assert {k: row.get(k) for k in ("params", "family", "unserved")} == {
        k: catalogs.get(k) for k in ("params", "family", "unserved")
    }
    made, known = model_from_config(row["config"], name="m"), find_model(hf_id)
    assert (made.groups, made.total_params, made.max_context, made.native_format) == (
        known.groups,
        known.total_params,
        known.max_context,
        known.native_format,
    )


def test_keys_that_change_nothing_are_left_out() -> None:
    finding = judged(QWEN)
    assert finding.line is not None
    kept = yaml.safe_load(finding.line)[0]["config"]
    assert "num_experts" in kept
    assert not {"rope_theta", "bos_token_id", "torch_dtype", "use_cache"} & set(kept)


def answering(change: dict[str, object] | None = None, elements: dict[str, int] | None = None) -> models.Ask:
    answer = ASK(QWEN)
    assert isinstance(answer, models.Answer)
    changed = models.Answer({**answer.config, **(change or {})}, elements or answer.elements)
    return lambda _: changed


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            answering(elements={"BF16": 31_000_000_000}),
            "by hand: 30532122624 weights read, the Hub counts 31000000000",
        ),
        (answering(elements={"I32": 4_000_000_000}), "the Hub counts packed elements"),
        (answering({"model_type": "zork"}), "architecture 'zork' cannot be read yet"),
        (lambda _: "on the Hub it is gated", "by hand (30B): on the Hub it is gated"),
    ],
)
def test_what_is_not_ready_is_named_with_its_reason(ask: models.Ask, said: str) -> None:
    finding = judged(QWEN, ask, size="30B")
    assert finding.line is None
    assert said in finding.what


def test_known_models_are_compared_and_models_without_text_left_out() -> None:
    known = models.judged(recipe(QWEN, max_context=131072), ASK, models.in_catalog, ROWS, "hub", "hub")
    assert known.what == "known; context 40960 here, 131072 in the recipe"
    image = judged("Qwen/Qwen-Image", tasks=frozenset({"omni"}))
    assert image.what == "left out: omni, no text served"


def test_recipes_as_the_repository_writes_them(tmp_path: Path) -> None:
    # vllm-project/recipes 8959cf6, models/<owner>/<name>.yaml: the keys read, the rest left out
    path = tmp_path / "models/deepseek-ai/DeepSeek-V4-Flash.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(
        f"""\
meta: {{title: DeepSeek-V4-Flash, date_updated: 2026-08-05, tasks: [text]}}
model: {{model_id: {FLASH}, architecture: moe, parameter_count: 284B, context_length: 1048576}}
variants:
  default: {{precision: fp8, vram_minimum_gb: 200}}
  other: {{precision: nvfp4, model_id: nobody/Unheard-NVFP4, vram_minimum_gb: 180}}
"""
    )
    (found,) = models.recipes(tmp_path)
    assert (found.hf_id, found.size, found.max_context) == (FLASH, "284B", 1_048_576)
    assert models.unlisted(found) == ["nobody/Unheard-NVFP4 (nvfp4)"]


def test_lines_stand_with_their_family_and_the_file_says_when() -> None:
    finding = models.Finding("a/b", "ready", line="- {name: b}", family="qwen3-moe")
    text = models.added(models.CATALOG.read_text(encoding="utf-8"), [finding], "2027-01-02, today")
    lines = text.splitlines()
    assert "# refreshed: 2027-01-02, today" in lines
    assert " family: qwen3-moe," in lines[lines.index("- {name: b}") - 1]


def test_answers_are_kept_as_they_are_read(tmp_path: Path) -> None:
    answer = models.recording(ASK, tmp_path)(QWEN)
    assert models.from_folder(tmp_path)(QWEN) == answer
    kept = json.loads((tmp_path / "Qwen--Qwen3-30B-A3B.json").read_text())
    assert set(kept) == {"config", "elements"}
