"""How wide a model's layers are while a step runs: what activations take of a GPU's memory, per token."""

from __future__ import annotations

from math import ceil

from advisor.cost.step.layer_sums import Once, state_bytes
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import EngineDefaults
from advisor.spec.engines.memory_profile import memory_profile
from advisor.spec.formats.format import QuantFormat
from advisor.spec.models.model import ModelSpec
from advisor.units import GIB

SORTED_LOGITS_BYTES = 38.4
"""Per sequence and vocabulary entry: logits at 16 and 32 bits, their sorted copy with 64-bit indices, softmax
and cumulative sum. Eight peaks that logs print, of vocabularies of 100,352 to 201,088 and of 256 and 1,024
sequences, lie between 38.2 and 38.6."""
LOGITS_BYTES = 17.0
"""The same where sampling works in place: logits at 16 and 32 bits, probabilities, random numbers."""
TOWER_BYTES = 1.5 * GIB
"""A vision tower's peak on images of the largest size, which the profiling run feeds it."""
MXFP4_ROW = 256
"""Multiple to which the hidden size of MXFP4 experts is padded (vLLM's quantization/mxfp4.py)."""
RESIDUALS, EXCHANGED = 3, 2
"""Hidden states alive beside a layer's widest tensors: the residual, the input and the output; of tensor
parallelism also what an all-reduce sends and receives."""


def layer_width(model: ModelSpec, shards: int) -> float:
    """Numbers that one token holds on one GPU at the widest moment of the widest layer.

    A feed-forward part holds gate, up and their product; routed experts the same for each expert chosen, or
    its output where that is wider; attention its queries, keys, values and output, MLA also what it expands.
    """
    widest = 0.0
    for group in model.groups:
        a, ffn = group.attention, group.ffn
        dense: float = ffn.linear_params / model.hidden if ffn.inner is None else 3.0 * ffn.inner
        inner = (ffn.expert_inner or 0) / shards
        routed = ffn.active_experts * (max(2.0 * inner, float(model.hidden)) + inner)
        heads = a.query_heads * (2 if a.kind == "mla" else 1) + (0 if a.kind == "mla" else a.kv_heads)
        mixed: float = heads * (a.qk_head_dim + a.v_head_dim)
        if a.kind == "linear":
            mixed = 2.0 * a.linear_params / model.hidden
        widest = max(widest, dense / shards, routed, mixed / shards)
    return widest + (RESIDUALS + (EXCHANGED if shards > 1 else 0)) * model.hidden


def row_padding(model: ModelSpec, format: str) -> float:
    """Stored over stated bytes of routed experts: vLLM pads rows of MXFP4 (gpt-oss: 2,880 to 3,072)."""
    return ceil(model.hidden / MXFP4_ROW) * MXFP4_ROW / model.hidden if format == "mxfp4" else 1.0


def tower_bytes(model: ModelSpec) -> float:
    """The peak of a model's vision or audio tower; 0 without one."""
    return TOWER_BYTES if model.has_encoder else 0.0


def weight_error(model: ModelSpec, fmt: QuantFormat) -> float:
    """Share by which weights may be off: kernels pad them, and checkpoints of 4 bits keep different parts at
    16. Of the format that a model is released in, its config says what is narrow."""
    if fmt.weight_bits >= 16:
        return 0.01
    return 0.02 if fmt.weight_bits >= 8 or fmt.name == model.native_format else 0.12


def profile_columns(
    d: Deployment, tp: int, stages: int, limits: EngineDefaults, once: Once
) -> dict[str, object]:
    """The columns of `DeploymentArrays` that say what a release takes of the memory."""
    profile = memory_profile(d.engine.version, limits.generation)
    # With prefix caching a sequence holds the state at its last block boundary beside the running one.
    states = 2 if limits.prefix_caching and limits.hybrid_prefix_caching else 1
    return {
        "sequence_state_bytes": states * once(state_bytes, d.model, tp) / stages,
        "unified_memory": float(d.gpu.unified_memory),
        "peak_width": once(layer_width, d.model, tp),
        "weight_error": weight_error(d.model, d.format),
        "tower_bytes": once(tower_bytes, d.model),
        "logits_bytes": LOGITS_BYTES if profile.sampler == "in place" else SORTED_LOGITS_BYTES,
        "least_logits_bytes": SORTED_LOGITS_BYTES if profile.sampler == "sort" else LOGITS_BYTES,
        "collectives_counted": float(profile.counts_collectives),
        "graphs_counted": float(profile.counts_graphs),
    }
