"""Engine: the serving program, its version, and the settings that shape speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A version of vLLM with its settings; None = that version's default (see `defaults`)."""

    name: Literal["vllm"] = "vllm"
    version: str = "0.32.0"
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    gpu_memory_utilization: float | None = None
    prefix_caching: bool = False
