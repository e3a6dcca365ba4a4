"""What fits, against the GPU counts that published tables use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.cost.predict.predictor import Predictor
from advisor.cost.step.memory import longest_context, sequence_bytes
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import parse_engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.workload import Arrival, Lengths, Load

SUMMARIZATION = Load(
    input_tokens=Lengths.constant(4096),
    output_tokens=Lengths.constant(512),
    arrival=Arrival(kind="single"),
)


def smallest_count(model: str, fmt: str, gpu: str) -> int:
    """GPUs that hold one summarization request, by powers of two."""
    for count in (1, 2, 4, 8, 16):
        d = Deployment(
            model=find_model(model),
            format=find_format(fmt),
            gpu=find_gpu(gpu),
            tensor_parallel=count,
            engine=parse_engine("vllm 0.6.4.post1"),
        )
        if Predictor.shipped().predictions([d], SUMMARIZATION)[0].memory.fits:
            return count
    raise AssertionError("fits nowhere")


@pytest.mark.parametrize(
    ("model", "fmt", "gpu", "count"),
    [
        # arXiv:2411.02355v4, Table 5
        ("Llama-3.1-70B-Instruct", "bf16", "A100", 2),
        ("Llama-3.1-70B-Instruct", "int8", "A100", 1),
        ("Llama-3.1-70B-Instruct", "int4", "A100", 1),
        ("Llama-3.1-70B-Instruct", "bf16", "A6000", 4),
        ("Llama-3.1-70B-Instruct", "int8", "A6000", 2),
        ("Llama-3.1-405B-Instruct", "bf16", "A100", 16),
        ("Llama-3.1-405B-Instruct", "int8", "A100", 8),
        ("Llama-3.1-405B-Instruct", "int4", "A100", 4),
        ("Llama-3.1-405B-Instruct", "fp8", "H100", 8),
        ("Llama-3.1-8B-Instruct", "bf16", "A6000", 1),
        # the model cards of DeepSeek-R1-Distill-Qwen-32B
        ("DeepSeek-R1-Distill-Qwen-32B", "bf16", "A100", 1),
        ("DeepSeek-R1-Distill-Qwen-32B", "bf16", "A6000", 2),
        ("DeepSeek-R1-Distill-Qwen-32B", "int8", "A6000", 1),
    ],
)
def test_the_smallest_gpu_count_is_the_one_the_tables_use(model: str, fmt: str, gpu: str, count: int):
    assert smallest_count(model, fmt, gpu) == count


def test_a_window_bounds_what_a_sequence_holds():
    store = np.array([[100.0, 50.0, 0.0]])
    window = np.array([[np.inf, 1024.0, np.inf]])
    held = sequence_bytes(store, window, np.zeros(1), np.array([16_384.0]))
    assert held[0] == 16_384 * 100 + (1024 + 16) * 50


@settings(max_examples=60, deadline=None)
@given(
    room=st.floats(0, 1e10), full=st.floats(1, 1e5), windowed=st.floats(0, 1e5), window=st.integers(16, 8192)
)
def test_the_longest_context_fits_and_a_block_more_does_not(
    room: float, full: float, windowed: float, window: int
):
    store, windows, state = (
        np.array([[full, windowed, 0.0]]),
        np.array([[np.inf, window, np.inf]]),
        np.zeros(1),
    )
    longest = float(longest_context(np.array([room]), store, windows, state)[0])

    def held(tokens: float) -> float:
        return tokens * full + min(tokens, window) * windowed

    assert held(longest) <= room * (1 + 1e-9)
    assert held(longest + 16) >= room * (1 - 1e-9)
