"""A plan that vLLM would refuse ends before its first step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.errors import UnsupportedError
from advisor.measure.refuse_unstartable import check_starts
from advisor.measure.steps.what_to_measure import Plan
from advisor.measure.tools.machine import Device

L4 = Device(
    index=0, name="L4", driver_name="NVIDIA L4", memory_mib=23_034, in_catalog=True, facts={}, used_mib=0
)
PLAN = Plan(model="phi-4", workload="chat", formats=("bf16",), tensor_parallel=(1, 2), slo_search=True)


def test_a_plan_that_starts_is_let_through() -> None:
    check_starts(PLAN, L4, "0.32.0")


def test_a_number_of_gpus_over_which_the_model_does_not_split_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"bf16 on 4x L4: vllm 0.32.0 does not start it .*10 KV heads"):
        check_starts(replace(PLAN, tensor_parallel=(1, 4)), L4, "0.32.0")


def test_a_format_without_a_kernel_on_the_gpu_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"capability 9\.0"):
        check_starts(replace(PLAN, formats=("w4a8-fp8",), tensor_parallel=(1,)), L4, "0.32.0")


def test_what_the_table_cannot_know_is_left_to_vllm() -> None:
    wrong = replace(PLAN, tensor_parallel=(4,))
    check_starts(wrong, replace(L4, in_catalog=False), "0.32.0")
    check_starts(wrong, L4, None)
    check_starts(replace(wrong, engine_args=("--hf-overrides", "{}")), L4, "0.32.0")
    check_starts(replace(wrong, model="/no/such/folder"), L4, "0.32.0")
