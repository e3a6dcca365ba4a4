"""What a release of vLLM takes off a GPU's memory before it sizes the KV cache."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from advisor.spec.engines.engine import Generation, default_settings

Sampler = Literal["sort", "FlashInfer if installed", "in place"]
"""FlashInfer if installed: in place with it, as in vLLM's images; else sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryProfile:
    """What the profiling run at the start finds, beside layers and weights."""

    sampler: Sampler = "sort"
    """How top-k and top-p sampling filters the logits of a whole batch; sorting them takes memory."""
    counts_collectives: bool = False
    """Whether what NCCL and the custom all-reduce allocate when they start is taken off, too."""
    counts_graphs: bool = False
    """Whether the memory of CUDA graphs is taken off."""


@lru_cache(maxsize=256)
def memory_profile(version: str, generation: Generation) -> MemoryProfile:
    """The profile of a release; V0 sorted logits, and started NCCL before it looked."""
    if generation == "v0":
        return MemoryProfile()
    rows = default_settings(version)
    return MemoryProfile(
        sampler=rows["sampler"]["value"],
        counts_collectives=rows["collectives_in_profile"]["value"],
        counts_graphs=rows["graphs_in_profile"]["value"],
    )
