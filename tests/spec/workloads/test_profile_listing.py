"""What `profiles list | show | check` say."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.shipped_files import shipped
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.profile_listing import check, describe, lengths_text, limits_text, profile_rows
from advisor.spec.workloads.read_profile import known_scenarios, known_workloads, load_workload
from advisor.spec.workloads.workload import Lengths

SMALLEST = "input_tokens: 512\noutput_tokens: 256\nload: single\n"


def test_the_list_has_every_profile_and_scenario_once() -> None:
    rows = profile_rows()
    assert [row.name for row in rows if not row.is_scenario] == list(known_workloads())
    assert [f"paper-{row.name}" for row in rows if row.is_scenario] == list(known_scenarios())
    chat = next(row for row in rows if row.name == "chat")
    assert (chat.tokens, chat.load, chat.limits) == (
        "512/256",
        "1 request/s",
        "TTFT p95 ≤ 500 ms, TPOT p95 ≤ 50 ms",
    )


def test_show_says_all_that_a_workload_states() -> None:
    workload = override(
        load_workload("rag"),
        scenario="synchronous",
        rate=4,
        burstiness=0.5,
        slo=["ttft_p95_ms=300"],
        goodput="ttft:500 e2el:5000",
        min_recovery=0.99,
        tasks=["code"],
        prefix_hit_rate=0.25,
    )
    assert describe(workload) == [
        ("name", "rag (paper-synchronous)"),
        ("stands for", "Answers from retrieved passages (retrieval-augmented generation)"),
        ("prompt", "1,024 tokens"),
        ("answer", "128 tokens"),
        ("load", "4 requests/s, burstiness 0.5"),
        ("prefix cache", "25 % of prompt tokens"),
        ("limits", "TTFT p95 ≤ 300 ms"),
        ("goodput", "TTFT ≤ 500 ms and E2E ≤ 5,000 ms for 95 % of requests"),
        ("accuracy", "recovery ≥ 0.99 on code"),
        ("confidence", "0.8 that all limits are kept at once"),
        ("objective", "cost"),
        ("GPU count", "each format on the fewest GPUs that hold it"),
        ("prices", "paper-2024-10"),
        (
            "source",
            "lengths: RAG of Kurtic et al., arXiv:2411.02355v4; limits: GuideLLM's service-level guide, RAG",
        ),
    ]
    assert limits_text(workload).endswith("for 95 % of requests")


@pytest.mark.parametrize(
    ("lengths", "text"),
    [
        (Lengths.constant(10240), "10,240 tokens"),
        (Lengths.uniform(819, 1024), "819 to 1,024 tokens, evenly spread"),
        (Lengths.lognormal(512, 128), "512 tokens on average, lognormal, std 128, at least 1"),
        (Lengths.empirical([3, 4, 5]), "4 tokens on average, 3 lengths equally likely, 3 to 5"),
    ],
)
def test_lengths_in_words(lengths: Lengths, text: str) -> None:
    assert lengths_text(lengths) == text


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
