"""Carry a plan out from the command line: lock, progress, signals, tables."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import typer

from advisor.cli.measure import advice
from advisor.cli.measure import expected as compare
from advisor.cli.measure.expected_rate import with_expected_rates
from advisor.cli.measure.options import Where
from advisor.cli.streams import keep_broken_pipes
from advisor.errors import InputError
from advisor.measure import run, show
from advisor.measure.execution import progress
from advisor.measure.execution.executor import LocalExecutor, check_room
from advisor.measure.planned import Planned, check_complete, planned
from advisor.measure.prepared import Prepared, prepare
from advisor.measure.run import Executor
from advisor.measure.state import ledger
from advisor.measure.steps import server
from advisor.measure.steps.plan import Plan
from advisor.measure.tools import machine
from advisor.measure.tools.machine import Device
from advisor.spec.hardware.gpus import find_gpu


def carry_out(plan: Plan, folder: Path, where: Where, *, dry_run: bool, yes: bool) -> None:
    """Dry run, or the run itself; leaves with 130 when the user stops it."""
    from rich.console import Console

    keep_broken_pipes()
    err = Console(stderr=True)
    gpu_file = None if where.gpu_file is None else str(where.gpu_file)
    executor, budget_s = where.executor, where.budget_s
    if dry_run:
        if executor not in ("local", "ray"):
            raise InputError(f"--executor: '{executor}' is neither local nor ray")
        prepared = prepare(
            plan,
            folder,
            endpoint=where.endpoint,
            endpoint_gpu=where.endpoint_gpu,
            devices=_devices(plan, gpu_file),
            need_tools=False,
        )
        if executor == "local" and prepared.running is None:
            check_room(prepared.jobs, [one.index for one in prepared.devices if one.index is not None])
            if where.port is not None:
                server.check_port(where.port)
        typer.echo(show.dry_run(prepared, planned(prepared, ledger.Ledger(folder))))
        expected = compare.Expectation(prepared, gpu_file)
        typer.echo("\n" + "\n".join(compare.cost_lines(prepared, expected)))
        return

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    with ledger.locked(folder):
        book = ledger.Ledger(folder)
        crew, prepared = _crew(plan, folder, gpu_file, where)
        if plan.slo_search:
            prepared = with_expected_rates(prepared, compare.Expectation(prepared, gpu_file))
        rows = planned(prepared, book)
        done = sum(row.state != "to do" and not row.state.startswith("again") for row in rows)
        if not yes and sys.stdin.isatty() and err.is_terminal and done < len(rows):
            typer.confirm(f"{len(rows) - done} steps into {folder}; go on?", abort=True, err=True)
        signal.signal(signal.SIGTERM, stop)
        deadline = None if budget_s is None else time.time() + budget_s
        try:
            if executor == "local" and prepared.running is None and done < len(rows):
                machine.check_free(prepared.devices)
            if executor == "local":  # a cluster's nodes have lm-eval, its driver need not
                run.check_tasks(prepared, (row.step.inputs["task"] for row in rows if _is_open_task(row)))
            with progress.shown(err, len(rows), done) as say:
                found = run.execute(prepared, book, crew, say, deadline=deadline, port=where.port)
        except KeyboardInterrupt:
            err.print(f"stopped; what is done stands in {folder}, the same command goes on", soft_wrap=True)
            raise typer.Exit(130) from None
    typer.echo(show.seen(found, folder))
    expected = compare.Expectation(prepared, gpu_file)
    if compared := compare.comparison(prepared, found, expected):
        typer.echo(f"\n{compared}")
    advice.print_advice(prepared, found, expected)
    check_complete(planned(prepared, ledger.Ledger(folder)), folder)


def _is_open_task(row: Planned) -> bool:
    return row.step.kind == "evaluate" and (row.state == "to do" or row.state.startswith("again"))


def _devices(plan: Plan, gpu_file: str | None) -> list[Device]:
    """The devices to measure on, under the name of the user's own GPU file where there is one."""
    found = machine.choose(plan.gpus)
    if gpu_file is None:
        return found
    name = find_gpu(gpu_file).name
    return [replace(device, name=name, in_catalog=False) for device in found]


def _crew(plan: Plan, folder: Path, gpu_file: str | None, where: Where) -> tuple[Executor, Prepared]:
    """The executor, and the plan checked against the machines it reaches."""
    if where.executor == "local":
        prepared = prepare(
            plan,
            folder,
            endpoint=where.endpoint,
            endpoint_gpu=where.endpoint_gpu,
            devices=_devices(plan, gpu_file),
        )
        gpus = [device.index for device in prepared.devices if device.index is not None]
        return LocalExecutor(gpus), prepared
    if where.executor != "ray":
        raise InputError(f"--executor: '{where.executor}' is neither local nor ray")
    from advisor.measure.execution.ray_executor import RayExecutor

    crew = RayExecutor(where.address)
    if where.endpoint is not None:
        raise InputError("--endpoint: is measured from this machine; leave --executor ray out")
    return crew, prepare(plan, folder, devices=crew.devices(plan.gpus))
