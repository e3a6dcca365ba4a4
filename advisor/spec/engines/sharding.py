"""Whether a model splits over so many GPUs: one function for each rule of `parallel` in the start table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from advisor.spec.engines.model_shapes import Matrix, ModelShapes
from advisor.spec.engines.start_table import Row, cited
from advisor.spec.formats.checkpoint import CheckpointKind
from advisor.spec.parallelism import Parallelism


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """Why a model does not split so."""

    why: str
    experts: bool
    """True: expert parallelism would avoid it."""
    source: str


Rule = Callable[[Row, ModelShapes, CheckpointKind, Parallelism], str | None]


def misfit(
    rows: Sequence[Row], shapes: ModelShapes, kind: CheckpointKind, split: Parallelism
) -> Misfit | None:
    """The first of the rules for such a checkpoint that the split breaks; None where all hold."""
    for row in rows:
        why = RULES[row["rule"]](row, shapes, kind, split)
        if why is not None:
            return Misfit(why=why, experts=row["rule"] in EXPERT_RULES, source=cited(row))
    return None


def covered(shapes: ModelShapes, kind: CheckpointKind) -> Iterator[Matrix]:
    """The matrices that a checkpoint of this kind quantizes."""
    for matrix in shapes.matrices:
        if kind.parts == "linear" or matrix.part == "experts" or (kind.parts == matrix.part == "ffn"):
            yield matrix


def padded_vocab(vocab: int, multiple: int = 64) -> int:
    """Rows of the embedding as vLLM pads them."""
    return -(-vocab // multiple) * multiple


def shards(matrix: Matrix, split: Parallelism) -> int:
    """Parts that a matrix is cut into."""
    return split.expert_shards if matrix.part == "experts" else split.tensor


def _query_heads(row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism) -> str | None:
    for heads in shapes.query_heads:
        if not shapes.is_mla and heads % split.tensor:
            return f"{heads} query heads do not divide by {split.tensor}"
    return None


def _mla_heads(row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism) -> str | None:
    for heads in shapes.query_heads:
        if shapes.is_mla and heads % split.tensor:
            return f"{heads} query heads do not divide by {split.tensor}"
    return None


def _kv_heads(row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism) -> str | None:
    for heads in shapes.kv_heads:
        more, fewer = max(heads, split.tensor), min(heads, split.tensor)
        if more % fewer:
            return f"{heads} KV heads neither divide by {split.tensor} nor are copied evenly to so many GPUs"
    return None


def _vocabulary(row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism) -> str | None:
    padded = padded_vocab(shapes.vocab, row["multiple"])
    if padded % split.tensor:
        return f"the vocabulary, padded to {padded:,}, does not divide by {split.tensor}"
    return None


def _intermediate(row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism) -> str | None:
    for width in shapes.inner:
        if width % split.tensor:
            return f"the intermediate size {width:,} does not divide by {split.tensor}"
    return None


def _row_group(row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism) -> str | None:
    size = row.get("multiple") or kind.group_size
    dense = (m for m in covered(shapes, kind) if m.part != "experts" and m.split == "inputs")
    return _uncut(dense, size, split, row)


def _merged_group(row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism) -> str | None:
    for matrix in covered(shapes, kind):
        if matrix.part == "experts" or matrix.split != "outputs":
            continue
        part = matrix.outputs // (2 if matrix.name == "gate_up_proj" else 1) / split.tensor
        if part % row["multiple"]:
            return f"{matrix.name} of {matrix.outputs:,} over {split.tensor} GPUs cuts {row['what']}"
    return None


def _expert_group(row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism) -> str | None:
    size = row.get("multiple") or kind.group_size
    if size and kind.group_size and row.get("multiple") and kind.group_size < size:
        size = kind.group_size
    experts = (m for m in covered(shapes, kind) if m.part == "experts" and m.split == "inputs")
    return _uncut(experts, size, split, row)


def _uncut(matrices: Iterable[Matrix], size: int | None, split: Parallelism, row: Row) -> str | None:
    for matrix in matrices:
        parts = shards(matrix, split)
        if size and parts > 1 and (matrix.inputs % parts or matrix.inputs // parts % size):
            what = row.get("what", f"groups of {size}")
            return f"{matrix.name} of {matrix.inputs:,} over {parts} GPUs cuts {what}"
    return None


def _row_group_by_kernel(
    row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism
) -> str | None:
    """GPTQ since 0.22.0: no kernel is left in bfloat16; that ExLlama loads it in float16 is unverified."""
    return _row_group(row, shapes, kind, split)


def _expert_count(row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism) -> str | None:
    if shapes.experts and split.expert_shards > shapes.experts:
        return f"{split.tensor} GPUs are more than the {shapes.experts} experts"
    return None


def _data_parallel_experts(
    row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism
) -> str | None:
    """Experts are cut over data × tensor parallel GPUs, which every expert rule counts."""
    for width in shapes.expert_inner:
        if width % split.expert_shards:
            return f"the experts' intermediate size {width:,} does not divide by {split.expert_shards}"
    return None


def _expert_parallel_is_moe(
    row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism
) -> str | None:
    if split.expert and not shapes.experts:
        return "expert parallelism needs experts, and the model is dense"
    return None


def _pipeline_layers(row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism) -> str | None:
    """Layers need not divide; a stage needs one."""
    if split.pipeline > shapes.layers:
        return f"{split.pipeline} pipeline stages are more than the {shapes.layers} layers"
    return None


def _gpus_of_node(row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism) -> str | None:
    """A replica over several machines needs Ray or --nnodes; the command of one then is not enough."""
    if split.nodes > split.tensor * split.pipeline * split.data:
        return f"{split.nodes} machines are more than the GPUs of one replica"
    return None


def _nothing(row: Row, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism) -> str | None:
    """A fact that refuses nothing here: it is used elsewhere, or its option is never printed."""
    return None


RULES: dict[str, Rule] = {
    "query_heads": _query_heads,
    "kv_heads": _kv_heads,
    "kv_heads_per_gpu": _nothing,
    "mla_heads": _mla_heads,
    "vocabulary": _vocabulary,
    "intermediate": _intermediate,
    "row_group": _row_group,
    "merged_group": _merged_group,
    "expert_group": _expert_group,
    "no_group": _nothing,
    "row_group_by_kernel": _row_group_by_kernel,
    "marlin_tiles_by_kernel": _nothing,
    "expert_count": _expert_count,
    "expert_parallel_is_moe": _expert_parallel_is_moe,
    "data_parallel_experts": _data_parallel_experts,
    "pipeline_layers": _pipeline_layers,
    "gpus_of_node": _gpus_of_node,
    "context_parallel": _nothing,
}
EXPERT_RULES = frozenset({"expert_group", "expert_count", "data_parallel_experts"})
"""Rules that expert parallelism avoids: each GPU then holds whole experts."""
FORMAT_RULES = frozenset({"row_group", "merged_group", "row_group_by_kernel"})
"""Rules of a format's blocks or groups; the rest are the model's own."""


@lru_cache(maxsize=4096)
def _heads_text(query: tuple[int, ...], kv: tuple[int, ...]) -> str:
    heads = f"{'/'.join(map(str, query))} query"
    return f"{heads} and {'/'.join(map(str, kv))} KV heads" if kv else f"{heads} heads"


def heads_text(shapes: ModelShapes) -> str:
    """`40 query and 10 KV heads`."""
    return _heads_text(shapes.query_heads, shapes.kv_heads)
