"""The steps of a plan that are known before it runs, and which of them are done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.errors import NotAllMeasuredError, NothingMeasuredError
from advisor.measure.execution.jobs import Job, QuantizeJob
from advisor.measure.plan_to_jobs import Prepared
from advisor.measure.state.ledger import Ledger, Step
from advisor.measure.steps import plan_steps, repeats_agree
from advisor.measure.steps.bench import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One known step of the plan, for the dry run."""

    step: Step
    state: str
    """`done`, `failed: reason`, `to do`, `again: reason`."""

    @property
    def is_open(self) -> bool:
        """Whether the run will do it."""
        return self.state == "to do" or self.state.startswith("again")

    @property
    def is_open_task(self) -> bool:
        """Whether the run will evaluate it."""
        return self.step.kind == "evaluate" and self.is_open


def check_complete(rows: Sequence[Planned], folder: Path) -> None:
    """Raises NotAllMeasuredError or NothingMeasuredError where steps of a run that ended have no result."""
    wanted = [row for row in rows if row.step.kind not in ("quantize", "serve")]
    missing = [row for row in wanted if row.state != "done"]
    if not missing:
        return
    first = f"{missing[0].step.title} ({missing[0].state})"
    if len(missing) == len(wanted):
        raise NothingMeasuredError(f"{folder}: nothing was measured; first: {first}; see the failures above")
    raise NotAllMeasuredError(
        f"{folder}: {len(missing)} of {len(wanted)} steps have no result; first: {first}; "
        "the same command tries again what may succeed"
    )


def planned(prepared: Prepared, ledger: Ledger) -> list[Planned]:
    """Every step known beforehand; repeats beyond the least and a search's probes follow from results."""
    rows = []
    for job in prepared.jobs:
        for step in _steps(job):
            entry = ledger.get(step.key)
            state = "to do"
            if entry is not None and entry.final:
                state = "done" if entry.failure is None else f"failed: {entry.failure.reason}"
            elif entry is not None and entry.failure is not None:
                state = f"again: {entry.failure.reason}"
            rows.append(Planned(step=step, state=state))
    return rows


def _steps(job: Job) -> Iterator[Step]:
    if isinstance(job, QuantizeJob):
        yield job.step
        return
    goodput = repeats_agree.goodput_arguments(job.workload.goodput)
    points: list[tuple[Point, int]] = [
        (point, repeat) for point in job.plan.points for repeat in range(job.plan.repeats)
    ]
    if job.plan.slo_search and (Point(kind="maximum"), 0) not in points:
        points.append((Point(kind="maximum"), 0))
    for point, repeat in points:
        yield plan_steps.bench_step(job.plan, job.workload, job.target, point, repeat, goodput)
    for task in job.tasks:
        yield plan_steps.evaluate_step(job.plan, job.target, task, job.evaluate_version, job.task_file)
