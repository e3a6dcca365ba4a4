"""Bounds that no engine can beat: times and rates that follow from data sheets and shapes alone.

Decode reads the weights that one token passes through at least once per step, at the memory bandwidth of
all GPUs together; prefill multiplies every prompt token with them at the matrix units' dense rate. Both
are floors: kernels, attention, communication and scheduling come on top.
"""

from __future__ import annotations

from dataclasses import dataclass

from advisor.spec.formats.format import QuantFormat
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.model import ModelSpec
from advisor.units import BITS_PER_BYTE, BYTES_16BIT, MS_PER_S

_FLOP_PER_WEIGHT = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Floors and ceilings of one model in one format on `num_gpus` equal GPUs."""

    decode_step_ms: float
    """Least time of a decode step, whatever the batch."""
    prefill_ms_per_token: float
    """Least time of one prompt token; 0 where the GPU's rate for the format is not known."""
    weight_bytes: float
    memory_bytes: float
    kv_bytes_per_s: float
    """Memory bandwidth of all GPUs, for what the cache costs on top of the weights."""

    @property
    def fits(self) -> bool:
        return self.weight_bytes < self.memory_bytes

    def request_ms(self, input_tokens: float, output_tokens: float) -> float:
        """Least time of one request by itself: its prefill, then a step per further token."""
        return input_tokens * self.prefill_ms_per_token + max(output_tokens - 1, 0.0) * self.decode_step_ms

    def requests_per_s(self, input_tokens: float, output_tokens: float, kv_bytes_per_token: float) -> float:
        """Most requests a second: bound by arithmetic, and by the batch that memory has room for."""
        arithmetic_ms = (input_tokens + output_tokens) * self.prefill_ms_per_token
        cached_bytes = (input_tokens + output_tokens / 2) * kv_bytes_per_token
        room = (self.memory_bytes - self.weight_bytes) / max(cached_bytes, 1.0)
        step_ms = self.decode_step_ms + room * MS_PER_S * cached_bytes / self.kv_bytes_per_s
        memory_ms = output_tokens * step_ms / max(room, 1.0)
        return MS_PER_S / max(arithmetic_ms, memory_ms)


def bounds(model: ModelSpec, fmt: QuantFormat, gpu: GpuSpec, num_gpus: int) -> Bounds:
    """The floors of `model` in `fmt` on `num_gpus` of `gpu`."""
    idle = sum(g.count * (g.ffn.experts - g.ffn.active_experts) * g.ffn.expert_params for g in model.groups)
    active = model.linear_params - idle
    head = model.lm_head_params or model.embedding_params
    bytes_per_weight = fmt.bits_per_weight / BITS_PER_BYTE
    bytes_per_s = num_gpus * gpu.memory_bytes_per_s
    execution = fmt.execution(gpu)
    flop_per_s = None if execution is None else gpu.flop_per_s(execution.compute)
    return Bounds(
        decode_step_ms=MS_PER_S * (active * bytes_per_weight + head * BYTES_16BIT) / bytes_per_s,
        prefill_ms_per_token=(
            0.0 if flop_per_s is None else MS_PER_S * _FLOP_PER_WEIGHT * active / (num_gpus * flop_per_s)
        ),
        weight_bytes=model.linear_params * bytes_per_weight + model.kept_params * BYTES_16BIT,
        memory_bytes=float(num_gpus * gpu.memory_bytes),
        kv_bytes_per_s=bytes_per_s,
    )
