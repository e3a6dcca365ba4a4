"""The profile's keys of a conversation: what is read, and the one line for what is wrong."""

from __future__ import annotations

import pytest

from advisor.errors import InputError
from advisor.spec.workloads.conversations.conversation import Conversation
from advisor.spec.workloads.conversations.turn_distributions import ThinkTime, Turns
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload, parse_workload
from advisor.spec.workloads.workload import Workload

BASE = "input_tokens: 100\noutput_tokens: 200\n"


def read(text: str, load: str = "{concurrency: 8}") -> Conversation:
    return parse_workload(f"{BASE}load: {load}\n{text}\n").load.conversation


@pytest.mark.parametrize(
    ("text", "conversation"),
    [
        ("", Conversation()),
        ("turns: 4", Conversation(turns=Turns.constant(4))),
        ("turns: {mean: 4}", Conversation(turns=Turns.geometric(4))),
        ("turns: {min: 2, max: 6}", Conversation(turns=Turns.uniform(2, 6))),
        ("turns: {values: [1, 1, 7]}", Conversation(turns=Turns.empirical([1, 1, 7]))),
        ("think_time_s: 2.5", Conversation(think_time=ThinkTime.constant(2.5))),
        ("think_time_s: {mean: 30}", Conversation(think_time=ThinkTime.exponential(30))),
        ("think_time_s: {mean: 30, cv: 0.5}", Conversation(think_time=ThinkTime.lognormal(30, 15))),
        ("think_time_s: {min: 1, max: 9}", Conversation(think_time=ThinkTime.uniform(1, 9))),
        ("system_tokens: 800", Conversation(system_tokens=800)),
        ("history: all", Conversation()),
        ("history: none", Conversation(history=0)),
        ("history: 3", Conversation(history=3)),
    ],
)
def test_what_is_read(text: str, conversation: Conversation) -> None:
    assert read(text) == conversation


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("turns: 0", "profile:4: turns: expected a number of at least 1 turn, found 0"),
        ("turns: many", "profile:4: turns: expected a number, found 'many'"),
        ("turns: {kind: geometric, mean: 1}", "profile:4: turns: geometric turns need a mean above 1"),
        (
            "turns: {kind: normal, mean: 3}",
            "profile:4: turns.kind: unknown value 'normal'; did you mean 'uniform'?",
        ),
        ("think_time_s: -1", "profile:4: think_time_s: expected a number of at least 0 s, found -1"),
        ("think_time_s: soon", "profile:4: think_time_s: expected a number, found 'soon'"),
        ("system_tokens: 1.5", "profile:4: system_tokens: expected a whole number, found 1.5"),
        ("history: some", "profile:4: history: expected all, none or a number of turns, found 'some'"),
        ("history: -1", "profile:4: history: expected a number of at least 0 turns, found -1"),
        (
            "turns: 3\nprefix_hit_rate: 0.4",
            "profile: prefix_hit_rate 0.4 contradicts turns and system_tokens, from which the hits follow; "
            "drop it (prefix_hit_rate: 0)",
        ),
    ],
)
def test_what_is_wrong_is_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert str(caught.value) == message


def test_all_at_once_has_no_turns() -> None:
    with pytest.raises(InputError, match="a turn follows an answer; state concurrency or requests_per_s"):
        read("turns: 3", load="maximum")
    assert read("system_tokens: 100", load="maximum").system_tokens == 100


def test_flags_say_the_same() -> None:
    asked = override(
        load_workload("chat"), turns="2-6", think_time_s="30±40", system_tokens="1k", history="none"
    )
    assert asked.load.conversation == Conversation(
        turns=Turns.uniform(2, 6), think_time=ThinkTime.lognormal(30, 40), system_tokens=1000, history=0
    )
    assert (
        override(load_workload("chat"), concurrency=8, think_time_s="30 s").load.conversation.think_time.mean
        == 30
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"turns": "x"}, "--turns: expected a number, found 'x'"),
        ({"think_time_s": "-3"}, "--think-time: expected a number of at least 0 s, found -3"),
        ({"system_tokens": "few"}, "--system-tokens: expected a number, found 'few'"),
        ({"history": "2.5"}, "--history: expected a whole number, found 2.5"),
    ],
)
def test_wrong_flags_are_one_line(flags: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        override(load_workload("chat"), **flags)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_a_profile_takes_back_what_it_extends(tmp_path: object) -> None:
    workload: Workload = parse_workload(f"{BASE}load: single\nturns: 4\nhistory: 2\n")
    plain = override(workload, turns="1", history="all")
    assert plain.load.conversation == Conversation()
