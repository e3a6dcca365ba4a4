"""What a failed program's last words mean, on real logs and on lines of PyTorch's and the system's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.errors import DiskFullError
from advisor.measure.state import failure_kind
from advisor.measure.tools import subprocesses
from advisor.measure.tools.subprocesses import ToolError

DATA = Path(__file__).parents[1] / "data"


def ended(text: str, *, timed_out: bool = False) -> ToolError:
    return ToolError("vllm: ended", tail=text, log=Path("/run/log"), seconds=12.0, timed_out=timed_out)


def log(name: str) -> str:
    return subprocesses.tail(DATA / f"vllm_0.32_serve_{name}.log")


def test_a_kv_cache_too_small_for_one_request_is_out_of_memory():
    found = failure_kind.classify(ended(log("kv_cache_too_small")))
    assert found.reason == "out_of_memory"
    assert found.detail.startswith(
        "ValueError: To serve at least one request with the model's max seq len (16384), "
        "(4.0 GiB KV cache is needed, which is larger than the available KV cache memory (0.97 GiB)."
    )


def test_a_format_without_a_kernel_is_unsupported():
    found = failure_kind.classify(ended(log("no_nvfp4_kernel")))
    assert found.reason == "unsupported"
    assert found.detail.startswith(
        "ValueError: Failed to find a kernel that can implement the NVFP4 linear layer."
    )


def test_a_build_without_a_kernel_is_unsupported_and_the_worker_s_own_words_say_why():
    found = failure_kind.classify(ended(log("no_fp8_kernel")))
    assert found.reason == "unsupported"
    assert found.detail.startswith(
        "RuntimeError: _C::static_scaled_fp8_quant() expected at most 0 argument(s)"
    )


def test_a_warning_is_no_reason():
    # vLLM warns of too many open files on every start under a low limit
    first = log("kv_cache_too_small").splitlines()[:12]
    assert any("Too many open files" in line for line in first)
    assert not any("Too many open files" in line for line in subprocesses.complaints("\n".join(first)))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "out_of_memory"),
        ("ValueError: No available memory for the cache blocks.", "out_of_memory"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "out_of_memory"),
        ("NotImplementedError: Could not run 'aten::_scaled_mm'", "unsupported"),
        ("KeyError: 'model.layers.0'", "crash"),
        ("", "crash"),
    ],
)
def test_reasons(line: str, reason: str):
    assert failure_kind.classify(ended(line)).reason == reason


def test_a_hang_is_a_timeout():
    assert failure_kind.classify(ended("INFO fine", timed_out=True)).reason == "timeout"


def test_a_full_disk_says_nothing_about_the_step():
    with pytest.raises(DiskFullError, match="make room and run the same command again"):
        failure_kind.classify(ended("OSError: [Errno 28] No space left on device"))
