"""Theta moves parameters as it says: shares stay shares, groups add up, others stay as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.step.deployment_work import DeploymentArrays, deployment_arrays
from advisor.cost.step.parameter_vector import SERVED_SD, SWITCH_SD, Design, prior_sd, used_names, value_of
from advisor.cost.step.parameters import BY_NAME, PARAMETERS, Parameter
from advisor.spec.engines.engine import parse_engine
from tests.cost.step.test_step_time import deployment

SHARE, FACTOR = BY_NAME["read_fp8"], BY_NAME["step_overhead_s"]


def two() -> DeploymentArrays:
    """FP8 on H100 and INT4 on A100: they share no kernel family and no GPU."""
    return deployment_arrays([deployment(fmt="fp8", gpu="H100"), deployment(fmt="int4", gpu="A100")])


@pytest.mark.parametrize("p", PARAMETERS, ids=lambda p: p.name)
def test_a_parameter_starts_where_the_table_says(p: Parameter):
    assert value_of(p, np.zeros(1))[0] == pytest.approx(p.start)


@given(st.floats(-30, 30), st.floats(0.01, 5))
def test_shares_stay_between_0_and_1_and_factors_above_0(distance: float, further: float):
    share, more = value_of(SHARE, np.array([distance, distance + further]))
    assert 0 < share <= more <= 1
    assert 0 < value_of(FACTOR, np.array([distance]))[0] < value_of(FACTOR, np.array([distance + further]))[0]


def test_one_unit_of_a_share_is_one_of_log_odds():
    # 0.80 is odds of 4; e times that is 10.873, a share of 0.9158.
    assert value_of(SHARE, np.ones(1))[0] == pytest.approx(4 * np.e / (1 + 4 * np.e))
    assert value_of(FACTOR, np.ones(1))[0] == pytest.approx(np.e * FACTOR.start)


def test_the_common_value_and_the_groups_add_up():
    arrays = two()
    names = used_names(arrays)
    design = Design(arrays, names)
    vector = np.zeros(len(names))
    vector[names.index("all_reduce_s")] = 0.5
    vector[names.index("read_fp8@H100-SXM")] = 0.3
    vector[names.index("read_fp8")] = -0.1
    values = design.values(vector)
    assert values["read_fp8"] == pytest.approx(value_of(SHARE, np.array([0.2, -0.1])))
    assert values["all_reduce_s"] == pytest.approx(np.exp(0.5) * BY_NAME["all_reduce_s"].start * np.ones(2))


def test_what_two_groupings_have_in_common_counts_once():
    # V0 is a generation and an era: an entry of its own name moves what it names by itself, and not twice.
    arrays = deployment_arrays([replace(deployment(), engine=parse_engine("vllm 0.6.4"))])
    names = used_names(arrays)
    assert len(set(names)) == len(names)
    vector = np.zeros(len(names))
    vector[names.index("layer_overhead_s@v0")] = 0.4
    moved = Design(arrays, names).values(vector)["layer_overhead_s"]
    assert moved == pytest.approx(np.exp(0.4) * BY_NAME["layer_overhead_s"].start)


def test_an_entry_moves_just_the_deployments_it_is_said_to_move():
    arrays = two()
    names = used_names(arrays)
    design = Design(arrays, names)
    still = design.values(np.zeros(len(names)))
    incidence = design.incidence()
    for column, name in enumerate(names):
        vector = np.zeros(len(names))
        vector[column] = 0.25
        moved = design.values(vector)
        changed = np.any([moved[p] != still[p] for p in still], axis=0)
        assert changed.tolist() == incidence[:, column].tolist(), name


def test_only_what_these_deployments_run_is_learnt():
    names = used_names(two())
    assert {"read_fp8", "read_wo4", "read_bf16"} <= set(names)
    assert not {"read_int8", "multiply_fp4", "expert_read"} & set(names)
    # A family's efficiency on a GPU is learnt from deployments that run in the family, not from the others.
    assert "read_fp8@H100-SXM" in names
    assert "read_fp8@A100-SXM-80GB" not in names
    mixture = deployment_arrays([deployment(model="Mixtral-8x7B-Instruct-v0.1", gpu="H100", tp=2)])
    assert "expert_read" in used_names(mixture)


def test_a_kernel_that_was_timed_alone_is_where_its_parameter_starts():
    arrays = two()
    timed = {"read_fp8": 0.2, "read_fp8@H100-SXM": 0.1, "read_fp8@B200": 9.0, "step_overhead_s": 9.0}
    values = Design(arrays, (), timed).values(np.zeros(0))
    assert values["read_fp8"] == pytest.approx(value_of(SHARE, np.array([0.3, 0.2])))
    # The engine's own time is no kernel: no timing may move it.
    assert values["step_overhead_s"] == pytest.approx(np.full(2, FACTOR.start))


def test_what_was_timed_moves_less():
    assert (
        prior_sd("read_fp8@H100-SXM") > prior_sd("read_fp8@H100-SXM", {"read_fp8@H100-SXM": 0.1}) == SERVED_SD
    )
    # Hosts that join their GPUs by PCIe differ several times over, however one of them was timed.
    assert prior_sd("all_reduce_s@nvlink", {"all_reduce_s@nvlink": 0.0}) == SWITCH_SD
    assert prior_sd("all_reduce_s@pcie", {"all_reduce_s@pcie": 0.0}) == BY_NAME["all_reduce_s"].group_prior
    assert prior_sd("all_reduce_s@pcie*RTX4090") == BY_NAME["all_reduce_s"].group_prior
    assert prior_sd("all_reduce_s@nvlink*H100-SXM") == SWITCH_SD
