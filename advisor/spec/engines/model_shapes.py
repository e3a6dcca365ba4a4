"""Sizes of a model that decide over how many GPUs it splits and which kernels take it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from advisor.spec.models.model import LayerGroup, ModelSpec

Part = Literal["attention", "ffn", "experts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """One kind of matrix of a model, whole."""

    name: str
    part: Part
    split: Literal["inputs", "outputs"]
    """Which side tensor parallelism cuts: outputs of the first matrix of a block, inputs of the last one."""
    inputs: int
    outputs: int
    weights: int
    """Weights of all layers together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShapes:
    """What the rules and kernels of the engine look at; sizes that differ by layer are listed."""

    name: str
    model_type: str
    query_heads: tuple[int, ...]
    kv_heads: tuple[int, ...]
    """KV heads of layers with grouped-query attention; empty where none is known."""
    is_mla: bool
    head_sizes: tuple[int, ...]
    sinks: bool
    vocab: int
    layers: int
    experts: int
    """Fewest routed experts of a layer that has any; 0 = dense."""
    inner: tuple[int, ...]
    """Widths of dense feed-forward parts and shared experts."""
    expert_inner: tuple[int, ...]
    matrices: tuple[Matrix, ...]


def shapes_of(model: ModelSpec) -> ModelShapes:
    """The sizes of a model; a size that its config does not state is left out."""
    mixing = [g.attention for g in model.groups if g.attention.linear_params]
    cached = [a for a in mixing if a.kind in ("full", "sliding")]
    ffns = [g.ffn for g in model.groups]
    matrices: dict[tuple[object, ...], Matrix] = {}
    for group in model.groups:
        for m in _matrices(model, group):
            key = (m.name, m.inputs, m.outputs)
            known = matrices.get(key)
            weights = m.weights + (0 if known is None else known.weights)
            matrices[key] = Matrix(
                name=m.name,
                part=m.part,
                split=m.split,
                inputs=m.inputs,
                outputs=m.outputs,
                weights=weights,
            )
    return ModelShapes(
        name=model.name,
        model_type=model.model_type,
        query_heads=_distinct(a.query_heads for a in mixing if a.kind != "linear"),
        kv_heads=_distinct(a.kv_heads for a in cached),
        is_mla=any(a.kind == "mla" for a in mixing),
        head_sizes=_distinct(a.qk_head_dim for a in cached),
        sinks=any(a.sinks for a in mixing),
        vocab=model.vocab,
        layers=model.layers,
        experts=min((f.experts for f in ffns if f.experts), default=0),
        inner=_distinct(f.inner or 0 for f in ffns),
        expert_inner=_distinct(f.expert_inner or 0 for f in ffns),
        matrices=tuple(matrices.values()),
    )


def padded(shapes: ModelShapes, inner: int) -> ModelShapes:
    """These shapes with a feed-forward part of this width, for a model whose layers all have one width."""
    [was] = shapes.inner
    return replace(
        shapes,
        inner=(inner,),
        matrices=tuple(
            replace(
                m,
                inputs=inner if m.name == "down_proj" and m.inputs == was else m.inputs,
                outputs=2 * inner if m.name == "gate_up_proj" and m.outputs == 2 * was else m.outputs,
            )
            for m in shapes.matrices
        ),
    )


def _distinct(sizes: Iterator[int]) -> tuple[int, ...]:
    return tuple(sorted({size for size in sizes if size}))


def _matrices(model: ModelSpec, group: LayerGroup) -> Iterator[Matrix]:
    hidden, a, ffn = model.hidden, group.attention, group.ffn
    if a.linear_params:
        context = a.query_heads * a.v_head_dim
        if a.kind in ("full", "sliding"):
            projected = a.query_heads * a.qk_head_dim + a.kv_heads * (a.qk_head_dim + a.v_head_dim)
            yield _one(group, "qkv_proj", "attention", "outputs", hidden, projected)
        yield _one(group, "o_proj", "attention", "inputs", context, hidden)
    if ffn.inner:
        yield _one(group, "gate_up_proj", "ffn", "outputs", hidden, 2 * ffn.inner)
        yield _one(group, "down_proj", "ffn", "inputs", ffn.inner, hidden)
    if ffn.expert_inner:
        copies = group.count * ffn.experts
        for name, split, inputs, outputs in (
            ("expert gate_up", "outputs", hidden, 2 * ffn.expert_inner),
            ("expert down", "inputs", ffn.expert_inner, hidden),
        ):
            yield Matrix(
                name=name,
                part="experts",
                split=split,  # type: ignore[arg-type]
                inputs=inputs,
                outputs=outputs,
                weights=copies * inputs * outputs,
            )


def _one(
    group: LayerGroup, name: str, part: Part, split: Literal["inputs", "outputs"], inputs: int, outputs: int
) -> Matrix:
    return Matrix(
        name=name,
        part=part,
        split=split,
        inputs=inputs,
        outputs=outputs,
        weights=group.count * inputs * outputs,
    )
