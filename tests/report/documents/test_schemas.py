"""The schemas of what the commands print: current, and kept by real answers, key by key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from advisor.cost.estimate_with_interval import Basis
from advisor.report.documents.schemas import FOLDER, NAMES, schema_of, schema_text, shipped_schema
from tests.command import Command
from tests.golden_text import check_file

MODEL = "Llama-3.1-8B-Instruct"
DATA = Path(__file__).parents[2] / "data" / "vllm_bench"

ANSWERS: dict[str, list[tuple[object, ...]]] = {
    "recommendation": [
        ("recommend", MODEL, "-w", "chat", "--gpu", "A6000,L40S", "--explain", "--top", "all"),
        ("recommend", MODEL, "-w", "chat", "--gpu", "T4,H100", "--goodput", "ttft:400", "--top", 3),
        ("recommend", "gpt-oss-20b", "-w", "chat", "--gpu", "H100", "--engine", "vllm 0.11.0"),
        ("recommend", MODEL, "-w", "chat", "--gpu", "L40S", "--rate", 9, "--api-price", "0.20/0.60"),
    ],
    "crossover": [
        ("crossover", MODEL, "-w", "chat", "--gpu", "A6000", "--over", "concurrency", "--to", 64),
        ("crossover", MODEL, "-w", "chat", "--gpu", "A6000", "--slo", "e2e_mean_ms=1", "--to", 4),
        ("crossover", MODEL, "-w", "chat", "--goodput", "ttft:400", "-g", "L40S", "--over", "input-tokens"),
    ],
    "suggestion": [
        ("measure-next", "Qwen3-30B-A3B", "-w", "summarization", "--gpu", "MI300X,H100,GH200", "--count", 1),
        ("measure-next", MODEL, "-w", "chat-strict", "--gpu", "A6000", "--count", 1),
        ("measure-next", MODEL, "-w", "chat", "--gpu", "A6000", "--slo", "e2e_mean_ms=1"),
        ("measure-next", MODEL, "-w", "chat", "--gpu", "A6000", "--formats", "int4", "--tp", 1),
        ("measure-next", MODEL, "-w", "batch", "--gpu", "A6000,L40S", "--min-recovery", 0.985, "--count", 2),
    ],
    "comparison": [
        ("compare", "bf16@A6000", "int8+fp8kv@2xL40S*2", "--model", MODEL, "-w", "chat"),
        ("compare", *sorted(DATA.glob("*.json"))[:1] * 2),
    ],
    "prediction": [
        ("predict", MODEL, "--gpu", "A100", "--format", "int4", "-w", "chat"),
        ("predict", MODEL, "--gpu", "A100", "-w", "chat", "--goodput", "ttft:300"),
    ],
}  # fmt: skip


def closed(schema: Any) -> Any:
    """The schema with no other keys allowed than those that it describes."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    is_object = schema.get("type") == "object" and "properties" in schema
    return made | {"additionalProperties": False} if is_object else made


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_schema_is_current(name: str, regenerate: bool) -> None:
    check_file(FOLDER / f"{name}.schema.json", schema_text(name), regenerate=regenerate)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_schema_that_stands_by_itself(name: str) -> None:
    schema = schema_of(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    used = {part.split('"')[0] for part in json.dumps(schema).split("#/$defs/")[1:]}
    assert used == set(schema["$defs"])


@pytest.mark.parametrize(
    ("name", "arguments"), [(name, arguments) for name, of in ANSWERS.items() for arguments in of]
)
def test_what_is_printed_keeps_its_schema(
    quantadvise: Command, name: str, arguments: tuple[object, ...]
) -> None:
    result = quantadvise(*arguments, "-o", "json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    jsonschema.Draft202012Validator(closed(shipped_schema(name))).validate(document)


def test_a_type_says_what_its_schema_is() -> None:
    offer = schema_of("recommendation")["$defs"]["offer"]
    assert offer["required"] == list(offer["properties"])
    assert offer["properties"]["usd_per_month"] == {
        "description": "Cost of 730 hours; null: no price is known.",
        "type": ["number", "null"],
        "exclusiveMinimum": 0,
    }
    assert offer["properties"]["keeps_all_limits"] == {"$ref": "#/$defs/probability"}
    flip = schema_of("recommendation")["$defs"]["decision"]["properties"]["flips"]["anyOf"][0]["items"]
    assert flip["properties"]["whose"]["enum"] == ["first", "other", None]
    assert flip["properties"]["basis"]["enum"] == [*get_args(Basis), "as asked"]
    assert "mixed" not in schema_of("recommendation")["required"]


def test_a_value_outside_the_contract_is_refused(quantadvise: Command) -> None:
    document = json.loads(quantadvise(*ANSWERS["comparison"][0], "-o", "json").out)
    document["differences"][0]["rests_on"] = "hope"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema_of("comparison")).validate(document)


def test_the_whole_family_covers_every_command_that_prints_json() -> None:
    assert set(ANSWERS) == set(NAMES)
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.schema.json" for name in NAMES}
