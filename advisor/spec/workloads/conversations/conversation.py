"""Conversation: what one request has to do with the request before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from advisor.spec.workloads.conversations.turn_distributions import MAX_TURNS, ThinkTime, Turns

MAX_SYSTEM_TOKENS = 100_000_000

ONE_TURN = Turns.constant(1)
NO_PAUSE = ThinkTime.constant(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """How requests follow one another; by default each stands alone.

    The prompt of a turn is the system prompt, what is kept of the earlier turns (their prompts and their
    answers) and the new prompt, whose length is the load's `input_tokens`.
    """

    turns: Turns = ONE_TURN
    think_time: ThinkTime = NO_PAUSE
    """Seconds between an answer and the next prompt of the same user."""
    system_tokens: int = 0
    """Tokens that every prompt begins with: the same in all conversations."""
    history: int | None = None
    """Earlier turns that a prompt repeats, the newest ones; None = all, 0 = none."""

    def __post_init__(self) -> None:
        if not 0 <= self.system_tokens <= MAX_SYSTEM_TOKENS:
            raise ValueError(f"system_tokens {self.system_tokens} is not from 0 to {MAX_SYSTEM_TOKENS:,}")
        if self.history is not None and not 0 <= self.history <= MAX_TURNS:
            raise ValueError(
                f"history {self.history} is not all, none or a number of turns up to {MAX_TURNS}"
            )

    @property
    def has_turns(self) -> bool:
        """Whether a request may follow another's answer."""
        return self.turns.longest > 1

    @property
    def pauses(self) -> bool:
        """Whether users think between requests."""
        return self.think_time.mean > 0

    @property
    def repeats(self) -> bool:
        """Whether prompts begin with what the engine may have cached."""
        return self.has_turns or self.system_tokens > 0

    @property
    def kept_turns(self) -> int:
        """Most earlier turns in a prompt."""
        most = self.turns.longest - 1
        return most if self.history is None else min(self.history, most)


ALONE = Conversation()
"""Requests that have nothing to do with one another."""

KEYS = ("turns", "think_time_s", "system_tokens", "history")
"""A profile's keys of a conversation."""


def values_of_conversation(conversation: Conversation) -> dict[str, Any]:
    """The values of the profile's keys; those at their default are None."""
    return {
        "turns": None if conversation.turns == ONE_TURN else conversation.turns,
        "think_time_s": None if conversation.think_time == NO_PAUSE else conversation.think_time,
        "system_tokens": conversation.system_tokens or None,
        "history": None if conversation.history is None else conversation.history,
    }
