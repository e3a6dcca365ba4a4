"""What `profiles show` prints."""

from __future__ import annotations

import pytest

from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Lengths
from advisor.spec.workloads.workload_words import describe, lengths_text, limits_text


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
