"""`--tasks profile`: what lm-eval has for the tasks that a workload names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.errors import InputError

if TYPE_CHECKING:
    from advisor.measure.steps.what_to_measure import Plan

PROFILE = "profile"


def with_profile_tasks(plan: Plan) -> Plan:
    """The plan with `profile` among its tasks replaced by what it stands for. Raises InputError."""
    if PROFILE not in plan.tasks:
        return plan
    tasks = [task for task in plan.tasks if task != PROFILE] + profile_tasks(plan.workload)
    return replace(plan, tasks=tuple(dict.fromkeys(tasks)))


def profile_tasks(workload: str) -> list[str]:
    """lm-eval's tasks for a workload's: a benchmark's own, and of a family every one that lm-eval has."""
    from advisor.cost.quality.tasks import find_task
    from advisor.report.manifests.verify_figures import LM_EVAL_TASKS
    from advisor.spec.workloads.read_profile import load_workload

    named = load_workload(workload).quality.tasks
    if not named:
        raise InputError(f"{workload}: names no tasks (quality: tasks:); name some with --tasks")
    known = [find_task(name) for name in named]
    parts = [part for task in known if task.known for part in task.parts]
    found = [LM_EVAL_TASKS[part] for part in parts if part in LM_EVAL_TASKS]
    if not found:
        raise InputError(f"{workload}: lm-eval has no task for {', '.join(named)}; name some with --tasks")
    return list(dict.fromkeys(found))
