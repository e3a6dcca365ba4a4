"""Sums over a model's layers, per GPU, of which a step's features are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from advisor.errors import UnsupportedError
from advisor.spec.models.model import ModelSpec
from advisor.units import BITS_PER_BYTE

T = TypeVar("T")

MAX_KV_GROUPS = 3
"""Distinct windows (including none) of one model; Gemma and gpt-oss have two."""


@dataclass(slots=True)
class KvGroup:
    """Layers that look back equally far."""

    window: float
    read: float = 0.0
    store: float = 0.0
    prefill_flop: float = 0.0
    decode_flop: float = 0.0


def kv_groups(model: ModelSpec, kv_bits: int, shards: int) -> list[KvGroup]:
    """The model's layers by window, the longest first."""
    found: dict[float, KvGroup] = {}
    for group in model.groups:
        a, n = group.attention, group.count
        if a.kind == "linear":
            continue
        # Heads cannot be split further than there are; MLA's latent is one head, whole on every GPU.
        split = min(shards, max(1, a.kv_heads))
        window = float("inf") if a.window is None else float(a.window)
        row = found.setdefault(window, KvGroup(window))
        row.store += n * a.kv_elements_per_token * kv_bits / BITS_PER_BYTE / split
        row.store += n * a.kv_extra_bytes_per_token
        row.read += n * a.kv_extra_bytes_per_token
        # Sparse attention keeps every token but reads no more than its top ones.
        reach = window if a.attended_tokens is None else float(a.attended_tokens)
        reader = found.setdefault(reach, KvGroup(reach))
        reader.read += n * a.kv_read_elements_per_token * kv_bits / BITS_PER_BYTE / split
        reader.prefill_flop += n * a.flop_per_pair / shards
        reader.decode_flop += n * a.decode_flop_per_pair / shards
    ordered = [found[w] for w in sorted(found, reverse=True)]
    if len(ordered) > MAX_KV_GROUPS:
        raise UnsupportedError(
            f"{model.name}: {len(ordered)} different attention windows, at most 3 are modelled; give --params"
        )
    return ordered


def inner_dims(model: ModelSpec, shards: int) -> float:
    """Sum of the inner (summed-over) dimensions of a step's dense matrices on one GPU: the hidden size into a
    layer's parts, a GPU's share of the heads and of the feed-forward width out of them."""
    total = 0.0
    for group in model.groups:
        a, ffn = group.attention, group.ffn
        width = ffn.linear_params / (3 * model.hidden)
        total += group.count * (
            (model.hidden + a.query_heads * a.v_head_dim / shards if a.linear_params else 0.0)
            + (model.hidden + width / shards if ffn.linear_params else 0.0)
        )
    return total


def state_bytes(model: ModelSpec, shards: int) -> float:
    """Recurrent state of one sequence on one GPU."""
    return sum(g.count * g.attention.state_bytes_per_sequence for g in model.groups) / shards


def reads(model: ModelSpec) -> float:
    """How often a step reads a dense weight: more than once where layers use those of others."""
    dense = sum(g.count * g.attention.linear_params + g.count * g.ffn.linear_params for g in model.stored)
    again = sum(g.count * (g.attention.linear_params + g.ffn.linear_params) for g in model.groups if g.again)
    return 1.0 + again / dense if again else 1.0


def widths(model: ModelSpec, format: str) -> tuple[float, float, float]:
    """(dense weights the format narrows, dense weights that stay at 16 bits, routed expert weights).

    A checkpoint's own format may cover only a part: gpt-oss ships MXFP4 experts beside 16-bit attention.
    """
    experts = float(model.expert_params)
    dense = float(model.linear_params) - experts
    router = float(sum(g.count * g.ffn.router_params for g in model.groups))
    parts = model.native_parts if format == model.native_format else "linear"
    wide = {"linear": 0.0, "experts": dense, "ffn": float(model.attention_params)}[parts]
    return dense - wide, wide + router, experts


@dataclass(slots=True)
class Shape:
    """Sums over a model's layers, which a search would else make anew for every GPU and format."""

    dense: float
    moe_layers: int
    experts: float
    active: float
    active_expert_params: float
    absorbed: float
    matmuls: float
    layers: int
    kept: float

    @classmethod
    def of(cls, model: ModelSpec) -> Shape:
        moe = [g for g in model.groups if g.ffn.experts]
        layers = sum(g.count for g in moe)
        return cls(
            dense=float(model.linear_params) - float(model.expert_params),
            moe_layers=layers,
            experts=sum(g.count * g.ffn.experts for g in moe) / layers if moe else 0.0,
            active=sum(g.count * g.ffn.active_experts for g in moe) / layers if moe else 0.0,
            active_expert_params=float(
                sum(g.count * g.ffn.active_experts * g.ffn.expert_params for g in moe)
            ),
            absorbed=sum(g.count * g.attention.absorbed_params for g in model.groups),
            matmuls=sum(g.count * (g.attention.matmuls + g.ffn.matmuls) for g in model.groups),
            layers=model.layers,
            kept=model.kept_params,
        )


class Once:
    """Calls a function of a model once for the same arguments, as long as it lives."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], object] = {}

    def __call__(self, of: Callable[..., T], model: ModelSpec, *arguments: object) -> T:
        key = (of, id(model), *arguments)
        if key not in self._known:
            self._known[key] = of(model, *arguments)
        return self._known[key]  # type: ignore[return-value]
