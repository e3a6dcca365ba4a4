"""What one request needs from its engine, and the mean times that it experiences there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from advisor.cost.array_table import ArrayTable, Bools, Floats

TINY = 1e-12
"""In place of zero where a formula divides."""


class StepTime(Protocol):
    """Seconds of one engine iteration."""

    def step_s(
        self,
        decode_sequences: Floats,
        decode_context: Floats,
        prefill_tokens: Floats,
        prefill_context: Floats,
    ) -> Floats:
        """Seconds of one iteration per entry; all arrays and the result have one shape, whose last axis is
        that of the deployments.

        decode_sequences: sequences that produce one token each. decode_context: tokens that one of them
        attends to, on average. prefill_tokens: prompt tokens computed. prefill_context: tokens that one
        prompt token attends to, on average: half of a prompt that is prefilled in one step, and for a chunk
        the tokens before it and half of itself.

        The simulation evaluates one deployment at many batches, the closed form one deployment per entry. A
        step time of a single deployment broadcasts.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestWork:
    """The mean request of each row and the limits of the engine that serves it."""

    step: StepTime
    uncached_tokens: Floats
    """Prompt tokens to compute."""
    prompt_variation: Floats
    """Squared coefficient of variation of the prompts' lengths."""
    decode_steps: Floats
    """One less than the output tokens: the prefill produces the first token."""
    decode_context: Floats
    """Tokens that a decode step attends to, averaged over all decode steps of all requests."""
    prefill_context: Floats
    """Tokens that a prompt token attends to, on average."""
    token_budget: Floats
    """Most tokens in one step."""
    unchunked: Bools
    """Prompts are prefilled in one step each, not in chunks."""
    prefill_first: Bools
    """Prompts have steps of their own, before any decode step (see `engines.vllm_v0`)."""
    async_scheduling: Floats
    """1: a step's batch is settled before the step before it ends."""
    overhead_s: Floats
    """From sending the request until the scheduler sees it."""
    tokenizing_s: Floats
    """Part of it that one request has after another."""

    def step_s(self, sequences: Floats, tokens: Floats) -> Floats:
        """Seconds of a step that decodes `sequences` and prefills `tokens` prompt tokens; (n,), or (m, n) for
        m steps of each row."""
        context = np.where(sequences > 0, self.decode_context, 0.0)
        attended = np.where(tokens > 0, self.prefill_context, 0.0)
        return self.step.step_s(sequences, context, tokens, attended)

    def prefill_step_s(self, sequences: Floats, tokens: Floats) -> Floats:
        """Seconds of a step with `tokens` prompt tokens; it decodes `sequences` unless prefill goes first."""
        return self.step_s(np.where(self.prefill_first, 0.0, sequences), tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTimes(ArrayTable):
    """Mean times of one request in its engine, and the steps that they are made of."""

    wait_s: Floats
    """From sending the request to its first step, request overhead included."""
    prefill_s: Floats
    """From its first step to its first token."""
    tpot_s: Floats
    decode_batch: Floats
    """Sequences in a step that decodes."""
    decode_step_s: Floats
    """A step that only decodes."""
    prefill_step_s: Floats
    """A step that prefills at least one prompt."""
    prefill_step_share: Floats
    """Share of steps that prefill; per decode step where prefill goes first."""
    prefills_per_step: Floats
    """Prompts of other requests whose prefill starts, per decode step."""
    prefill_queue_s: Floats
    """Part of `prefill_s`: waiting for the prefill of prompts that came earlier."""
    token_room: Floats
    """Prompt tokens that fit in a step beside the decoding sequences."""
