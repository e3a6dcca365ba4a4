"""What a deployment asks of its GPU per step, as arrays: one entry per deployment.

Everything is per GPU of one replica: tensor parallelism has already divided what it divides. Work of
a step is summed over pipeline stages (a token passes them all); memory is of one stage.
The step-time formula (`steptime`) multiplies these by learnt efficiencies; nothing here is learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from advisor.errors import UnsupportedError
from advisor.spec.deployment import Deployment
from advisor.spec.engine import defaults
from advisor.spec.format import Execution, QuantFormat
from advisor.spec.model import ModelSpec
from advisor.units import BITS_PER_BYTE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

BYTES_16BIT = 2
MAX_KV_GROUPS = 3
"""Distinct windows (including none) of one model; Gemma and gpt-oss have two."""

KERNELS = ("bf16", "fp8", "int8", "wo4", "wo8", "fp4")
"""Kernel families whose efficiencies are learnt apart: 16-bit GEMM; FP8 and INT8 scaled GEMM;
weight-only 4 and 8 bits (Marlin); native FP4."""


def kernel_family(fmt: QuantFormat, execution: Execution) -> str:
    """The kernel family in which a GPU runs a format."""
    if fmt.weight_bits >= 16:
        return "bf16"
    if execution.kind == "weight_only":
        return "wo4" if fmt.weight_bits < 8 else "wo8"
    return {"fp8": "fp8", "int8": "int8", "fp4": "fp4"}[execution.compute]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentArrays:
    """Per deployment d of D; shapes (D,) unless said."""

    # where it runs
    gpu: tuple[str, ...]
    architecture: tuple[str, ...]
    kernel: tuple[str, ...]
    """Kernel family of the quantized matrices."""
    link: tuple[str, ...]
    """`none` (one GPU), `nvlink`, `pcie` or `xgmi`."""
    generation: tuple[str, ...]
    """Engine generation, `v0` or `v1`."""
    release: tuple[str, ...]
    """Engine version, first two numbers: `0.7`."""
    bandwidth: Floats
    """Memory bandwidth, bytes/s."""
    rate: Floats
    """Dense peak of the quantized matrices' compute type, FLOP/s."""
    rate16: Floats
    """Dense peak at 16 bits, FLOP/s."""
    link_bandwidth: Floats
    """Bytes/s, one direction."""
    tensor_parallel: Floats
    """GPUs that split each matrix: all of them, within one node."""
    pipeline_parallel: Floats
    """Nodes, each with a share of the layers; a token passes them one after the other."""
    # weights
    quant_bytes: Floats
    """Quantized matrices read in every step."""
    kept_bytes: Floats
    """16-bit matrices read in every step, without the head: routers, or attention when only experts
    are quantized."""
    expert_bytes: Floats
    """All routed experts."""
    experts: Floats
    """Routed experts of a layer; 0 = dense."""
    active_experts: Floats
    expert_quantized: Floats
    head_bytes: Floats
    """lm_head (or tied embedding), 16 bits."""
    # compute per token
    quant_flop: Floats
    kept_flop: Floats
    expert_flop: Floats
    """Of the active experts."""
    head_flop: Floats
    activation_elements: Floats
    """Activation numbers that elementwise kernels move per token: inputs of every matrix."""
    # attention
    kv_read_bytes: Floats
    """(D, MAX_KV_GROUPS) bytes read per cached token and decoding sequence."""
    kv_window: Floats
    """(D, MAX_KV_GROUPS) tokens; inf = no window."""
    pair_flop: Floats
    """(D, MAX_KV_GROUPS) FLOP of one query token against one cached token."""
    state_bytes: Floats
    """Recurrent state read and written per decoding sequence and step."""
    linear_mixer_flop: Floats
    """FLOP per token of linear-attention layers beyond their projections."""
    # kernels
    layers: Floats
    matmuls: Floats
    """Quantizable GEMM kernels of one step."""
    moe_layers: Floats
    hidden_bytes: Floats
    """Bytes of one token's hidden state at 16 bits: what an all-reduce carries."""
    # memory
    weight_bytes: Floats
    """All weights in memory."""
    kv_store_bytes: Floats
    """(D, MAX_KV_GROUPS) bytes stored per token."""
    sequence_state_bytes: Floats
    memory_bytes: Floats
    max_context: Floats
    # engine
    max_num_seqs: Floats
    max_num_batched_tokens: Floats
    memory_utilization: Floats
    graph_limit: Floats
    """Context beyond which decode runs without CUDA graphs; inf = never."""

    def __len__(self) -> int:
        return len(self.gpu)


def _groups(model: ModelSpec, kv_bits: int, shards: int) -> tuple[list[list[float]], float, float, float]:
    """([[window, kv read bytes, kv stored bytes, pair FLOP]…], state, mixer FLOP, cache shards used)."""
    rows: dict[float, list[float]] = {}
    state = mixer = 0.0
    for group in model.groups:
        a, n = group.attention, group.count
        if a.kind == "linear":
            state += n * a.state_bytes_per_sequence / shards
            # Each token updates and reads the state once: 2 multiply-adds per 16/32-bit element.
            mixer += n * a.state_bytes_per_sequence * 2 / shards
            continue
        # A latent (MLA) cache is kept whole on every GPU; heads cannot be split further than there are.
        kv_heads = max(1, round(a.kv_read_elements_per_token / max(1, a.qk_head_dim + a.v_head_dim)))
        split = 1 if a.kind == "mla" else min(shards, kv_heads)
        window = float("inf") if a.window is None else float(a.window)
        row = rows.setdefault(window, [window, 0.0, 0.0, 0.0])
        row[1] += n * a.kv_read_elements_per_token * kv_bits / BITS_PER_BYTE / split
        row[2] += n * a.kv_elements_per_token * kv_bits / BITS_PER_BYTE / split
        row[3] += n * a.flop_per_pair / shards
        state += n * a.state_bytes_per_sequence / shards
    ordered = [rows[w] for w in sorted(rows, reverse=True)]
    if len(ordered) > MAX_KV_GROUPS:
        raise UnsupportedError(f"{model.name}: {len(ordered)} different attention windows; known: up to 3")
    return ordered, state, mixer, float(shards)


def _one(deployment: Deployment) -> dict[str, object]:
    model, fmt, gpu = deployment.model, deployment.format, deployment.gpu
    # Across nodes vLLM's documentation splits layers (pipeline) and keeps tensor parallel within a node;
    # the seed paper's 16-GPU latencies fit that and not one group of 16.
    tp = min(deployment.tensor_parallel, gpu.gpus_per_node)
    stages = deployment.tensor_parallel // tp
    execution = fmt.execution(gpu)
    if execution is None:
        raise UnsupportedError(f"{gpu.name} cannot run {fmt.name}; vLLM has no kernel for it there")
    rate16 = gpu.flop_per_s("bf16") or gpu.flop_per_s("fp16")
    rate = gpu.flop_per_s(execution.compute)
    if rate16 is None or rate is None:
        raise UnsupportedError(f"{gpu.name}: no {execution.compute} rate is known; add it to its YAML")
    limits = defaults(deployment.engine, gpu)

    expert_params = float(model.expert_params)
    dense_params = model.linear_params - expert_params
    only_experts = model.native_parts == "experts" and fmt.name == model.native_format
    bits = fmt.bits_per_weight
    router_params = float(sum(g.count * g.ffn.router_params for g in model.groups))
    quant_params = 0.0 if only_experts else float(dense_params)
    kept_params = router_params + (float(dense_params) if only_experts else 0.0)
    moe = [g for g in model.groups if g.ffn.experts]
    moe_layers = sum(g.count for g in moe)
    experts = sum(g.count * g.ffn.experts for g in moe) / moe_layers if moe else 0.0
    active = sum(g.count * g.ffn.active_experts for g in moe) / moe_layers if moe else 0.0
    active_expert_params = float(sum(g.count * g.ffn.active_experts * g.ffn.expert_params for g in moe))
    head_params = float(model.vocab * model.hidden)
    groups, state, mixer, _ = _groups(model, deployment.kv_bits, tp)
    padded = groups + [[float("inf"), 0.0, 0.0, 0.0]] * (MAX_KV_GROUPS - len(groups))

    link = gpu.interconnect.kind if tp > 1 else "none"
    linear_bytes = model.linear_params * bits / BITS_PER_BYTE
    if only_experts:
        linear_bytes = expert_params * bits / BITS_PER_BYTE + dense_params * BYTES_16BIT
    return {
        "gpu": gpu.name,
        "architecture": f"{gpu.vendor}-{gpu.capability:g}",
        "kernel": kernel_family(fmt, execution),
        "link": link,
        "generation": limits.generation,
        "release": ".".join(deployment.engine.version.split(".")[:2]),
        "bandwidth": gpu.memory_bytes_per_s,
        "rate": rate,
        "rate16": rate16,
        "link_bandwidth": gpu.link_bytes_per_s,
        "tensor_parallel": tp,
        "pipeline_parallel": stages,
        "quant_bytes": quant_params * bits / BITS_PER_BYTE / tp,
        "kept_bytes": kept_params * BYTES_16BIT / tp,
        "expert_bytes": expert_params * bits / BITS_PER_BYTE / tp,
        "experts": experts,
        "active_experts": active,
        "expert_quantized": 1.0 if bits < 16 else 0.0,
        "head_bytes": head_params * BYTES_16BIT / tp,
        "quant_flop": 2 * quant_params / tp,
        "kept_flop": 2 * kept_params / tp,
        "expert_flop": 2 * active_expert_params / tp,
        "head_flop": 2 * head_params / tp,
        "activation_elements": (dense_params + active_expert_params) / model.hidden / tp
        + model.layers * model.hidden,
        "kv_read_bytes": [g[1] for g in padded],
        "kv_window": [g[0] for g in padded],
        "pair_flop": [g[3] for g in padded],
        "state_bytes": 2 * state,
        "linear_mixer_flop": mixer,
        "layers": model.layers,
        "matmuls": sum(g.count * (g.attention.matmuls + g.ffn.matmuls) for g in model.groups),
        "moe_layers": moe_layers,
        "hidden_bytes": model.hidden * BYTES_16BIT,
        "weight_bytes": (linear_bytes + model.kept_params * BYTES_16BIT) / tp / stages,
        "kv_store_bytes": [g[2] / stages for g in padded],
        "sequence_state_bytes": state / stages,
        "memory_bytes": gpu.memory_bytes,
        "max_context": model.max_context,
        "max_num_seqs": limits.max_num_seqs,
        "max_num_batched_tokens": limits.max_num_batched_tokens,
        "memory_utilization": limits.gpu_memory_utilization,
        "graph_limit": float("inf") if limits.graph_context_limit is None else limits.graph_context_limit,
    }


_NAMES = ("gpu", "architecture", "kernel", "link", "generation", "release")


def deployment_arrays(deployments: Sequence[Deployment]) -> DeploymentArrays:
    """Features of each deployment. Raises UnsupportedError where a GPU cannot run the format."""
    rows = [_one(d) for d in deployments]
    columns: dict[str, object] = {}
    for name in DeploymentArrays.__dataclass_fields__:
        values = [row[name] for row in rows]
        columns[name] = tuple(values) if name in _NAMES else np.asarray(values, dtype=np.float64)
    return DeploymentArrays(**columns)  # type: ignore[arg-type]
