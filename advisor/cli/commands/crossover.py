"""`quantadvise crossover`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli import options as o
from advisor.cli.option_groups import Chosen, Named, grouped
from advisor.cli.options_to_choice import asked_choice
from advisor.errors import InputError

if TYPE_CHECKING:
    from advisor.advise.sensitivity.varied_load_property import Over


@grouped
def crossover(
    *,
    named: Named,
    over: Annotated[
        str | None,
        typer.Option(
            "--over",
            metavar="concurrency|rate|input-tokens|output-tokens",
            help="What is varied; the load's own arrival by default.",
        ),
    ] = None,
    low: Annotated[
        float | None, typer.Option("--from", metavar="N", help="First level of what is varied.")
    ] = None,
    high: Annotated[
        float | None, typer.Option("--to", metavar="N", help="Last level of what is varied.")
    ] = None,
    chosen: Chosen,
    output: o.OutputOption = o.Output.table,
) -> None:
    """At which load the best format changes, and how sure: over concurrency, rate, prompt or answer length.

    quantadvise crossover Llama-3.1-8B-Instruct --workload chat --gpu A6000 --over concurrency
    """
    from advisor.advise.sensitivity.crossover import crossover as walk
    from advisor.advise.sensitivity.crossover import usual_axis
    from advisor.advise.sensitivity.varied_load_property import known_over
    from advisor.cli.progress import working
    from advisor.report.terminal import print_crossover_and_suggestion as out

    if output is o.Output.csv:
        raise InputError("--output: a crossover has no CSV form; use table, json or yaml")
    stated = None if over is None else known_over(over, "--over")
    choice, predictor, quality = asked_choice(named, chosen)
    kind = choice.workload.load.arrival.kind
    varied: Over = stated or ("rate" if kind == "rate" else "concurrency")
    axis = usual_axis(choice, varied, low=low, high=high)
    with working(f"Going along {varied}"):
        found = walk(choice, axis, predictor, quality)
    if output is o.Output.table:
        out.print_crossover(choice, found)
    else:
        out.print_crossover_document(choice, found, output.value)
