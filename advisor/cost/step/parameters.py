"""What is learnt about step times: each quantity, where it starts, what it is pooled over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A learnt quantity: where it starts, how far data may move it, and what it is pooled over."""

    name: str
    start: float
    """In its own unit: a share for efficiencies, seconds or a plain factor otherwise."""
    prior: float
    """Standard deviation, in log-odds or log units, of the common value about `start`."""
    share: bool
    """True: an efficiency between 0 and 1 (learnt in log-odds); False: positive (learnt in logs)."""
    by: tuple[str, ...] = ()
    """Groups that deviate from the common value: gpu, architecture, kernel, link, gpus (their number),
    generation, era, release, harness, client, or two joined by `*`."""
    group_prior: float = 0.15
    """Standard deviation of a group's deviation."""
    era_prior: float | None = None
    """Standard deviation of the deviation of an era of releases; None: `group_prior`."""
    timed_by: tuple[str, ...] | None = None
    """Groups whose start value comes from kernels timed alone; whole steps then move them less. None: no
    kernel timing measures this parameter."""
    timed_prior: float = 0.25
    """Standard deviation of a group among timings of kernels alone."""
    meaning: str = ""


_US = 1e-6

PARAMETERS: tuple[Parameter, ...] = (
    Parameter(name="read_bf16", start=0.85, prior=0.5, share=True, by=("architecture", "gpu"),
              timed_by=("architecture", "gpu"),
              meaning="share of data-sheet bandwidth at which 16-bit matrices stream"),
    Parameter(name="read_fp8", start=0.80, prior=0.5, share=True, by=("architecture", "gpu"),
              timed_by=("architecture", "gpu"),
              meaning="share of data-sheet bandwidth at which FP8 matrices stream"),
    Parameter(name="read_int8", start=0.80, prior=0.5, share=True, by=("architecture", "gpu"),
              timed_by=("architecture", "gpu"),
              meaning="share of data-sheet bandwidth at which INT8 matrices stream"),
    Parameter(name="read_wo4", start=0.85, prior=0.5, share=True, by=("architecture", "gpu"),
              meaning="share of bandwidth at which 4-bit weight-only kernels read, unpacking as they go"),
    Parameter(name="read_wo8", start=0.85, prior=0.5, share=True, by=("architecture", "gpu"),
              meaning="share of bandwidth at which 8-bit weight-only kernels read"),
    Parameter(name="read_fp4", start=0.65, prior=0.5, share=True, by=("architecture", "gpu"),
              timed_by=("architecture", "gpu"),
              meaning="share of bandwidth at which native FP4 kernels read"),
    Parameter(name="read_w4a8", start=0.55, prior=0.5, share=True, by=("architecture", "gpu"),
              meaning="share of bandwidth at which 4-bit weights multiplied in FP8 are read (untimed)"),
    Parameter(name="multiply_bf16", start=0.70, prior=0.5, share=True, by=("architecture", "gpu"),
              timed_by=("architecture", "gpu"),
              meaning="share of the dense peak that large 16-bit GEMMs reach"),
    Parameter(name="multiply_fp8", start=0.60, prior=0.5, share=True, by=("architecture", "gpu"),
              timed_by=("architecture", "gpu"),
              meaning="share of the dense FP8 peak that large GEMMs reach"),
    Parameter(name="multiply_int8", start=0.60, prior=0.5, share=True, by=("architecture", "gpu"),
              timed_by=("architecture", "gpu"),
              meaning="share of the dense INT8 peak that large GEMMs reach"),
    Parameter(name="multiply_wo4", start=0.60, prior=0.5, share=True, by=("architecture", "gpu"),
              meaning="share of the 16-bit peak that 4-bit weight-only GEMMs reach"),
    Parameter(name="multiply_wo8", start=0.60, prior=0.5, share=True, by=("architecture", "gpu"),
              meaning="share of the 16-bit peak that 8-bit weight-only GEMMs reach"),
    Parameter(name="multiply_fp4", start=0.50, prior=0.5, share=True, by=("architecture", "gpu"),
              timed_by=("architecture", "gpu"),
              meaning="share of the dense FP4 peak that large GEMMs reach"),
    Parameter(name="multiply_w4a8", start=0.40, prior=0.5, share=True, by=("architecture", "gpu"),
              meaning="share of the FP8 peak that GEMMs of 4-bit weights reach, unpacking as they go"),
    Parameter(name="unpack_per_s", start=30e9, prior=0.3, share=False, by=("architecture",), group_prior=0.05,
              meaning="packed weights that one multiprocessor unpacks per second in weight-only kernels"),
    Parameter(name="wave_quantization", start=0.5, prior=0.4, share=False, by=("kernel", "architecture"),
              meaning="waves of tiles that a GEMM loses because its last wave is not full"),
    Parameter(name="overlap_sharpness", start=1.2, prior=0.4, share=False, by=("kernel",),
              timed_by=("kernel", "kernel*architecture", "kernel*gpu"),
              meaning="exponent less 1 by which a GEMM's reading and multiplying overlap: larger is fuller"),
    Parameter(name="kv_read", start=0.60, prior=0.4, share=True, by=("architecture", "gpu"),
              timed_by=("architecture", "gpu"),
              meaning="share of bandwidth at which decode attention reads the KV cache"),
    Parameter(name="prefill_attention", start=0.45, prior=0.4, share=True, by=("architecture", "gpu"),
              timed_by=("architecture", "gpu"),
              meaning="share of the 16-bit peak that prefill attention reaches"),
    Parameter(name="kv_read_fp8", start=0.80, prior=0.5, share=True, by=("architecture",),
              timed_by=("architecture", "gpu"),
              meaning="rate at which an FP8 KV cache is read, relative to a 16-bit one"),
    Parameter(name="prefill_attention_fp8", start=0.85, prior=0.5, share=True, by=("architecture",),
              timed_by=("architecture", "gpu"),
              meaning="rate of prefill attention with an FP8 KV cache, relative to a 16-bit one"),
    Parameter(name="kv_to_fp8_layer_s", start=4 * _US, prior=0.5, share=False, by=("architecture",),
              meaning="converting to FP8 in one layer of attention with an FP8 KV cache"),
    Parameter(name="elementwise", start=5.0, prior=0.5, share=False, by=("architecture",),
              meaning="bytes moved per activation number by norms, rotary, gates, residuals"),
    Parameter(name="quantize_activations", start=3.0, prior=0.5, share=False, by=("kernel",),
              meaning="bytes added per activation number where activations are quantized"),
    Parameter(name="layer_overhead_s", start=25 * _US, prior=0.5, share=False,
              by=("generation", "era", "architecture", "generation*architecture", "generation*gpu",
                  "harness"), group_prior=0.35,
              meaning="kernel starts and small kernels of one layer, within a CUDA graph"),
    Parameter(name="fused_share", start=0.7, prior=0.5, share=True,
              meaning="share of a layer's small kernels left where its all-reduces are fused with norms"),
    Parameter(name="logit_bytes", start=24.0, prior=0.5, share=False, by=("generation", "client"),
              group_prior=0.4,
              meaning="bytes moved per vocabulary entry and sampled token: casts, penalties, softmax, sort"),
    Parameter(name="kernel_fixed_s", start=4 * _US, prior=0.5, share=False, by=("kernel",), group_prior=0.2,
              timed_by=("kernel", "kernel*architecture", "kernel*gpu"),
              meaning="fixed time of one matrix product; where activations are quantized, with that kernel"),
    Parameter(name="step_overhead_s", start=1000 * _US, prior=0.7, share=False,
              by=("generation", "generation*gpu", "client"), group_prior=0.4,
              meaning="scheduling, sampling, detokenizing, once per iteration"),
    Parameter(name="shard_step_s", start=300 * _US, prior=0.7, share=False, by=("generation",),
              group_prior=0.3,
              meaning="added once per iteration on several GPUs: the scheduler feeds one process per GPU"),
    Parameter(name="async_exposed", start=0.5, prior=0.5, share=True,
              meaning="share of the engine's own time that async scheduling does not hide behind the GPU"),
    Parameter(name="launch_layer_s", start=400 * _US, prior=0.7, share=False,
              by=("generation", "architecture", "client"), group_prior=0.3,
              meaning="launching the kernels of one layer where no CUDA graph holds them: prompts"),
    Parameter(name="skew_layer_s", start=40 * _US, prior=1.0, share=False, by=("era",), group_prior=0.5,
              meaning="added per layer outside CUDA graphs and doubling of GPUs on V1: ranks launch apart"),
    Parameter(name="sequence_overhead_s", start=8 * _US, prior=0.7, share=False,
              by=("generation", "client", "era"), group_prior=0.5,
              meaning="scheduling, sampling, detokenizing, per sequence in the batch"),
    Parameter(name="node_sequence_s", start=200 * _US, prior=0.7, share=False,
              by=("generation",), group_prior=0.5,
              meaning="added per sequence of a batch that spans nodes: pickling and sending its tokens"),
    Parameter(name="request_overhead_s", start=8e-3, prior=0.7, share=False,
              by=("generation", "era", "client"), group_prior=0.5, era_prior=0.2,
              meaning="per request, before the first token: HTTP, admission"),
    Parameter(name="prompt_token_s", start=4 * _US, prior=0.7, share=False, by=("client",), group_prior=0.5,
              meaning="per token of a prompt, before the scheduler sees it: reading and tokenizing its text"),
    Parameter(name="eager_layer_s", start=400 * _US, prior=0.5, share=False,
              by=("gpu", "kernel", "link"), group_prior=0.2,
              meaning="one layer of a decode step launched without CUDA graphs (V0 beyond its limit)"),
    Parameter(name="all_reduce_s", start=8 * _US, prior=0.7, share=False, by=("link", "link*gpu"),
              group_prior=0.4, timed_by=("link", "link*gpus", "architecture*gpus", "gpu*gpus"),
              meaning="fixed time of one all-reduce"),
    Parameter(name="all_reduce_root_s", start=60 * _US, prior=0.7, share=False, by=("link",),
              group_prior=0.4, timed_by=("link", "link*gpus", "architecture*gpus", "gpu*gpus"),
              meaning="under a root, times bytes over the link's bandwidth: all-reduces up to some MB"),
    Parameter(name="link_share", start=0.60, prior=0.5, share=True, by=("link",), group_prior=0.4,
              timed_by=("link", "link*gpus", "architecture*gpus", "gpu*gpus"),
              meaning="share of the link's data-sheet bandwidth that large all-reduces reach"),
    Parameter(name="engine_time_factor", start=1.0, prior=0.01, share=False, by=("release",),
              group_prior=0.15,
              meaning="factor on the engine's own time per step and sequence; above 1 is slower"),
    Parameter(name="expert_read", start=0.60, prior=0.5, share=True,
              by=("kernel", "kernel*architecture"), group_prior=0.3,
              meaning="bandwidth share of expert matrices, relative to dense ones"),
    Parameter(name="expert_multiply", start=0.60, prior=0.5, share=True, by=("kernel", "architecture"),
              meaning="compute share of grouped expert GEMMs, relative to dense ones"),
    Parameter(name="expert_spread", start=0.85, prior=0.3, share=True,
              meaning="effective independent routings per token: below 1 when tokens choose alike"),
    Parameter(name="expert_layer_s", start=30 * _US, prior=0.5, share=False,
              by=("architecture", "kernel", "era", "kernel*era"), group_prior=0.25,
              meaning="routing, sorting and launching of one layer of experts"),
)  # fmt: skip

BY_NAME = {p.name: p for p in PARAMETERS}
