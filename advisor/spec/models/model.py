"""ModelSpec: a model as its config.json states it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from advisor.spec.formats.checkpoint import CheckpointKind
from advisor.units import BITS_PER_BYTE

AttentionKind = Literal["full", "sliding", "mla", "linear"]
"""How a layer mixes tokens. `linear` covers Mamba, gated delta nets and lightning attention:
a state of fixed size per sequence in place of a KV cache."""

LEAST_ENCODER = 10_000_000
"""Weights beside the language model from which they are an encoder's: norms have thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """One layer's token mixing."""

    kind: AttentionKind
    query_heads: int
    kv_heads: int = 0
    """Heads a cache can be split over among GPUs; 1 for MLA (each GPU keeps it whole), 0 for linear."""
    qk_head_dim: int
    v_head_dim: int
    decode_qk_dim: int | None = None
    """Width of the cached key a decode step multiplies by, where it is not `qk_head_dim` (MLA's latent)."""
    decode_v_dim: int | None = None
    linear_params: int
    """Weights of the projection matrices: what a quantization format makes narrower."""
    other_params: int = 0
    """Biases, norms, convolutions, decay vectors: they stay at 16 bits."""
    kv_elements_per_token: int = 0
    """Numbers one token adds to the cache; 0 for linear layers and layers sharing another's cache."""
    kv_read_elements_per_token: int = 0
    """Numbers read per cached token in a decode step; equal to the above unless the cache is shared."""
    kv_extra_bytes_per_token: int = 0
    """Bytes cached beside, whatever the KV format: the FP8 keys of DeepSeek-V3.2's indexer."""
    window: int | None = None
    """Tokens a sliding-window layer looks back; None looks at all."""
    attended_tokens: int | None = None
    """Tokens a query attends to at most though all stay cached (sparse attention); None = all."""
    absorbed_params: int = 0
    """Part of `linear_params`: matrices of which vLLM keeps a second, 16-bit copy for decode (MLA's kv_b)."""
    state_bytes_per_sequence: int = 0
    matmuls: int = 2
    """GEMM kernels after vLLM's fusion (QKV is one)."""
    sinks: bool = False
    """True: a learnt logit per head beside the scores (gpt-oss), which few attention backends compute."""

    @property
    def flop_per_pair(self) -> float:
        """FLOP for one query token against one cached token in prefill: scores and weighted sum."""
        return 2.0 * self.query_heads * (self.qk_head_dim + self.v_head_dim)

    @property
    def decode_flop_per_pair(self) -> float:
        """FLOP per query-key pair in decode; more for MLA, whose heads work on the latent."""
        qk = self.qk_head_dim if self.decode_qk_dim is None else self.decode_qk_dim
        v = self.v_head_dim if self.decode_v_dim is None else self.decode_v_dim
        return 2.0 * self.query_heads * (qk + v)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ffn:
    """One layer's feed-forward part; dense when `experts` is 0. A layer without one has all zeros."""

    linear_params: int
    """Weights always read: the dense matrices, or the shared experts."""
    expert_params: int = 0
    """Weights of one routed expert."""
    experts: int = 0
    active_experts: int = 0
    router_params: int = 0
    other_params: int = 0
    inner: int | None = None
    """Width between up and down of the dense part or the shared experts; None = none, or not known."""
    expert_inner: int | None = None
    """Width of one routed expert's feed-forward part."""
    matmuls: int = 2
    """Quantizable GEMM kernels: gate and up are one, the routed experts of a layer two; no router."""

    def __post_init__(self) -> None:
        if not 0 <= self.active_experts <= self.experts:
            raise ValueError(f"{self.active_experts} active of {self.experts} experts")

    @property
    def total_linear_params(self) -> int:
        return self.linear_params + self.experts * self.expert_params


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGroup:
    """`count` equal layers."""

    count: int
    attention: Attention
    ffn: Ffn
    norm_params: int = 0
    again: bool = False
    """True: the weights are those of layers counted in another group."""

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"{self.count} layers")

    @property
    def linear_params(self) -> int:
        return self.count * (self.attention.linear_params + self.ffn.total_linear_params)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model as its config.json states it; parameters split by what a format quantizes."""

    name: str
    """Catalog name, or the folder's or repository's own."""
    hf_id: str | None
    architecture: str
    """`architectures[0]` of the config."""
    hidden: int
    vocab: int
    max_context: int
    groups: tuple[LayerGroup, ...]
    embedding_params: int
    """Input embedding (and output, when tied)."""
    lm_head_params: int
    """0 when tied to the embedding. Stays at 16 bits in the formats we know."""
    other_params: int = 0
    """Final norm, vision tower and projector: in memory at 16 bits, not read in a text decode step."""
    published_params: int | None = None
    """The count its makers state, where a source was read."""
    source: str = ""
    native_format: str | None = None
    """Canonical format the checkpoint already has (quantization_config or suffix); None = 16 bits."""
    native_parts: Literal["linear", "ffn", "experts"] = "linear"
    """Which matrices `native_format` covers: all, all but attention, or routed experts only
    (gpt-oss ships MXFP4 experts and 16-bit attention)."""
    model_type: str = ""
    """`model_type` of the whole config, which vLLM's lists of exceptions go by."""
    native_kind: CheckpointKind | None = None
    """Packaging and scheme of `native_format`, as the config's quantization_config states them."""
    family: str = ""
    """For pooling: `llama-3`, `qwen3-moe`, …"""
    typical: bool = False
    """True when made from a size alone: a typical shape, not a published one."""

    @property
    def layers(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def stored(self) -> tuple[LayerGroup, ...]:
        """The groups that have weights of their own."""
        return tuple(group for group in self.groups if not group.again)

    @property
    def tied(self) -> bool:
        return self.lm_head_params == 0

    @property
    def linear_params(self) -> int:
        """Weights a format quantizes: every projection, expert and shared expert; not the router."""
        return sum(group.linear_params for group in self.stored)

    @property
    def expert_params(self) -> int:
        """The part of `linear_params` in routed experts."""
        return sum(g.count * g.ffn.experts * g.ffn.expert_params for g in self.stored)

    @property
    def attention_params(self) -> int:
        """The part of `linear_params` in token mixing."""
        return sum(g.count * g.attention.linear_params for g in self.stored)

    @property
    def kept_params(self) -> int:
        """Weights that stay at 16 bits whatever the format."""
        inside = sum(
            g.count * (g.attention.other_params + g.ffn.other_params + g.ffn.router_params + g.norm_params)
            for g in self.stored
        )
        return inside + self.embedding_params + self.lm_head_params + self.other_params

    @property
    def total_params(self) -> int:
        return self.linear_params + self.kept_params

    @property
    def active_params(self) -> int:
        """Weights a text token passes through, embedding and head included, vision tower not."""
        idle = sum(
            g.count * (g.ffn.experts - g.ffn.active_experts) * g.ffn.expert_params for g in self.stored
        )
        return self.total_params - self.other_params - idle

    @property
    def is_moe(self) -> bool:
        return any(g.ffn.experts for g in self.stored)

    @property
    def has_encoder(self) -> bool:
        """Whether a vision or audio tower stands beside the language model."""
        return self.other_params >= LEAST_ENCODER

    @property
    def absorbed_params(self) -> int:
        """Weights of which the engine keeps a second copy at 16 bits (MLA)."""
        return sum(g.count * g.attention.absorbed_params for g in self.stored)

    def kv_bytes_per_token(self, kv_bits: int) -> float:
        """Bytes one token adds to the KV cache while no window is full."""
        elements = sum(g.count * g.attention.kv_elements_per_token for g in self.groups)
        extra = sum(g.count * g.attention.kv_extra_bytes_per_token for g in self.groups)
        return elements * kv_bits / BITS_PER_BYTE + extra

    def kv_bytes(self, context: float, kv_bits: int) -> float:
        """Bytes one sequence of `context` tokens holds: KV (windows bounded) and states."""
        total = 0.0
        for g in self.groups:
            attention = g.attention
            kept = context if attention.window is None else min(context, attention.window)
            total += g.count * (
                kept * attention.kv_elements_per_token * kv_bits / BITS_PER_BYTE
                + kept * attention.kv_extra_bytes_per_token
                + attention.state_bytes_per_sequence
            )
        return total
