"""Formats: bits with scales, who runs them and how, and the many names they go by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import UnknownNameError
from advisor.spec.formats.catalog import (
    find_format,
    find_kv_format,
    format_of_checkpoint,
    known_formats,
    known_kv_formats,
)
from advisor.spec.formats.format import QuantFormat
from advisor.spec.hardware.catalog import known_gpus
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.hardware.gpu_by_name import find_gpu

ALIASES = {
    # the paper's
    "W8A8-FP": "fp8",
    "W8A8-INT": "int8",
    "W4A16-INT": "int4",
    # compressed-tensors presets
    "FP8_DYNAMIC": "fp8",
    "W8A8": "int8",
    "W4A16": "int4",
    "W8A16": "int8-w8a16",
    "NVFP4": "nvfp4",
    "MXFP4": "mxfp4",
    "W4AFP8": "w4a8-fp8",
    # Hub suffixes
    "-FP8-dynamic": "fp8",
    "-quantized.w8a8": "int8",
    "-quantized.w4a16": "int4",
    # data sets'
    "BF16": "bf16",
    "bf16": "bf16",
    "fp16": "fp16",
    "fp8_w8a8": "fp8",
    "fp8_w8a16": "fp8-w8a16",
    "int8_w8a8": "int8",
    "int8_w8a16": "int8-w8a16",
    "int4_w4a16": "int4",
    "mxfp4_w4a16": "mxfp4",
    "mxfp4": "mxfp4",
    "nvfp4": "nvfp4",
    "w4a8_fp8": "w4a8-fp8",
}

# (native or weight-only, multiplied in); None = does not run. vLLM 0.32.0 and its documentation.
EXECUTION = {
    ("bf16", "A100"): ("native", "bf16"),
    ("bf16", "T4"): ("native", "fp16"),
    ("bf16", "V100"): ("native", "fp16"),
    ("fp8", "H100"): ("native", "fp8"),
    ("fp8", "L40S"): ("native", "fp8"),
    ("fp8", "B200"): ("native", "fp8"),
    ("fp8", "A100"): ("weight_only", "bf16"),
    ("fp8", "A6000"): ("weight_only", "bf16"),
    ("fp8", "T4"): ("weight_only", "fp16"),
    ("fp8", "V100"): None,
    ("fp8", "MI300X"): ("native", "fp8"),
    ("fp8", "MI250"): None,
    ("int8", "H100"): ("native", "int8"),
    ("int8", "A100"): ("native", "int8"),
    ("int8", "T4"): ("native", "int8"),
    ("int8", "V100"): None,
    ("int8", "B200"): None,
    ("int8", "RTX5090"): None,
    ("int4", "H100"): ("weight_only", "bf16"),
    ("int4", "A100"): ("weight_only", "bf16"),
    ("int4", "T4"): ("weight_only", "fp16"),
    ("int4", "B200"): ("weight_only", "bf16"),
    ("nvfp4", "B200"): ("native", "fp4"),
    ("nvfp4", "RTX-PRO-6000"): ("native", "fp4"),
    ("nvfp4", "H100"): ("weight_only", "bf16"),
    ("nvfp4", "MI355X"): None,
    ("mxfp4", "B200"): ("native", "fp4"),
    ("mxfp4", "H100"): ("weight_only", "bf16"),
    ("mxfp4", "T4"): None,
    ("mxfp4", "MI355X"): ("native", "fp4"),
    ("w4a8-fp8", "H100"): ("native", "fp8"),
    ("w4a8-fp8", "L40S"): None,
    ("w4a8-fp8", "B200"): None,
    ("int8-w8a16", "A100"): ("weight_only", "bf16"),
    ("fp8-w8a16", "H100"): ("weight_only", "bf16"),
}


@pytest.mark.parametrize(("name", "canonical"), ALIASES.items())
def test_every_name_in_use_finds_its_format(name: str, canonical: str) -> None:
    assert find_format(name).name == canonical


def test_an_unknown_format_gets_the_nearest_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown format 'fp88'; did you mean fp8"):
        find_format("fp88")


@pytest.mark.parametrize(
    ("checkpoint", "canonical"),
    [
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic", "fp8"),
        ("RedHatAI/Meta-Llama-3.1-70B-Instruct-quantized.w8a8", "int8"),
        ("RedHatAI/Meta-Llama-3.1-70B-Instruct-quantized.w4a16", "int4"),
        ("RedHatAI/Qwen3-32B-NVFP4", "nvfp4"),
        ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", "int4"),
        ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int8", "int8-w8a16"),
        ("Qwen/Qwen2.5-7B-Instruct-AWQ", "int4"),
        ("meta-llama/Llama-3.1-8B-Instruct", None),
    ],
)
def test_a_checkpoint_name_tells_its_format(checkpoint: str, canonical: str | None) -> None:
    found = format_of_checkpoint(checkpoint)
    assert (found.name if found else None) == canonical


@pytest.mark.parametrize(("pair", "expected"), EXECUTION.items(), ids=lambda value: str(value))
def test_gpus_run_formats_as_vllm_says(pair: tuple[str, str], expected: tuple[str, str] | None) -> None:
    execution = find_format(pair[0]).execution(find_gpu(pair[1]))
    assert (None if execution is None else (execution.kind, execution.compute)) == expected


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("bf16", 16),
        ("fp8", 8),
        ("int8", 8),
        ("int4", 4 + 16 / 128),
        ("int8-w8a16", 8 + 16 / 128),
        ("nvfp4", 4 + 8 / 16),
        ("mxfp4", 4 + 8 / 32),
    ],
)
def test_bits_per_weight_carry_the_scales(name: str, bits: float) -> None:
    assert find_format(name).bits_per_weight == bits


@pytest.mark.parametrize("fmt", known_formats(), ids=lambda fmt: fmt.name)
def test_every_row_is_whole(fmt: QuantFormat) -> None:
    assert fmt.recipe
    assert fmt.sources
    assert "lm_head" in fmt.kept_16bit
    assert any(fmt.execution(gpu) for gpu in known_gpus())
    for support in fmt.supports:
        assert support.min_capability <= support.max_capability


@pytest.mark.parametrize("gpu", known_gpus(), ids=lambda gpu: gpu.name)
def test_a_gpu_has_the_rate_of_every_type_it_multiplies_in(gpu: GpuSpec) -> None:
    for fmt in known_formats():
        execution = fmt.execution(gpu)
        if execution is not None:
            assert gpu.flop_per_s(execution.compute) is not None, fmt.name
            if execution.kind == "weight_only":
                assert execution.compute in ("bf16", "fp16")
    for kv in known_kv_formats():
        read = kv.execution(gpu)
        if read is not None:
            assert gpu.flop_per_s(read.compute) is not None, kv.name


@given(st.sampled_from(known_formats()), st.sampled_from(known_gpus()))
def test_every_gpu_runs_sixteen_bits_and_says_where_that_stands(fmt: QuantFormat, gpu: GpuSpec) -> None:
    assert find_format("bf16").execution(gpu) is not None
    execution = fmt.execution(gpu)
    assert execution is None or execution.source


@pytest.mark.parametrize(
    ("gpu", "kind"),
    [("H100", "native"), ("B200", "native"), ("A100", "weight_only"), ("L40S", "weight_only"), ("T4", None)],
)
def test_fp8_kv_cache_runs_from_ampere_on(gpu: str, kind: str | None) -> None:
    # vLLM 0.32.0: FlashAttention 3 on 9.0, FlashInfer from 8.0; FP8 queries only on 9.0 and 10.x
    execution = find_kv_format("fp8_e4m3").execution(find_gpu(gpu))
    assert (execution.kind if execution else None) == kind


def test_kv_formats_are_found_by_the_engine_s_names() -> None:
    assert find_kv_format("auto").name == "16bit"
    assert find_kv_format("FP8").bits == 8
    with pytest.raises(UnknownNameError, match="unknown KV cache format 'int4'"):
        find_kv_format("int4")
