"""EngineTable: the engine of one replica per row, with the limits and rules of its scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from advisor.cost.array_table import ArrayTable, Bools, Floats, Ints
from advisor.cost.serving.engines import vllm_v0, vllm_v1
from advisor.cost.serving.engines.scheduler_rules import EngineRules
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.request_times import RequestWork, StepTime
from advisor.cost.step.deployment_work import DeploymentArrays
from advisor.cost.step.memory import BLOCK_TOKENS, sequence_bytes
from advisor.cost.step.step_time import StepCosts, step_breakdown
from advisor.spec.engines.engine import Generation

RULES: Mapping[str, EngineRules] = {"v0": vllm_v0.RULES, "v1": vllm_v1.RULES}
"""By engine generation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineTable(ArrayTable):
    """One engine per row; arrays of shape (n,), or (1,) where all rows have the same engine."""

    step: StepTime
    """Entry i of its arrays belongs to row i."""
    kv_tokens: Floats
    """Tokens that the KV cache holds: its bytes ÷ bytes per token."""
    max_num_seqs: Floats
    max_num_batched_tokens: Floats
    """Token budget of a step, shared by decode and prefill; at least `max_num_seqs`."""
    chunked_prefill: Bools
    """False: a prompt is prefilled in one step, however long it is."""
    prefill_first: Bools
    """Prompts have steps of their own, before any sequence decodes; otherwise steps mix the two."""
    watermark: Floats
    """Share of the KV blocks that stay free when a prompt is admitted."""
    async_scheduling: Bools
    """A step's batch is settled while the step before it still runs: a new request waits one step more."""
    request_overhead_s: Floats
    """From sending a request until the scheduler sees it: HTTP, tokenizing, hand-over."""
    tokenizing_s: Floats
    """Part of it: the text of a prompt, one after another."""
    prefix_caching: Bools
    """Blocks that nobody uses keep their content until they are needed; a prompt that begins alike finds
    it."""

    @classmethod
    def one(
        cls,
        *,
        step: StepTime,
        kv_tokens: float,
        max_num_seqs: int,
        max_num_batched_tokens: int,
        chunked_prefill: bool = True,
        generation: Generation = "v1",
        async_scheduling: bool = False,
        request_overhead_s: float = 0.0,
        prefix_caching: bool = True,
    ) -> EngineTable:
        """A single engine. Raises ValueError for limits that no engine has."""
        if not kv_tokens >= 0:
            raise ValueError(f"KV cache of {kv_tokens} tokens")
        if max_num_seqs < 1 or max_num_batched_tokens < 1:
            raise ValueError(
                f"a step of {max_num_seqs} sequences and {max_num_batched_tokens} tokens at most"
            )
        if request_overhead_s < 0:
            raise ValueError(f"overhead of {request_overhead_s} s per request")
        rules = RULES[generation]
        return cls(
            step=step,
            kv_tokens=np.array([float(kv_tokens)]),
            max_num_seqs=np.array([float(max_num_seqs)]),
            max_num_batched_tokens=np.array([float(max(max_num_batched_tokens, max_num_seqs))]),
            chunked_prefill=np.array([chunked_prefill]),
            prefill_first=np.array([rules.prefills_first_unchunked and not chunked_prefill]),
            watermark=np.array([rules.watermark]),
            async_scheduling=np.array([async_scheduling]),
            request_overhead_s=np.array([request_overhead_s]),
            tokenizing_s=np.zeros(1),
            prefix_caching=np.array([prefix_caching]),
        )

    @property
    def kv_blocks(self) -> Ints:
        return np.asarray(self.kv_tokens // BLOCK_TOKENS, dtype=np.intp)

    @property
    def watermark_blocks(self) -> Ints:
        """KV blocks that must stay free when a prompt is admitted."""
        return np.asarray(self.watermark * self.kv_blocks, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class FittedSteps(ArrayTable):
    """The fitted step time as a `StepTime`; entry i belongs to row i of the costs."""

    costs: StepCosts

    def step_s(
        self,
        decode_sequences: Floats,
        decode_context: Floats,
        prefill_tokens: Floats,
        prefill_context: Floats,
    ) -> Floats:
        prompts = np.where(prefill_tokens > 0, 1.0, 0.0)
        return step_breakdown(
            self.costs, decode_sequences, decode_context, prefill_tokens, prefill_context, prompts
        ).total_s


def kv_tokens(a: DeploymentArrays, kv_bytes: Floats, loads: LoadTable) -> Floats:
    """Tokens that each row's KV cache holds, in sequences of the row's own mean length."""
    d = loads.deployment
    tokens = loads.input_tokens + loads.output_tokens
    one = sequence_bytes(a.kv_store_bytes[d], a.kv_window[d], a.sequence_state_bytes[d], tokens)
    return np.asarray(np.maximum(kv_bytes[d], 0.0) / np.maximum(one, 1.0) * tokens)


def engine_table(a: DeploymentArrays, costs: StepCosts, kv_bytes: Floats, loads: LoadTable) -> EngineTable:
    """The engine of each row; kv_bytes: KV cache per GPU of each deployment.

    The stages of a pipeline work on as many batches in turn: one engine here is one of these batches, with
    its share of the cache and of the sequences.
    """
    d = loads.deployment
    stages = a.pipeline_parallel[d]
    tokens = kv_tokens(a, kv_bytes, loads) / stages
    slots = np.maximum(a.max_num_seqs[d] / stages, 1.0)
    # Answers of one length that are all sent at once come in waves: all are long at the same time.
    waves = loads.is_kind("maximum") & (loads.output_std == 0)
    together = np.maximum(tokens / (loads.input_tokens + loads.output_tokens), 1.0)
    rules = [RULES[generation] for generation in a.generation]
    chunked = a.chunked_prefill[d] > 0
    prefills_first = np.array([r.prefills_first_unchunked for r in rules], dtype=np.bool_)
    tokenizing_s = costs.prompt_token_s[d] * loads.input_tokens
    return EngineTable(
        step=FittedSteps(costs.take(d)),
        kv_tokens=tokens,
        max_num_seqs=np.where(waves, np.minimum(slots, together), slots),
        max_num_batched_tokens=np.maximum(a.max_num_batched_tokens, a.max_num_seqs)[d],
        chunked_prefill=chunked,
        prefill_first=prefills_first[d] & ~chunked,
        watermark=np.array([r.watermark for r in rules], dtype=np.float64)[d],
        async_scheduling=a.async_scheduling[d] > 0,
        request_overhead_s=costs.request_s[d] + tokenizing_s,
        tokenizing_s=tokenizing_s,
        prefix_caching=a.prefix_caching[d] > 0,
    )


def request_work(engines: EngineTable, loads: LoadTable) -> RequestWork:
    """The work of each row's mean request on its engine."""
    n = loads.input_tokens.shape
    prompt, output, hit = loads.input_tokens, loads.output_tokens, loads.prefix_hit_rate
    uncached = np.maximum(prompt * (1.0 - hit), 1.0)
    variation = (loads.input_std / prompt) ** 2
    # A token attends to what was cached and, on average, to half of what was not; long prompts have more
    # tokens.
    attended = prompt * (1.0 + variation) * (hit + 0.5 * (1.0 - hit))
    if loads.cached_prompts is not None:
        variation = (loads.cached_prompts.uncached_std / uncached) ** 2
        attended = loads.cached_prompts.prefill_context
    unchunked = np.broadcast_to(~engines.chunked_prefill, n)
    return RequestWork(
        step=engines.step,
        uncached_tokens=uncached,
        prompt_variation=variation,
        decode_steps=output - 1.0,
        # Long answers make more of the steps, and the later ones.
        decode_context=prompt + 0.5 * output * (1.0 + (loads.output_std / output) ** 2),
        prefill_context=attended,
        token_budget=np.maximum(engines.max_num_batched_tokens, np.where(unchunked, prompt, 1.0)),
        unchunked=unchunked,
        prefill_first=np.broadcast_to(engines.prefill_first, n),
        async_scheduling=np.broadcast_to(engines.async_scheduling, n).astype(np.float64),
        overhead_s=np.broadcast_to(engines.request_overhead_s, n),
        tokenizing_s=np.broadcast_to(engines.tokenizing_s, n),
    )
