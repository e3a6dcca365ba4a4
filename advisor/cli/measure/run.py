"""Carry a plan out from the command line: lock, progress, signals, tables."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import typer

from advisor.cli.measure import expected as compare
from advisor.cli.measure import run_report
from advisor.cli.measure.advice import advice_text
from advisor.cli.measure.dry_run import check_executor, check_gpu, devices_here
from advisor.cli.measure.expected_rate import with_expected_rates
from advisor.cli.measure.options import Where
from advisor.cli.measure.plan_cost import time_of
from advisor.cli.streams import keep_broken_pipes
from advisor.errors import InputError
from advisor.measure import run
from advisor.measure.execution import progress
from advisor.measure.execution.executor import LocalExecutor
from advisor.measure.planned import check_complete, planned
from advisor.measure.prepared import Prepared, prepare
from advisor.measure.run import Executor
from advisor.measure.state import ledger
from advisor.measure.steps.plan import Plan
from advisor.measure.tools import machine


def carry_out(plan: Plan, folder: Path, where: Where, *, yes: bool) -> None:
    """The run itself; leaves with 130 when the user stops it."""
    from rich.console import Console

    keep_broken_pipes()
    err = Console(stderr=True)
    gpu_file = None if where.gpu_file is None else str(where.gpu_file)
    executor, budget_s = where.executor, where.budget_s

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    with ledger.locked(folder):
        book = ledger.Ledger(folder)
        crew, prepared = _crew(plan, folder, gpu_file, where)
        check_gpu(plan, prepared.devices)
        if plan.slo_search:
            prepared = with_expected_rates(prepared, compare.Expectation(prepared, gpu_file))
        rows = planned(prepared, book)
        done = sum(not row.is_open for row in rows)
        if not yes and sys.stdin.isatty() and err.is_terminal and done < len(rows):
            takes = time_of(prepared, compare.Expectation(prepared, gpu_file), book)
            typer.confirm(f"{len(rows) - done} steps into {folder}{takes}; go on?", abort=True, err=True)
        signal.signal(signal.SIGTERM, stop)
        deadline = None if budget_s is None else time.time() + budget_s
        try:
            if executor == "local" and prepared.running is None and done < len(rows):
                machine.check_free(prepared.devices)
            if executor == "local":  # a cluster's nodes have lm-eval, its driver need not
                run.check_tasks(prepared, (row.step.inputs["task"] for row in rows if row.is_open_task))
            with progress.shown(err, len(rows), done) as say:
                found = run.execute(prepared, book, crew, say, deadline=deadline, port=where.port)
        except KeyboardInterrupt:
            err.print(f"stopped; what is done stands in {folder}, the same command goes on", soft_wrap=True)
            raise typer.Exit(130) from None
    expected = compare.Expectation(prepared, gpu_file)
    done_rows = planned(prepared, ledger.Ledger(folder))
    advice = advice_text(prepared, found, expected)
    parts = run_report.sections(prepared, found, expected, ledger.Ledger(folder), done_rows, advice)
    typer.echo(run_report.terminal_text(parts))
    typer.echo(f"report: {run_report.write(parts, prepared)}")
    check_complete(done_rows, folder)


def _crew(plan: Plan, folder: Path, gpu_file: str | None, where: Where) -> tuple[Executor, Prepared]:
    """The executor, and the plan checked against the machines it reaches."""
    if where.executor == "local":
        prepared = prepare(
            plan,
            folder,
            endpoint=where.endpoint,
            endpoint_gpu=where.endpoint_gpu,
            devices=devices_here(plan, gpu_file),
        )
        gpus = [device.index for device in prepared.devices if device.index is not None]
        return LocalExecutor(gpus), prepared
    check_executor(where.executor)
    from advisor.measure.execution.ray_executor import RayExecutor

    crew = RayExecutor(where.address)
    if where.endpoint is not None:
        raise InputError("--endpoint: is measured from this machine; leave --executor ray out")
    return crew, prepare(plan, folder, devices=crew.devices(plan.gpus))
