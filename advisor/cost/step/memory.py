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
from advisor.units import BYTES_16BIT, GIB, MIB

BLOCK_TOKENS = 16
"""Tokens of one KV block (vLLM's `block_size` on GPUs)."""

CONTEXT_BYTES = 0.15 * GIB
"""What the engine takes outside PyTorch (cuBLAS workspaces): logs print 0.13 to 0.35 GiB on one GPU."""
COLLECTIVE_BYTES = 0.4 * GIB
"""More of it when GPUs share layers: logs print 0.54 GiB in all on two H100."""
COLLECTIVE_START_BYTES = 1.5 * GIB
"""What NCCL and the custom all-reduce allocate when they start, where the engine takes it off."""
NODE_BYTES = 2.0 * GIB
"""More of it when GPUs of several machines work together: logs print 2.5 GiB in all."""
GRAPH_BYTES, GRAPH_BYTES_PER_TOKEN = 0.1 * GIB, 1.0 * MIB
"""CUDA graphs, and for every token of the largest one: logs print 0.1 GiB for graphs of a few tokens to 0.7
for those of 512."""

ERROR_BYTES, OVERHEAD_ERROR = 0.3 * GIB, 0.1
"""How far the KV cache is off, always and for every byte of the engine's own share, so that nine of ten that
logs print lie in the interval (benchmarks/memory.py); `weight_error` says how far for a byte of weights."""
UNIFIED_ERROR = 0.12
"""The same for every byte of a memory that the GPU shares with the CPU: what else lies in it counts, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(ArrayTable):
    """Bytes per GPU of one replica, shape (D,)."""

    weight_bytes: Floats
    overhead_bytes: Floats
    usable_bytes: Floats
    kv_bytes: Floats
    """What is left for the cache; negative: the weights do not fit."""
    kv_low_bytes: Floats
    """Ends of the 90 % interval of what is left."""
    kv_high_bytes: Floats


def memory(a: DeploymentArrays) -> Memory:
    """What each deployment's weights, activations and runtime take, and what is left."""
    usable = a.memory_bytes * a.memory_utilization
    peak = activation_peak(a, a.logits_bytes)
    overhead = _runtime(a) + peak
    kv = usable - a.weight_bytes - overhead
    shared = UNIFIED_ERROR * a.unified_memory * a.memory_bytes
    weights = a.weight_error * a.weight_bytes
    parts = (np.full_like(kv, ERROR_BYTES), OVERHEAD_ERROR * overhead, weights, shared)
    off = np.sqrt(np.sum(np.square(parts), axis=0))
    spared = peak - activation_peak(a, a.least_logits_bytes)
    return Memory(
        weight_bytes=a.weight_bytes,
        overhead_bytes=overhead,
        usable_bytes=usable,
        kv_bytes=kv,
        kv_low_bytes=kv - off,
        kv_high_bytes=kv + np.hypot(off, spared),
    )


def _runtime(a: DeploymentArrays) -> Floats:
    """Bytes beside weights and activations: the process, collectives, CUDA graphs where they are counted."""
    shared = COLLECTIVE_BYTES + a.collectives_counted * COLLECTIVE_START_BYTES
    graphs = np.where(a.graph_tokens > 0, GRAPH_BYTES + a.graph_tokens * GRAPH_BYTES_PER_TOKEN, 0.0)
    return np.asarray(
        CONTEXT_BYTES
        + np.where(a.tensor_parallel > 1, shared, 0.0)
        + np.where(a.pipeline_parallel > 1, NODE_BYTES, 0.0)
        + a.graphs_counted * graphs
    )


def activation_peak(a: DeploymentArrays, logits_bytes: Floats) -> Floats:
    """Bytes: the layers, the tower and the sampler come one after another, so the largest counts."""
    tokens = a.max_num_batched_tokens
    sampler = np.minimum(a.max_num_seqs, tokens) * a.vocab * logits_bytes + tokens * a.hidden_bytes
    layers = tokens * a.peak_width * BYTES_16BIT
    return np.asarray(np.maximum(np.maximum(layers, sampler), a.tower_bytes))


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
