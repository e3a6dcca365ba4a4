"""What `profiles check` prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.shipped_files import shipped
from advisor.spec.workloads.profile_check import check

SMALLEST = "input_tokens: 512\noutput_tokens: 256\nload: single\n"


@pytest.mark.parametrize("path", sorted(shipped("profiles").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_profile_is_beyond_doubt(path: Path) -> None:
    assert check(path) == []


def test_check_finds_every_wrong_key_at_once(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("input_tokens: 0\noutput_tokens: 256\nlaod: single\nslo: {ttft_p95: 3}\n")
    assert check(path) == [
        f"{path}:1: input_tokens: expected a number of at least 1 token, found 0",
        f"{path}:3: unknown key 'laod'; did you mean 'load'?",
        f"{path}:4: slo: unknown key 'ttft_p95'; did you mean 'ttft_p95_ms'?",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("- a", "found a list"),
        ("output_tokens: 256\nload: single", "has no input_tokens"),
        ("extends: nothing", "unknown profile 'nothing'"),
        (
            SMALLEST + "slo: {ttft_p50_ms: 300, ttft_p99_ms: 200}",
            "ttft_p50_ms 300 never binds, since ttft_p99_ms",
        ),
        (
            SMALLEST + "slo: {ttft_p99_ms: 300, e2e_p99_ms: 200}",
            "ttft_p99_ms 300 never binds, since e2e_p99_ms",
        ),
        (SMALLEST + "history: 3", "history repeats earlier turns, and there are none"),
    ],
)
def test_check_finds_what_is_missing_and_what_is_idle(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    (found,) = check(path)
    assert problem in found


def test_a_scenario_of_ones_own_passes_the_check(tmp_path: Path) -> None:
    (tmp_path / "busy.yaml").write_text("load: {concurrency: 256}\nobjective: latency\n")
    assert check(tmp_path / "busy.yaml") == []


def test_check_says_that_a_file_is_missing(tmp_path: Path) -> None:
    assert check(tmp_path / "none.yaml") == [f"{tmp_path / 'none.yaml'}: no such file; check the path"]
