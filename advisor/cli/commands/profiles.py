"""`quantadvise profiles`: list, show, check."""

from __future__ import annotations

from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.cli.commands.profile_from_trace import from_trace
from advisor.cli.help import App
from advisor.errors import InputError

app = App(help="Workload profiles: list those that ship, show one, check your own.", no_args_is_help=True)

MOST_PROBLEMS = 9
"""Lines that a check prints; a file of another kind has thousands of unknown keys."""


@app.command("list")
def list_profiles(output: o.OutputOption = o.Output.table) -> None:
    """List the profiles that ship: workloads, then the scenarios that can be put over them."""
    from advisor.report.terminal import print_answer
    from advisor.spec.workloads.profile_listing import profile_rows

    rows = profile_rows()
    if output is o.Output.table:
        print_answer.print_listing(
            ["name", "in/out", "load", "limits", "stands for"],
            [
                (
                    f"{row.name} (scenario)" if row.is_scenario else row.name,
                    row.tokens,
                    row.load,
                    row.limits,
                    row.about,
                )
                for row in rows
            ],
        )
        return
    values = [
        {
            "name": row.name,
            "scenario": row.is_scenario,
            "tokens": row.tokens or None,
            "load": row.load or None,
            "limits": row.limits or None,
            "about": row.about,
        }
        for row in rows
    ]
    if output is o.Output.csv:
        print_answer.print_rows(values)
    else:
        print_answer.print_document({"profiles": values}, output.value)


@app.command()
def show(
    profile: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="A profile that ships, or your own YAML file.")
    ],
    scenario: o.ScenarioOption = None,
    output: o.OutputOption = o.Output.table,
) -> None:
    """Show everything that a profile states, with a scenario put over it."""
    from advisor.report.terminal import print_answer
    from advisor.spec.workloads.read_profile import load_workload
    from advisor.spec.workloads.workload_words import describe

    workload = load_workload(profile, scenario=scenario)
    if output is o.Output.table:
        print_answer.print_listing(["", ""], describe(workload))
    elif output is o.Output.csv:
        raise InputError("--output: a profile is not a table; use json, yaml or table")
    else:
        from advisor.report.documents.recommendation_document import workload_document

        print_answer.print_document(workload_document(workload), output.value)


@app.command()
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Your own profiles (YAML files).")],
) -> None:
    """Check profile files: everything wrong or doubtful, one line each."""
    from advisor.spec.workloads.profile_check import check as problems_of

    problems = [problem for file in files for problem in problems_of(file)]
    for problem in problems[:MOST_PROBLEMS]:
        typer.echo(f"quantadvise: {problem}", err=True)
    if len(problems) > MOST_PROBLEMS:
        typer.echo(f"quantadvise: and {len(problems) - MOST_PROBLEMS:,} more; mend these first", err=True)
    if problems:
        raise typer.Exit(1)
    for file in files:
        typer.echo(f"{file}: fine")


app.command("from-trace")(from_trace)
