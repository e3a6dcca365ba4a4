"""Kernels timed alone: what the estimator finds in made-up timings, and how well it foretells real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from advisor.cost.fitting.kernel_estimator import KernelProblem, fit_kernels
from advisor.cost.kernels.kernel_timings import TimedKernels, timed_kernels
from advisor.cost.step.deployment_work import deployment_arrays
from advisor.cost.step.parameter_vector import Design, used_names
from advisor.record.kernel_timing import KernelTiming
from advisor.record.store import read_kernels
from advisor.shipped_files import shipped
from advisor.spec.deployment import Deployment
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model

ROWS = read_kernels(shipped("measurements"))


def held_out(of: Callable[[TimedKernels], np.ndarray]) -> tuple[TimedKernels, np.ndarray]:
    """Timings and their relative errors, the groups that `of` names left out one after the other."""
    timed = timed_kernels(ROWS)
    groups = of(timed)
    problem = KernelProblem(timed)
    errors = np.full(len(timed), np.nan)
    for group in np.unique(groups):
        out = groups == group
        learnt = fit_kernels(ROWS, ~out)
        vector = np.array([learnt[name] for name in problem.names])
        errors[out] = np.abs(np.expm1(problem.errors(vector)[out]))
    return timed, errors


def test_made_up_timings_of_a_known_gpu_are_found_again():
    gpu = find_gpu("H100")
    rate, bandwidth = gpu.flop_per_s("bf16"), gpu.memory_bytes_per_s
    assert rate is not None
    rows = []
    for tokens in (1, 8, 64, 256, 1024, 8192):
        for width in (2048, 4096, 8192, 16384):
            work = 2.0 * tokens * width**2
            read = (2.0 * width**2 + 4.0 * tokens * width) / (0.8 * bandwidth)
            seconds = 5e-6 + (read**3 + (work / (0.7 * rate)) ** 3) ** (1 / 3)
            rows.append(gemm(tokens, width, seconds))
    found = fit_kernels(rows)
    arrays = deployment_arrays([deployment()])
    names = used_names(arrays)
    values = Design(arrays, names, found).values(np.zeros(len(names)))
    assert values["read_bf16"][0] == pytest.approx(0.8, rel=0.03)
    assert values["multiply_bf16"][0] == pytest.approx(0.7, rel=0.03)
    assert values["kernel_fixed_s"][0] == pytest.approx(5e-6, rel=0.15)


def gemm(tokens: int, width: int, seconds: float) -> KernelTiming:
    one = next(row for row in ROWS if row.what == "gemm" and row.dtype == "bf16" and row.gpu == "H100-SXM")
    return replace(one, tokens=tokens, width=width, depth=None, seconds=seconds)


def deployment() -> Deployment:
    return Deployment(
        model=find_model("Llama-3.1-8B-Instruct"), format=find_format("bf16"), gpu=find_gpu("H100")
    )


def test_a_gpu_without_timings_inherits_from_its_architecture():
    arrays = deployment_arrays(
        [replace(deployment(), gpu=find_gpu(name)) for name in ("H100", "H800", "V100S")]
    )
    names = used_names(arrays)
    values = Design(arrays, names, fit_kernels(ROWS)).values(np.zeros(len(names)))["multiply_bf16"]
    assert values[1] == pytest.approx(values[0], rel=0.1)
    assert abs(values[2] - values[0]) > abs(values[1] - values[0])


def test_the_rows_teach_the_same_to_the_last_digit():
    assert fit_kernels(ROWS) == fit_kernels(list(ROWS))


def test_matrix_products_left_out_one_shape_in_five_are_off_by_a_tenth():
    timed, errors = held_out(lambda t: np.arange(len(t)) % 5)
    products = np.array(timed.what) == "gemm"
    reduced = np.array(timed.what) == "all-reduce"
    assert np.nanmedian(errors[products]) < 0.08
    assert np.nanmedian(errors[reduced]) < 0.12


def test_matrix_products_of_a_gpu_left_out_are_foretold_by_the_others():
    timed, errors = held_out(lambda t: np.array(t.gpu))
    for family, most in (("bf16", 0.12), ("fp8", 0.20), ("fp4", 0.20)):
        members = np.array(timed.kernel) == family
        assert np.nanmedian(errors[members]) < most, family
