"""Requests of a simulated run, and the times of what happened to each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from advisor.cost.arrays import Floats

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests in the order of sending; shapes (n,)."""

    input_tokens: Ints
    cached_tokens: Ints
    """Prompt tokens in the prefix cache."""
    output_tokens: Ints
    sent_s: Floats | None
    """When each is sent; None = closed loop: whenever one of `concurrency` is done."""
    concurrency: int = 1

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
    """Its first token."""
    finish_s: Floats
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
