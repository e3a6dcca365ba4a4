"""Kernels timed on a GPU move what is predicted for it, and for no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.advise.fit_with_own_records import predictor_with
from advisor.cost.gpu_from_timed_kernels import shares, with_ceilings
from advisor.cost.predict.predictor import Predictor
from advisor.record import store
from advisor.record.kernel_timing import KernelTiming
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from tests.advise.builders import deployment
from tests.record import build

WIDTH = 8_192
LOAD = Load(
    input_tokens=Lengths.constant(512), output_tokens=Lengths.constant(256), arrival=Arrival(kind="single")
)


def kernels(gpu: str, *, memory: float, gemv: float, multiply: float) -> list[KernelTiming]:
    """A copy, a GEMM of one row and a large one, as shares of the data sheet."""
    spec = find_gpu(gpu)
    peak = spec.dense_tflops["bf16"]
    assert peak is not None
    seconds = WIDTH**2 * 2 / (gemv * spec.memory_bytes_per_s)
    gemm = {"what": "gemm", "dtype": "bf16", "width": WIDTH, "unit": "TFLOPS", "size_bytes": None}
    return [
        build.kernel(gpu=gpu, value=memory * spec.memory_bandwidth_gb_s),
        build.kernel(gpu=gpu, tokens=1, seconds=seconds, value=2 * WIDTH**2 / seconds / 1e12, **gemm),
        build.kernel(gpu=gpu, tokens=4_096, value=multiply * peak, **gemm),
    ]


def tpot_ms(predictor: Predictor, gpu: str, fmt: str = "bf16") -> float:
    [found] = predictor.predictions([deployment(fmt=fmt, gpu=gpu)], LOAD)
    return found.latency[("tpot", "mean")].value


def ttft_ms(predictor: Predictor, gpu: str) -> float:
    [found] = predictor.predictions([deployment(gpu=gpu)], LOAD)
    return found.latency[("ttft", "mean")].value


def moved(gpu: str, **kernel_shares: float) -> Predictor:
    shipped = Predictor.shipped()
    return Predictor(with_ceilings(shipped.fit, kernels(gpu, **kernel_shares), {gpu: find_gpu(gpu)}))


def test_the_shares_are_those_of_the_data_sheet():
    found = shares(kernels("A6000", memory=0.9, gemv=0.8, multiply=0.6), find_gpu("A6000"))
    assert found.reached["read_bf16"] == pytest.approx(0.8)
    assert found.reached["multiply_bf16"] == pytest.approx(0.6)
    assert found.ceilings["read_wo4"] == pytest.approx(0.9)
    assert found.ceilings["prefill_attention"] == pytest.approx(0.6)


def test_a_matrix_in_the_cache_reads_no_faster_than_memory():
    found = shares(kernels("A6000", memory=0.9, gemv=3.0, multiply=0.6), find_gpu("A6000"))
    assert found.reached["read_bf16"] == pytest.approx(0.9)


@pytest.mark.parametrize("gpu", ["A6000", "A40"], ids=["served in the records", "never served"])
def test_a_gpu_at_half_its_bandwidth_decodes_at_half_the_speed(gpu: str):
    slow = moved(gpu, memory=0.40, gemv=0.38, multiply=0.7)
    before, after = tpot_ms(Predictor.shipped(), gpu), tpot_ms(slow, gpu)
    assert 1.6 < after / before < 2.6
    assert tpot_ms(slow, gpu, "int4") > 1.3 * tpot_ms(Predictor.shipped(), gpu, "int4")


def test_a_gpu_that_multiplies_at_a_third_prefills_slower():
    slow = moved("A6000", memory=0.9, gemv=0.85, multiply=0.2)
    assert ttft_ms(slow, "A6000") > 1.8 * ttft_ms(Predictor.shipped(), "A6000")


def test_another_gpu_is_not_concerned():
    slow = moved("A6000", memory=0.40, gemv=0.38, multiply=0.2)
    for gpu in ("A100-80GB-SXM", "L40S"):
        assert tpot_ms(slow, gpu) == tpot_ms(Predictor.shipped(), gpu)


def test_better_kernels_than_believed_speed_up_a_gpu_that_was_never_served_on():
    fast = moved("A40", memory=0.97, gemv=0.97, multiply=0.95)
    assert tpot_ms(fast, "A40") < tpot_ms(Predictor.shipped(), "A40")
    assert ttft_ms(fast, "A40") < ttft_ms(Predictor.shipped(), "A40")


def test_a_folder_of_calibration_moves_the_prediction_and_says_so(tmp_path: Path):
    store.write_kernels(tmp_path / "kernels.csv", kernels("A6000", memory=0.4, gemv=0.38, multiply=0.7))
    found = predictor_with([tmp_path])
    assert tpot_ms(found, "A6000") > 1.6 * tpot_ms(Predictor.shipped(), "A6000")
    assert "Ceilings of A6000 by quantadvise calibrate, 2026-11-24." in str(found.summary()["text"])


def test_a_gpu_that_nobody_knows_says_nothing(tmp_path: Path):
    store.write_kernels(tmp_path / "kernels.csv", [build.kernel(gpu="My unknown GPU")])
    assert tpot_ms(predictor_with([tmp_path]), "A6000") == tpot_ms(Predictor.shipped(), "A6000")
