"""Memory of a GPU: weights, overhead, and the KV cache in the rest with the sequences it holds.

vLLM takes `memory × gpu_memory_utilization`, loads the weights, runs one step at its largest size to
see the activations' peak, and gives all that is left to the KV cache, in blocks of 16 tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advisor.cost.array_table import ArrayTable, Floats
from advisor.cost.step.deployment_work import DeploymentArrays
from advisor.cost.step.layer_sums import MAX_KV_GROUPS
from advisor.units import GIB

BLOCK_TOKENS = 16
"""Tokens of one KV block (vLLM's `block_size` on GPUs)."""

CONTEXT_BYTES = 0.6 * GIB
"""CUDA context, cuBLAS workspaces and allocator slack: vLLM logs 0.3-0.9 GiB of 'non-torch' memory."""
COLLECTIVE_BYTES = 0.5 * GIB
"""More of it when GPUs talk: NCCL's channels and the custom all-reduce buffers."""
LOGITS_BYTES = 8
"""Per sequence and vocabulary entry at the peak: 32-bit logits and their sorted copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(ArrayTable):
    """Bytes per GPU of one replica, shape (D,)."""

    weight_bytes: Floats
    overhead_bytes: Floats
    usable_bytes: Floats
    kv_bytes: Floats
    """What is left for the cache; negative: the weights do not fit."""


def memory(a: DeploymentArrays) -> Memory:
    """What each deployment's weights, activations and runtime take, and what is left."""
    usable = a.memory_bytes * a.memory_utilization
    # The widest moment of a layer: inputs and outputs of its matrices at 16 bits.
    width = a.activation_elements / np.maximum(a.layers, 1) + 3 * a.hidden_bytes / 2
    peak = a.max_num_batched_tokens * width * 2 + a.max_num_seqs * a.vocab * LOGITS_BYTES
    overhead = CONTEXT_BYTES + np.where(a.tensor_parallel > 1, COLLECTIVE_BYTES, 0.0) + peak
    return Memory(
        weight_bytes=a.weight_bytes,
        overhead_bytes=overhead,
        usable_bytes=usable,
        kv_bytes=usable - a.weight_bytes - overhead,
    )


def sequence_bytes(store_bytes: Floats, window: Floats, state_bytes: Floats, tokens: Floats) -> Floats:
    """Bytes that one sequence of `tokens` holds; whole blocks, windows bounded.

    Shapes: store_bytes and window (n, G); state_bytes and tokens (n,).
    """
    held = np.ceil(tokens / BLOCK_TOKENS) * BLOCK_TOKENS
    total = state_bytes.astype(np.float64)
    for g in range(MAX_KV_GROUPS):
        total = total + np.minimum(held, window[:, g] + BLOCK_TOKENS) * store_bytes[:, g]
    return np.asarray(total)


def longest_context(kv_bytes: Floats, store_bytes: Floats, window: Floats, state_bytes: Floats) -> Floats:
    """Tokens of the longest single sequence that `kv_bytes` can hold; inf when nothing grows, 0 if none.

    Windows fill first: the remaining bytes belong to the groups without one.
    """
    left = kv_bytes - state_bytes
    order = np.argsort(window, axis=1)
    w = np.take_along_axis(window, order, axis=1)
    b = np.take_along_axis(store_bytes, order, axis=1)
    tokens = np.zeros_like(left)
    done = left <= 0
    start = np.zeros_like(left)
    for g in range(MAX_KV_GROUPS):
        rate = b[:, g:].sum(axis=1)
        span = w[:, g] - start
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(rate > 0, left / rate, np.inf)
        step = np.where(done, 0.0, np.minimum(reach, span))
        tokens = tokens + step
        done = done | (reach <= span)
        left = left - np.where(np.isfinite(step), step, 0.0) * rate
        start = np.where(np.isfinite(w[:, g]), w[:, g], start)
    return np.asarray(np.where(np.isfinite(tokens), np.floor(tokens / BLOCK_TOKENS) * BLOCK_TOKENS, np.inf))
