"""Cells: many questions at once, as arrays: which deployment, which lengths, which load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from advisor.cost.arrays import ArrayTable, Floats, Ints
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Load

SINGLE, CONCURRENCY, RATE, MAXIMUM, BATCH = range(5)
KINDS = ("single", "concurrency", "rate", "maximum", "batch")
"""Loads by code; `batch` is a static batch, all started together."""

CLOSED_LOOP_PROMPTS = 10.0
"""Requests per client of a closed-loop run, as InferenceX and vLLM's own benchmarks do it: num_prompts is ten
times the concurrency. Answers under a concurrency are what such a run shows, its initial burst included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells(ArrayTable):
    """One entry per question; all arrays of shape (n,)."""

    deployment: Ints
    """Row in the deployments' arrays."""
    input_tokens: Floats
    output_tokens: Floats
    kind: npt.NDArray[np.int8]
    level: Floats
    """Concurrency, requests per second or batch size; 1 for single, inf for maximum."""
    prefix_hit_rate: Floats
    prompts_per_client: Floats
    """Requests each closed-loop client sends in a run: the first of them all come at once, which
    lengthens a run's mean TTFT by their queue's share. inf = steady state."""
    input_std: Floats
    output_std: Floats
    """Standard deviations of the lengths over requests."""
    burstiness: Floats
    """Of an open loop's arrivals: 1 = Poisson; see `Arrival`."""

    def __len__(self) -> int:
        return len(self.deployment)


def own_loads(
    load: Load, deployments: Sequence[Deployment], levels: Sequence[float] | None = None
) -> list[Load]:
    """The load that each deployment is under."""
    if levels is None:
        return [load] * len(deployments)
    return [replace(load, arrival=replace(load.arrival, value=float(level))) for level in levels]


def load_cells(load: Load, deployments: Sequence[Deployment], levels: Sequence[float] | None = None) -> Cells:
    """One cell per deployment for one load, shared equally by its replicas.

    `levels`: for each deployment the concurrency or the rate in place of the load's own.
    """
    n = len(deployments)
    arrival = load.arrival
    code = {"single": SINGLE, "concurrency": CONCURRENCY, "rate": RATE, "maximum": MAXIMUM}[arrival.kind]
    level = {SINGLE: 1.0, MAXIMUM: np.inf}.get(code, arrival.value or 1.0)
    shared = np.full(n, level) if levels is None else np.array(levels, dtype=np.float64)
    if code in (CONCURRENCY, RATE):
        shared = shared / np.array([d.replicas for d in deployments], dtype=np.float64)
        if code == CONCURRENCY:
            shared = np.maximum(shared, 1.0)
    return Cells(
        deployment=np.arange(n, dtype=np.intp),
        input_tokens=np.full(n, load.input_tokens.mean),
        output_tokens=np.full(n, load.output_tokens.mean),
        kind=np.full(n, code, dtype=np.int8),
        level=shared,
        prefix_hit_rate=np.full(n, load.prefix_hit_rate),
        prompts_per_client=np.full(n, CLOSED_LOOP_PROMPTS if code == CONCURRENCY else np.inf),
        input_std=np.full(n, load.input_tokens.std),
        output_std=np.full(n, load.output_tokens.std),
        burstiness=np.full(n, arrival.burstiness),
    )
