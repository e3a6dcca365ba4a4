"""A step's time by cause and by kernel family is all of it, and the cause that binds is the right one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.cost.predict.predictor import Predictor
from advisor.cost.step.bottleneck import bottleneck, times_ms
from advisor.cost.step.deployment_work import deployment_arrays
from advisor.cost.step.kernel_breakdown import kernel_shares
from advisor.cost.step.step_time import StepBreakdown, StepCosts, step_breakdown
from tests.cost.step.test_step_time import deployment

MODELS = ("Llama-3.1-8B-Instruct", "Mixtral-8x7B-Instruct-v0.1")


def step(model: str = MODELS[0], fmt: str = "bf16", gpu: str = "H100", tp: int = 1, *, decodes: float = 0.0,
         prompt: float = 0.0) -> tuple[StepCosts, StepBreakdown, float]:  # fmt: skip
    """Costs, one step by cause, and the tokens that go through its matrices."""
    arrays = deployment_arrays([deployment(model, fmt, gpu, tp)])
    costs = Predictor.shipped().fit.speed.step_costs(arrays)
    one = np.ones(1)
    prompts = one if prompt else 0.0 * one
    made = step_breakdown(costs, one * decodes, one * 1000.0, one * prompt, one * prompt / 2, prompts)
    return costs, made, decodes + prompt


@settings(max_examples=25)
@given(st.sampled_from(MODELS), st.sampled_from(["bf16", "fp8", "int4"]), st.sampled_from([1, 2]),
       st.floats(1, 256), st.sampled_from([0.0, 512.0, 4096.0]))  # fmt: skip
def test_causes_and_kernels_add_up_to_the_step(model: str, fmt: str, tp: int, decodes: float, prompt: float):
    costs, made, tokens = step(model, fmt, "H100", max(tp, 2) if "Mixtral" in model else tp, decodes=decodes,
                               prompt=prompt)  # fmt: skip
    total_ms = 1000 * float(made.total_s[0])
    assert sum(times_ms(made, costs, np.array([tokens]))[0].values()) == pytest.approx(total_ms)
    arrays = deployment_arrays([deployment(model, fmt, "H100", max(tp, 2) if "Mixtral" in model else tp)])
    [shares] = kernel_shares(made, arrays, {})
    assert sum(one.ms for one in shares) == pytest.approx(total_ms)
    assert [one.ms for one in shares] == sorted((one.ms for one in shares), reverse=True)


def bound(**load: float) -> str:
    costs, made, tokens = step(**load)  # type: ignore[arg-type]
    return bottleneck(times_ms(made, costs, np.array([tokens]))[0])


def test_a_lone_answer_waits_for_memory_and_a_long_prompt_for_the_matrix_units():
    assert bound(decodes=1.0) == "memory bandwidth"
    assert bound(prompt=8192.0) == "compute"


def test_where_reading_and_multiplying_take_equally_long_each_has_half():
    costs, made, _ = step(decodes=1.0)
    balance = float(costs.weights_s[0] / costs.token_s[0])
    at_balance = times_ms(made, costs, np.array([balance]))[0]
    far_below = times_ms(made, costs, np.array([balance / 100]))[0]
    weights_ms = 1000 * float(made.weights_s[0])
    rest_ms = 1000 * float(made.attention_s[0] + made.elementwise_s[0])
    assert at_balance["compute"] == pytest.approx(weights_ms / 2 + rest_ms)
    assert far_below["compute"] == pytest.approx(rest_ms, abs=weights_ms / 50)


def test_a_kernel_says_how_near_its_timing_is():
    _, made, _ = step(decodes=8.0)
    arrays = deployment_arrays([deployment()])

    def basis(kernels: dict[str, float]) -> dict[str, str]:
        return {one.name: one.basis for one in kernel_shares(made, arrays, kernels)[0]}

    assert basis({})["matrix products (bf16)"] == "served"
    assert basis({"read_bf16": 0.0})["matrix products (bf16)"] == "timed on other GPUs"
    assert basis({"read_bf16@nvidia-9": 0.0, "read_bf16": 0.0})["lm_head"] == "timed on its architecture"
    assert basis({"read_bf16@H100-SXM": 0.0})["lm_head"] == "timed on this GPU"
    assert basis({"read_bf16": 0.0})["kernel starts and the engine"] == "served"
