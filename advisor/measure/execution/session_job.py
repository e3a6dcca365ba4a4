"""Everything to be done on one deployment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from advisor.measure.steps.plan_steps import Target
from advisor.measure.steps.slo_search import ExpectedRate
from advisor.measure.steps.what_to_measure import Plan
from advisor.spec.workloads.workload import Workload

UNKNOWN_GPU = "unknown"
"""What records name where a server runs elsewhere and nobody states on what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionJob:
    """Everything to be done on one deployment."""

    plan: Plan
    workload: Workload
    target: Target
    needs: str | None
    """Key of the step that makes its checkpoint."""
    task_file: str | None = None
    """Digest of the user's task definitions."""
    evaluate_version: str | None = None
    benches: bool = True
    tasks: tuple[str, ...] = ()
    expected_rate: ExpectedRate | None = None
    """Where the search for the highest rate within the limits begins; no part of any result."""

    @property
    def title(self) -> str:
        return self.target.title

    @property
    def gpus(self) -> int:
        return self.target.serving.tensor_parallel

    def _unknown(self) -> list[str]:
        """What moves speed and nobody states; empty for a server of our own."""
        target = self.target
        if target.running is None:
            return []
        return [*target.running.unknown, *(["GPU"] if target.gpu == UNKNOWN_GPU else [])]

    def facts(self) -> dict[str, Any]:
        """What records say beside the figures; none of it changes a result."""
        target = self.target
        load = self.workload.load
        varies = self.plan.prompts is not None or not (
            load.input_tokens.kind == load.output_tokens.kind == "constant"
        )
        return {
            "model": target.model,
            "format": target.format,
            "algorithm": target.algorithm,
            "kv_format": target.kv_format,
            "gpu": target.gpu,
            "num_gpus": target.serving.tensor_parallel,
            "engine_version": target.engine_version,
            "max_context": target.max_context,
            "arguments": target.serving.arguments() if target.running is None else None,
            "server": None if target.running is None else target.running.conditions(),
            "unknown": self._unknown(),
            "dummy": target.serving.dummy,
            "asked_input": load.input_tokens.mean,
            "asked_output": load.output_tokens.mean,
            "lengths": "distribution" if varies else "constant",
            "prefix_hit_rate": load.prefix_hit_rate,
        }


def located(job: SessionJob, path: str) -> SessionJob:
    """The job with the checkpoint that its quantize step made."""
    serving = replace(job.target.serving, model=path, revision=None)
    return replace(job, target=replace(job.target, serving=serving))
