"""The command line: parse, call, print. Each command imports what it needs when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from advisor.cli.commands import catalog as cli_catalog
from advisor.cli.commands import compare as cli_compare
from advisor.cli.commands import crossover as cli_crossover
from advisor.cli.commands import import_results as cli_import
from advisor.cli.commands import measure_next as cli_measure_next
from advisor.cli.commands import predict as cli_predict
from advisor.cli.commands import profiles as cli_profiles
from advisor.cli.commands import recommend as cli_recommend
from advisor.cli.commands import records as cli_records
from advisor.cli.commands import trace as cli_trace
from advisor.cli.commands import ui as cli_ui
from advisor.cli.measure import command as measure_cli

app = typer.Typer(
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


app.command()(cli_recommend.recommend)
app.command()(cli_predict.predict)
cli_crossover.register(app)
cli_compare.register(app)
app.add_typer(cli_profiles.app, name="profiles")
app.command()(cli_records.check)
app.command()(cli_records.fit)
app.command()(cli_catalog.models)
app.command()(cli_catalog.gpus)
app.command()(cli_catalog.formats)
measure_cli.register(app)
cli_measure_next.register(app)
cli_import.register(app)
cli_trace.register(cli_profiles.app)
cli_ui.register(app)
