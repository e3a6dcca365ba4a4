"""Which deployments there are to choose from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.advise.choose.space import (
    Space,
    arranged,
    best_arrangement,
    deployments,
    divides,
    sixteen_bit_count,
    smallest_count,
    unsupported,
)
from advisor.cost.predict.prediction import Prediction
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpus import find_gpu
from tests.advise.builders import GB, deployment, llama_8b, prediction


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


def test_an_exact_number_of_gpus_is_divided_evenly() -> None:
    assert degrees(space("H100", num_gpus=6)) == [1, 2]


def test_heads_that_do_not_divide_are_not_split() -> None:
    # Qwen2.5-0.5B has 14 query heads: tensor parallelism of 4 is refused by vLLM.
    assert degrees(space("H100", query_heads=14)) == [1, 2]
    assert not divides(llama_8b(query_heads=14), 4)


def test_an_fp8_kv_cache_is_tried_where_attention_can_read_it() -> None:
    assert {d.kv_format for d in deployments(space("V100"))} == {"16bit"}
    assert {d.kv_format for d in deployments(space("H100"))} == {"16bit", "fp8"}


def test_a_format_the_gpu_cannot_run_is_told_apart() -> None:
    # W4A8-FP8 multiplies in FP8, which Ampere lacks, and has no weight-only kernel.
    both = space("A100", formats=("int4", "w4a8-fp8"))
    assert {d.format.name for d in deployments(both)} == {"int4"}
    assert [d.format.name for d in unsupported(both)] == ["w4a8-fp8"]


def fitting(tensor_parallel: int, fits: bool, fmt: str = "bf16", gpu: str = "A100") -> Prediction:
    return prediction(
        deployment(fmt=fmt, gpu=gpu, tensor_parallel=tensor_parallel),
        kv_bytes=GB if fits else -GB,
        max_concurrency=10 if fits else 0,
        status="stable" if fits else "does not fit",
    )


@pytest.mark.parametrize("order", [1, -1])
def test_synchronous_lets_each_format_take_its_own_smallest_count(order: int) -> None:
    # 70B on A100-80: BF16 needs two, INT4 fits one (seed paper, Table 5).
    predicted = [
        fitting(1, False),
        fitting(2, True),
        fitting(4, True),
        fitting(1, True, "int4"),
        fitting(2, True, "int4"),
    ][::order]
    chosen = {(p.deployment.format.name, p.deployment.tensor_parallel) for p in smallest_count(predicted)}
    assert chosen == {("bf16", 2), ("int4", 1)}


def test_synchronous_keeps_the_largest_try_of_what_fits_nowhere() -> None:
    [only] = smallest_count([fitting(1, False), fitting(2, False)])
    assert only.deployment.tensor_parallel == 2


def test_asynchronous_counts_what_sixteen_bits_need_on_each_gpu() -> None:
    sixteen = [
        fitting(1, False),
        fitting(2, True),
        fitting(4, True),
        fitting(2, False, gpu="A6000"),
        fitting(4, True, gpu="A6000"),
    ]
    assert sixteen_bit_count(sixteen) == {"A100-SXM-80GB": 2, "A6000": 4}


def test_asynchronous_counts_the_largest_try_where_sixteen_bits_never_fit() -> None:
    assert sixteen_bit_count([fitting(1, False), fitting(2, False)]) == {"A100-SXM-80GB": 2}


def test_one_count_of_gpus_is_split_into_replicas_in_every_way_that_fills_it() -> None:
    predicted = [fitting(n, True, "int4") for n in (1, 2, 4, 8)]
    filled = arranged(predicted, {"A100-SXM-80GB": 4}, None)
    assert [(d.tensor_parallel, d.replicas) for d in filled] == [(1, 4), (2, 2), (4, 1)]
    assert [(d.tensor_parallel, d.replicas) for d in arranged(predicted, {}, 8)] == [
        (1, 8),
        (2, 4),
        (4, 2),
        (8, 1),
    ]


def test_a_gpu_on_which_nothing_is_known_of_sixteen_bits_has_no_count() -> None:
    assert arranged([fitting(1, True)], {}, None) == []


def test_of_the_ways_to_split_the_one_that_serves_most_is_taken() -> None:
    slow = prediction(deployment(gpu="A100", tensor_parallel=4), capacity=2.0)
    fast = prediction(deployment(gpu="A100", tensor_parallel=2, replicas=2), capacity=3.0)
    broken = replace(prediction(deployment(gpu="A100", replicas=4)), capacity_requests_per_s=None)
    assert best_arrangement([slow, fast, broken]) == [fast]
    assert best_arrangement([broken]) == [broken]
