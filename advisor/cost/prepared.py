"""Deployments with all that does not depend on the load, as predictions need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from advisor.cost.features import DeploymentArrays, Floats, Ints
from advisor.cost.memory import Memory
from advisor.cost.steptime import Coefficients
from advisor.spec.deployment import Deployment
from advisor.spec.engine import EngineDefaults


@dataclass(frozen=True, slots=True)
class Prepared:
    """One entry per deployment."""

    deployments: tuple[Deployment, ...]
    arrays: DeploymentArrays
    coefficients: Coefficients
    memory: Memory
    distance: Ints
    effects: Mapping[str, Floats]
    """By class of quantity and load: log correction per deployment."""
    limits: tuple[EngineDefaults, ...]
    keys: tuple[tuple[str, ...], ...]
    """Of each deployment: what its measurements are filed under."""
