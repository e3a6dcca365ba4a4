"""The activation dtype a model runs in: the start table's `dtypes` rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from advisor.spec.engines.model_shapes import ModelShapes
from advisor.spec.engines.start_table import Row, StartTable, cited, fits_gpu
from advisor.spec.hardware.gpu import GpuSpec

Dtype = Literal["bf16", "fp16"]


def refuses_float16(rows: Sequence[Row], model_type: str) -> Row | None:
    """The row by which vLLM refuses the model in float16."""
    for row in rows:
        if row["rule"] == "float16_refused" and model_type in row["model_types"]:
            return row
    return None


def dtypes_of(
    table: StartTable, shapes: ModelShapes, gpu: GpuSpec, *, format_name: str
) -> tuple[tuple[Dtype, ...], str, str]:
    """The dtypes the model can run in on `gpu`, best first; where none, why, and where that was read.

    A GPU without bfloat16 gets float16: by itself since 0.9.1, by `--dtype half` before. A model that vLLM
    refuses in float16 would fall to float32 there: twice the memory, and no quantization method takes it.
    """
    without_bf16 = next((r for r in table.dtypes if r["rule"] == "bf16_refused" and fits_gpu(r, gpu)), None)
    refusal = refuses_float16(table.dtypes, shapes.model_type)
    wanted: tuple[Dtype, ...] = ("fp16",) if format_name == "fp16" else ("bf16", "fp16")
    if without_bf16 is not None:
        wanted = ("fp16",)
    if refusal is None:
        return wanted, "", ""
    left = tuple(dtype for dtype in wanted if dtype != "fp16")
    if left:
        return left, "", ""
    fallback = "; vLLM falls to float32 there, in twice the memory" if without_bf16 is not None else ""
    needs = " and the GPU has no bfloat16" if without_bf16 is not None else ""
    return (), f"vLLM refuses {shapes.model_type} models in float16{needs}{fallback}", cited(refusal)
