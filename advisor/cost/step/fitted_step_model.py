"""FittedSpeed: the learnt parameters of step times, and the step costs of deployments by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.step.deployment_work import DeploymentArrays
from advisor.cost.step.parameter_vector import Design, used_names
from advisor.cost.step.step_time import StepCosts, step_costs


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedSpeed:
    """The learnt part of the step-time model."""

    theta: Mapping[str, float]
    """See `parameters.PARAMETERS`; a missing entry is zero."""
    noise: Mapping[str, float] = field(default_factory=dict)
    """How far each class of rows scatters about it, in logs; see `row_noise.noise_class`."""
    kernels: Mapping[str, float] = field(default_factory=dict)
    """Where kernels timed alone put the parameters, by `theta`'s names; `theta` starts from there."""

    def step_costs(self, arrays: DeploymentArrays) -> StepCosts:
        """Each deployment's seconds per unit of work."""
        names = used_names(arrays)
        return step_costs(arrays, Design(arrays, names, self.kernels).values(self.vector(names)))

    def vector(self, names: Sequence[str]) -> Floats:
        return np.array([self.theta.get(name, 0.0) for name in names], dtype=np.float64)
