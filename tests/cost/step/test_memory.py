"""What fits, against the GPU counts that published tables use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.cost.predict.predictor import Predictor
from advisor.cost.step.deployment_work import deployment_arrays
from advisor.cost.step.layer_width import layer_width
from advisor.cost.step.memory import longest_context, memory, sequence_bytes
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine, parse_engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from advisor.units import GIB

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


def memory_of(model: str = "Llama-3.1-8B-Instruct", gpu: str = "H100", count: int = 1, **engine: Any) -> Any:
    settings: dict[str, Any] = {"version": "0.14.0"} | engine
    d = Deployment(
        model=find_model(model),
        format=find_format("bf16"),
        gpu=find_gpu(gpu),
        tensor_parallel=count,
        engine=Engine(**settings),
    )
    return memory(deployment_arrays([d]))


def test_a_long_prompt_step_takes_three_inner_and_three_hidden_widths_per_token():
    # 2 bytes x (3 x 14,336 + 3 x 4,096); logs of vLLM 0.6 print 2.07 GiB for 20,000 tokens, 2.99 for 29,000.
    assert layer_width(find_model("Llama-3.1-8B-Instruct"), 1) * 2 == 110_592
    grown = memory_of(max_num_batched_tokens=29_000, max_num_seqs=1).overhead_bytes
    grown = grown - memory_of(max_num_batched_tokens=20_000, max_num_seqs=1).overhead_bytes
    assert float(grown[0]) / GIB == pytest.approx(2.99 - 2.07, abs=0.01)


def test_two_gpus_halve_the_inner_width_and_exchange_two_hidden_states():
    alone, shared = (layer_width(find_model("Llama-3.1-8B-Instruct"), n) for n in (1, 2))
    assert shared == alone - 3 * 14_336 / 2 + 2 * 4_096


def test_sampling_of_many_sequences_is_the_peak_until_it_works_in_place():
    # Logs on H100 print 4.76 GiB of 1,024 sequences and 128,256 words by vLLM 0.14.
    sorted_peak, in_place = (float(memory_of(version=v).overhead_bytes[0]) for v in ("0.14.0", "0.17.0"))
    assert sorted_peak / GIB == pytest.approx(4.76 + 0.13, abs=0.05)
    assert in_place < sorted_peak / 2


def test_where_flashinfer_may_be_installed_the_interval_reaches_what_it_spares():
    m = memory_of("Mistral-Small-3.1-24B-Instruct-2503", version="0.11.0", gpu_memory_utilization=0.95)
    assert float(m.kv_bytes[0]) / GIB < 26
    assert float(m.kv_high_bytes[0]) / GIB > 28  # 28.20 GiB in a log of an image with FlashInfer


def test_graphs_are_counted_since_0_20_and_not_in_eager_mode():
    kv = {
        v: float(memory_of(version=v, gpu_memory_utilization=0.9).kv_bytes[0]) for v in ("0.19.0", "0.20.0")
    }
    assert kv["0.19.0"] - kv["0.20.0"] == pytest.approx(0.6 * GIB, abs=0.05 * GIB)
    eager = memory_of(version="0.20.0", gpu_memory_utilization=0.9, enforce_eager=True)
    assert float(eager.kv_bytes[0]) == pytest.approx(kv["0.19.0"])


def test_collectives_start_inside_the_profile_until_0_10():
    before, after = (float(memory_of(version=v, count=2).overhead_bytes[0]) for v in ("0.10.2", "0.11.0"))
    assert before - after == pytest.approx(1.5 * GIB)


@pytest.mark.parametrize("count", [1, 2])
def test_the_interval_holds_the_estimate_and_is_wider_for_four_bits(count: int):
    wide = memory_of("Llama-3.3-70B-Instruct", count=2 * count)
    assert wide.kv_low_bytes[0] < wide.kv_bytes[0] < wide.kv_high_bytes[0]
    d = Deployment(
        model=find_model("Llama-3.3-70B-Instruct"),
        format=find_format("int4"),
        gpu=find_gpu("H100"),
        tensor_parallel=count,
        engine=Engine(version="0.14.0"),
    )
    narrow = memory(deployment_arrays([d]))
    assert (narrow.kv_bytes - narrow.kv_low_bytes) / narrow.weight_bytes > (
        wide.kv_bytes - wide.kv_low_bytes
    ) / wide.weight_bytes
