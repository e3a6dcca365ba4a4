"""What `--kv-cache-dtype auto` makes of a checkpoint: `kv_auto` and `kv_by_model` of the start table."""

from __future__ import annotations

from advisor.spec.engines.kernel_choice import KvFormat
from advisor.spec.engines.start_table import Row, fits_gpu, table_at
from advisor.spec.formats.checkpoint import CheckpointKind
from advisor.spec.hardware.gpu import GpuSpec


def _row(kind: CheckpointKind, version: str) -> Row | None:
    if kind.kv_scheme is None:
        return None
    return next((r for r in table_at(version).kv_auto if kind.packaging in r["packagings"]), None)


def auto_kv_format(kind: CheckpointKind, model_type: str, gpu: GpuSpec, version: str) -> KvFormat:
    """The cache's type without a flag: FP8 where the checkpoint carries KV scales, or the model sets it."""
    for row in table_at(version).kv_by_model:
        if model_type in row["model_types"] and fits_gpu(row, gpu):
            return "fp8"
    return "16bit" if _row(kind, version) is None else "fp8"


def ignores_kv_flag(kind: CheckpointKind, version: str) -> bool:
    """Whether the checkpoint's FP8 scales win over an explicit 16-bit type (0.16 to 0.21)."""
    row = _row(kind, version)
    return row is not None and bool(row["over_explicit"])
