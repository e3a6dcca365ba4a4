"""What each turn sends, counted by hand."""

from __future__ import annotations

import math

import pytest

from advisor.spec.workloads.conversations.conversation import Conversation
from advisor.spec.workloads.conversations.prompt_lengths import (
    last_prompt,
    mean_prompt,
    most_hits,
    turn_prompts,
)
from advisor.spec.workloads.conversations.turn_distributions import Turns
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from advisor.spec.workloads.workload_words import conversation_text, load_text

FOUR = Conversation(turns=Turns.constant(4), system_tokens=1000)
"""1,000 system tokens; with 100 prompt and 200 answer tokens, prompts of 1100, 1400, 1700 and 2000."""


def load(conversation: Conversation, **arrival: object) -> Load:
    return Load(
        input_tokens=Lengths.constant(100),
        output_tokens=Lengths.constant(200),
        arrival=Arrival(**(arrival or {"kind": "single"})),  # type: ignore[arg-type]
        conversation=conversation,
    )


def test_prompts_grow_by_what_was_said() -> None:
    turns = list(turn_prompts(FOUR, 100.0, 200.0))
    assert [turn.prompt for turn in turns] == [1100, 1400, 1700, 2000]
    # The last token of an answer is never fed back.
    assert [turn.reused for turn in turns] == [1000, 1299, 1599, 1899]
    assert [turn.kept_next for turn in turns] == [1, 1, 1, 0]
    assert mean_prompt(FOUR, 100, 200) == 1550
    assert last_prompt(FOUR, 100, 200) == 2000
    assert math.isclose(most_hits(FOUR, 100, 200), (1000 + 1299 + 1599 + 1899) / 6200)


def test_what_a_hosted_api_bills_is_the_whole_prompt() -> None:
    assert load(FOUR).mean_prompt_tokens == 1550
    assert math.isclose(load(FOUR).most_prefix_hits, 5797 / 6200)
    assert load(Conversation()).most_prefix_hits == 0


def test_a_window_on_the_history_breaks_the_prefix() -> None:
    window = Conversation(turns=Turns.constant(4), system_tokens=1000, history=1)
    turns = list(turn_prompts(window, 100.0, 200.0))
    assert [turn.prompt for turn in turns] == [1100, 1400, 1400, 1400]
    # From the third turn on the first one is dropped: only the system prompt is where it was.
    assert [turn.reused for turn in turns] == [1000, 1299, 1000, 1000]
    assert [turn.kept_next for turn in turns] == [1, 0, 0, 0]


def test_without_history_prompts_do_not_grow() -> None:
    alone = Conversation(turns=Turns.constant(4), history=0)
    assert [turn.prompt for turn in turn_prompts(alone, 100.0, 200.0)] == [100] * 4
    assert most_hits(alone, 100, 200) == 0


def test_the_longest_context_is_that_of_the_last_turn() -> None:
    assert load(FOUR).longest_context == 1000 + 4 * 300
    assert load(Conversation(turns=Turns.constant(4), history=1)).longest_context == 2 * 300
    assert load(Conversation()).longest_context == 300


def test_sums_of_lengths_that_vary_are_taken_at_one_in_a_thousand() -> None:
    varied = Load(
        input_tokens=Lengths.lognormal(100, 50, high=1000),
        output_tokens=Lengths.constant(200),
        arrival=Arrival(kind="single"),
        conversation=Conversation(turns=Turns.constant(9)),
    )
    # 9 x 300 + 3.09 x 50 x sqrt(9) = 3163.5, far below 9 x 1200
    assert varied.longest_context == 3164


@pytest.mark.parametrize(
    ("conversation", "arrival", "text"),
    [
        (FOUR, {"kind": "rate", "value": 8.0}, "8 requests/s (2 conversations/s)"),
        (FOUR, {"kind": "concurrency", "value": 50.0}, "50 in flight"),
        (FOUR, {"kind": "single"}, "one at a time"),
    ],
)
def test_a_load_says_what_it_counts(
    conversation: Conversation, arrival: dict[str, object], text: str
) -> None:
    assert load_text(load(conversation, **arrival)) == text


def test_a_conversation_in_one_line() -> None:
    assert conversation_text(load(FOUR)) == (
        "4 turns, 1,000 system tokens; prompts of 1,100 tokens at the first and 2,000 at the last turn, "
        "up to 94 % of prompt tokens cached"
    )
    assert conversation_text(load(Conversation())) == ""
