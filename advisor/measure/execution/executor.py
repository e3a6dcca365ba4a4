"""Runs jobs on this machine's GPUs, one worker per free set of them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from advisor.errors import UnsupportedError
from advisor.measure.execution.jobs import Job, QuantizeJob, run_job
from advisor.measure.state.events import BudgetEndedError, Done, Event, Live, Said
from advisor.measure.state.job_site import Site
from advisor.measure.state.ledger import Entry, Ledger
from advisor.measure.tools import atomic_folder, subprocesses

Write = Callable[[Event], None]
"""What the driver does with an event; the driver alone writes the ledger."""


def settled(ledger: Ledger) -> dict[str, Entry]:
    """Entries that a rerun leaves alone, by key."""
    return {entry.key: entry for entry in ledger if entry.final}


def split(
    waiting: Sequence[Job], running: Iterable[Job], ledger: Ledger
) -> tuple[list[Job], list[tuple[Job, str]]]:
    """Jobs that may start now, and jobs that never can, with the reason."""
    to_come = {job.step.key for job in (*waiting, *running) if isinstance(job, QuantizeJob)}
    ready: list[Job] = []
    lost: list[tuple[Job, str]] = []
    for job in waiting:
        entry = None if job.needs is None else ledger.get(job.needs)
        if job.needs is None or (entry is not None and entry.result is not None):
            ready.append(job)
        elif job.needs not in to_come:
            failed = None if entry is None else entry.failure
            lost.append((job, "not made" if failed is None else f"{failed.reason}, {failed.detail}"))
    return ready, lost


def check_room(jobs: Iterable[Job], gpus: Sequence[int]) -> None:
    """Raises UnsupportedError for a job that needs more GPUs than there are; a CPU is one slot for all."""
    for job in jobs:
        if gpus and job.gpus > len(gpus):
            raise UnsupportedError(
                f"{job.title}: needs {job.gpus} GPUs, there are {len(gpus)}; take a smaller --tp"
            )


class LocalExecutor:
    """Threads that each drive one job; the calling thread alone writes."""

    def __init__(self, gpus: Sequence[int]) -> None:
        self.gpus = tuple(gpus)
        """Driver numbers; empty = the CPU, which is one slot."""

    def run(self, jobs: Iterable[Job], site: Site, ledger: Ledger, write: Write) -> None:
        """Run all jobs; raise the first failure of the user's after all that ended has been written."""
        waiting = list(jobs)
        check_room(waiting, self.gpus)
        crew = _Crew(self.gpus, site)
        try:
            while waiting or crew.running:
                if crew.first_error is None:
                    ready, lost = split(waiting, crew.running, ledger)
                    for job, why in lost:
                        waiting.remove(job)
                        write(Said(job=job.title, text=f"left out, its checkpoint is not there: {why}"))
                    for job in ready:
                        if crew.start(job, settled(ledger)):
                            waiting.remove(job)
                if not crew.running:
                    break
                event = crew.next_event()
                if event is not None:
                    write(event)
        except BaseException:
            for event in crew.stop():
                if isinstance(event, Done):
                    write(event)
            raise
        if crew.first_error is not None:
            raise crew.first_error


class _Crew:
    """Running jobs, the GPUs each holds, and what they say."""

    def __init__(self, gpus: tuple[int, ...], site: Site) -> None:
        self.on_gpu = bool(gpus)
        self.free = list(gpus) if gpus else [-1]
        self.site = site
        self.running: list[Job] = []
        self.first_error: BaseException | None = None
        self._held: dict[int, tuple[list[int], threading.Thread]] = {}
        # Not a Queue: Ctrl-C may come between its lock's taking and the block that gives it back; the last
        # words of the jobs would wait for that lock for ever.
        self._events: queue.SimpleQueue[tuple[Job, Event | BaseException | None]] = queue.SimpleQueue()
        self._cancelled = threading.Event()

    def start(self, job: Job, done: Mapping[str, Entry]) -> bool:
        """Whether there was room for it."""
        need = job.gpus if self.on_gpu else 1
        if len(self.free) < need:
            return False
        mine, self.free = self.free[:need], self.free[need:]
        gpus = tuple(mine) if self.on_gpu else ()
        site = replace(self.site, gpus=gpus, cancelled=self._cancelled.is_set)
        thread = threading.Thread(target=self._work, args=(job, site, done), daemon=True)
        self._held[id(job)] = (mine, thread)
        self.running.append(job)
        thread.start()
        return True

    def _work(self, job: Job, site: Site, done: Mapping[str, Entry]) -> None:
        try:
            with atomic_folder.room_expected(site.folder):
                for event in run_job(job, site, done):
                    self._events.put((job, event))
        except BaseException as error:
            self._events.put((job, error))
        else:
            self._events.put((job, None))

    def next_event(self) -> Event | None:
        """Wait for what a job says; None when one ended."""
        job, event = self._events.get()
        if isinstance(event, (Said, Live, Done)):
            return event
        gpus, thread = self._held.pop(id(job))
        thread.join()
        self.running.remove(job)
        self.free = sorted([*self.free, *gpus])
        if event is not None and self.first_error is None:
            self.first_error = event
            if not isinstance(event, BudgetEndedError):
                self._cancelled.set()
                subprocesses.stop_all()
        return None

    def stop(self) -> list[Event]:
        """End every job; what they had finished by then."""
        self._cancelled.set()
        subprocesses.stop_all()
        for _, thread in self._held.values():
            thread.join(timeout=60)
        left = []
        while not self._events.empty():
            _, event = self._events.get_nowait()
            if isinstance(event, (Said, Live, Done)):
                left.append(event)
        return left
