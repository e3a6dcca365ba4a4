"""Refreshes advisor/spec/catalog/models.yaml from vLLM's recipes and what the Hub answers about them.

    git clone https://github.com/vllm-project/recipes
    python docs/tools/models.py recipes                      # prints what would change
    python docs/tools/models.py recipes --write              # adds the lines that are ready
    python docs/tools/models.py recipes --answers folder     # asks a folder of recorded answers, not the Hub
    python docs/tools/models.py recipes --record folder      # keeps what the Hub answers

Needs the extra `hf`; gated repositories need HF_TOKEN. A line is ready where the weights that our reader
counts are the Hub's to a millionth, or short of them by drafts of further tokens or by scales of blocks. The
others are named with the reason.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from importlib import import_module
from pathlib import Path

import yaml

from advisor.errors import QuantAdviseError
from advisor.spec.formats.published_checkpoints import checkpoint_by_repo
from advisor.spec.models.catalog import catalog_model
from advisor.spec.models.config_json import model_from_config
from advisor.spec.models.hub import config_from_hub
from advisor.spec.models.model import ModelSpec

CATALOG = Path(__file__).parents[2] / "advisor/spec/catalog/models.yaml"
NO_TEXT = {"omni", "embedding"}
PLAIN = {"BF16", "F16", "F32", "F8_E4M3", "F8_E5M2"}
"""Types that the Hub counts one weight an element; packed ones hold several in each."""
NO_WEIGHTS = 1e-6
"""At most this share is numbers that are no weights: frequencies, limits, biases of routers."""
SCALES = 1e-3
"""At most this share of a published count may be scales of blocks (16,384 weights have one in FP8)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """What a recipe states of its model."""

    hf_id: str
    size: str
    max_context: int | None
    tasks: frozenset[str]
    checkpoints: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What the Hub answers: config.json, and the elements of its safetensors by type."""

    config: Mapping[str, object]
    elements: Mapping[str, int]

    @property
    def weights(self) -> int | None:
        """The weights published, where the files' types tell."""
        plain = self.elements and set(self.elements) <= PLAIN
        return sum(self.elements.values()) if plain else None


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """A model's outcome; `line` is the catalog's where it is ready."""

    hf_id: str
    what: str
    line: str | None = None
    family: str | None = None


Ask = Callable[[str], Answer | str]
Known = Callable[[str], ModelSpec | None]
Row = dict[str, object]


def recipes(folder: Path) -> Iterator[Recipe]:
    """The models of a checkout of vllm-project/recipes."""
    for path in sorted((folder / "models").glob("*/*.yaml")):
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
        model = value["model"]
        yield Recipe(
            hf_id=model["model_id"],
            size=str(model.get("parameter_count", "")),
            max_context=model.get("context_length"),
            tasks=frozenset(value["meta"].get("tasks") or ()),
            checkpoints=tuple(
                (str(v.get("precision")), v["model_id"])
                for v in (value.get("variants") or {}).values()
                if v.get("model_id") not in (None, model["model_id"])
            ),
        )


def from_hub(hf_id: str) -> Answer | str:
    """What the Hub answers now, or in words why not."""
    config = config_from_hub(hf_id)
    if isinstance(config, str):
        return config
    hub = import_module("huggingface_hub")
    try:
        tensors = hub.HfApi().model_info(hf_id, expand=["safetensors"]).safetensors
    except (OSError, ValueError) as error:
        return f"the Hub does not state its tensors ({str(error).splitlines()[0]})"
    return Answer(config, {} if tensors is None else dict(tensors.parameters))


def _file(folder: Path, hf_id: str) -> Path:
    return folder / f"{hf_id.replace('/', '--')}.json"


def from_folder(folder: Path) -> Ask:
    """Recorded answers: one file a model with `config` and `elements`."""

    def ask(hf_id: str) -> Answer | str:
        path = _file(folder, hf_id)
        if not path.is_file():
            return f"no answer recorded in {folder}"
        value = json.loads(path.read_text(encoding="utf-8"))
        return Answer(value["config"], value["elements"])

    return ask


def recording(ask: Ask, folder: Path) -> Ask:
    """The same answers, kept in a folder."""

    def asked(hf_id: str) -> Answer | str:
        answer = ask(hf_id)
        if isinstance(answer, Answer):
            folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"config": answer.config, "elements": answer.elements}, indent=1)
            _file(folder, hf_id).write_text(f"{text}\n", encoding="utf-8")
        return answer

    return asked


def in_catalog(hf_id: str) -> ModelSpec | None:
    """The catalog's model of that id, if it has one."""
    try:
        return catalog_model(hf_id)
    except QuantAdviseError:
        return None


def least(config: Mapping[str, object]) -> dict[str, object]:
    """The config without what can go and leave the model as it is read."""
    whole = model_from_config(config, name="m")

    def same(candidate: Mapping[str, object]) -> bool:
        try:
            return model_from_config(candidate, name="m") == whole
        except QuantAdviseError:
            return False

    def pruned(value: Row, put: Callable[[Row], Row]) -> Row:
        kept = dict(value)
        for key in value:
            if key in ("architectures", "model_type"):
                continue
            without = {k: v for k, v in kept.items() if k != key}
            if same(put(without)):
                kept = without
            elif isinstance(inner := kept[key], dict):
                shell = dict(kept)
                kept[key] = pruned(inner, lambda v, key=key, shell=shell: put({**shell, key: v}))  # type: ignore[misc]
        return kept

    return pruned(dict(config), lambda value: value)


def family_of(hf_id: str, model_type: object, rows: list[Row]) -> str:
    """The family of the maker's other rows of that type; else the type's own name."""
    owner = hf_id.split("/")[0]
    for row in reversed(rows):
        config, ids = row["config"], row["hf"]
        assert isinstance(config, dict)
        assert isinstance(ids, list)
        if config["model_type"] == model_type and any(i.startswith(f"{owner}/") for i in ids):
            return str(row["family"])
    return str(model_type).replace("_", "-")


def unserved_kind(model: ModelSpec, answer: Answer, short: int) -> str | None:
    """What published weights that are not read are, where the config tells."""
    drafts = answer.config.get("num_nextn_predict_layers")
    if isinstance(drafts, int) and drafts > 0:
        layer = max(g.attention.linear_params + g.ffn.total_linear_params for g in model.groups)
        most = 1.1 * drafts * layer + 2 * model.embedding_params  # with copies of embedding and head
        if 0.95 * drafts * layer <= short <= most:
            return "drafts of further tokens"
    if "quantization_config" in answer.config and 0 < short <= SCALES * model.total_params:
        return "scales"
    return None


def _flow(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**9, allow_unicode=True)
    return text.strip()


def judged(recipe: Recipe, ask: Ask, known: Known, rows: list[Row], cited: str, source: str) -> Finding:
    """What becomes of one recipe's model."""
    hf_id = recipe.hf_id
    if recipe.tasks and recipe.tasks <= NO_TEXT:
        return Finding(hf_id, f"left out: {', '.join(sorted(recipe.tasks))}, no text served")
    there = known(hf_id)
    if there is not None:
        context = recipe.max_context
        if context is not None and context != there.max_context:
            return Finding(hf_id, f"known; context {there.max_context} here, {context} in the recipe")
        return Finding(hf_id, "known")
    answer = ask(hf_id)
    if isinstance(answer, str):
        return Finding(hf_id, f"by hand ({recipe.size}): {answer}")
    try:
        model = model_from_config(answer.config, name=hf_id.split("/")[1], hf_id=hf_id)
    except QuantAdviseError as error:
        return Finding(hf_id, f"by hand ({recipe.size}): {error}")
    published = answer.weights
    if published is None:
        return Finding(hf_id, f"by hand: {model.total_params} weights read; the Hub counts packed elements")
    short = published - model.total_params
    if abs(short) <= NO_WEIGHTS * published:
        short = 0
    kind = "" if not short else unserved_kind(model, answer, short)
    if kind is None:
        return Finding(hf_id, f"by hand: {model.total_params} weights read, the Hub counts {published}")
    row: dict[str, object] = {"name": hf_id.split("/")[1], "hf": [hf_id], "params": published, "cited": cited}
    row["source"] = source
    row["family"] = family_of(hf_id, answer.config.get("model_type"), rows)
    if short:
        row["unserved"] = short
    row["config"] = least(answer.config)
    what = f"ready; {short} weights unserved: {kind}" if kind else "ready"
    return Finding(hf_id, what, line=f"- {_flow(row)}", family=str(row["family"]))


def unlisted(recipe: Recipe) -> list[str]:
    """The recipe's quantized repositories that checkpoints.csv lacks."""
    return [
        f"{repo} ({precision})"
        for precision, repo in recipe.checkpoints
        if precision not in ("bf16", "fp16") and checkpoint_by_repo(repo) is None
    ]


def added(text: str, findings: list[Finding], stamp: str) -> str:
    """models.yaml with the ready lines, each below the last of its family, and with when that was."""
    lines = text.rstrip("\n").split("\n")
    for finding in findings:
        if finding.line is None:
            continue
        kin = [n for n, line in enumerate(lines) if f" family: {finding.family}," in line]
        lines.insert(kin[-1] + 1 if kin else len(lines), finding.line)
    text = "\n".join(lines) + "\n"
    return re.sub(r"(?m)^# refreshed: .*$", f"# refreshed: {stamp}", text, count=1)


def main(arguments: list[str]) -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("recipes", type=Path)
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--cited", default="asked", help="source of the counts: a key in models.yaml")
    parser.add_argument("--source", default="asked", help="source of the configs: a key in models.yaml")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args(arguments)
    ask: Ask = from_hub if given.answers is None else from_folder(given.answers)
    if given.record is not None:
        ask = recording(ask, given.record)
    text = CATALOG.read_text(encoding="utf-8")
    rows = yaml.safe_load(text)["models"]
    all_recipes = list(recipes(given.recipes))
    findings = [judged(r, ask, in_catalog, rows, given.cited, given.source) for r in all_recipes]
    for finding in findings:
        if finding.what != "known":
            print(f"{finding.hf_id}: {finding.what}")
        if finding.line is not None:
            print(f"  {finding.line}")
    for recipe in all_recipes:
        for repo in unlisted(recipe):
            print(f"{repo} is not in checkpoints.csv; base {recipe.hf_id}")
    ready = [finding for finding in findings if finding.line is not None]
    old = sum(f.what.startswith("known") for f in findings)
    print(f"{len(findings)} recipes, {old} known, {len(ready)} ready")
    if given.write:
        commit = subprocess.run(
            ["git", "-C", str(given.recipes), "log", "-1", "--format=%h of %cs"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        asked = "the Hub" if given.answers is None else f"answers of {given.answers.name}, not the Hub itself"
        stamp = f"{date.today()}, vllm-project/recipes {commit}, {asked}, {len(ready)} added"
        CATALOG.write_text(added(text, ready, stamp), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
