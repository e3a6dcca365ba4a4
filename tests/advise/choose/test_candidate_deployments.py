"""Which deployments there are to choose from."""

from __future__ import annotations

from advisor.advise.choose.candidate_deployments import (
    Space,
    deployments,
    unsupported,
)
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from tests.advise.builders import llama_8b


def space(
    *gpus: str,
    formats: tuple[str, ...] = ("bf16",),
    tensor_parallel: tuple[int, ...] | None = None,
    num_gpus: int | None = None,
    max_gpus: int | None = None,
    query_heads: int = 32,
) -> Space:
    return Space(
        model=llama_8b(query_heads=query_heads),
        gpus=tuple(find_gpu(name) for name in gpus),
        formats=tuple(find_format(name) for name in formats),
        kv_formats=("16bit", "fp8"),
        tensor_parallel=tensor_parallel,
        num_gpus=num_gpus,
        max_gpus=max_gpus,
    )


def degrees(of: Space) -> list[int]:
    return sorted({d.tensor_parallel for d in deployments(of)})


def test_one_node_and_two_nodes_of_eight() -> None:
    assert degrees(space("H100")) == [1, 2, 4, 8, 16]


def test_max_gpus_bounds_tensor_parallelism() -> None:
    assert degrees(space("H100", max_gpus=3)) == [1, 2]


def test_of_an_exact_number_of_gpus_some_may_stay_idle() -> None:
    assert degrees(space("H100", num_gpus=6)) == [1, 2, 4]
    assert degrees(space("RTX4090", num_gpus=3)) == [1, 2]


def test_heads_that_do_not_divide_are_not_split() -> None:
    # Qwen2.5-0.5B has 14 query heads: tensor parallelism of 4 is refused by vLLM.
    assert degrees(space("H100", query_heads=14)) == [1, 2]


def test_an_fp8_kv_cache_is_tried_where_attention_can_read_it() -> None:
    assert {d.kv_format for d in deployments(space("T4"))} == {"16bit"}
    assert {d.kv_format for d in deployments(space("H100"))} == {"16bit", "fp8"}


def test_a_format_the_gpu_cannot_run_is_told_apart() -> None:
    # W4A8-FP8 multiplies in FP8, which Ampere lacks, and has no weight-only kernel.
    both = space("A100", formats=("int4", "w4a8-fp8"))
    assert {d.format.name for d in deployments(both)} == {"int4"}
    assert [d.format.name for d in unsupported(both)] == ["w4a8-fp8"]
