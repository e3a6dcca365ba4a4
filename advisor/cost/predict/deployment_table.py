"""Deployments with all that does not depend on the load, as predictions need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from advisor.cost import fit_file
from advisor.cost.arrays import ArrayTable, Floats, Ints
from advisor.cost.fit_file import Fit
from advisor.cost.step.memory import Memory, memory
from advisor.cost.step.step_time import Coefficients, Design, coefficients, used_names
from advisor.cost.step.work import DeploymentArrays, defaults_of, deployment_arrays
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import EngineDefaults

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facts(ArrayTable):
    """What of deployments does not depend on their replicas either; one entry per deployment."""

    arrays: DeploymentArrays
    coefficients: Coefficients
    memory: Memory
    limits: tuple[EngineDefaults, ...]


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


class Preparation:
    """Prepares deployments with one fit."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        self._seen, self._hosts, self._kernels = fit.seen, fit.hosts, fit.kernels

    def facts(self, deployments: Sequence[Deployment]) -> Facts:
        """Raises UnsupportedError where a GPU cannot run the format."""
        arrays = deployment_arrays(deployments)
        names = used_names(arrays)
        made = coefficients(arrays, Design(arrays, names).values(self.fit.speed.vector(names)))
        return Facts(arrays, made, memory(arrays), tuple(defaults_of(deployments)))

    def prepared(self, deployments: Sequence[Deployment], facts: Facts) -> Prepared:
        """With what was measured of them, for which replicas count; `facts` are theirs."""
        a = facts.arrays
        shapes = {
            d.model.name: fit_file.shape_key(d.model) for d in {id(d.model): d for d in deployments}.values()
        }
        keys = [
            fit_file.deployment_keys(d, shapes[d.model.name], generation)
            for d, generation in zip(deployments, a.generation, strict=True)
        ]
        hosted = zip(keys, a.gpu, a.generation, a.kernel, strict=True)
        distance = [
            0 if own in self._seen or free in self._seen
            # A kernel nobody has timed is as far from the data as a GPU nobody has used.
            else 1 if f"{gpu} {generation}" in self._hosts and kernel in self._kernels
            else 2
            for (own, free), gpu, generation, kernel in hosted
        ]  # fmt: skip
        effects = {
            kind: np.array([table.get(own, table.get(free, 0.0)) for own, free in keys])
            for kind, table in self.fit.effects.items()
        }
        return Prepared(
            tuple(deployments),
            a,
            facts.coefficients,
            facts.memory,
            np.array(distance, dtype=np.intp),
            effects,
            facts.limits,
            tuple(keys),
        )


def but_replicas(d: Deployment) -> tuple[object, ...]:
    """Equal for deployments whose facts are the same, as long as these objects live."""
    return (id(d.model), id(d.gpu), id(d.format), id(d.engine), d.tensor_parallel, d.kv_format)
