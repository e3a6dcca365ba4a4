"""What a step reads and multiplies, by hand from published configurations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.step.deployment_work import deployment_arrays, kernel_family
from advisor.errors import UnsupportedError
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.models.config_json import model_from_config
from tests.advise.builders import deployment

LAYERS = 32 * (4096 * (4096 + 2 * 1024) + 4096 * 4096 + 3 * 4096 * 14_336)
"""Llama-3.1-8B: QKV and output projections and three FFN matrices in each of 32 layers: 6.98e9 numbers."""
HEAD = 128_256 * 4096


def test_llama_8b_at_16_bits_reads_each_matrix_once_and_multiplies_it_twice() -> None:
    work = deployment_arrays([deployment(fmt="bf16", gpu="H100")])
    assert work.quant_bytes[0] + work.kept_bytes[0] == 2 * LAYERS
    assert work.quant_flop[0] + work.kept_flop[0] == 2 * LAYERS
    assert (work.head_bytes[0], work.head_flop[0]) == (2 * HEAD, 2 * HEAD)
    # 2 (key, value) x 32 layers x 8 KV heads x 128 x 2 bytes
    assert work.kv_read_bytes[0].sum() == 131_072
    assert work.kv_store_bytes[0].sum() == 131_072


def test_layers_that_run_again_are_read_again_and_stored_once() -> None:
    """HRM-Text: two stacks of 16 layers; for a token the fast one runs six times and the slow one twice."""
    layers = 2 * 16 * (5 * 1536 * 1536 + 3 * 1536 * 4096)
    config = {
        "architectures": ["HrmTextForCausalLM"],
        "model_type": "hrm_text",
        "hidden_size": 1536,
        "intermediate_size": 4096,
        "num_layers_per_stack": 16,
        "num_hidden_layers": 128,
        "num_attention_heads": 12,
        "head_dim": 128,
        "vocab_size": 151_808,
        "max_position_embeddings": 2048,
    }
    model = model_from_config(config, name="HRM-Text-1B")
    work = deployment_arrays([deployment(model=model, fmt="bf16", gpu="H100")])
    assert model.linear_params == layers
    assert work.quant_bytes[0] + work.kept_bytes[0] == 4 * 2 * layers
    assert work.weight_bytes[0] == 2 * model.total_params
    assert model.kv_bytes_per_token(16) == 128 * 2 * 1536 * 2


def test_eight_bits_halve_what_the_matrices_read_and_leave_the_head() -> None:
    wide, narrow = (deployment_arrays([deployment(fmt=f, gpu="H100")]) for f in ("bf16", "fp8"))
    assert narrow.quant_bytes[0] == pytest.approx(wide.quant_bytes[0] / 2, rel=0.01)
    assert narrow.head_bytes[0] == wide.head_bytes[0]
    assert narrow.quant_flop[0] == wide.quant_flop[0]


def test_an_fp8_cache_halves_what_attention_reads() -> None:
    of = deployment_arrays([deployment(gpu="H100", kv_format=kv) for kv in ("16bit", "fp8")])
    assert of.kv_read_bytes[1].sum() == of.kv_read_bytes[0].sum() / 2


@given(st.sampled_from([1, 2, 4, 8]))
def test_tensor_parallel_divides_the_work_and_the_cache(gpus: int) -> None:
    one, many = (
        deployment_arrays(
            [deployment(model=find_model("Llama-3.1-8B-Instruct"), gpu="H100", tensor_parallel=n)]
        )
        for n in (1, gpus)
    )
    for name in ("quant_bytes", "quant_flop", "head_bytes", "head_flop"):
        assert getattr(many, name)[0] * gpus == pytest.approx(getattr(one, name)[0])
    assert many.kv_store_bytes[0].sum() * gpus == pytest.approx(one.kv_store_bytes[0].sum())
    assert many.link[0] == ("none" if gpus == 1 else "nvlink")


def test_sixteen_gpus_of_two_machines_are_two_stages_of_eight() -> None:
    work = deployment_arrays([deployment(gpu="H100", tensor_parallel=n) for n in (8, 16)])
    assert work.tensor_parallel.tolist() == [8, 8]
    assert work.pipeline_parallel.tolist() == [1, 2]
    # A token passes both stages; each machine stores half of the weights.
    assert work.quant_bytes[0] == work.quant_bytes[1]
    assert work.weight_bytes[1] == work.weight_bytes[0] / 2


def test_a_mixture_multiplies_its_active_experts_and_stores_all() -> None:
    # Qwen3-30B-A3B: 48 layers of 128 experts of three 2048 x 768 matrices, 8 of them active.
    work = deployment_arrays([deployment(model=find_model("Qwen3-30B-A3B"), gpu="H100")])
    expert = 3 * 2048 * 768
    assert (work.experts[0], work.active_experts[0]) == (128, 8)
    assert work.expert_bytes[0] == 2 * 48 * 128 * expert
    assert work.expert_flop[0] == 2 * 48 * 8 * expert


@pytest.mark.parametrize(
    ("fmt", "gpu", "family"),
    [
        ("bf16", "A6000", "bf16"),
        ("fp8", "H100", "fp8"),
        ("fp8", "A100", "wo8"),  # no FP8 units before Ada: Marlin on 16-bit inputs
        ("int8", "A6000", "int8"),
        ("int4", "H100", "wo4"),
        ("nvfp4", "B200", "fp4"),
        ("nvfp4", "H100", "wo4"),
    ],
)
def test_the_kernel_family_follows_what_the_gpu_multiplies_in(fmt: str, gpu: str, family: str) -> None:
    execution = find_format(fmt).execution(find_gpu(gpu))
    assert execution is not None
    assert kernel_family(find_format(fmt), execution) == family


def test_a_format_without_a_kernel_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="MI300X cannot run w4a8-fp8"):
        deployment_arrays([deployment(fmt="w4a8-fp8", gpu="MI300X")])


def test_peaks_are_the_data_sheets() -> None:
    work = deployment_arrays([deployment(fmt="fp8", gpu="H100")])
    assert work.bandwidth[0] == pytest.approx(3.35e12, rel=0.01)
    assert work.rate[0] == pytest.approx(1.979e15, rel=0.01)
    assert work.rate16[0] == pytest.approx(0.989e15, rel=0.01)
    assert np.isfinite(work.quant_bytes).all()
    assert math.isclose(work.weights_per_byte[0], 1.0, rel_tol=0.02)
