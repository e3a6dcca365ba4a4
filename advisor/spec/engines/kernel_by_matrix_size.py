"""Which kernel of a list takes a checkpoint's matrices, by scheme and by the sizes on one GPU."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.spec.engines.activation_dtype import Dtype
from advisor.spec.engines.model_shapes import Matrix, ModelShapes
from advisor.spec.engines.sharding import shards
from advisor.spec.engines.start_table import Row
from advisor.spec.formats.checkpoint import CheckpointKind
from advisor.spec.parallelism import Parallelism


def suits(row: Row, kind: CheckpointKind) -> bool:
    """Whether a row that asks for something of the checkpoint's scales gets it."""
    if row.get("symmetric") and not kind.symmetric:
        return False
    if row.get("act_order") and not (kind.act_order and kind.group_size is not None):
        return False
    groups = row.get("groups")
    return groups is None or (-1 if kind.group_size is None else kind.group_size) in groups


def heaviest(
    rows: Sequence[Row],
    matrices: Sequence[Matrix],
    dtype: Dtype,
    shapes: ModelShapes,
    kind: CheckpointKind,
    split: Parallelism,
) -> Row | str:
    """The kernel of most of the weights; the words of a refusal where a matrix has none.

    Without a matrix whose size is known, the first kernel that takes the scheme.
    """
    usable = [row for row in rows if _takes(row, dtype, shapes, kind, split)]
    if not usable:
        return ""
    if not matrices:
        return usable[0]
    weights: dict[int, int] = {}
    for matrix in matrices:
        index = next((i for i, row in enumerate(usable) if _takes_size(row, matrix, kind, split)), None)
        if index is None:
            parts = shards(matrix, split)
            cut = f" over {parts} GPUs" if parts > 1 else ""
            return f": {matrix.name} is {matrix.inputs:,} by {matrix.outputs:,}{cut}"
        weights[index] = weights.get(index, 0) + matrix.weights
    return usable[max(weights, key=lambda index: weights[index])]


def _takes(row: Row, dtype: Dtype, shapes: ModelShapes, kind: CheckpointKind, split: Parallelism) -> bool:
    """Whether a kernel takes the dtype, the model and the scheme, whatever the sizes."""
    if dtype not in row.get("dtypes", (dtype,)) or kind.scheme not in row.get("schemes", (kind.scheme,)):
        return False
    if kind.packaging not in row.get("packagings", (kind.packaging,)):
        return False
    if shapes.model_type in row.get("not_model_types", ()) or not suits(row, kind):
        return False
    if row.get("grouped") and kind.group_size is None:
        return False
    return bool(row.get("expert_parallel", split.expert) == split.expert)


def _takes_size(row: Row, matrix: Matrix, kind: CheckpointKind, split: Parallelism) -> bool:
    """Whether a kernel takes the part of a matrix that one GPU holds."""
    parts = shards(matrix, split)
    inputs = matrix.inputs // parts if matrix.split == "inputs" else matrix.inputs
    outputs = matrix.outputs // parts if matrix.split == "outputs" else matrix.outputs
    if matrix.part == "experts":
        # The experts' kernels state their rules for the model's width and the experts' own.
        hidden = matrix.outputs if matrix.split == "inputs" else matrix.inputs
        if hidden % row.get("inputs", 1):
            return False
        tile = row.get("tile")
        if tile and matrix.split == "inputs" and inputs % max(tile, kind.group_size or 1):
            return False
        return not (row.get("inputs_group") and kind.group_size and inputs % kind.group_size)
    if inputs % row.get("inputs", 1) or outputs % row.get("outputs", 1):
        return False
    return not (row.get("inputs_group") and kind.group_size and inputs % kind.group_size)
