"""Requests of a simulated run, and the times of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from advisor.cost.array_table import Floats

Ints = npt.NDArray[np.int64]


class Claim(NamedTuple):
    """What a request takes when it is admitted."""

    cached: int
    """Tokens that need no computing."""
    own: int
    """Blocks that are the request's own."""
    free: int
    """Blocks that are no longer free then: all but those that other requests hold already."""
    found: int = 0
    """Blocks of its own that the prefix cache has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """Conversations: a request may follow another's answer, and begin with what the other has computed."""

    conversation: Ints
    """Number of each request's conversation."""
    turn: Ints
    """Place of each request in its conversation, from 0."""
    follows: Ints
    """Position of the request that is sent after the answer; -1 = none."""
    pause_s: Floats
    """Seconds from an answer (or a conversation's end) to the request."""
    reused_tokens: Ints
    """Leading tokens that the prompt has in common with the request before, system prompt included."""
    begins: Ints
    """Positions of first requests, in the order in which conversations begin."""
    system_tokens: int
    """Leading tokens that all prompts share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests in the order of sending; shapes (n,)."""

    input_tokens: Ints
    cached_tokens: Ints
    """Prompt tokens in the prefix cache."""
    output_tokens: Ints
    sent_s: Floats | None
    """When each is sent; None = closed loop: whenever one of `concurrency` is done. NaN: after an answer."""
    concurrency: int = 1
    chains: Chains | None = None
    """Which request follows which answer; None = each stands alone."""

    def __len__(self) -> int:
        return len(self.input_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Times and steps of a simulated run."""

    requests: Requests
    # per request
    sent_s: Floats
    admitted_s: Floats
    """Start of its first step."""
    first_s: Floats
    """Time of the first token."""
    finish_s: Floats
    cached_tokens: Ints
    """Prompt tokens that needed no computing."""
    preempted: Ints
    """How often."""
    # per stretch of equal steps
    start_s: Floats
    end_s: Floats
    steps: Floats
    decoding: Floats
    """Sequences in each of its decode steps; 0 when it was for prompts alone."""
    tokens: Floats
    """Output tokens produced."""
    blocks: Floats
    """KV blocks in use."""
    # gaps between the tokens of a request
    gap_s: Floats
    gap_count: Floats
    gap_end_s: Floats

    @property
    def ttft_s(self) -> Floats:
        """Seconds from sending a request to its first token."""
        return self.first_s - self.sent_s

    @property
    def e2e_s(self) -> Floats:
        """Seconds from sending a request to its last token."""
        return self.finish_s - self.sent_s

    @property
    def tpot_s(self) -> Floats:
        """Seconds per token after the first; 0 of an answer of one token, which has none."""
        return (self.e2e_s - self.ttft_s) / np.maximum(self.requests.output_tokens - 1, 1)

    @classmethod
    def of(
        cls,
        requests: Requests,
        times: Mapping[str, Sequence[float]],
        counts: Mapping[str, Sequence[int]],
        stretches: Sequence[Sequence[float]],
        gaps: Sequence[Sequence[float]],
    ) -> Run:
        """The run of a scheduler's lists: times and counts by request, stretches and gaps in rows."""
        times_of = {name: np.array(values) for name, values in times.items()}
        counts_of = {name: np.array(values, dtype=np.int64) for name, values in counts.items()}
        by_stretch = np.array(stretches, dtype=np.float64).reshape(-1, 6).T
        by_gap = np.array(gaps, dtype=np.float64).reshape(-1, 3).T
        names = ("start_s", "end_s", "steps", "decoding", "tokens", "blocks")
        columns: dict[str, Any] = {
            **times_of,
            **counts_of,
            **dict(zip(names, by_stretch, strict=True)),
            **dict(zip(("gap_s", "gap_count", "gap_end_s"), by_gap, strict=True)),
        }
        return cls(requests=requests, **columns)
