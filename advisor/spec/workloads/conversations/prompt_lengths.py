"""What each turn of a conversation sends: how long its prompt is, and how much of it was sent before.

The arithmetic takes numbers or arrays of them, so that a description and the closed form share it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from advisor.spec.workloads import lognormal
from advisor.spec.workloads.conversations.conversation import Conversation


class Side(Protocol):
    """Token counts of prompts or of answers (`Lengths`)."""

    @property
    def mean(self) -> float: ...

    @property
    def deviation(self) -> float: ...

    @property
    def longest(self) -> int: ...


@dataclass(frozen=True, slots=True)
class TurnPrompt:
    """The prompts of one turn, over all conversations that get so far."""

    number: int
    """From 1."""
    share: float
    """Share of all requests."""
    prompt: Any
    """Mean tokens."""
    variance: Any
    """Variance of the tokens between conversations."""
    reused: Any
    """Mean leading tokens that an endless prefix cache has: the earlier prompt and answer, or the system
    prompt."""
    repeats_last: bool
    """The prompt begins with the whole of the last prompt and answer; otherwise with the system prompt."""
    answered: Any
    """Mean tokens of prompt and answer together."""
    kept_next: float
    """Share of these requests whose prompt and answer begin the next prompt."""


def turn_prompts(
    conversation: Conversation,
    prompt: Any,
    answer: Any,
    prompt_variance: Any = 0.0,
    answer_variance: Any = 0.0,
) -> Iterator[TurnPrompt]:
    """Each turn in order. prompt, answer: mean tokens of a new prompt and of an answer; their variances."""
    turns, history, system = conversation.turns, conversation.history, conversation.system_tokens
    lasting = (*turns.lasting, 0.0)
    for before, (here, further) in enumerate(itertools.pairwise(lasting)):
        kept = before if history is None else min(before, history)
        repeats = before > 0 and kept == before
        tokens = system + kept * (prompt + answer) + prompt
        keeps_next = history is None or before + 1 <= history
        yield TurnPrompt(
            number=before + 1,
            share=here / turns.mean,
            prompt=tokens,
            variance=kept * (prompt_variance + answer_variance) + prompt_variance,
            # The last token of an answer is never fed back: its keys and values are not in the cache.
            reused=tokens - prompt - 1 if repeats else system + 0.0 * prompt,
            repeats_last=repeats,
            answered=tokens + answer,
            kept_next=further / here if keeps_next and here > 0 else 0.0,
        )


def mean_prompt(conversation: Conversation, prompt: float, answer: float) -> float:
    """Mean tokens of a prompt over all requests."""
    return float(sum(turn.share * turn.prompt for turn in turn_prompts(conversation, prompt, answer)))


def last_prompt(conversation: Conversation, prompt: float, answer: float) -> float:
    """Mean tokens of the last prompt of a conversation."""
    turns = turn_prompts(conversation, prompt, answer)
    shares = conversation.turns.shares
    return float(sum(share * turn.prompt for share, turn in zip(shares, turns, strict=True)))


def longest_last_turn(conversation: Conversation, *sides: Side) -> int:
    """Tokens of the last turn of the longest conversation, prompt and answer together.

    sides: lengths of a new prompt and of an answer. Sums of many are taken where one in a
    thousand lies above.
    """
    turns = conversation.kept_turns + 1
    once = sum(side.longest for side in sides)
    most = turns * once
    if turns > 1:
        spread = math.sqrt(turns * sum(side.deviation**2 for side in sides))
        usual = turns * sum(side.mean for side in sides) + lognormal.Z999 * spread
        most = min(most, max(math.ceil(usual), once))
    return conversation.system_tokens + most


def most_hits(conversation: Conversation, prompt: float, answer: float) -> float:
    """Share of prompt tokens that a prefix cache which forgets nothing has."""
    turns = list(turn_prompts(conversation, prompt, answer))
    return float(sum(t.share * t.reused for t in turns) / sum(t.share * t.prompt for t in turns))
