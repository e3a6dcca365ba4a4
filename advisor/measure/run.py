"""Carrying out a prepared plan: its steps, their execution, its records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

from advisor import atomic_files
from advisor.errors import QuantAdviseError
from advisor.measure import commands_as_text
from advisor.measure.execution.executor import Write
from advisor.measure.execution.jobs import Job, QuantizeJob, checkpoint_folder
from advisor.measure.ledger_to_records import Records, records
from advisor.measure.plan_to_jobs import Prepared
from advisor.measure.state.events import Done, Event
from advisor.measure.state.job_site import Site
from advisor.measure.state.ledger import Ledger
from advisor.measure.steps import checkpoint, lm_eval_scores
from advisor.measure.tools import atomic_folder, machine
from advisor.record import store


class Executor(Protocol):
    """Where jobs run."""

    def run(self, jobs: Iterable[Job], site: Site, ledger: Ledger, write: Write) -> None: ...


def drop_lost_checkpoints(prepared: Prepared, ledger: Ledger) -> list[str]:
    """Forget quantize steps whose checkpoint is gone or was changed; their titles."""
    lost = []
    for job in prepared.jobs:
        if not isinstance(job, QuantizeJob):
            continue
        entry = ledger.get(job.step.key)
        if entry is None or entry.result is None:
            continue
        folder = checkpoint_folder(prepared.folder, job.step.key)
        try:
            intact = checkpoint.of_folder(folder).identity == entry.result["identity"]
        except QuantAdviseError:
            intact = False
        if not intact:
            ledger.forget(job.step.key)
            lost.append(job.title)
    return lost


def check_tasks(prepared: Prepared, tasks: Iterable[str]) -> None:
    """Raises InputError for a task that lm-eval does not have, before a GPU-hour is spent."""
    named = sorted(set(tasks))
    if not named:
        return
    site = Site(folder=prepared.folder, offline=prepared.offline)
    folder = None if prepared.plan.task_folder is None else Path(prepared.plan.task_folder)
    lm_eval_scores.check(site.tool("evaluate"), named, folder, work=site.work("tasks"), env=site.env())


def execute(
    prepared: Prepared,
    ledger: Ledger,
    executor: Executor,
    say: Callable[[Event], None],
    *,
    deadline: float | None = None,
    port: int | None = None,
) -> Records:
    """Do what is not done; the records so far are on disk after every step. The folder must be `locked`."""
    folder = prepared.folder
    raw = folder / "raw"
    _describe(prepared)
    drop_lost_checkpoints(prepared, ledger)

    def write(event: Event) -> None:
        if isinstance(event, Done):
            for name, text in event.attachments.items():
                atomic_files.write(raw / name, text)
            event = replace(event, entry=ledger.add(event.entry))
            write_records(prepared, ledger)
        say(event)

    site = Site(
        folder=folder.resolve(),
        offline=prepared.offline,
        deadline=deadline,
        port=port,
    )
    write_records(prepared, ledger)
    todo = [job for job in prepared.jobs if not _over(job, ledger)]
    executor.run(todo, site, ledger, write)
    _describe(prepared)  # by now the Hub's revision is a commit
    return write_records(prepared, ledger)


def _over(job: Job, ledger: Ledger) -> bool:
    """Whether nothing of a quantize job is left; a session finds out by itself."""
    return isinstance(job, QuantizeJob) and ledger.settled(job.step.key) is not None


def write_records(prepared: Prepared, ledger: Ledger) -> Records:
    """`records/*.csv` from the ledger: whatever it holds, no more and no less."""
    found = records(ledger, prepared.folder / "raw", prepared.source)
    folder = prepared.folder / "records"
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_folder.room_expected(folder):
        store.write_speed(folder / "speed.csv", found.speed)
        store.write_quality(folder / "quality.csv", found.quality)
        store.write_failures(folder / "failures.csv", found.failures)
    return found


def _describe(prepared: Prepared) -> None:
    """`plan.json`, `environment.json`, `commands.txt`: how this run came about."""
    folder = prepared.folder
    commit = checkpoint.cached_commit(prepared.model.path, prepared.plan.revision)
    plan = {
        "plan": asdict(prepared.plan),
        "model": {**asdict(prepared.model), "commit": commit},
        "name": prepared.model_name,
    }
    atomic_files.write(folder / "plan.json", json.dumps(plan, indent=1, sort_keys=True, default=str) + "\n")
    row: dict[str, Any] = machine.environment(list(prepared.devices))
    atomic_files.write(folder / "environment.json", json.dumps(row, indent=1, sort_keys=True) + "\n")
    lines = [line for job in prepared.jobs for line in commands_as_text.of_job(job, folder)]
    atomic_files.write(folder / "commands.txt", "\n".join(lines) + "\n")
