"""How numbers and names are written for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.display_text import accuracy_text, amount_text, chance, rate_text, spread_text, stated_share
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


@given(probability=st.floats(0.0, 1.0), asked=st.sampled_from([0.5, 0.57, 0.8, 0.95, 0.975, 0.99, 0.995]))
def test_a_probability_reads_as_no_more_than_it_is(probability: float, asked: float) -> None:
    for text in (chance(probability), chance(probability, asked)):
        said = 0.0 if text == "under 1 %" else float(text.removeprefix("over ").removesuffix(" %")) / 100
        assert said <= probability + 1e-8
        assert said > probability - 0.0101
    said = float(chance(asked, asked).removeprefix("over ").removesuffix(" %")) / 100
    assert said == pytest.approx(asked)


@pytest.mark.parametrize(
    ("probability", "asked", "text"),
    [
        (0.9457, None, "94 %"),
        (0.9457, 0.8, "94 %"),
        (0.7988, 0.8, "79.8 %"),
        (0.8, 0.8, "80 %"),
        (0.57, None, "57 %"),
        (0.9999, None, "over 99 %"),
        (0.009, None, "under 1 %"),
    ],
)
def test_a_probability_has_a_decimal_only_just_below_what_was_asked(
    probability: float, asked: float | None, text: str
) -> None:
    assert chance(probability, asked) == text
