"""Step times obey physics, whatever was learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.cost.predict.predictor import Predictor
from advisor.cost.step.parameters import PARAMETERS
from advisor.cost.step.roofline import roofline
from advisor.cost.step.step_time import Design, step_breakdown, step_costs, used_names
from advisor.cost.step.work import deployment_arrays
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import parse_engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpus import find_gpu
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
    names = used_names(arrays)
    fitted = Predictor.shipped().fit.speed
    made = step_costs(arrays, Design(arrays, names).values(fitted.vector(names)))
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
    arrays = deployment_arrays([deployment("Llama-3.1-70B-Instruct", tp=4)])
    names = used_names(arrays)
    made = step_costs(arrays, Design(arrays, names).values(np.zeros(len(names))))
    one = np.ones(1)

    def seconds(prompt: float) -> float:
        took = step_breakdown(made, 0 * one, 0 * one, prompt * one, one, one).communication_s[0]
        return float(took - made.reduce_s[0])

    assert seconds(tokens) < seconds(factor * tokens) <= factor * seconds(tokens) * (1 + 1e-9)
    large = 4e6 / (8192 * 2)  # 4 MB in hidden states of 8,192 numbers at 16 bits
    assert seconds(large / 100) == pytest.approx(seconds(large) / 10)
    assert seconds(7 * large) == pytest.approx(7 * seconds(large))


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
