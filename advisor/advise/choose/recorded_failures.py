"""Recorded runs that failed: which deployments they rule out, and the reason to show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.advise.choose.assessment import RefusalKind
from advisor.cost.predict.prediction import MemoryPlan
from advisor.cost.serving.load_table import busy_replicas
from advisor.spec.deployment import Deployment
from advisor.spec.engines.release import minor_release
from advisor.spec.formats.catalog import find_format
from advisor.spec.workloads.workload import Arrival, Workload
from advisor.units import GB

if TYPE_CHECKING:
    from advisor.record.measurement import FailedRun, SpeedMeasurement

Served = tuple[str, str, str, str, int]
"""Model, format, KV format, GPU and tensor parallel size of a deployment that answered requests."""
SAME_LENGTH = 0.97
"""Prompts and answers that are at least this share as long as those of the failed run ask as much."""
_KV_TOO_SMALL = re.compile(r"larger than the (?:available KV cache memory|maximum number of tokens)")
_LONGEST = re.compile(r"estimated maximum model length is ([0-9]{1,12})\b")
"""vLLM 0.32, when the weights fit and the KV cache of one request does not."""
REASONS = {"out_of_memory": "out of memory", "unsupported": "not supported"}
"""Reasons that say where a border lies, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFailure:
    """A failed run that rules a deployment out."""

    kind: RefusalKind
    """seen: it does not serve. capacity: it does not keep up with the rate."""
    run: FailedRun
    excess: float | None = None
    """Share by which the workload asks for more than the run; None: no matter of degree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Border:
    """Runs that failed, and deployments that did serve: those are beyond doubt."""

    failures: tuple[FailedRun, ...] = ()
    served: frozenset[Served] = frozenset()

    def failures_of(self, d: Deployment, workload: Workload) -> tuple[KnownFailure, ...]:
        """The runs that rule `d` out under `workload`: the first of each kind."""
        found: dict[str, KnownFailure] = {}
        for run in self.failures:
            if (run.model, run.gpu) == (d.model.name, d.gpu.name):
                failure = self._failure(run, d, workload)
                if failure is not None:
                    found.setdefault(failure.kind, failure)
        return tuple(found.values())

    def notes(self, model: str, gpus: Sequence[str]) -> tuple[str, ...]:
        """Failures that refuse nothing, since they do not say where a border lies."""
        found = [
            f"{run.format} on {run.num_gpus}× {run.gpu}: {run.stage} failed ({failure_text(run)})"
            for run in self.failures
            if run.model == model
            and run.gpu in gpus
            and (run.stage in ("quantize", "evaluate") or run.reason not in (*REASONS, "unsteady"))
        ]
        return tuple(dict.fromkeys(found))

    def _failure(self, run: FailedRun, d: Deployment, workload: Workload) -> KnownFailure | None:
        if run.reason == "unsteady":
            return _saturated(run, d, workload)
        if run.stage not in ("serve", "bench"):
            return None
        if run.reason == "unsupported":
            refused = self._unsupported(run, d)
        elif run.reason == "out_of_memory":
            refused = self._too_large(run, d, workload)
        else:
            refused = False
        return KnownFailure(kind="seen", run=run) if refused else None

    def _unsupported(self, run: FailedRun, d: Deployment) -> bool:
        """A kernel that is missing is so at every split, unless another split was seen to serve."""
        if (run.format, run.kv_format) != (d.format.name, d.kv_format) or _newer(d, run):
            return False
        elsewhere = any(served[:4] == d.replica_key[:4] for served in self.served)
        return run.num_gpus == d.tensor_parallel if elsewhere else True

    def _too_large(self, run: FailedRun, d: Deployment, workload: Workload) -> bool:
        """What did not fit does not fit with wider numbers, on fewer GPUs, or at a longer context either."""
        if run.stage == "bench":
            same = (run.format, run.kv_format, run.num_gpus) == (
                d.format.name,
                d.kv_format,
                d.tensor_parallel,
            )
            return same and _asks_as_much(run, d, workload)
        if d.replica_key in self.served:
            return False
        failed = find_format(run.format)
        wider = d.format.bits_per_weight >= failed.bits_per_weight
        wider_kv = d.kv_bits >= (8 if run.kv_format == "fp8" else 16)
        if not (wider and wider_kv and d.tensor_parallel <= run.num_gpus):
            return False
        longest = _longest(run)
        return longest is None or workload.load.longest_context > longest


def border_of(failures: Sequence[FailedRun], speed: Sequence[SpeedMeasurement]) -> Border:
    """The border that records draw."""
    served = frozenset((row.model, row.format, row.kv_format, row.gpu, row.num_gpus) for row in speed)
    return Border(failures=tuple(failures), served=served)


def _longest(run: FailedRun) -> int | None:
    """The longest context that would have fitted; None where the weights themselves did not."""
    if not _KV_TOO_SMALL.search(run.detail):
        return None
    said = _LONGEST.search(run.detail)
    if said:
        return int(said[1])
    return None if run.max_context is None else run.max_context - 1


def _asks_as_much(run: FailedRun, d: Deployment, workload: Workload) -> bool:
    """Whether the workload asks one replica for no less than the run was asked for when it failed."""
    arrival = workload.load.arrival
    if run.load is None or run.input_tokens is None or run.output_tokens is None:
        return False
    shorter = (
        workload.load.mean_prompt_tokens < SAME_LENGTH * run.input_tokens
        or workload.load.output_tokens.mean < SAME_LENGTH * run.output_tokens
    )
    kind = "single" if arrival.kind == "concurrency" and arrival.value == 1 else arrival.kind
    if shorter or kind != run.load or workload.load.conversation.pauses:
        return False
    return run.load_value is None or _of_one_replica(arrival, d) >= run.load_value


def _of_one_replica(arrival: Arrival, d: Deployment) -> float:
    """Clients or requests per second of each replica that has any; 0 for other loads."""
    value = arrival.value or 0.0
    return value / float(busy_replicas(arrival.kind, value, d.replicas))


def _saturated(run: FailedRun, d: Deployment, workload: Workload) -> KnownFailure | None:
    """A rate that one replica did not keep up with."""
    same = (run.format, run.kv_format, run.num_gpus) == (d.format.name, d.kv_format, d.tensor_parallel)
    if not same or run.load_value is None or not _asks_as_much(run, d, workload):
        return None
    rate = _of_one_replica(workload.load.arrival, d)
    return KnownFailure(kind="capacity", run=run, excess=rate / run.load_value - 1)


def _newer(d: Deployment, run: FailedRun) -> bool:
    """Whether the engine asked about came after the one that failed, and may have learnt it since."""
    if run.engine_version is None:
        return False
    return minor_release(d.engine.version) > minor_release(run.engine_version)


def memory_text(memory: MemoryPlan) -> str:
    """`weights 405 GB and overhead 4.2 GB are 337 GB too much`; of one GPU."""
    missing = memory.weight_bytes + memory.overhead_bytes - memory.usable_bytes
    verdict = (
        "leave no room for the KV cache of one request"
        if memory.kv_bytes > 0
        else f"are {missing / GB:.3g} GB too much"
    )
    weights, overhead = memory.weight_bytes / GB, memory.overhead_bytes / GB
    return f"weights {weights:.3g} GB and overhead {overhead:.2g} GB {verdict}"


def failure_text(run: FailedRun) -> str:
    """`out of memory: CUDA out of memory. Tried … (quantadvise measure m 1234, 2026-11-24)`."""
    said = run.detail.partition(": ")[2] or run.detail
    words = said if len(said) <= 160 else f"{said[:159]}…"
    when = "" if run.date is None else f", {run.date}"
    return f"{REASONS.get(run.reason, run.reason.replace('_', ' '))}: {words} ({run.source}{when})"
