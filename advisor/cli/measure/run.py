"""Carry a plan out from the command line: lock, progress, signals, tables."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import typer

from advisor.cli.measure import expected_vs_measured as compare
from advisor.cli.measure.dry_run import check_executor, check_gpu, devices_here
from advisor.cli.measure.options import Where
from advisor.cli.measure.plan_cost import time_of
from advisor.cli.measure.predicted_highest_rate import with_expected_rates
from advisor.cli.measure.report import page, report_parts
from advisor.cli.measure.report.advice import advice_text, cannot_advise, with_these_records
from advisor.cli.streams import keep_broken_pipes
from advisor.errors import InputError, QuantAdviseError
from advisor.measure import run
from advisor.measure.execution import progress
from advisor.measure.execution.executor import LocalExecutor
from advisor.measure.ledger_to_records import Records
from advisor.measure.plan_progress import check_complete, planned
from advisor.measure.plan_to_jobs import Prepared, prepare
from advisor.measure.run import Executor
from advisor.measure.state import ledger
from advisor.measure.steps.what_to_measure import Plan
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
    report(prepared, found, compare.Expectation(prepared, gpu_file))


def report(prepared: Prepared, found: Records, before: compare.Expectation) -> None:
    """What the run ends with, on the terminal and as files. Raises where steps have no result."""
    after: compare.Expectation | None = None
    try:
        after = with_these_records(prepared, found, before)
    except QuantAdviseError as error:
        cannot_advise(error)
    book = ledger.Ledger(prepared.folder)
    rows = planned(prepared, book)
    outcome = report_parts.Outcome(
        prepared=prepared,
        found=found,
        before=before,
        after=after or before,
        ledger=book,
        rows=rows,
        advice=advice_text(prepared, found, before, after),
    )
    made = report_parts.sections(outcome)
    typer.echo(report_parts.terminal_text(made))
    typer.echo(f"report: {report_parts.write(made, prepared)}, {page.write(made, outcome)}")
    check_complete(rows, prepared.folder)


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
    check_executor(where.executor, where.address)
    from advisor.measure.execution.ray_executor import RayExecutor

    crew = RayExecutor(where.address)
    if where.endpoint is not None:
        raise InputError("--endpoint: is measured from this machine; leave --executor ray out")
    return crew, prepare(plan, folder, devices=crew.devices(plan.gpus))
