"""`quantadvise measure`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advisor.cli.measure.calibrate import calibrate
from advisor.cli.measure.doctor import doctor
from advisor.cli.measure.options import How, What, Where, plan_values
from advisor.cli.measure.tools import tools_app
from advisor.cli.option_groups import grouped


def measure(
    plan_file: Annotated[
        Path | None, typer.Argument(metavar="[PLAN]", help="Plan file (YAML); options override it.")
    ] = None,
    *,
    what: What,
    how: How,
    where: Where,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan with its time and cost, run nothing.")
    ] = False,
    write_commands: Annotated[
        Path | None,
        typer.Option(
            "--write-commands",
            metavar="DIR",
            help="Write the plan as scripts that need no quantadvise, run nothing.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Start without asking.")] = False,
) -> None:
    """Quantize, serve, benchmark and evaluate, for real; rerun the same command to go on.

    quantadvise measure --model Llama-3.1-8B-Instruct --workload chat --formats bf16,int4 --dry-run
    """
    from advisor.cli.measure.dry_run import show_plan
    from advisor.cli.measure.profile_tasks import with_profile_tasks
    from advisor.cli.measure.run import carry_out
    from advisor.measure.steps.what_to_measure import read_plan

    plan = with_profile_tasks(read_plan(plan_file, plan_values(what, how, where)))
    folder = where.out or Path("measured") / Path(plan.model).name
    if dry_run or write_commands is not None:
        show_plan(plan, folder, where, write_commands=write_commands)
        return
    carry_out(plan, folder, where, yes=yes)


def register(app: typer.Typer) -> None:
    """Add the commands to quantadvise."""
    app.command()(grouped(measure))
    app.command()(calibrate)
    app.command()(doctor)
    app.add_typer(tools_app, name="tools")
