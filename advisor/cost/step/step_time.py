"""Seconds of one engine iteration, from a deployment's features and learnt efficiencies.

An iteration works on B decoding sequences and P prompt tokens at once. Its time is a sum of parts,
each bytes or operations over a data-sheet rate times an efficiency, or a count of kernels times a
fixed cost; see `step_breakdown`. The efficiencies are bounded by construction (a logistic curve keeps them
between 0 and 1), so that no fit can beat the data sheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from advisor.cost.array_table import ArrayTable, Floats
from advisor.cost.kernels.formulas import all_reduce_s, overlapped_s
from advisor.cost.step.deployment_work import KERNELS, DeploymentArrays
from advisor.cost.step.layer_sums import MAX_KV_GROUPS


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCosts(ArrayTable):
    """Seconds per unit of work, per deployment; shapes (D,) or (D, MAX_KV_GROUPS)."""

    weights_s: Floats
    """Reading all quantized and kept matrices but experts and head."""
    experts_s: Floats
    """Reading all routed experts."""
    token_s: Floats
    """Multiplying one token by the matrices it meets (no head)."""
    last_wave_s: Floats
    """What a step's GEMMs lose to last waves that are not full, once they have waves."""
    overlap_exponent: Floats
    """How sharply a GEMM turns from reading-bound to multiplying-bound (the p of a p-norm)."""
    head_read_s: Floats
    head_token_s: Floats
    kv_token_s: Floats
    """(D, G) reading one cached token for one sequence."""
    pair_s: Floats
    """(D, G) one query token against one cached token in prefill."""
    window: Floats
    state_s: Floats
    elementwise_s: Floats
    """Per token."""
    fixed_s: Floats
    """Per iteration, whatever its size."""
    step_s: Floats
    """The engine's own part of `fixed_s` (scheduling)."""
    sequence_s: Floats
    """The engine's own time per sampled token."""
    sample_s: Floats
    """The GPU's time per sampled token: casts, penalties, softmax and sort of its logits."""
    request_s: Floats
    """The server's time per request before the scheduler sees it."""
    prompt_token_s: Floats
    """The server's time per token of the prompt before the scheduler sees it."""
    reduce_s: Floats
    """All-reduces' fixed time per iteration."""
    reduce_token_s: Floats
    """Per token of an all-reduce that is large."""
    reduce_root_s2: Floats
    """Per token of one of some megabytes, squared seconds."""
    eager_s: Floats
    """Least time of an iteration without CUDA graphs."""
    graph_limit: Floats
    launch_s: Floats
    """What launching the kernels of an iteration of more tokens than CUDA graphs were captured for takes."""
    skew_s: Floats
    """What such an iteration waits at its all-reduces for the GPU that is launched last."""
    graph_tokens: Floats
    """Most tokens of an iteration that CUDA graphs serve."""
    spread: Floats
    active_share: Floats
    """Active ÷ all routed experts; 0 = dense."""


_LAUNCH_SHARPNESS = 4.0
"""How sharply a step without CUDA graphs turns from launch-bound to GPU-bound (p-norm). A plain maximum has
no slope where the GPU is slower, so that no record could teach how long launching takes."""
_UNPACK_POWER = 4.0
"""How sharply reading turns from bandwidth-bound to unpacking-bound (p-norm): the two overlap."""


def _weight_bytes_per_s(a: DeploymentArrays, read: Floats, unpack_per_s: Floats) -> Floats:
    """Quantized weights read: weight-only kernels read no faster than the multiprocessors unpack."""
    unpacks = np.array([k in ("wo4", "wo8") for k in a.kernel])
    streamed = a.bandwidth * read
    unpacked = np.where(unpacks, a.sms * unpack_per_s / a.weights_per_byte, np.inf)
    return np.asarray(streamed * (1.0 + (streamed / unpacked) ** _UNPACK_POWER) ** (-1.0 / _UNPACK_POWER))


def step_costs(a: DeploymentArrays, v: Mapping[str, Floats]) -> StepCosts:
    """Each deployment's seconds per unit of work; `v` as `Design.values` gives it."""
    read, multiply = _of_kernel(a, v, "read"), _of_kernel(a, v, "multiply")
    read16, multiply16 = v["read_bf16"], v["multiply_bf16"]
    scaled = np.array([k in ("fp8", "int8", "fp4", "w4a8") for k in a.kernel])
    moe = a.experts > 0
    ring = 2 * (a.tensor_parallel - 1) / a.tensor_parallel
    reduces = np.where(a.tensor_parallel > 1, 2 * a.layers, 0.0)
    moved = a.activation_elements * (v["elementwise"] + np.where(scaled, v["quantize_activations"], 0.0))
    narrow_kv = a.kv_bits < 16
    attention_rate = a.rate16 * v["prefill_attention"]
    kv_slower = np.where(narrow_kv, v["kv_read_fp8"], 1.0)
    # Async scheduling prepares a step while the GPU runs the last one. Releases change the engine's time.
    exposed = np.where(a.async_scheduling > 0, v["async_exposed"], 1.0) * v["engine_time_factor"]
    step_s = exposed * (v["step_overhead_s"] + np.where(a.tensor_parallel > 1, v["shard_step_s"], 0.0))
    small_s = v["layer_overhead_s"] * np.where(a.fused_all_reduce > 0, v["fused_share"], 1.0)
    layer_s = a.layers * small_s + np.where(moe, a.moe_layers * v["expert_layer_s"], 0.0)
    stream = _weight_bytes_per_s(a, read, v["unpack_per_s"])
    # V0 shows none: its driver hands every step to the workers at once.
    doublings = np.where(np.array(a.generation) == "v0", 0.0, np.log2(a.tensor_parallel))
    return StepCosts(
        weights_s=a.quant_bytes / stream + a.kept_bytes / (a.bandwidth * read16),
        experts_s=a.expert_bytes / (stream * v["expert_read"]),
        token_s=(a.quant_flop + a.expert_flop / v["expert_multiply"]) / (a.rate * multiply)
        + a.kept_flop / (a.rate16 * multiply16),
        last_wave_s=a.tile_flop * v["wave_quantization"] / (a.rate * multiply),
        overlap_exponent=1.0 + v["overlap_sharpness"],
        head_read_s=a.head_bytes / (a.bandwidth * read16),
        head_token_s=a.head_flop / (a.rate16 * multiply16),
        kv_token_s=a.kv_read_bytes / (a.bandwidth * v["kv_read"] * kv_slower)[:, None]
        + a.decode_pair_flop / attention_rate[:, None],
        pair_s=a.pair_flop / (attention_rate * np.where(narrow_kv, v["prefill_attention_fp8"], 1.0))[:, None],
        window=a.kv_window,
        state_s=a.state_bytes / (a.bandwidth * v["kv_read"]),
        elementwise_s=moved / a.bandwidth + a.linear_mixer_flop / attention_rate,
        fixed_s=layer_s
        + a.matmuls * v["kernel_fixed_s"]
        + np.where(narrow_kv, a.layers * v["kv_to_fp8_layer_s"], 0.0)
        + step_s,
        step_s=step_s,
        sequence_s=exposed * v["sequence_overhead_s"]
        + np.where(a.pipeline_parallel > 1, v["node_sequence_s"] * v["engine_time_factor"], 0.0),
        sample_s=a.vocab * v["logit_bytes"] / a.bandwidth,
        request_s=v["request_overhead_s"],
        prompt_token_s=v["prompt_token_s"],
        reduce_s=reduces * v["all_reduce_s"],
        reduce_token_s=reduces * ring * a.hidden_bytes / (a.link_bandwidth * v["link_share"]),
        reduce_root_s2=reduces**2 * a.hidden_bytes * v["all_reduce_root_s"] / a.link_bandwidth,
        eager_s=a.layers * v["eager_layer_s"],
        graph_limit=a.graph_limit,
        launch_s=a.layers * v["launch_layer_s"] * v["engine_time_factor"],
        skew_s=a.layers * doublings * v["skew_layer_s"] * v["engine_time_factor"],
        graph_tokens=a.graph_tokens,
        spread=v["expert_spread"],
        active_share=np.where(moe, a.active_experts / np.maximum(a.experts, 1), 0.0),
    )


def _of_kernel(a: DeploymentArrays, v: Mapping[str, Floats], verb: str) -> Floats:
    """The value of `verb`, read or multiply, for the kernel that each deployment runs."""
    table = np.stack([v[f"{verb}_{k}"] for k in KERNELS])
    return np.asarray(table[[KERNELS.index(k) for k in a.kernel], np.arange(len(a))])


def step_cost_columns(c: StepCosts) -> list[tuple[str, int | None]]:
    """Every learnt (D,) column: a field, or one column of a field of shape (D, G)."""
    given = ("window", "graph_limit", "graph_tokens", "active_share")
    learnt = [f.name for f in fields(c) if f.name not in given]
    return [
        (name, g)
        for name in learnt
        for g in ([None] if getattr(c, name).ndim == 1 else range(getattr(c, name).shape[1]))
    ]


def column_of(c: StepCosts, name: str, column: int | None) -> Floats:
    array: Floats = getattr(c, name)
    return array if column is None else np.asarray(array[:, column])


def with_column(c: StepCosts, name: str, column: int | None, values: Floats) -> StepCosts:
    """The step_costs with one column replaced."""
    if column is None:
        return replace(c, **{name: values})
    array: Floats = getattr(c, name).copy()
    array[:, column] = values
    return replace(c, **{name: array})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBreakdown(ArrayTable):
    """Seconds of one iteration by cause; their sum is its time."""

    weights_s: Floats
    """GEMMs, blended between reading and multiplying."""
    head_s: Floats
    kv_s: Floats
    """Decode attention and recurrent states."""
    attention_s: Floats
    """Prefill attention."""
    elementwise_s: Floats
    overhead_s: Floats
    communication_s: Floats
    eager_s: Floats
    """What launching without CUDA graphs adds to a decode step beyond V0's limit of context."""
    launch_s: Floats
    """What launching adds to a step with more tokens than graphs were captured for."""

    @property
    def total_s(self) -> Floats:
        return np.asarray(sum(getattr(self, f.name) for f in fields(self)))


def step_breakdown(
    c: StepCosts,
    sequences: Floats,
    context: Floats,
    prefill_tokens: Floats,
    prefill_context: Floats,
    prompts: Floats,
) -> StepBreakdown:
    """One iteration by cause; all arrays of one shape, (n,) or (m, n), `c` with n rows.

    sequences: decoding sequences. context: their mean cached tokens. prefill_tokens: prompt tokens
    in this iteration, of `prompts` prompts. prefill_context: mean cached tokens that one of them
    attends to (half the prompt, for a whole prompt at once).
    """
    tokens = sequences + prefill_tokens
    touched = np.zeros_like(tokens)
    if c.active_share.any():
        shared = 1.0 - (1.0 - c.active_share) ** np.maximum(1.0, tokens * c.spread)
        touched = np.where(c.active_share > 0, shared, 0.0)
    work = tokens * c.token_s
    work = work - c.last_wave_s * np.expm1(-work / np.maximum(c.last_wave_s, 1e-12))
    gemm = overlapped_s(c.weights_s + c.experts_s * touched, work, c.overlap_exponent)
    sampled = sequences + prompts
    head = overlapped_s(c.head_read_s, sampled * c.head_token_s, c.overlap_exponent)
    kv = sequences * c.state_s
    attention = np.zeros_like(tokens)
    for g in range(MAX_KV_GROUPS):
        if not (c.kv_token_s[:, g].any() or c.pair_s[:, g].any()):
            continue  # hardly any model has three
        kv = kv + sequences * np.minimum(context, c.window[:, g]) * c.kv_token_s[:, g]
        attention = attention + (
            prefill_tokens * np.minimum(prefill_context, c.window[:, g]) * c.pair_s[:, g]
        )
    elementwise = tokens * c.elementwise_s
    overhead = c.fixed_s + sampled * (c.sequence_s + c.sample_s)
    communication = all_reduce_s(tokens, c.reduce_s, c.reduce_token_s, c.reduce_root_s2)
    launched = gemm + head + kv + elementwise + overhead - c.step_s
    # The CPU launches one kernel while the GPU runs another. The slower of the two binds a step, and not
    # sharply: some kernels are short and others long.
    on_gpu = launched + attention + communication
    unlaunched = np.where(
        tokens > c.graph_tokens,
        overlapped_s(c.launch_s, on_gpu, _LAUNCH_SHARPNESS) - on_gpu + c.skew_s,
        0.0,
    )
    # Decode alone runs eagerly beyond the graph limit; the slower of launching and working counts.
    is_eager = (sequences > 0) & (prefill_tokens == 0) & (context > c.graph_limit)
    eager = np.where(is_eager, np.maximum(c.eager_s - launched, 0.0), 0.0)
    return StepBreakdown(
        weights_s=gemm,
        head_s=head,
        kv_s=kv,
        attention_s=attention,
        elementwise_s=elementwise,
        overhead_s=overhead,
        communication_s=communication,
        eager_s=eager,
        launch_s=unlaunched,
    )
