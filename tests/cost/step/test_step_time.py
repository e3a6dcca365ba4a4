"""Step times obey physics, whatever was learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.cost.predict.predictor import Predictor
from advisor.cost.step.deployment_work import deployment_arrays
from advisor.cost.step.parameter_vector import Design, used_names
from advisor.cost.step.parameters import PARAMETERS
from advisor.cost.step.roofline import roofline
from advisor.cost.step.step_time import step_breakdown
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import parse_engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model

FORMATS = ("bf16", "fp8", "int8", "int4")


def deployment(
    model: str = "Llama-3.1-8B-Instruct", fmt: str = "bf16", gpu: str = "H100", tp: int = 1
) -> Deployment:
    return Deployment(
        model=find_model(model),
        format=find_format(fmt),
        gpu=find_gpu(gpu),
        tensor_parallel=tp,
        engine=parse_engine("vllm 0.11.0"),
    )


def step_s(d: Deployment, sequences: float, context: float, prompt: float = 0.0) -> float:
    arrays = deployment_arrays([d])
    made = Predictor.shipped().fit.speed.step_costs(arrays)
    one = np.ones(1)
    return float(
        step_breakdown(made, one * sequences, one * context, one * prompt, one * prompt / 2, one).total_s[0]
    )


def roofline_s(d: Deployment, sequences: float, context: float) -> float:
    one, zero = np.ones(1), np.zeros(1)
    made = roofline(deployment_arrays([d]))
    return float(step_breakdown(made, one * sequences, one * context, zero, zero, zero).total_s[0])


def test_reading_llama_8b_once_takes_the_weights_over_the_bandwidth():
    # 8.03e9 weights less the 525 M of the input embedding, 2 bytes each, at 3.35 TB/s: 4.48 ms
    assert roofline_s(deployment(), 1, 0) == pytest.approx(15.01e9 / 3.35e12, rel=0.005)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("gpu", ["A6000", "A100", "H100", "L40S", "B200"])
def test_no_deployment_beats_its_data_sheet(fmt: str, gpu: str):
    d = deployment(fmt=fmt, gpu=gpu)
    if d.format.execution(d.gpu) is None:
        pytest.skip(f"{gpu} does not run {fmt}")
    for sequences in (1, 16, 256):
        assert step_s(d, sequences, 1024) >= roofline_s(d, sequences, 1024)


@settings(max_examples=40, deadline=None)
@given(sequences=st.integers(1, 512), context=st.integers(1, 30_000), more=st.integers(1, 512))
def test_more_work_is_never_done_sooner(sequences: int, context: int, more: int):
    d = deployment(fmt="fp8")
    now = step_s(d, sequences, context, 512)
    assert step_s(d, sequences + more, context, 512) >= now
    assert step_s(d, sequences, context + more, 512) >= now
    assert step_s(d, sequences, context, 512 + more) >= now


@given(factor=st.floats(1.0, 10.0))
@settings(max_examples=20, deadline=None)
def test_more_bandwidth_is_never_slower(factor: float):
    d = deployment(fmt="int4", gpu="A6000")
    faster = replace(d.gpu, memory_bandwidth_gb_s=d.gpu.memory_bandwidth_gb_s * factor)
    assert step_s(replace(d, gpu=faster), 8, 2048, 256) <= step_s(d, 8, 2048, 256) * (1 + 1e-12)


@settings(max_examples=20, deadline=None)
@given(tokens=st.integers(1, 4096), factor=st.integers(2, 64))
def test_an_all_reduce_grows_with_its_size_and_a_large_one_reaches_more_of_the_link(tokens: int, factor: int):
    small, large = (all_reduces_s(prompt) for prompt in (tokens, factor * tokens))
    assert small < large <= factor * small * (1 + 1e-9)


def all_reduces_s(tokens: float) -> float:
    """Of one step of Llama-70B on four H100: 160 of them, 16 KiB a token."""
    made = Predictor.shipped().fit.speed.step_costs(
        deployment_arrays([deployment("Llama-3.1-70B-Instruct", tp=4)])
    )
    one = np.ones(1)
    return float(step_breakdown(made, 0 * one, 0 * one, tokens * one, one, one).communication_s[0])


@pytest.mark.parametrize(("tokens", "measured_ms"), [(32, 1.6), (64, 2.4), (128, 3.5), (256, 4.6)])
def test_all_reduces_of_llama_70b_on_four_h100_take_what_kernels_take(tokens: int, measured_ms: float):
    # the fastest of vLLM's kernels in its pull requests 24111, 24532 and 42324, times 160
    assert 1e3 * all_reduces_s(tokens) == pytest.approx(measured_ms, rel=0.25)


def test_async_scheduling_hides_the_engine_behind_the_gpu():
    overlapped, apart = (
        replace(deployment(), engine=replace(parse_engine("vllm 0.13.0"), async_scheduling=one))
        for one in (True, False)
    )
    for sequences in (1, 64):
        assert step_s(overlapped, sequences, 1024) < step_s(apart, sequences, 1024)


def test_fused_all_reduces_save_small_kernels_on_several_gpus_only():
    engine = parse_engine("vllm 0.13.0")
    for tp, saves in ((1, False), (4, True)):
        fused, apart = (
            step_s(replace(deployment(tp=tp), engine=replace(engine, allreduce_fusion=one)), 8, 1024)
            for one in (True, False)
        )
        assert (fused < apart) == saves


def test_every_prompt_says_how_long_launching_takes():
    # A plain maximum of launching and working has no slope where the GPU is slower: no record could teach it.
    d = deployment("Llama-3.3-70B-Instruct", tp=4)
    made, one = Predictor.shipped().fit.speed.step_costs(deployment_arrays([d])), np.ones(1)

    def prompt_s(tokens: float, slower: float) -> float:
        costs = replace(made, launch_s=slower * made.launch_s)
        return float(step_breakdown(costs, 0 * one, 0 * one, tokens * one, tokens / 2 * one, one).total_s[0])

    for tokens in (600.0, 2048.0, 8192.0):
        assert prompt_s(tokens, 1.01) > prompt_s(tokens, 1.0)
    # It decides where the GPU has little to do, and hardly counts where it has much.
    launched_s = float((10.0 * made.launch_s + made.skew_s + made.step_s)[0])
    assert prompt_s(600.0, 10.0) == pytest.approx(launched_s, rel=0.02)
    assert prompt_s(8192.0, 1.1) < 1.01 * prompt_s(8192.0, 1.0)


def test_prompts_are_launched_kernel_by_kernel_however_fast_the_gpus_are():
    d = deployment("Llama-3.1-70B-Instruct", tp=8, gpu="B200")
    launched_s = 80 * 20e-6
    assert step_s(d, 0, 0, 1024) > launched_s


@pytest.mark.parametrize("gpu", ["A100", "H100", "B200"])
def test_an_fp8_kv_cache_is_hardly_faster_at_a_batch_of_one(gpu: str):
    # vllm issues 42058 and 48786: 1.00 to 1.03 times as fast at 16k, prefill 2 to 5 % slower
    wide = deployment(fmt="bf16", gpu=gpu)
    narrow = replace(wide, kv_format="fp8")
    assert 0.98 < step_s(wide, 1, 16_000) / step_s(narrow, 1, 16_000) < 1.08
    assert step_s(narrow, 0, 0, 8_000) > step_s(wide, 0, 0, 8_000)


def test_efficiencies_stay_between_nothing_and_the_data_sheet():
    arrays = deployment_arrays([deployment(fmt=f) for f in FORMATS])
    names = used_names(arrays)
    values = Design(arrays, names).values(np.full(len(names), 3.0))
    for p in PARAMETERS:
        if p.share:
            assert np.all((values[p.name] > 0) & (values[p.name] < 1)), p.name


def test_int4_reads_a_quarter_of_the_weights_and_multiplies_no_faster():
    wide, narrow = deployment_arrays([deployment(), deployment(fmt="int4")]), None
    narrow = wide.quant_bytes[1] / wide.quant_bytes[0]
    assert narrow == pytest.approx(4.125 / 16)
    assert wide.rate[1] == wide.rate[0]


def test_fp8_on_ampere_saves_bytes_but_multiplies_at_16_bits():
    arrays = deployment_arrays([deployment(gpu="A100"), deployment(gpu="A100", fmt="fp8")])
    assert arrays.kernel == ("bf16", "wo8")
    assert arrays.quant_bytes[1] == arrays.quant_bytes[0] / 2
    assert arrays.rate[1] == arrays.rate[0]


def test_sixteen_gpus_are_two_stages_of_eight():
    arrays = deployment_arrays([deployment("Llama-3.1-405B-Instruct", tp=16)])
    assert (arrays.tensor_parallel[0], arrays.pipeline_parallel[0]) == (8, 2)


def test_mla_keeps_its_latent_whole_on_every_gpu():
    # DeepSeek-V3: 61 layers × (512 + 64) numbers × 2 bytes, whatever the number of GPUs
    arrays = deployment_arrays([deployment("DeepSeek-V3", "fp8", "H200", tp) for tp in (1, 8)])
    assert arrays.kv_store_bytes.sum(axis=1) == pytest.approx([70_272, 70_272])


def test_what_gpus_wait_for_each_other_grows_with_their_number_outside_cuda_graphs():
    def waited_s(tp: int, prompt: float, engine: str = "vllm 0.19.0") -> float:
        d = replace(deployment(tp=tp), engine=parse_engine(engine))
        made = Predictor.shipped().fit.speed.step_costs(deployment_arrays([d]))
        one, zero = np.ones(1), np.zeros(1)
        alike = replace(made, skew_s=zero)
        with_skew, without = (
            step_breakdown(c, one, one, one * prompt, one * prompt / 2, one).total_s[0] for c in (made, alike)
        )
        return float(with_skew - without)

    assert waited_s(1, 4096) == 0
    assert waited_s(8, 64) == 0  # within a graph
    assert waited_s(2, 4096) > 0
    assert waited_s(8, 4096) == pytest.approx(
        3 * waited_s(2, 4096)
    )  # the last of 8 is no seven times as late
    assert waited_s(8, 4096, "vllm 0.6.4.post1") == 0
