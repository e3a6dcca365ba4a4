"""The command line: parse, call, print. Each command imports what it needs when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from advisor.cli.commands import (
    catalog,
    compare,
    crossover,
    import_results,
    mcp,
    measure_next,
    predict,
    prices,
    profiles,
    recommend,
    records,
    trace,
    ui,
)
from advisor.cli.help import App
from advisor.cli.measure import command as measure

app = App(
    name="quantadvise",
    help="Which quantization format to deploy, on which GPU and how many: cost, speed, accuracy, how sure.",
    epilog="Exit codes: 0 done, 1 input wrong, 2 usage, 3 nothing keeps the limits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"quantadvise {version('quantadvise')}")
        raise typer.Exit()


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Which quantization format to deploy, on which GPU and how many: cost, speed, accuracy, how sure."""


app.command()(recommend.recommend)
app.command()(predict.predict)
crossover.register(app)
compare.register(app)
app.add_typer(profiles.app, name="profiles")
app.add_typer(prices.app, name="prices")
app.command()(records.check)
app.command()(records.fit)
app.command()(catalog.models)
app.command()(catalog.gpus)
app.command()(catalog.formats)
measure.register(app)
measure_next.register(app)
import_results.register(app)
trace.register(profiles.app)
ui.register(app)
mcp.register(app)
