"""What no engine can beat, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.record.checks.bounds import bounds
from advisor.spec.formats.catalog import find_format, known_formats
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model


def test_decode_of_llama_8b_in_bf16_on_an_a6000() -> None:
    # 6,979,321,856 linear weights and 525,336,576 of lm_head, 2 bytes each, over 768 GB/s
    limit = bounds(find_model("Llama-3.1-8B-Instruct"), find_format("bf16"), find_gpu("A6000"), 1)
    assert limit.decode_step_ms == pytest.approx(2 * (6_979_321_856 + 525_336_576) / 768e9 * 1e3, rel=1e-6)


def test_prefill_of_llama_8b_in_int8_on_an_a100() -> None:
    # 2 operations per weight at 624 TOPS
    limit = bounds(find_model("Llama-3.1-8B-Instruct"), find_format("int8"), find_gpu("A100-SXM-80GB"), 1)
    assert limit.prefill_ms_per_token == pytest.approx(2 * 6_979_321_856 / 624e12 * 1e3, rel=1e-6)


def test_a_mixture_reads_only_the_experts_of_one_token() -> None:
    model = find_model("Qwen3-30B-A3B")
    limit = bounds(model, find_format("bf16"), find_gpu("H100-SXM"), 1)
    assert limit.decode_step_ms < 2 * 0.2 * model.total_params / 3.35e12 * 1e3
    assert limit.weight_bytes == pytest.approx(2 * model.total_params)


def test_70b_in_bf16_fits_two_a100_and_not_one() -> None:
    args = find_model("Llama-3.1-70B-Instruct"), find_format("bf16"), find_gpu("A100-SXM-80GB")
    assert [bounds(*args, count).fits for count in (1, 2)] == [False, True]


@settings(deadline=None)  # the first example reads the catalogs
@given(
    fmt=st.sampled_from([fmt.name for fmt in known_formats()]),
    count=st.sampled_from([1, 2, 4, 8]),
    tokens=st.floats(1, 1e5),
)
def test_more_gpus_never_raise_a_floor(fmt: str, count: int, tokens: float) -> None:
    args = find_model("Llama-3.1-8B-Instruct"), find_format(fmt), find_gpu("H100-SXM")
    one, many = bounds(*args, count), bounds(*args, 2 * count)
    assert many.request_ms(tokens, tokens) <= one.request_ms(tokens, tokens)
    assert many.requests_per_s(tokens, tokens, 131072.0) >= one.requests_per_s(tokens, tokens, 131072.0)
