"""Flags say or override everything that a profile says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import InputError, QuantAdviseError
from advisor.spec.workloads.profile_flags import override, workload_from_flags
from advisor.spec.workloads.read_limits import parse_goodput, parse_slo, parse_slos
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Arrival, Goodput, LatencyLimit, Lengths, Quality
from tests.spec.build_workloads import workloads

CHAT = load_workload("chat")
RAG = load_workload("rag")


def error(**flags: Any) -> str:
    with pytest.raises(InputError) as caught:
        override(CHAT, **flags)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@settings(max_examples=30, deadline=None)
@given(workloads)
def test_no_flag_changes_nothing(workload: Any) -> None:
    assert override(workload) == workload


@pytest.mark.parametrize(
    ("flags", "arrival"),
    [
        ({"single": True}, Arrival(kind="single")),
        ({"concurrency": 32}, Arrival(kind="concurrency", value=32)),
        ({"rate": 4}, Arrival(kind="rate", value=4)),
        ({"rate": 4, "burstiness": 0.5}, Arrival(kind="rate", value=4, burstiness=0.5)),
        ({"burstiness": 0.5}, Arrival(kind="rate", value=1, burstiness=0.5)),
        ({"maximum": True, "slo": ["none"]}, Arrival(kind="maximum")),
    ],
)
def test_a_load_is_said_by_flags(flags: dict[str, Any], arrival: Arrival) -> None:
    assert override(CHAT, **flags).load.arrival == arrival


def test_a_new_rate_keeps_the_profiles_burstiness() -> None:
    bursty = override(CHAT, burstiness=0.5)
    assert override(bursty, rate=9).load.arrival == Arrival(kind="rate", value=9, burstiness=0.5)


@pytest.mark.parametrize(
    ("said", "lengths"),
    [
        (700, Lengths.constant(700)),
        ("700", Lengths.constant(700)),
        ("512+-128", Lengths.lognormal(512, 128)),
        ("512±128", Lengths.lognormal(512, 128)),
        ("100-300", Lengths.uniform(100, 300)),
        ("{mean: 512, cv: 0.25, max: 1024}", Lengths.lognormal(512, 128, high=1024)),
        (Lengths.constant(3), Lengths.constant(3)),
    ],
)
def test_lengths_are_said_by_flags(said: Any, lengths: Lengths) -> None:
    assert override(CHAT, input_tokens=said).load.input_tokens == lengths


def test_a_limit_replaces_those_on_its_metric_and_leaves_the_others() -> None:
    stricter = override(RAG, slo=["ttft_p95_ms=500"])
    assert [limit.key for limit in stricter.limits] == ["tpot_p99_ms", "e2e_p99_ms", "ttft_p95_ms"]
    assert override(RAG, slo=["none"]).limits == ()


def test_goodput_is_said_changed_and_dropped() -> None:
    said = override(CHAT, goodput="ttft:500 tpot:50 e2el:5000", min_share=0.9)
    assert said.goodput == Goodput(ttft_ms=500, tpot_ms=50, e2e_ms=5000, min_share=0.9)
    assert override(said, min_share=0.5).goodput == Goodput(
        ttft_ms=500, tpot_ms=50, e2e_ms=5000, min_share=0.5
    )
    assert override(said, goodput="none").goodput is None


def test_accuracy_objective_counts_and_prices_are_said_by_flags() -> None:
    said = override(
        CHAT,
        min_recovery=0.99,
        tasks=["code", "MMLU"],
        objective="latency",
        gpu_count="same",
        price_list="paper-2024-10",
        prefix_hit_rate=0.3,
    )
    assert said.quality == Quality(min_recovery=0.99, tasks=("code", "MMLU"))
    assert (said.objective, said.gpu_count, said.price_list) == ("latency", "same", "paper-2024-10")
    assert said.load.prefix_hit_rate == 0.3
    assert override(said, price_list="none").price_list is None
    assert override(said, min_recovery=0.9).quality == Quality(min_recovery=0.9, tasks=("code", "MMLU"))


def test_flags_stand_over_the_scenario() -> None:
    said = override(RAG, scenario="asynchronous", concurrency=8, slo=["ttft_p95_ms=500"])
    assert said.load.arrival == Arrival(kind="concurrency", value=8)
    assert said.gpu_count == "same"
    assert [limit.key for limit in said.limits] == ["ttft_p95_ms"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"concurrency": 4, "rate": 2}, "--concurrency and --rate contradict each other; keep one"),
        ({"single": True, "maximum": True}, "--single and --concurrency max contradict each other; keep one"),
        ({"concurrency": 4, "burstiness": 2}, "--burstiness: needs a rate; add --rate"),
        ({"concurrency": 0}, "--concurrency: expected a number of at least 1, found 0"),
        (
            {"rate": float("nan")},
            "--rate: expected a finite number above 0 requests/s, found nan",
        ),
        ({"rate": -1}, "found -1"),
        ({"burstiness": 0}, "--burstiness: expected a number of at least 0.01, found 0"),
        ({"maximum": True}, "--concurrency max: 'chat' has latency limits"),
        ({"maximum": True, "slo": ["ttft_p95_ms=1"]}, "--concurrency max: queues all requests at once"),
        ({"input_tokens": 0}, "--input-tokens: expected a number of at least 1 token, found 0"),
        ({"output_tokens": "many"}, "--output-tokens: expected a number, found 'many'"),
        ({"output_tokens": "5-3"}, "--output-tokens: max: expected a number of at least 5 tokens, found 3"),
        ({"input_tokens": "{mean: 5"}, "--input-tokens:1: not readable as YAML"),
        ({"slo": ["none", "ttft_p95_ms=1"]}, "--slo: none contradicts the other limits"),
        ({"slo": [""]}, "--slo: is empty; write for example ttft_p95_ms=300"),
        ({"min_share": 0.9}, "--min-share: needs goodput; add --goodput 'ttft:500 tpot:50'"),
        (
            {"min_recovery": 101},
            "--min-recovery: expected a share above 0 and up to 1, such as 0.97 or 97%, found 101",
        ),
        ({"min_recovery": "1.5"}, "--min-recovery: expected a share above 0 and up to 1"),
        ({"confidence": "100%"}, "--confidence: expected a share from 0.05 to 0.999"),
        ({"rate": "5/fortnight"}, "--rate: '5/fortnight' is not a rate; write 4 (requests per second)"),
        ({"goodput": "ttft:5m"}, "--goodput: 'ttft:5m' is not KEY:VALUE in ms"),
        ({"tasks": ["code", ""]}, "--tasks: 1: expected a text, found ''"),
        ({"objective": "speed"}, "--objective: unknown value 'speed'; "),
        ({"gpu_count": "few"}, "--gpu-count: unknown value 'few'"),
        (
            {"prefix_hit_rate": 1.5},
            "--prefix-hit-rate: expected a share from 0 to 1, such as 0.97 or 97%, found 1.5",
        ),
        ({"scenario": "offline"}, "unknown scenario 'offline'"),
    ],
)
def test_a_wrong_flag_is_answered_with_its_name_and_a_remedy(flags: dict[str, Any], message: str) -> None:
    assert message in error(**flags)


def test_without_a_profile_both_lengths_are_needed() -> None:
    with pytest.raises(InputError, match=r"--workload chat.*--input-tokens and --output-tokens"):
        workload_from_flags(input_tokens=512)
    said = workload_from_flags(input_tokens=1000, output_tokens="100-300", rate=4)
    assert said.name == "1,000/200"
    assert workload_from_flags(input_tokens=1_000_000, output_tokens="100-301").name == "1,000,000/200.5"
    assert said.load.arrival == Arrival(kind="rate", value=4)
    assert workload_from_flags(input_tokens=1, output_tokens=1).load.arrival == Arrival(kind="single")


def test_a_think_time_that_changes_nothing_is_refused() -> None:
    for flags in ({}, {"rate": 4}, {"single": True}, {"maximum": True, "slo": ["none"]}):
        with pytest.raises(InputError, match=r"^--think-time: .*add turns .* or concurrency.*--think-time 0"):
            override(load_workload("chat"), think_time_s=5, **flags)
    assert override(load_workload("chat"), think_time_s=5, turns=4).load.conversation.pauses
    assert override(load_workload("chat"), think_time_s=5, concurrency=8).load.conversation.pauses
    assert not override(load_workload("chat"), think_time_s=0).load.conversation.pauses


@pytest.mark.parametrize("history", ["all", "none", "3"])
def test_a_history_that_changes_nothing_is_refused(history: str) -> None:
    with pytest.raises(InputError, match=r"^--history: .*no earlier turns.*--turns 4.*or drop it$"):
        override(load_workload("chat"), history=history)
    assert override(load_workload("chat"), history=history, turns=4).load.conversation.has_turns


# --- limits as flags


@pytest.mark.parametrize(
    ("text", "key", "max_ms"),
    [
        ("ttft_p95_ms=300", "ttft_p95_ms", 300),
        ("ttft-p95-ms=300", "ttft_p95_ms", 300),
        ("p99_ttft_ms<=500", "ttft_p99_ms", 500),
        ("p99_ttft_ms: <=500", "ttft_p99_ms", 500),
        ("e2e_p99<=3s", "e2e_p99_ms", 3000),
        ("tpot_p50 = 12.5ms", "tpot_p50_ms", 12.5),
        ("mean_e2el_ms=5000", "e2e_mean_ms", 5000),
        ("--target-ttft-milliseconds=300", "ttft_p50_ms", 300),
    ],
)
def test_a_limit_is_read_in_every_dialect(text: str, key: str, max_ms: float) -> None:
    limit = parse_slo(text)
    assert (limit.key, limit.max_ms) == (key, max_ms)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ttft_p95=300", "--slo: ttft_p95: '300' has no unit; write 300ms or 300s"),
        ("ttft_p95<=0.1", "--slo: ttft_p95: '0.1' has no unit; write 0.1ms or 0.1s"),
        ("ttft_p95=-5", "--slo: ttft_p95: '-5' is not an upper limit; write 300ms or 0.3s"),
        ("ttft_p95=abc", "--slo: ttft_p95: 'abc' is not an upper limit; write 300ms or 0.3s"),
        ("ttft_p95=-5s", "--slo: ttft_p95: '-5s' is not an upper limit; write 300ms or 0.3s"),
        ("ttft_p95=0s", "expected a number above 0 ms"),
        ("ttft_max=9", "unknown key 'ttft_max'"),
        ("ttft=300", "names no statistic; write ttft_p99_ms=300"),
        ("e2el<=300", "names no statistic; write e2e_p99_ms=300"),
        ("target-ntpot-milliseconds=50", "NTPOT counts the first token too"),
        ("fast", "--slo: 'fast' is not a limit; write for example ttft_p95_ms=300"),
        ("ttft_p95_ms>=300", "is not a limit"),
        ("ttft_p95_ms=nan", "'nan' is not an upper limit in ms"),
        ("ttft_p95_ms=-3", "'-3' is not an upper limit in ms"),
        ("ttft_p95_ms=1e400", "found inf"),
        ("ttft_p95_ms=1.2.3", "'1.2.3' is not a number"),
        ("ttft_p95_ms=", "'' is not an upper limit in ms"),
        ("ttft_max_ms=9", "unknown key 'ttft_max_ms'"),
    ],
)
def test_a_limit_that_cannot_be_read_says_how_to_write_it(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_slo(text)
    assert message in str(caught.value)


def test_several_limits_come_in_one_flag_or_in_many() -> None:
    expected = ["ttft_p95_ms", "tpot_p95_ms"]
    assert [limit.key for limit in parse_slos(["ttft_p95_ms=300,tpot_p95_ms <= 50"])] == expected
    assert [limit.key for limit in parse_slos(["ttft_p95_ms=300", "tpot_p95_ms<=50"])] == expected
    with pytest.raises(InputError, match="p95 of ttft is limited twice"):
        parse_slos(["ttft_p95_ms=300", "p95_ttft_ms<=400"])


@pytest.mark.parametrize("read", [parse_slo, parse_goodput])
@given(text=st.text(max_size=30))
def test_whatever_the_flag_the_answer_is_a_limit_or_one_line(read: Any, text: str) -> None:
    try:
        assert isinstance(read(text), LatencyLimit | Goodput | None)
    except QuantAdviseError as caught:
        assert len(str(caught).splitlines()) == 1  # noqa: PT017 - either way is right
