"""OwnInputs: the user's own models, workloads and GPUs that a question on the page may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.model import ModelSpec
from advisor.spec.workloads.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnInputs:
    """What the command was started with, and what has been dropped on the page since.

    The page itself opens no path and asks no Hub: a name that is not here is refused, so that nothing that
    reaches the port can make this process open a file of this machine.
    """

    models: Mapping[str, ModelSpec] = field(default_factory=dict)
    workloads: Mapping[str, Workload] = field(default_factory=dict)
    gpus: Mapping[str, GpuSpec] = field(default_factory=dict)
