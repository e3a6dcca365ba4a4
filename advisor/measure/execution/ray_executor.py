"""Runs jobs over a Ray cluster: workers measure, the driver alone writes.

Nodes name their GPUs as a resource, `ray start --num-gpus 8 --resources '{"gpu:H100-SXM": 8}'` (a node
without GPUs: `{"gpu:cpu": 1}`), see the run's folder under the same path, and have quantadvise and the tools
installed. Results stream back step by step; a job whose worker died starts again with what had come back.
"""
# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from advisor import atomic_files
from advisor.errors import InputError, MissingToolError, QuantAdviseError, ToolFailedError
from advisor.measure.execution.executor import Write, settled, split
from advisor.measure.execution.jobs import Job, run_job
from advisor.measure.state.events import BudgetEndedError, Said
from advisor.measure.state.job_site import Site, never
from advisor.measure.state.ledger import Ledger
from advisor.measure.tools import atomic_folder, digests, envs, machine
from advisor.measure.tools.machine import Device

PREFIX = "gpu:"
MAX_LOST_WORKERS = 3
"""How often a job is started anew after its worker died."""
NODES_S = 15.0
"""For the first node to join a cluster that has just begun."""
WAIT_S = 300.0
"""For the cluster to answer; a resource that no node has would wait for ever."""


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        found = envs.find("ray")
        remedy = (
            "pip install 'ray>=2.40' here"
            if found is None
            else f"install quantadvise beside it and run there: {found.python} -m advisor measure …"
        )
        raise MissingToolError(f"--executor ray: this environment has no Ray; {remedy}") from error
    return ray


@dataclass(slots=True)
class _Task:
    """A job on a worker."""

    job: Job
    stream: Any
    lost: int = 0


class RayExecutor:
    """Jobs as Ray tasks on nodes with the GPU that is measured."""

    def __init__(self, address: str | None) -> None:
        ray = _ray()
        if not ray.is_initialized():
            try:
                ray.init(address=address or "auto", log_to_driver=False, logging_level="warning")
            except (ConnectionError, ValueError, RuntimeError) as error:
                where = address or "auto"
                raise ToolFailedError(f"ray {where}: {_first_line(error)}; is the cluster up?") from error
        self._resource = ""

    def devices(self, wanted: Sequence[int] | None) -> list[Device]:
        """One device per GPU of the one kind the cluster has. Raises InputError for none or several."""
        if wanted is not None:
            raise InputError("--gpus: numbers mean nothing on a cluster; Ray hands out the GPUs")
        kinds = self._kinds()
        end = time.monotonic() + NODES_S
        while not kinds and time.monotonic() < end:
            time.sleep(0.5)
            kinds = self._kinds()
        if len(kinds) != 1:
            have = ", ".join(sorted(kinds)) or "none"
            raise InputError(f"ray: nodes must name one kind of GPU, as '{PREFIX}H100-SXM' (there: {have})")
        name, count = next(iter(kinds.items()))
        self._resource = f"{PREFIX}{name}"
        seen = self._probe()
        return [replace(seen, name=name, index=None if seen.index is None else at) for at in range(count)]

    @staticmethod
    def _kinds() -> dict[str, int]:
        """Kinds of GPU that nodes name, and how many."""
        return {
            name.removeprefix(PREFIX): int(count)
            for name, count in _ray().cluster_resources().items()
            if name.startswith(PREFIX)
        }

    def _probe(self) -> Device:
        """What a worker says about its first device."""
        ray = _ray()
        task = ray.remote(num_cpus=0, resources={self._resource: 0.001}, max_retries=1)(_first_device)
        try:
            device: Device = ray.get(task.remote(), timeout=WAIT_S)
        except ray.exceptions.GetTimeoutError as error:
            raise ToolFailedError(
                f"ray: no node answered within {WAIT_S:.0f} s; is the cluster up?"
            ) from error
        except ray.exceptions.RayTaskError as error:
            raise ToolFailedError(
                f"ray: a worker cannot run quantadvise: {_first_line(error.cause)}"
            ) from error
        return device

    def run(self, jobs: Iterable[Job], site: Site, ledger: Ledger, write: Write) -> None:
        """Run all jobs; raise the first failure of the user's after all that ended has been written."""
        ray = _ray()
        token = digests.digest([time.time(), str(site.folder)])
        atomic_files.write(site.folder / "ray-token", token)
        waiting = list(jobs)
        running: list[_Task] = []
        first: BaseException | None = None
        capacity = int(ray.cluster_resources().get(self._resource, 0))
        for job in waiting:
            if job.gpus > capacity:
                raise InputError(
                    f"{job.title}: needs {job.gpus} of {self._resource}, the cluster has {capacity}"
                )
        try:
            while waiting or running:
                if first is None:
                    ready, left_out = split(waiting, [task.job for task in running], ledger)
                    for job, why in left_out:
                        waiting.remove(job)
                        write(Said(job=job.title, text=f"left out, its checkpoint is not there: {why}"))
                    for job in ready:
                        waiting.remove(job)
                        running.append(self._start(job, site, ledger, token))
                if not running:
                    break
                streams, _ = ray.wait([task.stream for task in running], num_returns=1, timeout=1.0)
                for stream in streams:
                    task = next(one for one in running if one.stream is stream)
                    try:
                        event = ray.get(next(stream))
                    except StopIteration:
                        running.remove(task)
                        continue
                    except ray.exceptions.RayTaskError as error:
                        running.remove(task)
                        first = first or _cause(error)
                        continue
                    except ray.exceptions.RayError as error:  # its worker or node is gone
                        running.remove(task)
                        if task.lost < MAX_LOST_WORKERS:
                            write(Said(job=task.job.title, text="its worker is gone; starting again"))
                            again = self._start(task.job, site, ledger, token)
                            again.lost = task.lost + 1
                            running.append(again)
                        else:
                            first = first or ToolFailedError(f"{task.job.title}: {_first_line(error)}")
                        continue
                    write(event)
                    if first is not None and not isinstance(first, BudgetEndedError):
                        raise first
        finally:
            for task in running:
                ray.cancel(task.stream, force=False)
        if first is not None:
            raise first

    def _start(self, job: Job, site: Site, ledger: Ledger, token: str) -> _Task:
        ray = _ray()
        on_gpu = self._resource != f"{PREFIX}cpu"
        task = ray.remote(
            num_cpus=0 if on_gpu else 1,
            num_gpus=job.gpus if on_gpu else 0,
            resources={self._resource: job.gpus if on_gpu else 1},
            num_returns="streaming",
            max_retries=0,  # Ray's own retry would yield again what has come back already
        )(_work)
        own = replace(site, cancelled=never)
        return _Task(job=job, stream=task.remote(job, own, settled(ledger), token))


def _first_device() -> Device:
    """On a worker: its first GPU, else its CPU."""
    return machine.choose(None)[0]


def _work(job: Job, site: Site, done: Any, token: str) -> Any:
    """On a worker: the job's events, one by one."""
    import ray

    seen = Path(site.folder) / "ray-token"
    if not seen.is_file() or seen.read_text(encoding="utf-8") != token:
        raise InputError(
            f"{site.folder}: a Ray worker does not see this folder; --out must lie on a shared one"
        )
    gpus = tuple(int(gpu) for gpu in ray.get_gpu_ids())
    with atomic_folder.room_expected(site.folder):
        yield from run_job(job, replace(site, gpus=gpus), done)


def _cause(error: Any) -> BaseException:
    """What the worker raised; ours to show as one line when the user can mend it."""
    cause = error.cause if error.cause is not None else error
    if isinstance(cause, QuantAdviseError):
        return cause
    return error if isinstance(error, BaseException) else RuntimeError(str(error))


def _first_line(error: object) -> str:
    text = str(error).strip()
    return text.splitlines()[-1][:300] if text else type(error).__name__
