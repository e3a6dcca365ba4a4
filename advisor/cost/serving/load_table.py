"""LoadTable: one load per row: its deployment, lengths and arrivals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from advisor.cost.array_table import ArrayTable, Bools, Floats, Ints
from advisor.spec.benchmark_run import REQUESTS_PER_CLIENT, BenchmarkRun
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.conversations.conversation import ALONE, Conversation
from advisor.spec.workloads.load_kind import LOAD_CLASS, LoadKind
from advisor.spec.workloads.workload import Arrival, Load


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedPrompts(ArrayTable):
    """What the prefix cache leaves of the prompts of conversations; arrays of shape (n,)."""

    uncached_std: Floats
    """Standard deviation of the prompt tokens to compute, over requests."""
    prefill_context: Floats
    """Tokens that a computed prompt token attends to, on average."""
    shared_tokens: Floats
    """Tokens of a prompt that are held once for all requests: the system prompt."""
    history_hits: Floats
    """Probability that the earlier turns of a conversation are still in the cache."""
    system_hits: Floats
    """Share of prompt tokens that is found there of the system prompt alone."""
    thinking_users: Floats
    """Users of a closed loop who think between requests; 0 = none do."""
    pause_s: Floats
    """How long they think, on average."""
    even_pauses: Bools
    """Turns follow one another after pauses that are about alike: all of them hit the cache, or all miss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTable(ArrayTable):
    """One load on one replica per row; arrays of shape (n,)."""

    deployment: Ints
    """Row in the table of deployments."""
    input_tokens: Floats
    output_tokens: Floats
    kind: npt.NDArray[np.str_]
    """Arrival kinds (`LoadKind`): single, concurrency, rate, maximum, or batch."""
    level: Floats
    """Concurrency, requests per second or batch size; 1 for single, inf for maximum."""
    idle_replicas: Floats
    """Replicas of the deployment without a request: a closed loop may have fewer clients than replicas."""
    prefix_hit_rate: Floats
    requests_per_client: Floats
    """Requests that each closed-loop client sends in a run: the first of them all come at once, which
    lengthens a run's mean TTFT by their queue's share. Of an open loop: all requests of the run, by which a
    rate beyond the capacity has latencies. inf = steady state."""
    input_std: Floats
    output_std: Floats
    """Standard deviations of the lengths over requests."""
    burstiness: Floats
    """Gamma shape of the gaps between an open loop's arrivals: 1 = Poisson; see `Arrival`."""
    conversations: tuple[Conversation, ...] | None = None
    """How the requests of each row follow one another; the lengths are then those of a new prompt, and
    `conversations` makes requests that stand alone of them. None = they do stand alone."""
    cached_prompts: CachedPrompts | None = None
    """Cache figures of requests that were conversations."""

    def __len__(self) -> int:
        return len(self.deployment)

    def is_kind(self, *kinds: str) -> Bools:
        """Rows whose load is of one of the kinds."""
        return np.asarray(np.logical_or.reduce([self.kind == kind for kind in kinds]))

    @property
    def clients(self) -> Floats:
        """Clients of a closed loop: 1 = single stream, inf = all queued at once; 0 for other loads."""
        return np.where(self.is_kind("single", "concurrency", "maximum"), self.level, 0.0)

    @property
    def requests_per_s(self) -> Floats:
        """Arrivals per second of an open loop; 0 for other loads."""
        return np.where(self.is_kind("rate"), self.level, 0.0)

    @property
    def load_class(self) -> npt.NDArray[np.str_]:
        """Class of load by which errors differ (`LOADS`): concurrency and rate are both `loaded`."""
        loaded = [kind for kind, load_class in LOAD_CLASS.items() if load_class == "loaded"]
        return np.where(self.is_kind(*loaded), "loaded", self.kind)

    def shared_by(self, replicas: Floats | Ints) -> LoadTable:
        """Each row's load as one of so many replicas meets it, of those that have any of it."""
        busy = busy_replicas(self.kind, self.level, replicas)
        level = np.where(self.is_kind("concurrency", "rate"), self.level / busy, self.level)
        return replace(self, level=level, idle_replicas=replicas - busy)

    def per_stage(self, stages: Floats) -> LoadTable:
        """The load of one of a replica's pipeline stages, which work on as many batches in turn."""
        shared = np.where(self.is_kind("rate"), self.level / stages, np.maximum(self.level / stages, 1.0))
        return replace(
            self,
            level=np.where(self.is_kind("single"), 1.0, shared),
            output_tokens=np.maximum(self.output_tokens, 1.0),
        )


def busy_replicas(
    kind: npt.NDArray[np.str_] | LoadKind, level: Floats | float, replicas: Floats | Ints | int
) -> Floats:
    """How many of so many replicas have requests: of a closed loop no more than it has clients, each of whom
    has one request in flight. kind, level: as in `LoadTable`, of the whole load."""
    of_clients = (np.asarray(kind) == "single") | (np.asarray(kind) == "concurrency")
    most = np.where(of_clients, np.maximum(np.floor(level), 1.0), np.inf)
    return np.asarray(np.minimum(replicas, most))


def loads_of(
    load: Load, deployments: Sequence[Deployment], levels: Sequence[float] | None = None
) -> list[Load]:
    """The load that each deployment serves; `levels` as in `load_table`."""
    if levels is None:
        return [load] * len(deployments)
    return [replace(load, arrival=replace(load.arrival, value=float(level))) for level in levels]


def load_table(
    load: Load, deployments: Sequence[Deployment], levels: Sequence[float] | None = None
) -> LoadTable:
    """One row per deployment under one load, which its replicas share equally.

    levels: for each deployment the concurrency or the rate in place of the load's own.
    """
    n = len(deployments)
    table = replace(table_of_loads([load]).take(np.zeros(n, dtype=np.intp)), deployment=np.arange(n))
    if levels is not None:
        table = replace(table, level=np.array(levels, dtype=np.float64))
    return table.shared_by(np.array([d.replicas for d in deployments], dtype=np.float64))


def table_of_loads(loads: Sequence[Load]) -> LoadTable:
    """Row i: the whole of load i on one replica of deployment i."""
    kind = np.array([load.arrival.kind for load in loads], dtype=np.str_)
    level = np.array([_level(load.arrival) for load in loads], dtype=np.float64)
    sides = [(load.input_tokens, load.output_tokens) for load in loads]
    lengths = [(prompt.mean, answer.mean, prompt.deviation, answer.deviation) for prompt, answer in sides]
    columns = np.ascontiguousarray(np.array(lengths, dtype=np.float64).reshape(-1, 4).T)
    inputs, outputs, input_std, output_std = columns
    conversations = tuple(load.conversation for load in loads)
    return LoadTable(
        deployment=np.arange(len(loads), dtype=np.intp),
        input_tokens=inputs,
        output_tokens=outputs,
        kind=kind,
        level=level,
        idle_replicas=np.zeros(len(loads)),
        prefix_hit_rate=np.array([load.prefix_hit_rate for load in loads], dtype=np.float64),
        requests_per_client=np.where(kind == "concurrency", REQUESTS_PER_CLIENT, np.inf),
        input_std=input_std,
        output_std=output_std,
        burstiness=np.array([load.arrival.burstiness for load in loads], dtype=np.float64),
        conversations=conversations if any(c != ALONE for c in conversations) else None,
    )


def _level(arrival: Arrival) -> float:
    return {"single": 1.0, "maximum": np.inf}.get(arrival.kind, arrival.value or 1.0)


def run_table(
    run: BenchmarkRun,
    deployments: Sequence[Deployment],
    *,
    input_tokens: float,
    output_tokens: float,
    prefix_hit_rate: float = 0.0,
) -> LoadTable:
    """One row per deployment: a benchmark run as it was, its start and end included.

    A run that sends all requests at once is as many clients that send once each.
    """
    n, together = len(deployments), run.sent_together
    kind = run.load if together is None else "concurrency"
    level = {"single": 1.0, "maximum": np.inf}.get(kind, run.level if together is None else together)
    table = LoadTable(
        deployment=np.arange(n, dtype=np.intp),
        input_tokens=np.full(n, input_tokens),
        output_tokens=np.full(n, output_tokens),
        kind=np.array([kind] * n, dtype=np.str_),
        level=np.full(n, level, dtype=np.float64),
        idle_replicas=np.zeros(n),
        prefix_hit_rate=np.full(n, prefix_hit_rate),
        requests_per_client=np.full(n, run.requests_per_client),
        input_std=np.full(n, run.input_std),
        output_std=np.full(n, run.output_std),
        burstiness=np.full(n, run.burstiness),
    )
    return table.shared_by(np.array([d.replicas for d in deployments], dtype=np.float64))
