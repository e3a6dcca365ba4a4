"""`quantadvise measure-next`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from advisor.cli import options as o
from advisor.cli.option_groups import Chosen, Named, grouped
from advisor.cli.options_to_choice import asked_choice
from advisor.errors import InputError

MOST = 10


@grouped
def measure_next(
    *,
    named: Named,
    count: Annotated[int, typer.Option("--count", metavar="N", help="Most measurements to suggest.")] = 3,
    write: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads it at run time, on 3.10 too
        typer.Option("--write", metavar="DIR", help="Write a plan for `quantadvise measure` for each."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="--write may replace files.")] = False,
    chosen: Chosen,
    output: o.OutputOption = o.Output.table,
) -> None:
    """Which few measurements would improve the choice most per GPU-minute, as plans for `measure`.

    quantadvise measure-next Llama-3.3-70B-Instruct --workload rag --gpu A100,H100 --write plans
    """
    from advisor.advise.choose.recommendation import choose
    from advisor.advise.measuring.best_measurements import measure_next as suggest
    from advisor.cli.progress import working
    from advisor.report.terminal import print_crossover_and_suggestion as out

    if output is o.Output.csv:
        raise InputError("--output: a suggestion has no CSV form; use table, json or yaml")
    if not 1 <= count <= MOST:
        raise InputError(f"--count: {count} is not from 1 to {MOST}")
    if overwrite and write is None:
        raise InputError("--overwrite: needs --write; add --write DIR")
    choice, predictor, quality = asked_choice(named, chosen)
    with working("Weighing what measurements are worth"):
        found = suggest(choose(choice, predictor, quality), predictor, quality, count=count)
    assert found is not None, "what was chosen from is known"
    if output is o.Output.table:
        out.print_suggestion(choice.space.model.name, choice.workload, found)
    else:
        out.print_suggestion_document(choice, found, output.value)
    if found.measurements:
        from advisor.report.documents.measure_plan import plan_files, write_plans

        if write is None:
            typer.echo("--write DIR makes a plan of each for: quantadvise measure DIR/FILE", err=True)
            return
        for path in write_plans(plan_files(found, choice.workload), write, overwrite=overwrite):
            typer.echo(f"{path}: written", err=True)
