"""Predictions of deployments under conversations."""

from __future__ import annotations

import math
from typing import Any

import pytest

from advisor.advise.api import predict
from advisor.cost.predict.prediction import Prediction
from advisor.report.commands.serve_commands import commands_for
from advisor.report.manifests.kubernetes import service_yaml
from advisor.report.manifests.named_deployment import subject_of
from advisor.spec.workloads.read_profile import parse_workload
from advisor.spec.workloads.workload import Workload

BASE = """
input_tokens: 200
output_tokens: 200
turns: {kind: geometric, mean: 4}
think_time_s: {mean: 30}
system_tokens: 500
slo: {ttft_p95_ms: 1000}
"""


def talk(load: str, more: str = "") -> Workload:
    return parse_workload(f"{BASE}load: {load}\n{more}")


def asked(workload: Workload, **deployment: Any) -> Prediction:
    found = predict("Llama-3.1-8B-Instruct", workload, gpu="L40S", format="fp8", **deployment).prediction
    assert found is not None
    return found


def test_users_who_think_send_as_many_requests_as_their_pauses_leave_time_for() -> None:
    found = asked(talk("{concurrency: 120}"))
    assert found.requests_per_s is not None
    e2e_s = found.latency["e2e", "mean"].value / 1000
    assert math.isclose(found.requests_per_s.value, 120 / (e2e_s + 30), rel_tol=1e-6)
    assert found.requests_per_s.low < found.requests_per_s.value < found.requests_per_s.high
    assert found.batch is not None
    assert found.batch < 40


def test_replicas_share_users_and_a_router_without_affinity_loses_hits() -> None:
    one, three = asked(talk("{concurrency: 60}")), asked(talk("{concurrency: 180}"), replicas=3)
    assert one.prefix_hits is not None
    assert three.prefix_hits is not None
    assert three.prefix_hits_spread is not None
    assert math.isclose(one.prefix_hits, three.prefix_hits, rel_tol=0.05)
    # The system prompt is on every replica; of the rest a third is found.
    assert one.prefix_hits / 3 < three.prefix_hits_spread < one.prefix_hits


def test_v0_caches_prefixes_because_it_is_told_to() -> None:
    found = asked(talk("{concurrency: 60}"), engine="vllm 0.7.2")
    assert found.prefix_hits is not None
    assert found.prefix_hits > 0.8
    assert "--enable-prefix-caching" in commands_for(found).serve
    assert "--enable-prefix-caching" not in commands_for(asked(talk("{concurrency: 60}"))).serve


def test_an_engine_without_a_prefix_cache_finds_nothing() -> None:
    off = "engine: {version: 0.32.0, prefix_caching: false}\n"
    cold, warm = asked(talk("{requests_per_s: 1}", off)), asked(talk("{requests_per_s: 1}"))
    assert cold.prefix_hits == 0
    assert cold.latency["ttft", "mean"].value > 1.3 * warm.latency["ttft", "mean"].value


def test_the_command_has_room_for_the_longest_conversation() -> None:
    found = asked(talk("{concurrency: 60}"))
    longest = found.load.longest_context
    assert longest == 500 + 25 * 400
    words = commands_for(found).serve.split()
    assert int(words[words.index("--max-model-len") + 1]) >= longest


@pytest.mark.parametrize(("replicas", "affinity"), [(1, False), (3, True)])
def test_the_service_keeps_a_conversation_with_its_replica(replicas: int, affinity: bool) -> None:
    workload = talk("{concurrency: 180}")
    subject = subject_of(asked(workload, replicas=replicas), workload)
    assert ("sessionAffinity: ClientIP" in service_yaml(subject)) == affinity
