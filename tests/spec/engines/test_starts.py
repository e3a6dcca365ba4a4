"""The table of what starts: every row is cited and reachable, and known facts about vLLM come out of it."""

from __future__ import annotations

import re

import pytest

from advisor.spec.engines.activation_dtype import refuses_float16
from advisor.spec.engines.kernel_choice import KernelChoice, KvFormat, kernel_choice
from advisor.spec.engines.model_shapes import shapes_of
from advisor.spec.engines.release import holds_at, is_older, order
from advisor.spec.engines.sharding import RULES
from advisor.spec.engines.start_table import every_row, known_releases, start_document, table_at
from advisor.spec.formats.catalog import known_formats
from advisor.spec.formats.checkpoint import CheckpointKind, Packaging, Scheme, made_kind
from advisor.spec.hardware.catalog import known_gpus
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.parallelism import Parallelism

NEWEST = "0.33.0"
GPTQ = CheckpointKind(packaging="gptq", scheme="w4a16", group_size=128)
AWQ = CheckpointKind(packaging="awq", scheme="w4a16", group_size=128, symmetric=False)
BLOCK = CheckpointKind(packaging="fp8", scheme="fp8-block")


def kind(packaging: Packaging, scheme: Scheme, group: int | None = None) -> CheckpointKind:
    return CheckpointKind(packaging=packaging, scheme=scheme, group_size=group)


def made(name: str) -> CheckpointKind:
    found = made_kind(name)
    assert found is not None
    return found


def choice(
    of: CheckpointKind,
    gpu: str,
    version: str = NEWEST,
    *,
    model: str = "Llama-3.1-8B-Instruct",
    tp: int = 1,
    kv: KvFormat = "16bit",
    format_name: str = "",
) -> KernelChoice:
    shapes = shapes_of(find_model(model))
    split = Parallelism(tensor=tp)
    return kernel_choice(shapes, of, find_gpu(gpu), version, split, kv_format=kv, format_name=format_name)


def test_every_row_says_where_it_was_read() -> None:
    releases = {*known_releases(), "0.33.0"}
    place = re.compile(r"^([QKM]/|vllm/|docs/|docker/|config/|CMakeLists)")
    rows = every_row()
    assert len(rows) > 300
    for row in rows:
        assert place.match(row["file"]), row
        assert row["read"] in releases, row


def test_no_row_ends_before_it_begins() -> None:
    for row in every_row():
        if "since" in row and "until" in row:
            assert is_older(row["since"], row["until"]), row
        assert row.get("min", 0.0) <= row.get("max", 99.0), row


def test_a_row_was_read_in_a_release_in_which_it_holds() -> None:
    for row in every_row():
        assert holds_at(row, row["read"]), row


def test_every_rule_of_splitting_has_its_function_and_every_function_its_row() -> None:
    rules = {row["rule"] for row in start_document()["parallel"]}
    assert rules == set(RULES)


def test_every_method_of_the_table_can_be_reached_in_some_release_on_some_gpu() -> None:
    document = start_document()
    capabilities = sorted({gpu.capability for gpu in known_gpus()} | {6.0, 11.0, 12.0})
    for row in document["methods"]:
        held = [version for version in known_releases() if holds_at(row, version)]
        assert held, row
        assert any(row.get("min", 0) <= c <= row.get("max", 99) for c in capabilities), row
        if "refuse" not in row:
            assert row["kernels"] in document["kernels"], row
            for version in held:
                assert table_at(version).kernels[row["kernels"]], (row, version)


def test_every_kernel_says_how_it_multiplies() -> None:
    document = start_document()
    for lists in (document["kernels"], document["experts"]):
        for rows in lists.values():
            for row in rows:
                assert row["runs"] in ("native", "weight_only", "emulation")
                assert row["compute"] in ("16bit", "bf16", "fp16", "fp8", "int8", "fp4")


def test_the_releases_are_in_order_and_reach_the_newest_read() -> None:
    releases = known_releases()
    assert list(releases) == sorted(releases, key=order, reverse=True)
    assert releases[0] == NEWEST


@pytest.mark.parametrize(
    ("of", "gpu", "version", "kernel", "runs"),
    [
        # 16 bits
        (made("bf16"), "H100", NEWEST, "cuBLAS", "native"),
        (made("bf16"), "MI300X", NEWEST, "hipBLASLt", "native"),
        # FP8: native from 8.9, weight-only below
        (made("fp8"), "H100", NEWEST, "Cutlass FP8", "native"),
        (made("fp8"), "L40S", NEWEST, "Cutlass FP8", "native"),
        (made("fp8"), "A100", "0.19.0", "Marlin FP8", "weight_only"),
        (made("fp8"), "A100", "0.25.0", "Humming", "weight_only"),
        (kind("modelopt", "fp8-tensor"), "B200", NEWEST, "FlashInfer FP8", "native"),
        (kind("fp8", "fp8-tensor"), "A100", NEWEST, "Marlin FP8", "weight_only"),
        # block scales on 8.9: Triton until 0.28, Marlin weight-only since 0.29 (issue 58241)
        (BLOCK, "L40S", "0.28.0", "Triton block FP8", "native"),
        (BLOCK, "L40S", "0.29.0", "Marlin FP8", "weight_only"),
        (BLOCK, "H100", NEWEST, "DeepGEMM", "native"),
        (BLOCK, "RTX5090", "0.23.0", "Cutlass block FP8", "native"),
        (BLOCK, "RTX5090", "0.24.0", "DeepGEMM", "native"),
        # INT4
        (made("int4"), "H100", NEWEST, "Machete", "weight_only"),
        (made("int4"), "A100", NEWEST, "Marlin", "weight_only"),
        (made("int4"), "T4", "0.12.0", "Marlin", "weight_only"),
        (GPTQ, "V100-32GB", "0.19.0", "ExLlama", "weight_only"),
        (AWQ, "T4", "0.13.0", "AWQ GEMM", "weight_only"),
        (AWQ, "T4", "0.14.0", "Marlin", "weight_only"),
        (made("int4"), "MI300X", NEWEST, "Triton W4A16", "weight_only"),
        # INT8
        (made("int8"), "A100", NEWEST, "Cutlass INT8", "native"),
        (made("int8"), "T4", NEWEST, "Cutlass INT8", "native"),
        (made("int8"), "MI300X", NEWEST, "Triton INT8", "native"),
        # FP4
        (made("nvfp4"), "B200", NEWEST, "FlashInfer CuteDSL", "native"),
        (made("nvfp4"), "RTX5090", NEWEST, "FlashInfer Cutlass", "native"),
        (made("nvfp4"), "H100", "0.31.0", "Marlin NVFP4", "weight_only"),
        (made("nvfp4"), "A100", "0.14.0", "Marlin NVFP4", "weight_only"),
        (made("mxfp4"), "B200", NEWEST, "FlashInfer MXFP4", "native"),
        (made("mxfp4"), "B200", "0.21.0", "Marlin MXFP4", "weight_only"),
        (made("w4a8-fp8"), "H100", NEWEST, "Cutlass W4A8", "native"),
    ],
)
def test_the_kernel_that_vllm_would_choose(
    of: CheckpointKind, gpu: str, version: str, kernel: str, runs: str
) -> None:
    found = choice(of, gpu, version)
    assert (found.kernel, found.runs) == (kernel, runs), found.why
    assert "of vLLM" in found.source


@pytest.mark.parametrize(
    ("of", "gpu", "version", "why"),
    [
        # V100: no build since 0.20; never compressed-tensors INT4, AWQ or FP8
        (GPTQ, "V100-32GB", "0.20.0", "published builds need capability 7.5"),
        (made("int4"), "V100-32GB", "0.19.0", "need capability 7.5"),
        (AWQ, "V100-32GB", "0.19.0", "need capability 7.5"),
        (made("fp8"), "V100-32GB", "0.19.0", "need capability 7.5"),
        # INT8 on Blackwell: no CUTLASS dispatch (issues 27182, 54311)
        (made("int8"), "B200", NEWEST, "no kernel takes the linear layers"),
        (made("int8"), "RTX5090", NEWEST, "--linear-backend triton"),
        (made("w4a8-fp8"), "A100", NEWEST, "need capability 9.0"),
        (made("w4a8-fp8"), "B200", NEWEST, "up to capability 9.0"),
        (made("fp8"), "T4", "0.14.0", "need capability 8.0"),
        (made("int4"), "T4", "0.11.1", "need capability 8.0"),
        (kind("modelopt", "fp8-tensor"), "A100", "0.26.0", "need capability 8.9"),
        (kind("quark", "fp8-tensor"), "A100", NEWEST, "need capability 8.9"),
        (made("nvfp4"), "A100", "0.9.0", "does not load"),
        (made("nvfp4"), "MI300X", NEWEST, "only emulates"),
        (made("fp8"), "MI250", NEWEST, "no kernel takes"),
        (kind("bitsandbytes", "nf4"), "A100", "0.28.0", "vllm-bnb-plugin"),
        (kind("gguf", "gguf"), "A100", "0.24.0", "vllm-gguf-plugin"),
        (kind("compressed-tensors", "sparse-24"), "A100", NEWEST, "2:4 sparsity"),
        (kind("fp_quant", "mxfp4"), "B200", NEWEST, "deprecated"),
        (
            CheckpointKind(packaging="gptq", scheme="w4a16", group_size=128, act_order=True),
            "A100",
            "0.30.0",
            "desc_act",
        ),
        (
            CheckpointKind(packaging="gptq", scheme="w4a16", group_size=128, symmetric=False),
            "A100",
            "0.22.0",
            "asymmetric",
        ),
    ],
)
def test_what_vllm_refuses_and_why(of: CheckpointKind, gpu: str, version: str, why: str) -> None:
    found = choice(of, gpu, version)
    assert not found.starts
    assert found.kernel is None
    assert why in found.why


def test_gpt_oss_takes_no_float16_and_its_experts_run_weight_only_below_blackwell() -> None:
    own = find_model("gpt-oss-120b").native_kind
    assert own is not None
    ampere = choice(own, "A100", model="gpt-oss-120b")
    assert (ampere.experts, ampere.experts_run, ampere.runs) == ("Marlin MoE", "weight_only", "native")
    assert choice(own, "H100", model="gpt-oss-120b").experts == "Triton MoE MXFP4"
    assert choice(own, "A100", model="gpt-oss-120b", format_name="fp16").refused_by == "dtype"
    assert choice(own, "A100", "0.10.0", model="gpt-oss-120b").refused_by == "packaging"


@pytest.mark.parametrize("model", ["gemma-2-9b-it", "gemma-3-27b-it"])
def test_models_that_vllm_refuses_in_float16_do_not_run_where_there_is_no_bfloat16(model: str) -> None:
    found = choice(made("bf16"), "T4", model=model)
    assert found.refused_by == "dtype"
    assert "float32" in found.why
    assert choice(made("fp16"), "A100", model=model, format_name="fp16").refused_by == "dtype"
    assert choice(made("bf16"), "A100", model=model).starts


def test_plamo2_was_refused_in_float16_until_0_26() -> None:
    assert refuses_float16(table_at("0.26.0").dtypes, "plamo2") is not None
    assert refuses_float16(table_at("0.27.0").dtypes, "plamo2") is None


@pytest.mark.parametrize(
    ("model", "gpu", "version", "backend"),
    [
        ("Llama-3.1-8B-Instruct", "H100", NEWEST, "FlashAttention 3"),
        ("Llama-3.1-8B-Instruct", "B200", NEWEST, "FlashInfer"),
        ("Llama-3.1-8B-Instruct", "A100", NEWEST, "FlashInfer"),
        ("Llama-3.1-8B-Instruct", "L40S", NEWEST, "FlashInfer"),
        ("phi-2", "L40S", NEWEST, "Triton"),
        ("gpt-oss-20b", "L40S", NEWEST, "Triton"),
        ("DeepSeek-R1", "H100", NEWEST, "FlashMLA"),
        ("phi-2", "A100", NEWEST, None),
        ("gpt-oss-20b", "A100", NEWEST, None),
        ("DeepSeek-R1", "A100", NEWEST, None),
        ("Llama-3.1-8B-Instruct", "T4", NEWEST, None),
        ("Llama-3.1-8B-Instruct", "A100", "0.11.0", None),
        ("Llama-3.1-8B-Instruct", "A100", "0.9.2", "V0"),
        ("Llama-3.1-8B-Instruct", "MI300X", NEWEST, "ROCm attention"),
    ],
)
def test_which_backend_reads_an_fp8_kv_cache(model: str, gpu: str, version: str, backend: str | None) -> None:
    spec = find_model(model)
    of = spec.native_kind or made("bf16")
    found = choice(of, gpu, version, model=model, kv="fp8")
    assert (found.attention or None) == backend, found.why


def test_int4_of_phi_2_keeps_its_16_bit_cache_on_ampere() -> None:
    # head size 80: FlashAttention 2 takes it at 16 bits, no backend takes it in FP8 below 8.9
    assert choice(made("bf16"), "A100", model="phi-2").attention == "FlashAttention 2"


@pytest.mark.parametrize(
    ("fmt", "gpu", "kernel", "compute"),
    [
        ("bf16", "B60", "oneDNN", "bf16"),
        ("bf16", "A770", "oneDNN", "fp16"),  # vllm/platforms/xpu.py: bfloat16 is refused there
        ("int4", "B70", "XPU W4A16", "bf16"),
        ("fp8", "B580", "XPU FP8 W8A16", "bf16"),
        ("fp8", "MAX1550", "XPU FP8 W8A16", "bf16"),
    ],
)
def test_what_starts_on_intels_gpus(fmt: str, gpu: str, kernel: str, compute: str) -> None:
    shapes = shapes_of(find_model("Llama-3.1-8B-Instruct"))
    found = kernel_choice(shapes, made(fmt), find_gpu(gpu), "0.33.0", Parallelism(), format_name=fmt)
    assert (found.kernel, found.compute, found.attention) == (kernel, compute, "XPU FlashAttention")


def test_what_does_not_start_on_intels_gpus_has_its_reason() -> None:
    shapes = shapes_of(find_model("Llama-3.1-8B-Instruct"))
    int8 = kernel_choice(shapes, made("int8"), find_gpu("B60"), "0.33.0", Parallelism(), format_name="int8")
    assert "no kernel takes the linear layers" in int8.why
    early = kernel_choice(shapes, made("bf16"), find_gpu("B60"), "0.20.0", Parallelism(), format_name="bf16")
    assert not early.starts


def test_the_table_runs_what_the_formats_page_says_on_every_gpu() -> None:
    """`formats.yaml` says what a GPU's kernels can do; the table adds builds, packagings and releases."""
    shapes = shapes_of(find_model("Llama-3.1-8B-Instruct"))
    more, fewer = set(), set()
    for gpu in known_gpus():
        for fmt in known_formats():
            of = made(fmt.name)
            found = kernel_choice(shapes, of, gpu, "0.32.0", Parallelism(), format_name=fmt.name)
            if found.starts != (fmt.execution(gpu) is not None):
                (more if found.starts else fewer).add((gpu.capability, fmt.name))
    # Volta has no build from 0.20 on; MXFP4 on gfx942 needs amd-quark, which emulates it, and Intel's kernels
    # take it in experts alone (gpt-oss).
    intel = {gpu.capability for gpu in known_gpus() if gpu.vendor == "intel"}
    without_mxfp4 = {(c, "mxfp4") for c in {9.42} | intel}
    assert fewer == {(7.0, "bf16"), (7.0, "fp16"), (7.0, "int4")} | without_mxfp4
    # Triton INT8 and ExLlama (float16) would run there; vLLM's page of supported hardware leaves them out.
    amd = {gpu.capability for gpu in known_gpus() if gpu.vendor == "amd"}
    assert more == {(c, name) for c in amd for name in ("int8", "int8-w8a16")}


KERNELS_OF_0_33 = {
    "wna16": "Cutlass W4A8, Machete, Humming, Marlin, Conch, ExLlama, Triton W4A16, Humming",
    "fp8": "FlashInfer FP8, Cutlass FP8, b12x FP8, torch FP8, Marlin FP8, Humming",
    "fp8-a16": "Humming, Marlin FP8",
    "fp8-block": "FlashInfer and DeepGEMM, DeepGEMM, DeepGEMM, DeepGEMM, Cutlass block FP8, b12x FP8, "
    "Marlin FP8, Humming, Triton block FP8, torch block FP8",
    "int8": "Cutlass INT8, Triton INT8, Humming",
    "nvfp4": "FlashInfer CuteDSL, FlashInfer Cutlass, FlashInfer b12x, Cutlass NVFP4, CuteDSL W4A16, "
    "Humming, Marlin NVFP4, TRTLLM or cuDNN NVFP4",
    "nvfp4-a16": "CuteDSL W4A16, Humming, Marlin NVFP4",
    "mxfp4": "FlashInfer MXFP4, Marlin MXFP4, Humming, b12x MXFP4",
    "mxfp8": "FlashInfer CuteDSL, FlashInfer Cutlass, FlashInfer Cutlass, Marlin MXFP8",
    "w4a8-fp8": "Cutlass W4A8",
}
EXPERTS_OF_0_33 = {
    "16bit": "Triton MoE, FlashInfer TRTLLM MoE, FlashInfer Cutlass MoE, Triton MoE",
    "fp8": "FlashInfer TRTLLM MoE, FlashInfer Cutlass MoE, Triton MoE FP8, FlashInfer Cutlass MoE, "
    "DeepGEMM MoE, Cutlass MoE FP8, Triton MoE FP8, Marlin MoE, Humming MoE",
    "int8": "Triton MoE INT8, Humming MoE",
    "wna16": "FlashInfer TRTLLM MoE, Humming MoE, Marlin MoE, Triton MoE WNA16, Humming MoE",
    "nvfp4": "FlashInfer TRTLLM MoE, FlashInfer CuteDSL MoE, FlashInfer Cutlass MoE, Cutlass MoE NVFP4, "
    "Marlin MoE, Humming MoE",
    "mxfp4-experts": "TRTLLM bf16 MoE, Marlin MoE, Triton MoE MXFP4, FlashInfer Cutlass bf16 MoE, Marlin MoE",
    "mxfp4": "TRTLLM MXFP8 MoE, DeepGEMM FP4 MoE, DeepGEMM FP4 MoE, Marlin MoE, Humming MoE",
}
ON_AMD = {
    "int8": "AITER INT8, Triton INT8",
    "wna16": "RDNA W4A16, Triton W4A16, Conch, ExLlama",
    "fp8": "ROCm FP8, ROCm FP8",
    "nvfp4": "NVFP4 emulation",
    "mxfp4": "AITER MXFP4, MXFP4 emulation, RDNA MXFP4 W4A8",
}


@pytest.mark.parametrize(
    ("lists", "vendor", "orders"),
    [
        ("kernels", "nvidia", KERNELS_OF_0_33),
        ("experts", "nvidia", EXPERTS_OF_0_33),
        ("kernels", "amd", ON_AMD),
    ],
)
def test_kernels_stand_in_the_order_in_which_vllm_tries_them(
    lists: str, vendor: str, orders: dict[str, str]
) -> None:
    """As `kernels/linear/__init__.py` and `fused_moe/oracle/` of 0.33.0 list them."""
    table = table_at(NEWEST)
    found = table.kernels if lists == "kernels" else table.experts
    for name, order_of in orders.items():
        rows = [row["kernel"] for row in found[name] if row.get("vendor", "nvidia") == vendor]
        assert ", ".join(rows) == order_of, name


@pytest.mark.parametrize(
    ("packaging", "schemes"),
    [
        ("compressed-tensors", "fp8-block fp8-channel fp8-tensor fp8-a16 int8 w4a16 w8a16 wna16-other "
         "w4a8-fp8 w4a8-int w8a8-int-packed nvfp4 nvfp4-a16 mxfp4 mxfp8 sparse-24"),
        ("gptq", "w4a16 w8a16 wna16-other"),
        ("awq", "w4a16"),
        ("fp8", "fp8-tensor fp8-channel fp8-block mxfp4"),
        ("modelopt", "fp8-tensor fp8-channel fp8-block nvfp4 nvfp4-a16 mxfp8 mixed"),
        ("quark", "fp8-tensor fp8-channel fp8-block int8 w4a16 mxfp4 nvfp4"),
        ("mxfp4", "mxfp4"),
        ("auto-round", "w4a16 w8a16"),
        ("torchao", "w4a16 w8a16 int8 fp8-channel fp8-tensor"),
        ("bitsandbytes", "nf4 bnb-int8"),
        ("gguf", "gguf"),
        ("experts_int8", "w8a16"),
        ("moe_wna16", "w4a16 w8a16"),
        ("online", "fp8-tensor fp8-block fp8-channel w8a16 nvfp4 mxfp8 mxfp4"),
    ],
)  # fmt: skip
def test_every_packaging_that_vllm_reads_has_rows_for_all_its_schemes(packaging: str, schemes: str) -> None:
    rows = [row for row in start_document()["methods"] if row["packaging"] == packaging]
    assert {scheme for row in rows for scheme in row["schemes"]} == set(schemes.split())


def test_rules_of_dtype_and_of_attention_are_all_there() -> None:
    document = start_document()
    assert {row["rule"] for row in document["dtypes"]} == {
        "auto_dtype", "float16_below_bf16", "bf16_refused", "float16_refused", "float32_fallback",
        "float16_by_method", "float32_attention",
    }  # fmt: skip
    refused = {t for row in document["dtypes"] for t in row.get("model_types", ())}
    assert refused == {"gemma2", "gemma3", "gemma3_text", "glm4", "plamo2"}
    mla = [row["backend"] for row in document["attention"] if row.get("mla") and "vendor" not in row]
    assert mla == ["FlashMLA", "FlashInfer MLA", "Triton MLA", "Triton MLA"]
    assert {row["packagings"][0] for row in document["kv_auto"]} == {"modelopt", "compressed-tensors"}
