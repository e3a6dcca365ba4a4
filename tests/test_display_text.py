"""How numbers and names are written for people."""

from __future__ import annotations

import pytest

from advisor.display_text import accuracy_text, amount_text, rate_text, spread_text, stated_share
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.workload import Arrival
from tests.advise.builders import deployment, workload


@pytest.mark.parametrize(
    ("per_s", "text"),
    [(1.0, "1 request/s"), (1.0004, "1 request/s"), (1.01, "1.01 requests/s"), (0.5, "0.5 requests/s")],
)
def test_one_request_is_no_requests(per_s: float, text: str) -> None:
    assert rate_text(per_s) == text
    assert amount_text(per_s, "requests/s") == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.8, "80 %"), (0.995, "99.5 %"), (0.985, "98.5 %"), (0.999, "99.9 %"), (1.0, "100 %")],
)
def test_what_was_asked_for_is_told_as_it_was_asked(ratio: float, text: str) -> None:
    assert stated_share(ratio) == text


def test_accuracy_is_a_share_of_what_was_released() -> None:
    assert accuracy_text(find_model("Llama-3.1-8B-Instruct")) == "BF16's accuracy"
    for released_narrower in ("gpt-oss-120b", "DeepSeek-V3"):
        assert accuracy_text(find_model(released_narrower)) == "the released model's accuracy"


@pytest.mark.parametrize(
    ("clients", "replicas", "text"),
    [
        (1, 4, "1 in flight: 3 of the 4 replicas stay idle"),
        (3, 4, "3 in flight: 1 of the 4 replicas stays idle"),
        (5, 4, "5 in flight: 1 of the 4 replicas has 2 of them, the others 1"),
        (6, 4, "6 in flight: 2 of the 4 replicas have 2 of them, the others 1"),
        (8, 4, ""),
        (41, 4, ""),
        (7, 1, ""),
    ],
)
def test_few_requests_in_flight_do_not_spread_evenly(clients: int, replicas: int, text: str) -> None:
    asked = workload(arrival=Arrival(kind="concurrency", value=clients)).load
    assert spread_text(deployment(replicas=replicas), asked) == text


def test_a_lone_request_leaves_all_replicas_but_one_idle() -> None:
    alone = workload(arrival=Arrival(kind="single")).load
    assert spread_text(deployment(replicas=2), alone) == "1 in flight: 1 of the 2 replicas stays idle"
    assert spread_text(deployment(replicas=2), workload(arrival=Arrival(kind="rate", value=1.0)).load) == ""
