"""A request log, read: what it says of each request."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal, NamedTuple

TraceFormat = Literal[
    "azure",
    "bailian",
    "burstgpt",
    "columns",
    "mooncake",
    "openai",
    "batch",
    "sharegpt",
    "spans",
    "vllm",
    "weka",
]


class Prefix(NamedTuple):
    """A beginning of a prompt; another prompt with the same `name` begins alike."""

    name: Hashable
    size: int
    """Tokens, or characters where the log has text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedRequest:
    """One request of a log. None = the log does not say."""

    input_tokens: int | None
    output_tokens: int | None
    at_s: float | None = None
    cached_tokens: int | None = None
    """Prompt tokens that the server, or the blocks of earlier requests, had already."""
    input_chars: int | None = None
    """Characters, where the log has text and no counts."""
    output_chars: int | None = None
    cached_chars: int | None = None
    media: int = 0
    """Images, recordings and videos in the prompt."""
    max_output_tokens: int | None = None
    """The longest answer that the request allows; not how long it was."""
    conversation: str | None = None
    """The log's own name for the conversation."""
    prefixes: tuple[Prefix, ...] = ()
    """What the prompt begins with, shortest first: blocks of tokens, or messages."""
    in_tokens: bool = True
    """Whether `prefixes` are counted in tokens; otherwise in characters."""
    model: str | None = None
    """The model that was asked, by the log's own name."""
    answered_by_proxy: bool = False
    """Whether a proxy had the answer in a cache of its own, so that no engine saw the request."""
    ended_s: float | None = None
    """When the last token of the answer was sent, on the clock of `at_s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRequest:
    """One request of a log with all that a replay needs."""

    sent_s: float
    """Since the first request of the log."""
    input_tokens: int
    cached_tokens: int
    """Tokens of the prompt that were in the prefix cache."""
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A log, read."""

    format: TraceFormat
    requests: tuple[TracedRequest, ...]
    skipped: int = 0
    """Lines and requests that say no lengths."""
    proxy_answers: int = 0
    """Requests that a proxy answered itself; they are none of `requests`."""
    resolution_s: float = 0.0
    """How finely arrivals are written down; 0 = finely enough."""


def answered(
    format: TraceFormat, found: list[TracedRequest], skipped: int = 0, resolution_s: float = 0.0
) -> Trace:
    """Requests with a prompt and an answer: what failed or was aborted is no length."""
    sent = [one for one in found if not one.answered_by_proxy]
    kept = tuple(
        one
        for one in sent
        if one.input_tokens != 0 and one.output_tokens != 0 and one.input_chars != 0 and one.output_chars != 0
    )
    return Trace(
        format=format,
        requests=kept,
        skipped=skipped + len(sent) - len(kept),
        proxy_answers=len(found) - len(sent),
        resolution_s=resolution_s,
    )
