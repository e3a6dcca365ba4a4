"""The work of a deployment per step, as arrays with one entry per deployment.

Everything is per GPU of one replica: tensor parallelism has already divided what it divides. Work of
a step is summed over pipeline stages (a token passes them all); memory is of one stage.
The step-time formula (`step_time`) multiplies these by learnt efficiencies; nothing here is learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advisor.cost.array_table import ArrayTable, Floats
from advisor.cost.step.layer_sums import (
    MAX_KV_GROUPS,
    KvGroup,
    Once,
    Shape,
    inner_dims,
    kv_groups,
    reads,
    state_bytes,
    widths,
)
from advisor.cost.step.layer_width import profile_columns, row_padding
from advisor.errors import UnsupportedError
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine, EngineDefaults, Generation, defaults
from advisor.spec.formats.format import Execution, QuantFormat
from advisor.spec.models.model import ModelSpec
from advisor.units import BITS_PER_BYTE, BYTES_16BIT

TILE = 128
"""Rows and columns of a large GEMM's output tile (CUTLASS and cuBLAS on tensor cores since Ampere)."""
USUAL_SMS = 108
"""Where a GPU's file does not say."""

KERNELS = ("bf16", "fp8", "int8", "wo4", "wo8", "fp4", "w4a8")
"""Kernel families whose efficiencies are learnt apart: 16-bit GEMM; FP8 and INT8 scaled GEMM;
weight-only 4 and 8 bits (Marlin); native FP4; INT4 weights multiplied in FP8."""


def kernel_family(fmt: QuantFormat, execution: Execution) -> str:
    """The kernel family in which a GPU runs a format."""
    if fmt.weight_bits >= 16:
        return "bf16"
    if execution.kind == "weight_only":
        return "wo4" if fmt.weight_bits < 8 else "wo8"
    if fmt.weight_bits < fmt.activation_bits:
        return "w4a8"
    return {"fp8": "fp8", "int8": "int8", "fp4": "fp4"}[execution.compute]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentArrays(ArrayTable):
    """Per deployment d of D; shapes (D,) unless said."""

    # where it runs
    gpu: tuple[str, ...]
    architecture: tuple[str, ...]
    kernel: tuple[str, ...]
    """Kernel family of the quantized matrices."""
    link: tuple[str, ...]
    """`none` (one GPU), `nvlink`, `pcie` or `xgmi`."""
    gpus: tuple[str, ...]
    """GPUs that share each layer, as a name: `4`."""
    generation: tuple[Generation, ...]
    """Engine generation, `v0` or `v1`."""
    release: tuple[str, ...]
    """Engine version, first two numbers: `0.7`."""
    era: tuple[str, ...]
    """Releases between which the engine's kernels and launches changed little; see ERAS."""
    harness: tuple[str, ...]
    """The harness whose machine a row ran on, where its CPU counts (V0); empty: none in particular."""
    client: tuple[str, ...]
    """The harness whose client and server a row's requests went through; empty: none in particular."""
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
    vocab: Floats
    head_bytes: Floats
    """lm_head (or tied embedding), 16 bits."""
    # compute per token
    quant_flop: Floats
    kept_flop: Floats
    expert_flop: Floats
    """FLOP per token of the active experts."""
    head_flop: Floats
    sms: Floats
    """Streaming multiprocessors (compute units)."""
    weights_per_byte: Floats
    """Weights per byte in the quantized matrices."""
    tile_flop: Floats
    """A step's dense matrices: FLOP of one output tile on every multiprocessor, summed over them. A GEMM's
    tiles go in waves over the multiprocessors, and the last wave is as long as a full one."""
    activation_elements: Floats
    """Activation numbers that elementwise kernels move per token: inputs of every matrix."""
    # attention
    kv_read_bytes: Floats
    """(D, MAX_KV_GROUPS) bytes read per cached token and decoding sequence."""
    kv_bits: Floats
    """Bits of one number in the KV cache."""
    kv_window: Floats
    """(D, MAX_KV_GROUPS) tokens; inf = no window."""
    pair_flop: Floats
    """(D, MAX_KV_GROUPS) FLOP of one query token against one cached token, in prefill."""
    decode_pair_flop: Floats
    """(D, MAX_KV_GROUPS) the same in decode: more for MLA, whose heads work on the latent."""
    state_bytes: Floats
    """Recurrent state read and written per decoding sequence and step."""
    linear_mixer_flop: Floats
    """FLOP per token of linear-attention layers beyond their projections: the state updated and read."""
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
    """What a program can allocate on the GPU."""
    unified_memory: Floats
    """1: the GPU shares its memory with the CPU."""
    max_context: Floats
    peak_width: Floats
    """Numbers per token at the widest moment of a layer."""
    logits_bytes: Floats
    """Bytes per sequence and vocabulary entry at the peak of sampling."""
    least_logits_bytes: Floats
    """The same if what the sampler may use instead is installed."""
    tower_bytes: Floats
    weight_error: Floats
    """Share by which the weights may be off."""
    collectives_counted: Floats
    """1: the engine takes what collectives allocate at their start off the KV cache."""
    graphs_counted: Floats
    """1: the engine takes the memory of CUDA graphs off the KV cache."""
    # engine
    max_num_seqs: Floats
    max_num_batched_tokens: Floats
    memory_utilization: Floats
    chunked_prefill: Floats
    """1: prompts are cut to the token budget; 0: worked on whole."""
    async_scheduling: Floats
    """1: a step is settled while the step before it runs."""
    prefix_caching: Floats
    """1: a prompt that begins like an earlier one finds the keys and values of it in the cache."""
    graph_tokens: Floats
    """Most tokens of a step that CUDA graphs serve; 0 = none does."""
    fused_all_reduce: Floats
    """1: the all-reduce, the addition and the norm after it are one kernel."""
    graph_limit: Floats
    """Context beyond which decode runs without CUDA graphs; inf = never."""

    def __len__(self) -> int:
        return len(self.gpu)


ERAS = ((17, "since 0.17"), (14, "0.14 to 0.16"), (11, "0.11 to 0.13"), (0, "0.8 to 0.10"))
"""V1 by minor release: one CUDA graph for a whole decode step (0.11), async scheduling by default (0.14),
fused all-reduces by default (0.17). A release that no one has measured is like its era."""


def era_of(version: str, generation: str) -> str:
    """The era of a release of vLLM."""
    if generation == "v0":
        return "v0"
    major, minor = (int(part) for part in version.split(".")[:2])
    return next(name for since, name in ERAS if major > 0 or minor >= since)


def _one(deployment: Deployment, limits: EngineDefaults, once: Once) -> dict[str, object]:
    """Every column of one deployment. Raises UnsupportedError where the GPU cannot run the format."""
    # Across nodes vLLM's documentation splits layers (pipeline) and keeps tensor parallel within a node;
    # the seed paper's 16-GPU latencies fit that and not one group of 16.
    tp = min(deployment.tensor_parallel, deployment.gpu.gpus_per_node)
    stages = deployment.tensor_parallel // tp
    model, fmt = deployment.model, deployment.format
    return {
        **_machine(deployment, tp, stages, once),
        **once(_matrices, model, fmt.name, fmt.bits_per_weight, tp, stages),
        **once(_attention, model, deployment.kv_bits, tp, stages),
        **_engine(deployment, tp, limits, once),
        **profile_columns(deployment, tp, stages, limits, once),
    }


def _machine(deployment: Deployment, tp: int, stages: int, once: Once) -> dict[str, object]:
    """Where it runs, at which rates, and the work of a tile on each multiprocessor."""
    fmt, gpu = deployment.format, deployment.gpu
    execution = fmt.execution(gpu)
    if execution is None:
        raise UnsupportedError(f"{gpu.name} cannot run {fmt.name}; vLLM has no kernel for it there")
    rate16 = gpu.flop_per_s("bf16") or gpu.flop_per_s("fp16")
    rate = gpu.flop_per_s(execution.compute)
    if rate16 is None or rate is None:
        raise UnsupportedError(f"{gpu.name}: no {execution.compute} rate is known; add it to its YAML")
    return {
        "gpu": gpu.name,
        "architecture": gpu.capability_name,
        "kernel": kernel_family(fmt, execution),
        "link": gpu.interconnect.kind if tp > 1 else "none",
        "gpus": str(tp),
        "harness": "",
        "client": "",
        "bandwidth": gpu.memory_bytes_per_s,
        "rate": rate,
        "rate16": rate16,
        "link_bandwidth": gpu.link_bytes_per_s,
        "tensor_parallel": tp,
        "pipeline_parallel": stages,
        "sms": gpu.sms or USUAL_SMS,
        "tile_flop": 2 * TILE**2 * (gpu.sms or USUAL_SMS) * once(inner_dims, deployment.model, tp),
        "memory_bytes": gpu.program_bytes,
    }


def _matrices(model: ModelSpec, format: str, bits: float, tp: int, stages: int) -> dict[str, object]:
    """Weights, the work of multiplying by them, and the kernels that do it; bits: stored per weight."""
    quant_params, kept_params, expert_params = widths(model, format)
    shape, times = Shape.of(model), reads(model)
    head_params = float(model.vocab * model.hidden)
    wide_params = shape.dense - quant_params + shape.kept + shape.absorbed
    narrow_params = quant_params + expert_params * row_padding(model, format)
    weight_bytes = narrow_params * bits / BITS_PER_BYTE + wide_params * BYTES_16BIT
    return {
        "quant_bytes": times * quant_params * bits / BITS_PER_BYTE / tp,
        "kept_bytes": times * kept_params * BYTES_16BIT / tp,
        "expert_bytes": expert_params * bits / BITS_PER_BYTE / tp,
        "experts": shape.experts,
        "active_experts": shape.active,
        "vocab": model.vocab,
        "head_bytes": head_params * BYTES_16BIT / tp,
        "quant_flop": times * 2 * quant_params / tp,
        "kept_flop": times * 2 * kept_params / tp,
        "expert_flop": 2 * shape.active_expert_params / tp,
        "head_flop": 2 * head_params / tp,
        "weights_per_byte": BITS_PER_BYTE / bits,
        "activation_elements": (shape.dense + shape.active_expert_params) / model.hidden / tp
        + shape.layers * model.hidden,
        "layers": shape.layers,
        "matmuls": shape.matmuls,
        "moe_layers": shape.moe_layers,
        "hidden_bytes": model.hidden * BYTES_16BIT,
        "weight_bytes": weight_bytes / tp / stages,
    }


def _attention(model: ModelSpec, kv_bits: int, tp: int, stages: int) -> dict[str, object]:
    """The KV cache and the recurrent state: what is kept of a token or a sequence, read and computed."""
    groups = kv_groups(model, kv_bits, tp)
    groups = [*groups, *[KvGroup(float("inf"))] * (MAX_KV_GROUPS - len(groups))]
    state = state_bytes(model, tp)
    return {
        "kv_read_bytes": [g.read for g in groups],
        "kv_bits": kv_bits,
        "kv_window": [g.window for g in groups],
        "pair_flop": [g.prefill_flop for g in groups],
        "decode_pair_flop": [g.decode_flop for g in groups],
        "state_bytes": 2 * state,
        "linear_mixer_flop": 2 * state,
        "kv_store_bytes": [g.store / stages for g in groups],
        "max_context": model.max_context,
    }


def _engine(deployment: Deployment, tp: int, limits: EngineDefaults, once: Once) -> dict[str, object]:
    """The engine's release and what it sets on this GPU."""
    # A recurrent state is of the whole sequence: it has no blocks that another prompt could begin with.
    caches = limits.hybrid_prefix_caching or not once(state_bytes, deployment.model, tp)
    return {
        "generation": limits.generation,
        "release": deployment.engine.release,
        "era": era_of(deployment.engine.version, limits.generation),
        "max_num_seqs": limits.max_num_seqs,
        "max_num_batched_tokens": limits.max_num_batched_tokens,
        "memory_utilization": limits.gpu_memory_utilization,
        "chunked_prefill": float(limits.chunked_prefill),
        "async_scheduling": float(limits.async_scheduling),
        "prefix_caching": float(limits.prefix_caching and caches),
        "graph_tokens": float(limits.graph_batch_limit),
        "fused_all_reduce": float(limits.allreduce_fusion and tp in limits.allreduce_fusion_bytes),
        "graph_limit": float("inf") if limits.graph_context_limit is None else limits.graph_context_limit,
    }


_NAMES = (
    *("gpu", "architecture", "kernel", "link", "gpus"),
    *("generation", "release", "era", "harness", "client"),
)


def defaults_of(deployments: Sequence[Deployment]) -> list[EngineDefaults]:
    """Engine settings of each deployment: a search asks for few engines and GPUs many times over."""
    known: dict[tuple[Engine, str, int], EngineDefaults] = {}
    found = []
    for d in deployments:
        at = (d.engine, d.gpu.name, d.gpu.memory_mib)
        if at not in known:
            known[at] = defaults(d.engine, d.gpu)
        found.append(known[at])
    return found


def deployment_arrays(deployments: Sequence[Deployment]) -> DeploymentArrays:
    """Features of each deployment. Raises UnsupportedError where a GPU cannot run the format."""
    once = Once()
    rows = [_one(d, limits, once) for d, limits in zip(deployments, defaults_of(deployments), strict=True)]
    columns: dict[str, object] = {}
    for name in DeploymentArrays.__dataclass_fields__:
        values = [row[name] for row in rows]
        columns[name] = tuple(values) if name in _NAMES else np.asarray(values, dtype=np.float64)
    return DeploymentArrays(**columns)  # type: ignore[arg-type]
