"""What an engine under load is, and what comes of it: the step time, the limits of a batch, the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from advisor.cost.arrays import Floats
from advisor.cost.step.memory import BLOCK_TOKENS

LoadStatus = Literal["stable", "saturated", "backlogged"]
"""stable: requests find a place in the batch as they come. saturated: a closed loop has more clients
than the batch holds; they queue, yet each is served in time. backlogged: an open loop asks for more
than the capacity; the queue grows without end, so that no latency exists."""

Window = Literal["steady", "whole"]
"""steady: between warm-up and drain. whole: from the first request sent to the last one finished,
the initial burst and the drain included, as `vllm bench serve` and its kin report."""

V0_WATERMARK = 0.01
"""Share of the KV blocks that V0 keeps free when it admits a prompt (vllm/core/block_manager.py)."""


class StepTime(Protocol):
    """Seconds of one engine iteration."""

    def step_s(
        self,
        decode_sequences: Floats,
        decode_context: Floats,
        prefill_tokens: Floats,
        prefill_context: Floats,
    ) -> Floats:
        """One iteration per entry; all arrays have one shape, and so has the result.

        decode_sequences: sequences that produce one token each. decode_context: tokens that one of
        them attends to, on average. prefill_tokens: prompt tokens worked on. prefill_context: tokens
        that one prompt token attends to, on average: half of a prompt that is prefilled whole, and
        for a chunk what came before it and half of itself.

        The simulation asks for one deployment at many batches, the closed form for many deployments
        (one per entry) at once; who implements it for one deployment lets it broadcast.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingSetup:
    """One replica of a deployment, as its scheduler sees it."""

    step: StepTime
    kv_tokens: float
    """Tokens that the KV cache holds: its bytes ÷ bytes per token."""
    max_num_seqs: int
    max_num_batched_tokens: int
    """Token budget of a step, shared by decode and prompts. Never below what vLLM accepts:
    `max_num_seqs`, and without chunking the longest prompt."""
    chunked_prefill: bool = True
    """False: a prompt is worked on in one step, whole."""
    generation: Literal["v0", "v1"] = "v1"
    """v0 without chunking gives prompts their own steps, before any decode; all else mixes the two."""
    schedule_ahead: bool = False
    """Async scheduling: a step's batch is settled while the step before it still runs, so that a new
    request waits one step more."""
    request_overhead_s: float = 0.0
    """From sending a request until the scheduler sees it: HTTP, tokenizing, hand-over."""

    def __post_init__(self) -> None:
        if not self.kv_tokens >= 0:
            raise ValueError(f"KV cache of {self.kv_tokens} tokens")
        if self.max_num_seqs < 1 or self.max_num_batched_tokens < 1:
            raise ValueError(
                f"a step of {self.max_num_seqs} sequences and {self.max_num_batched_tokens} tokens at most"
            )
        if self.request_overhead_s < 0:
            raise ValueError(f"overhead of {self.request_overhead_s} s per request")

    @property
    def prompts_first(self) -> bool:
        """V0's way: waiting prompts stop all decoding until they are through."""
        return self.generation == "v0" and not self.chunked_prefill

    @property
    def kv_blocks(self) -> int:
        return int(self.kv_tokens // BLOCK_TOKENS)

    @property
    def watermark_blocks(self) -> int:
        """Blocks that must stay free when a prompt is admitted."""
        return int(V0_WATERMARK * self.kv_blocks) if self.generation == "v0" else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingResult:
    """What the load meets; one replica."""

    status: LoadStatus
    window: Window
    latency_ms: Mapping[tuple[str, str], float] = field(hash=False)
    """(metric, statistic) → ms, as ("ttft", "p95"). What does not exist is absent: every latency of a
    backlogged load, TTFT and E2E of a queue that all were in from the start, TPOT of one-token answers."""
    requests_per_s: float
    output_tokens_per_s: float
    capacity_requests_per_s: float
    """The most the engine can serve of these requests, however many wait."""
    decode_batch: float
    """Sequences in a step that decodes, on average."""
    kv_use: float
    """Share of the KV blocks in use, averaged over time."""
    queue: float
    """Requests waiting for their first step, averaged over time."""
    preemptions: float
    """Per request."""
    goodput_share: float | None
    """Share of requests that keep every limit of the load's Goodput; None without one."""
    requests: int
    """Requests that the latencies are taken over."""
