"""Keys of a profile: what is written is read back, and what contradicts itself is one line with its key."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import QuantAdviseError
from advisor.spec.reading.given_value import Given
from advisor.spec.workloads.profile_keys import (
    LENGTH_KEYS,
    READERS,
    WRITERS,
    read_arrival,
    read_concurrency,
    read_extends,
    read_lengths,
    read_prefix_hit_rate,
    read_price_list,
    read_quality,
    read_rate,
    write_arrival,
    write_lengths,
    write_quality,
)
from advisor.spec.workloads.workload import Arrival, Lengths, Quality


def of(value: Any, key: str = "load") -> Given:
    return Given(value=value, where=f"w.yaml:2: {key}")


TOKENS = st.integers(1, 30_000)
LENGTHS = st.one_of(
    TOKENS.map(lambda n: Lengths.constant(float(n))),
    st.tuples(TOKENS, st.integers(0, 5_000)).map(lambda p: Lengths.uniform(p[0], p[0] + p[1])),
    st.lists(TOKENS, min_size=1, max_size=9).map(Lengths.empirical),
    st.tuples(st.floats(10, 5_000), st.floats(0.05, 2)).map(lambda p: Lengths.lognormal(p[0], p[0] * p[1])),
)


@given(LENGTHS)
def test_lengths_are_read_back_as_they_were(lengths: Lengths) -> None:
    again = read_lengths(of(write_lengths(lengths)))
    assert again.kind == lengths.kind
    assert again.mean == pytest.approx(lengths.mean, rel=1e-6)
    assert again.std == pytest.approx(lengths.std, rel=1e-6)
    assert (again.low, again.high, again.values) == (lengths.low, lengths.high, lengths.values)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (512, "constant"),
        ({"value": 512}, "constant"),
        ({"min": 10, "max": 20}, "uniform"),
        ({"values": [1, 2, 3]}, "empirical"),
        ({"mean": 512, "std": 128}, "lognormal"),
        ({"mean": 512, "cv": 0.25}, "lognormal"),
        ({"p50": 400, "p99": 2_000}, "lognormal"),
    ],
)
def test_the_keys_imply_the_kind_of_lengths(value: Any, kind: str) -> None:
    assert read_lengths(of(value)).kind == kind


def test_a_spread_may_be_said_as_deviation_or_as_its_share() -> None:
    one, other = read_lengths(of({"mean": 512, "std": 128})), read_lengths(of({"mean": 512, "cv": 0.25}))
    assert one == other


def test_percentiles_are_met() -> None:
    made = read_lengths(of({"p50": 400, "p99": 2_000}))
    assert made.mean > 400  # a lognormal's mean lies above its median


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            {"kind": "lognormal", "mean": 900},
            "lognormal lengths need mean with std, mean with cv, or p50 with p99",
        ),
        ({"mean": 900, "std": 10, "p99": 5_000}, "need mean with std, mean with cv, or p50 with p99"),
        ({"kind": "uniform", "min": 3}, "uniform lengths need 'max'"),
        ({"kind": "uniform", "min": 3, "max": 9, "mean": 5}, "does not belong to uniform lengths"),
        ({"kind": "constant", "min": 3}, "does not belong to constant lengths"),
        ({"min": 9, "max": 3}, "9"),
        ({"values": []}, ""),
        ({"mean": 0.5, "std": 1}, ""),
        ("many", ""),
        (None, ""),
        (-3, ""),
    ],
)
def test_lengths_that_cannot_be(value: Any, words: str) -> None:
    with pytest.raises(QuantAdviseError) as error:
        read_lengths(of(value, "input_tokens"))
    assert str(error.value).startswith("w.yaml:2: input_tokens")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


ARRIVALS = st.one_of(
    st.just(Arrival(kind="single")),
    st.just(Arrival(kind="maximum")),
    st.integers(1, 100_000).map(lambda n: Arrival(kind="concurrency", value=float(n))),
    st.tuples(st.floats(0.001, 10_000), st.floats(0.01, 1_000)).map(
        lambda p: Arrival(kind="rate", value=p[0], burstiness=p[1])
    ),
)


@given(ARRIVALS)
def test_arrivals_are_read_back_as_they_were(arrival: Arrival) -> None:
    assert read_arrival(of(write_arrival(arrival))) == arrival


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"concurrency": 4, "requests_per_s": 2}, "contradict each other; keep one"),
        ({"concurrency": 4, "burstiness": 0.5}, "belongs to requests_per_s, not to concurrency"),
        ({"burstiness": 0.5}, "needs concurrency or requests_per_s"),
        ({"concurency": 4}, "did you mean 'concurrency'?"),
        ("concurrency", "needs a number; write {concurrency: 4}"),
        ("always", ""),
        ({"requests_per_s": 0}, ""),
        (
            {"requests_per_s": "fast"},
            "'fast' is not a rate; write 4 (requests per second), 300/min or 10k/day",
        ),
        ({"concurrency": 2.5}, ""),
    ],
)
def test_arrivals_that_cannot_be(value: Any, words: str) -> None:
    with pytest.raises(QuantAdviseError) as error:
        read_arrival(of(value))
    assert str(error.value).startswith("w.yaml:2: load")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "per_s"),
    [(4, 4.0), ("4", 4.0), ("300/min", 5.0), ("3600/h", 1.0), ("86.4k/day", 1.0), ("4/s", 4.0)],
)
def test_a_rate_with_its_time(text: object, per_s: float) -> None:
    assert read_rate(of(text)) == pytest.approx(per_s)


@pytest.mark.parametrize(("text", "count"), [(32, 32), ("32", 32), ("2k", 2_000)])
def test_a_number_of_clients(text: object, count: int) -> None:
    assert read_concurrency(of(text)) == count


@given(
    st.one_of(st.none(), st.floats(0.01, 1)),
    st.one_of(st.none(), st.just("gptq@RedHatAI")),
    st.lists(st.sampled_from(["code", "chat", "reasoning"]), unique=True),
)
def test_quality_is_read_back_as_it_was(floor: float | None, recipe: str | None, tasks: list[str]) -> None:
    quality = Quality(min_recovery=floor, recipe=recipe, tasks=tuple(tasks))
    again = read_quality(of(write_quality(quality)))
    assert (again.recipe, again.tasks) == (quality.recipe, quality.tasks)
    assert again.min_recovery == (None if floor is None else pytest.approx(floor))


def test_none_asks_for_nothing() -> None:
    assert read_quality(of("none")) == Quality()
    assert read_price_list(of("none")) is None
    assert read_price_list(of("paper-2024-10")) == "paper-2024-10"


def test_the_last_prompt_token_is_always_computed() -> None:
    assert read_prefix_hit_rate(of(0.99)) == 0.99
    with pytest.raises(QuantAdviseError, match="the last prompt token is always computed"):
        read_prefix_hit_rate(of(1))


def test_a_profile_extends_at_most_four() -> None:
    assert read_extends(of("chat")) == ("chat",)
    assert read_extends(of(["chat", "mine.yaml"])) == ("chat", "mine.yaml")
    with pytest.raises(QuantAdviseError, match="5 profiles at once; name at most 4"):
        read_extends(of(["chat"] * 5))


def test_what_is_written_back_by_its_own_rule_is_a_key_that_is_read() -> None:
    assert set(WRITERS) <= set(READERS)
    assert all("kind" in keys for keys in LENGTH_KEYS.values())
