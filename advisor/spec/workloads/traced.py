"""A request log, read: what it says of each request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TraceFormat = Literal["azure", "mooncake", "openai", "sharegpt", "vllm"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A log, read."""

    format: TraceFormat
    requests: tuple[TracedRequest, ...]
    skipped: int = 0
    """Lines and requests that say no lengths."""
    resolution_s: float = 0.0
    """How finely arrivals are written down; 0 = finely enough."""


def answered(
    format: TraceFormat, found: list[TracedRequest], skipped: int = 0, resolution_s: float = 0.0
) -> Trace:
    """Requests with a prompt and an answer: what failed or was aborted is no length."""
    kept = tuple(
        one
        for one in found
        if one.input_tokens != 0 and one.output_tokens != 0 and one.input_chars != 0 and one.output_chars != 0
    )
    return Trace(
        format=format, requests=kept, skipped=skipped + len(found) - len(kept), resolution_s=resolution_s
    )
