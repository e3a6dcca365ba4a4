"""DeploymentTable: all that predictions need of deployments and that does not depend on the load."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from advisor.cost.array_table import ArrayTable, Bools, Floats, Ints
from advisor.cost.fit_file import EXPERTS_BY, Fit
from advisor.cost.fitting.measured_deployments import DeploymentKey, deployment_keys, shape_key
from advisor.cost.predict.prediction_table import Range
from advisor.cost.step.deployment_work import DeploymentArrays, defaults_of, deployment_arrays
from advisor.cost.step.memory import Memory, longest_context, memory
from advisor.cost.step.parameter_vector import group_keys
from advisor.cost.step.step_time import StepCosts
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine, EngineDefaults
from advisor.spec.formats.format import QuantFormat
from advisor.spec.hardware.catalog import known_gpus
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.model import ModelSpec

MAX_KEPT_REPLICAS = 20_000
"""Rows of `ReplicaTable` that are kept, some 0.5 kB each."""

ReplicaKey = tuple[object, ...]
_Part: TypeAlias = "ModelSpec | GpuSpec | Engine | QuantFormat"


@dataclass(frozen=True, slots=True)
class ReplicaTable(ArrayTable):
    """One replica of each deployment: its work, step costs, memory and engine settings."""

    arrays: DeploymentArrays
    costs: StepCosts
    memory: Memory
    longest: Range
    """Tokens of the longest sequence that the KV cache holds, whatever the model takes."""
    limits: tuple[EngineDefaults, ...]

    @property
    def max_context(self) -> Ints:
        """Tokens of the longest sequence that one request can hold."""
        return np.asarray(np.minimum(self.longest.value, self.arrays.max_context), dtype=np.intp)


@dataclass(frozen=True, slots=True)
class DeploymentTable(ArrayTable):
    """One deployment per row."""

    deployments: tuple[Deployment, ...]
    replica: ReplicaTable
    distance: Ints
    """Position in `error_class.DISTANCES`: how far the nearest measurements are."""
    unmeasured_vendor: Bools
    """Whether no GPU of the vendor was measured: Intel's, whose kernels are others than those of the fit."""
    unmeasured_span: Bools
    """Whether it spans several nodes and nobody measured that with this generation of the engine."""
    era_excess_s: Floats
    """Seconds that a step may take longer where its experts were not measured in this era of releases: its
    launches and small kernels as slow as those of other eras; 0 where they were measured."""
    keys: tuple[tuple[DeploymentKey, ...], ...]
    """What each deployment's measurements are filed under."""

    @property
    def replicas(self) -> Floats:
        return np.array([d.replicas for d in self.deployments], dtype=np.float64)


class DeploymentNumbers:
    """Short keys of deployments by value: models, GPUs, engines and formats that are equal have one
    number."""

    def __init__(self) -> None:
        self._numbers: dict[_Part, int] = {}
        self._next = itertools.count()

    def __len__(self) -> int:
        return len(self._numbers)

    def of(self, deployments: Sequence[Deployment]) -> list[ReplicaKey]:
        """A key per deployment, the same for all counts of replicas."""
        # By identity, while the deployments hold their parts: a hash by value costs more.
        numbers: dict[int, int] = {}
        heads: dict[tuple[int, ...], tuple[int, ...]] = {}
        keys: list[ReplicaKey] = []
        for d in deployments:
            at = (id(d.model), id(d.gpu), id(d.engine), id(d.format))
            head = heads.get(at)
            if head is None:
                parts: tuple[_Part, ...] = (d.model, d.gpu, d.engine, d.format)
                for i, part in zip(at, parts, strict=True):
                    if i not in numbers:
                        numbers[i] = self._numbers.setdefault(part, next(self._next))
                head = heads[at] = tuple(numbers[i] for i in at)
            p = d.parallelism
            split = (p.tensor, p.pipeline, p.data, p.expert)
            keys.append((head, d.kv_format, split, d.checkpoint))
        return keys


@dataclass(frozen=True, slots=True)
class _Kept:
    """Replicas worked out before, by deployment key."""

    numbers: DeploymentNumbers
    place: Mapping[ReplicaKey, int]
    table: ReplicaTable | None


class DeploymentTables:
    """Makes deployment tables with one fit; replicas that were worked out before are not worked out again."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        self._seen, self._hosts, self._kernels = fit.evidence_keys, fit.hosts, fit.kernels
        measured = {gpu for gpu, _ in self._hosts}
        self._vendors = {gpu.vendor for gpu in known_gpus() if gpu.name in measured}
        self._spanned, self._era_jump = fit.spanned, fit.era_jump
        self._kept = _Kept(DeploymentNumbers(), {}, None)

    def table(self, deployments: Sequence[Deployment]) -> DeploymentTable:
        """The deployments with what was measured of them.

        Raises UnsupportedError where a GPU cannot run the format.
        """
        replica = self._replicas(deployments)
        a = replica.arrays
        models = {id(d.model): d.model for d in deployments}
        shapes = {key: shape_key(model) for key, model in models.items()}
        keys = tuple(
            deployment_keys(d, shapes[id(d.model)], generation)
            for d, generation in zip(deployments, a.generation, strict=True)
        )
        hosted = zip(keys, a.gpu, a.generation, a.kernel, strict=True)
        distance = [
            0 if own in self._seen or free in self._seen
            # A kernel that was never timed is as far from the data as a GPU that was never measured.
            else 1 if (gpu, generation) in self._hosts and kernel in self._kernels
            else 2
            for (own, free), gpu, generation, kernel in hosted
        ]  # fmt: skip
        experts = self.fit.experts
        unknown = np.array([bool(experts) and key not in experts for key in group_keys(a, EXPERTS_BY)])
        spanned = np.array([generation in self._spanned for generation in a.generation], dtype=np.bool_)
        return DeploymentTable(
            deployments=tuple(deployments),
            replica=replica,
            distance=np.array(distance, dtype=np.intp),
            unmeasured_vendor=np.array([d.gpu.vendor not in self._vendors for d in deployments], dtype=bool),
            unmeasured_span=(a.pipeline_parallel > 1) & ~spanned,
            era_excess_s=np.where((a.experts > 0) & unknown, self._era_jump - 1.0, 0.0)
            * replica.costs.fixed_s,
            keys=keys,
        )

    def _replicas(self, deployments: Sequence[Deployment]) -> ReplicaTable:
        kept = self._kept
        if len(kept.place) > MAX_KEPT_REPLICAS:
            kept = _Kept(DeploymentNumbers(), {}, None)
        keys = kept.numbers.of(deployments)
        new = {key: d for key, d in zip(keys, deployments, strict=True) if key not in kept.place}
        if new or kept.table is None:
            made = self._worked_out(list(new.values()))
            place = {**kept.place, **{key: len(kept.place) + i for i, key in enumerate(new)}}
            table = made if kept.table is None else kept.table.concatenate(made)
            # Replaced as a whole, so that another thread sees the old replicas or the new ones.
            self._kept = kept = replace(kept, place=place, table=table)
        assert kept.table is not None
        return kept.table.take(np.array([kept.place[key] for key in keys], dtype=np.intp))

    def _worked_out(self, deployments: Sequence[Deployment]) -> ReplicaTable:
        arrays = deployment_arrays(deployments)
        costs, held = self.fit.speed.step_costs(arrays), memory(arrays)
        limits = tuple(defaults_of(deployments))
        return ReplicaTable(arrays, costs, held, _longest(arrays, held), limits)


def _longest(a: DeploymentArrays, held: Memory) -> Range:
    """Tokens of the longest sequence that each KV cache holds, with the ends of its interval."""
    value, low, high = (
        longest_context(room, a.kv_store_bytes, a.kv_window, a.sequence_state_bytes)
        for room in (held.kv_bytes, held.kv_low_bytes, held.kv_high_bytes)
    )
    return Range(value=value, low=low, high=high)
