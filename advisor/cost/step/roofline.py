"""The least time that the data sheets allow: every efficiency 1, every overhead 0."""

from __future__ import annotations

import numpy as np

from advisor.cost.step.deployment_work import DeploymentArrays
from advisor.cost.step.parameters import PARAMETERS
from advisor.cost.step.step_time import StepCosts, step_costs

_SHARP = 50.0
"""Exponent at which reading and multiplying overlap fully: the longer of the two counts."""


def roofline(arrays: DeploymentArrays) -> StepCosts:
    """StepCosts of a GPU that does all that its data sheet says, and an engine that costs nothing."""
    n = len(arrays)
    values = {p.name: np.full(n, 1.0 if p.share else 0.0) for p in PARAMETERS}
    values["overlap_sharpness"] = np.full(n, _SHARP)
    values["engine_time_factor"] = np.ones(n)
    values["unpack_per_s"] = np.full(n, np.inf)
    return step_costs(arrays, values)
