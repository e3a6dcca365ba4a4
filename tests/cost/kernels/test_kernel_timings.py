"""What each timed kernel did: operations and bytes by hand, and which timings describe no family."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.kernels.kernel_timings import FAMILIES, TimedKernels, timed_kernels
from tests.record import build


def gemm(**more: Any) -> Any:
    made = {
        "what": "gemm",
        "dtype": "bf16",
        "tokens": 16,
        "width": 4_096,
        "size_bytes": None,
        "unit": "TFLOPS",
    }
    return build.kernel(**{**made, **more})


def decode(**more: Any) -> Any:
    made = {
        "what": "attention decode", "batch": 64, "context": 4_096, "heads": 32, "kv_heads": 8,
        "head_dim": 128, "size_bytes": None, "unit": "GB/s",
    }  # fmt: skip
    return build.kernel(**{**made, **more})


def prefill(**more: Any) -> Any:
    made = {
        "what": "attention prefill", "batch": 1, "context": 4_096, "heads": 32, "head_dim": 128,
        "size_bytes": None, "unit": "TFLOPS", "seconds": 1e-3,
    }  # fmt: skip
    return build.kernel(**{**made, **more})


def one(row: Any) -> TimedKernels:
    made = timed_kernels([row])
    assert len(made) == 1
    return made


def test_a_matrix_product_multiplies_every_token_with_every_weight() -> None:
    made = one(gemm())
    assert made.flop[0] == 2 * 16 * 4_096 * 4_096
    # 4096² weights of two bytes, 16 rows of inputs and of outputs of two bytes
    assert made.read_bytes[0] == 4_096 * 4_096 * 2 + 2 * 16 * (4_096 + 4_096)
    assert (made.kernel, made.rate[0]) == (("bf16",), 154.8e12)


def test_inputs_are_as_many_as_outputs_unless_the_row_says_so() -> None:
    assert one(gemm(depth=14_336)).flop[0] == 2 * 16 * 4_096 * 14_336
    assert one(gemm(depth=None)).flop[0] == one(gemm(depth=4_096)).flop[0]


@pytest.mark.parametrize(("dtype", "bits"), [("fp8", 8), ("int8", 8), ("nvfp4", 4.5), ("fp16", 16)])
def test_narrower_weights_are_fewer_bytes(dtype: str, bits: float) -> None:
    gpu = "B200" if dtype in ("nvfp4", "fp8") else "A6000"
    made = one(gemm(dtype=dtype, gpu=gpu, tokens=1))
    assert made.read_bytes[0] - 2 * (4_096 + 4_096) == 4_096**2 * bits / 8
    assert made.kernel == (FAMILIES[dtype][0],)


def test_a_type_that_the_gpu_does_not_multiply_in_has_no_family() -> None:
    assert len(timed_kernels([gemm(dtype="fp8", gpu="A6000")])) == 0
    assert len(timed_kernels([gemm(dtype="int4 weights")])) == 0


def test_decode_attention_reads_a_key_and_a_value_of_every_token_of_the_cache() -> None:
    made = one(decode())
    assert made.read_bytes[0] == 64 * 4_096 * 2 * 8 * 128 * 2
    assert not made.is_narrow_kv[0]
    narrow = one(decode(kv_dtype="fp8"))
    assert narrow.read_bytes[0] == made.read_bytes[0] / 2
    assert narrow.is_narrow_kv[0]


def test_a_window_bounds_what_is_read() -> None:
    assert one(decode(window=1_024)).read_bytes[0] == one(decode(context=1_024)).read_bytes[0]
    assert one(decode(window=100_000)).read_bytes[0] == one(decode()).read_bytes[0]


def test_a_small_cache_is_read_from_l2_and_teaches_nothing_of_memory() -> None:
    # 1 × 4,096 × 2 × 8 × 128 × 2 bytes are 17 MB
    assert len(timed_kernels([decode(batch=1)])) == 0


def test_prefill_attention_multiplies_half_of_all_pairs_twice() -> None:
    # two products of 2 × context² / 2 × heads × size
    assert one(prefill()).flop[0] == 2 * 4_096**2 * 32 * 128
    assert one(prefill(batch=4)).flop[0] == 4 * one(prefill()).flop[0]


def test_prefill_that_is_mostly_launch_or_windowed_teaches_nothing() -> None:
    assert len(timed_kernels([prefill(seconds=39e-6), prefill(window=1_024)])) == 0


def test_an_all_reduce_is_told_by_its_gpus_and_their_link() -> None:
    made = one(build.kernel(what="all-reduce", gpu="H100-SXM", num_gpus=8, size_bytes=1_048_576))
    assert (made.gpus, made.link, made.reduced_bytes[0]) == (("8",), ("nvlink",), 1_048_576.0)
    assert made.link_bandwidth[0] == 450e9


def test_copies_and_launches_describe_no_family_of_a_step() -> None:
    launch = build.kernel(what="launch", size_bytes=None, unit="launches/s")
    assert len(timed_kernels([build.kernel(), launch])) == 0


def test_kinds_stand_in_one_table_with_zeros_where_nothing_applies() -> None:
    made = timed_kernels([gemm(), decode(), prefill()])
    assert made.what == ("gemm", "attention decode", "attention prefill")
    assert (made.flop[1], made.read_bytes[2], made.reduced_bytes.sum()) == (0.0, 0.0, 0.0)
    assert made.kernel == ("bf16", "", "")


@given(tokens=st.integers(1, 65_536), width=st.integers(1, 65_536), depth=st.integers(1, 65_536))
def test_a_product_never_reads_less_than_its_weights_nor_reaches_more_than_its_tokens_a_byte(
    tokens: int, width: int, depth: int
) -> None:
    made = one(gemm(tokens=tokens, width=width, depth=depth))
    assert made.read_bytes[0] >= 2.0 * width * depth
    assert made.flop[0] / made.read_bytes[0] <= tokens
