"""Which checkpoint of a format starts, and what a refused deployment is told to do instead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.display_text import start_text
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.engines.kv_cache_dtype_auto import auto_kv_format, ignores_kv_flag
from advisor.spec.engines.model_starts import starts_of
from advisor.spec.formats.catalog import find_format
from advisor.spec.formats.checkpoint import CheckpointKind
from advisor.spec.formats.published_checkpoints import checkpoint_by_repo
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model


def deployment(
    model: str, gpu: str, fmt: str, tp: int = 1, *, version: str = "0.32.0", any_release: bool = False
) -> Deployment:
    return Deployment(
        model=find_model(model),
        format=find_format(fmt),
        gpu=find_gpu(gpu),
        tensor_parallel=tp,
        engine=Engine(version=version, takes_any_format=any_release),
    )


def test_a_v100_runs_gptq_up_to_the_release_whose_builds_still_hold_its_kernels() -> None:
    refused = deployment("Qwen2.5-14B-Instruct", "V100-32GB", "int4")
    why = start_text(refused)
    assert why is not None
    assert "\n" not in why
    for part in ("need capability 7.5", "vLLM 0.19.0 is the newest", "gptq", "bf16, fp16, int4"):
        assert part in why
    older = deployment("Qwen2.5-14B-Instruct", "V100-32GB", "int4", version="0.19.0")
    assert older.start.checkpoint.repo == "Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4"
    assert (older.kernels.kernel, older.kernels.dtype) == ("ExLlama", "fp16")


@pytest.mark.parametrize(
    ("model", "gpu", "fmt", "tp", "words"),
    [
        ("phi-4", "L4", "bf16", 4, "10 KV heads|40 query and 10 KV heads|tensor parallel sizes 1 and 2 load"),
        ("Qwen2.5-32B-Instruct", "RTX3090", "bf16", 3, "40 query heads|sizes 1, 2, 4 and 8 load"),
        ("Llama-3.1-8B-Instruct", "L40S", "int4", 3, "over 3 GPUs|32 query heads|sizes 1, 2, 4"),
        ("Qwen2.5-7B-Instruct", "L4", "bf16", 8, "28 query heads|sizes 1, 2 and 4 load"),
        ("Qwen2.5-14B-Instruct", "H100", "int4", 8, "int4 of Qwen2.5-14B-Instruct over 8 GPUs|13,824"),
        ("Llama-3.1-8B-Instruct", "B200", "int8", 1, "--linear-backend triton|this GPU runs bf16"),
        ("gemma-3-27b-it", "T4", "bf16", 1, "gemma3 models in float16|float32"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_does_start(
    model: str, gpu: str, fmt: str, tp: int, words: str
) -> None:
    why = start_text(deployment(model, gpu, fmt, tp))
    assert why is not None
    assert "\n" not in why
    for part in words.split("|"):
        assert part in why


def test_what_starts_has_nothing_to_say() -> None:
    assert start_text(deployment("Llama-3.1-8B-Instruct", "H100", "fp8")) is None


def test_a_release_that_is_too_old_is_told_from_one_that_is_too_new() -> None:
    old = start_text(deployment("Llama-3.1-8B-Instruct", "A100", "nvfp4", version="0.8.5"))
    assert old is not None
    assert "is too old for it" in old
    assert "--ignore-engine-version" in old
    ignored = deployment("Llama-3.1-8B-Instruct", "A100", "nvfp4", version="0.8.5", any_release=True)
    assert start_text(ignored) is None


def test_the_first_checkpoint_that_starts_is_served() -> None:
    # Red Hat AI's was quantized in act order (its card), which vLLM refuses since 0.30.0 (PR #54809)
    before = deployment("Llama-3.1-8B-Instruct", "A100", "int4", version="0.29.0").start.checkpoint
    after = deployment("Llama-3.1-8B-Instruct", "A100", "int4", version="0.30.0").start.checkpoint
    candidates = [c.repo for c in starts_of(find_model("Llama-3.1-8B-Instruct")).candidates("int4")]
    assert candidates.index(before.repo) < candidates.index(after.repo)
    assert before.kind.act_order
    assert not after.kind.act_order


def test_a_model_without_a_published_checkpoint_gets_one_to_make() -> None:
    own = replace(find_model("Llama-3.1-8B-Instruct"), name="mine", hf_id="me/mine")
    start = replace(deployment("Llama-3.1-8B-Instruct", "A100", "int4"), model=own).start
    assert (start.checkpoint.repo, start.checkpoint.evidence) == (None, "to be made")
    assert start.kernels.kernel == "Marlin"


@pytest.mark.parametrize(
    ("packaging", "version", "follows", "whatever_is_said"),
    [
        ("modelopt", "0.13.0", False, False),
        ("modelopt", "0.14.0", True, False),
        ("compressed-tensors", "0.14.0", False, False),
        ("compressed-tensors", "0.16.0", True, True),
        ("compressed-tensors", "0.22.0", True, False),
    ],
)
def test_auto_follows_the_kv_scales_of_a_checkpoint(
    packaging: str, version: str, follows: bool, whatever_is_said: bool
) -> None:
    kind = CheckpointKind(packaging=packaging, scheme="fp8-tensor", kv_scheme="fp8")  # type: ignore[arg-type]
    assert (auto_kv_format(kind, "llama", find_gpu("H100"), version) == "fp8") == follows
    assert ignores_kv_flag(kind, version) == whatever_is_said
    assert auto_kv_format(replace(kind, kv_scheme=None), "llama", find_gpu("H100"), version) == "16bit"


def test_a_deployment_with_auto_has_the_cache_of_its_checkpoint() -> None:
    named = checkpoint_by_repo("nvidia/Llama-3.1-70B-Instruct-FP8")
    one = replace(deployment("Llama-3.1-70B-Instruct", "H100", "fp8", 2), checkpoint=named)
    assert one.with_kv("auto").kv_format == "fp8"
    assert one.with_kv("16bit").kv_format == "16bit"


def test_parallelism_spans_machines_where_one_does_not_hold_the_replica() -> None:
    two = deployment("DeepSeek-R1", "H100", "fp8", 16)
    split = two.parallelism
    assert (split.tensor, split.pipeline, split.nodes) == (8, 2, 2)
    assert (two.tensor_parallel, two.num_gpus, two.times(3).num_gpus) == (16, 16, 48)
    assert replace(two, format=find_format("int4")).parallelism == split


def test_a_padded_checkpoint_splits_where_the_models_own_width_does_not() -> None:
    # QwenLM/Qwen3-VL issue 231: 29568 is padded to 29696; vllm issue 13640: not so Qwen2.5-VL's, fails on 2
    padded = deployment("Qwen2.5-72B-Instruct", "A100", "int4", 4)
    assert padded.start.checkpoint.repo == "Qwen/Qwen2.5-72B-Instruct-AWQ"
    assert padded.kernels.starts
    unpadded = deployment("Qwen2.5-VL-72B-Instruct", "A100", "int4", 2)
    assert not unpadded.kernels.starts


def test_sizes_that_cut_marlins_tiles_did_not_load_before_other_kernels_took_them() -> None:
    # llm-compressor issue 57: 29568 over 4 GPUs is 7392, which Marlin's tile of 128 did not take
    named = checkpoint_by_repo("RedHatAI/Qwen2-72B-Instruct-quantized.w8a16")
    of = replace(deployment("Qwen2-72B-Instruct", "A100", "int8-w8a16", 4), checkpoint=named)
    starts = {
        version: replace(of, engine=Engine(version=version)).kernels.starts
        for version in ("0.6.3", "0.7.3", "0.24.0")
    }
    assert starts == {"0.6.3": False, "0.7.3": False, "0.24.0": True}
