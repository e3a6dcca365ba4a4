"""Theta: the learnt numbers as one vector, and the values of a deployment's parameters that it gives.

A parameter has a value common to all deployments and a deviation for each of its groups: GPUs,
architectures, eras of the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from advisor.cost.array_table import Floats
from advisor.cost.step.deployment_work import ERAS, KERNELS, DeploymentArrays
from advisor.cost.step.parameters import BY_NAME, PARAMETERS, Parameter

# Theta: `name` → the common value's distance from its start, in log-odds (shares) or logs;
# `name@group` → a group's deviation from that.


def group_keys(arrays: object, by: str) -> tuple[str, ...]:
    """The group of each deployment: a column of names, or two joined by `*`."""
    if "*" in by:
        left, right = by.split("*")
        return tuple(f"{a}*{b}" for a, b in zip(getattr(arrays, left), getattr(arrays, right), strict=True))
    keys: tuple[str, ...] = getattr(arrays, by)
    return keys


def used_names(arrays: DeploymentArrays) -> list[str]:
    """Every entry of Theta that these deployments depend on, in a fixed order."""
    names: list[str] = []
    kernels = set(arrays.kernel) | {"bf16"}
    for p in PARAMETERS:
        verb, _, tail = p.name.partition("_")
        if verb in ("read", "multiply") and tail in KERNELS and tail not in kernels:
            continue
        if p.name.startswith("expert") and not np.any(arrays.experts > 0):
            continue
        names.append(p.name)
        for by in p.by:
            keys = group_keys(arrays, by)
            if verb in ("read", "multiply") and tail in KERNELS and tail != "bf16":
                keys = tuple(k for k, kernel in zip(keys, arrays.kernel, strict=True) if kernel == tail)
            names += [f"{p.name}@{key}" for key in sorted(set(keys)) if key]
    return list(dict.fromkeys(names))  # V0 is one era


def prior_sd(name: str, kernels: Mapping[str, float] = MappingProxyType({})) -> float:
    """How far an entry of Theta may be expected to lie from zero; `kernels` as `Design` takes it."""
    parameter, _, group = name.partition("@")
    p = BY_NAME[parameter]
    prior = p.group_prior if group else p.prior
    if p.era_prior is not None and group in _ERA_NAMES:
        prior = p.era_prior
    timed = p.timed_by is not None and name in kernels
    # Hosts without a switch between their GPUs differ several times over; those with one do not.
    if parameter in ("all_reduce_s", "all_reduce_root_s", "link_share"):
        return SWITCH_SD if group.startswith("nvlink*") or (timed and group != "pcie") else prior
    # Compilers fuse the quantization of activations into other kernels, which no timing alone shows.
    return min(prior, SERVED_SD) if timed and parameter != "kernel_fixed_s" else prior


_ERA_NAMES = frozenset(name for _, name in ERAS)
SERVED_SD = 0.08
"""How far, in log-odds or logs, steps may be expected to move what kernels timed alone say of a parameter."""
SWITCH_SD = 0.03
"""Standard deviation, in logs, of a group of all-reduces: other costs of several GPUs must not end up in
them."""


class Design:
    """Which entries of Theta move which parameter of which deployment: built once, used at every step.

    `names` orders Theta as a vector (T,); `values(vector)` gives each parameter as an array (D,). `kernels`:
    what kernels timed alone say, by Theta's names; each parameter starts there.
    """

    def __init__(
        self,
        arrays: DeploymentArrays,
        names: Sequence[str],
        kernels: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self.names = tuple(names)
        position = {name: i for i, name in enumerate(self.names)}
        missing = len(self.names)
        self._slots: list[npt.NDArray[np.intp]] = []
        for p in PARAMETERS:
            columns = [np.full(len(arrays), position.get(p.name, missing))]
            for by in p.by:
                keys = group_keys(arrays, by)
                slot = {key: position.get(f"{p.name}@{key}", missing) for key in set(keys)}
                column = np.array([slot[key] for key in keys])
                # A group that two ways of grouping have in common (V0 is one era) counts once.
                for other in columns[1:]:
                    column = np.where(column == other, missing, column)
                columns.append(column)
            self._slots.append(np.stack(columns, axis=1).astype(np.intp))
        self._timed = [timed_distance(arrays, p, kernels) for p in PARAMETERS]

    def incidence(self) -> npt.NDArray[np.bool_]:
        """(D, T): whether an entry of Theta moves anything of a deployment."""
        found = np.zeros((len(self._slots[0]), len(self.names) + 1), dtype=bool)
        for slots in self._slots:
            np.put_along_axis(found, slots, True, axis=1)
        return found[:, :-1]

    def values(self, vector: Floats) -> dict[str, Floats]:
        """Each parameter for each deployment: its start, moved by the common distance and the groups'."""
        padded = np.append(vector, 0.0)
        found: dict[str, Floats] = {}
        for p, slots, timed in zip(PARAMETERS, self._slots, self._timed, strict=True):
            found[p.name] = value_of(p, padded[slots].sum(axis=1) + timed)
        return found


def value_of(p: Parameter, distance: Floats) -> Floats:
    """A parameter so far from its start, in log-odds or logs."""
    if p.share:
        return np.asarray(1.0 / (1.0 + (1.0 - p.start) / p.start * np.exp(-distance)))
    return np.asarray(p.start * np.exp(distance))


def timed_distance(arrays: DeploymentArrays, p: Parameter, kernels: Mapping[str, float]) -> Floats:
    """How far from its start kernels timed alone put a parameter, for each deployment."""
    distance = np.full(len(arrays), kernels.get(p.name, 0.0) if p.timed_by is not None else 0.0)
    for by in p.timed_by or ():
        keys = group_keys(arrays, by)
        table = {key: kernels.get(f"{p.name}@{key}", 0.0) for key in set(keys)}
        distance = distance + np.array([table[key] for key in keys])
    return distance
