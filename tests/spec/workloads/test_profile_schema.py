"""The JSON Schema for editors accepts what the readers accept, and is the one that ships."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from advisor.errors import InputError
from advisor.shipped_files import shipped
from advisor.spec.workloads.profile_schema import profile_schema, schema_text
from advisor.spec.workloads.read_profile import parse_workload, to_yaml
from advisor.spec.workloads.workload import Workload
from tests.golden_text import check_file
from tests.spec.build_workloads import workloads

PROFILES = sorted(shipped("profiles").rglob("*.yaml"))
SMALLEST = "input_tokens: 512\noutput_tokens: 256\nload: single\n"
VALIDATOR = jsonschema.Draft7Validator(profile_schema())


def accepts(text: str) -> bool:
    return bool(VALIDATOR.is_valid(yaml.safe_load(text)))


def test_the_shipped_schema_is_current(regenerate: bool) -> None:
    path = shipped("profiles") / "schema" / "profile.schema.json"
    check_file(path, schema_text(), regenerate=regenerate)


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(profile_schema())


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_shipped_profile_is_valid_and_names_the_schema(path: Path) -> None:
    text = path.read_text()
    VALIDATOR.validate(yaml.safe_load(text))
    first, _, schema = text.splitlines()[0].partition("$schema=")
    assert first == "# yaml-language-server: "
    assert (path.parent / schema).resolve() == (shipped("profiles") / "schema/profile.schema.json").resolve()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(workloads)
def test_every_written_workload_is_valid(workload: Workload) -> None:
    assert accepts(to_yaml(workload))


RIGHT = [
    "slo: {ttft_p99.9_ms: 3}",
    "slo: {p95_ttft_ms: '<=500'}",
    "slo: none",
    "goodput: 'ttft:500 tpot:50'",
    "goodput: {ttft: 500, e2el: 5000, min_share: 0.9}",
    "quality: none",
    "quality: {min_recovery: 0.99, tasks: [code]}",
    "extends: chat",
    "extends: [chat, synchronous]",
    "spread: none",
    "price_list: none",
    "prefix_hit_rate: 0",
    "prefix_hit_rate: 50%",
    "quality: {min_recovery: 99}",
    "confidence: 95 %",
    "goodput: {ttft: 0.5s, min_share: 90%}",
]
WRONG = [
    "slo: {ttft_p95: 300}",
    "slo: {ttft_p100_ms: 300}",
    "slo: {ttft_p95_ms: 0}",
    "slo: {ttft_p95_ms: true}",
    "slo: {ttft_p95_ms: fast}",
    "slo: [300]",
    "goodput: {itl: 5}",
    "goodput: {ttft: 0}",
    "goodput: {}",
    "quality: {min_recovery: 101}",
    "quality: {min_recovery: 1.5}",
    "confidence: lots",
    "quality: {min_recovery: 0}",
    "quality: {tasks: code}",
    "quality: {tasks: [code, code]}",
    "objective: speed",
    "gpu_count: 4",
    "name: ''",
    "spread: some",
    "prefix_hit_rate: 1",
    "prefix_hit_rate: true",
    "outptu_tokens: 5",
]
WRONG_LENGTHS = [
    "0",
    "true",
    "'512'",
    "[512]",
    "{}",
    "{mean: 512}",
    "{kind: uniform, min: 5}",
    "{kind: uniform, min: 5, max: 9, mean: 7}",
    "{kind: normal, mean: 5, std: 2}",
    "{mean: 512, std: 0}",
    "{values: []}",
    "{values: [1, 2.5]}",
    "1.0e+12",
]
WRONG_LOADS = [
    "4",
    "max",
    "{}",
    "{concurrency: 0}",
    "{concurrency: 2.5}",
    "{concurrency: 4, requests_per_s: 2}",
    "{concurrency: 4, burstiness: 2}",
    "{requests_per_s: 0}",
    "{requests_per_s: 1, burstiness: 0}",
]


@pytest.mark.parametrize("line", RIGHT)
def test_what_the_readers_accept_the_schema_accepts(line: str) -> None:
    parse_workload(SMALLEST + line)
    assert accepts(SMALLEST + line)


@pytest.mark.parametrize(
    "text",
    [
        *(SMALLEST + line for line in WRONG),
        *(f"input_tokens: {lengths}\noutput_tokens: 1\nload: single" for lengths in WRONG_LENGTHS),
        *(f"input_tokens: 1\noutput_tokens: 1\nload: {load}" for load in WRONG_LOADS),
    ],
)
def test_what_the_readers_refuse_the_schema_refuses(text: str) -> None:
    with pytest.raises(InputError):
        parse_workload(text)
    assert not accepts(text)


def test_the_profiles_that_the_readme_shows_are_some() -> None:
    readme = (shipped("profiles") / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```yaml\n(.*?)^```$", readme, flags=re.MULTILINE | re.DOTALL)
    assert all(accepts(text) for text in shown)
    plain, conversation = (parse_workload(text) for text in shown)
    assert plain.quality.min_recovery == 0.99
    assert conversation.load.conversation.has_turns
