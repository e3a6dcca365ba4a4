"""The schemas of what the commands print: current, and kept by real answers, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from advisor.advise.certainty.choice_probability import Verdict
from advisor.advise.choose.assessment import RefusalKind
from advisor.advise.choose.frontier import Role
from advisor.advise.measuring.next import What
from advisor.advise.sensitivity.axis import Over
from advisor.advise.sensitivity.change_point import Whose
from advisor.advise.sensitivity.change_points import EXACT
from advisor.advise.sensitivity.crossing import Why
from advisor.advise.sensitivity.own_or_api import Cheaper
from advisor.advise.sensitivity.ways_out import Change
from advisor.cost.estimate import Basis
from advisor.cost.predict.prediction import Status
from advisor.cost.step.bottleneck import Bottleneck
from advisor.report.documents.schemas import FOLDER, NAMES, recommendation_schema, schema_of, schema_text
from advisor.spec.deployment import KvFormat
from advisor.spec.engines.dtypes import Dtype
from advisor.spec.formats.checkpoint import Evidence
from advisor.spec.formats.format import ExecutionKind
from advisor.spec.workloads.load_kind import ArrivalKind
from advisor.spec.workloads.workload import GpuCount, Objective
from tests.command import Command
from tests.golden_text import check_file

MODEL = "Llama-3.1-8B-Instruct"
DATA = Path(__file__).parents[2] / "data" / "vllm_bench"

ANSWERS: dict[str, list[tuple[object, ...]]] = {
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
    """The schema with no other keys allowed than those that it describes; shared definitions stay open."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: value if key == "$defs" else closed(value) for key, value in schema.items()}
    return made | {"additionalProperties": False} if "properties" in schema else made


CHOICES: dict[str, tuple[object, ...]] = {
    "change": get_args(Change),
    "flips basis": (*get_args(Basis), EXACT),
    "why": get_args(Why),
    "whose": (*get_args(get_args(Whose)[0]), None),
    "what": get_args(What),
    "kind": get_args(ArrivalKind),
    "load_unit": ("requests_per_s", "concurrency"),
    "verdict": get_args(Verdict),
    "over": get_args(Over),
    "cheaper_above": get_args(Cheaper),
    "objective": get_args(Objective),
    "gpu_count": get_args(GpuCount),
    "basis": get_args(Basis),
    "kv_format": get_args(KvFormat),
    "refusal_kind": get_args(RefusalKind),
    "role": get_args(Role),
    "status": get_args(Status),
    "bound_by": (*get_args(Bottleneck), None),
    "kv_scales": ("fp8", None),
    "evidence": get_args(Evidence),
    "runs": (*get_args(ExecutionKind), None),
    "dtype": get_args(Dtype),
}
"""What the types allow where the schema lists the choices, by the key."""


def choices(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[object]]]:
    """Every list of choices in a schema, with the way to it."""
    if isinstance(part, list):
        for inner in part:
            yield from choices(inner, path)
    elif isinstance(part, dict):
        if "enum" in part:
            yield path, part["enum"]
        for key, inner in part.items():
            yield from choices(inner, (*path, key))


WORDS_OF_A_SCHEMA = {"properties", "items", "additionalProperties", "$defs", "anyOf"}


def test_the_choices_in_the_schema_are_those_of_the_types() -> None:
    found = {tuple(p for p in path if p not in WORDS_OF_A_SCHEMA): enum
             for path, enum in choices(recommendation_schema())}  # fmt: skip
    for path, enum in found.items():
        name = "flips basis" if path[-2:] == ("flips", "basis") else path[-1]
        assert enum == list(CHOICES[name]), path
    assert {path[-1] for path in found} == {name.split()[-1] for name in CHOICES}


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
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(closed(schema)).validate(document)


def test_a_value_outside_the_contract_is_refused(quantadvise: Command) -> None:
    document = json.loads(quantadvise(*ANSWERS["comparison"][0], "-o", "json").out)
    document["differences"][0]["rests_on"] = "hope"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema_of("comparison")).validate(document)


def test_the_whole_family_covers_every_command_that_prints_json() -> None:
    assert set(ANSWERS) == set(NAMES)
    assert {path.name for path in FOLDER.iterdir()} == {
        f"{name}.schema.json" for name in (*NAMES, "recommendation")
    }
