"""The command line: parse, call, print. Each command imports what it needs when it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from advisor.cli.help import App


def _version(wanted: bool) -> None:
    if wanted:
        from advisor.version import name_and_version

        typer.echo(name_and_version())
        raise typer.Exit()


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Which quantization format to deploy, on which GPU and how many: cost, speed, accuracy, how sure."""


def _recommend(app: App) -> None:
    from advisor.cli.commands.recommend import recommend

    app.command()(recommend)


def _predict(app: App) -> None:
    from advisor.cli.commands.predict import predict

    app.command()(predict)


def _crossover(app: App) -> None:
    from advisor.cli.commands.crossover import crossover

    app.command()(crossover)


def _compare(app: App) -> None:
    from advisor.cli.commands.compare import compare

    app.command()(compare)


def _profiles(app: App) -> None:
    from advisor.cli.commands import profiles

    app.add_typer(profiles.app, name="profiles")


def _prices(app: App) -> None:
    from advisor.cli.commands import prices

    app.add_typer(prices.app, name="prices")


def _records(app: App) -> None:
    from advisor.cli.commands.check_and_fit import check, fit

    app.command()(check)
    app.command()(fit)


def _catalog(app: App) -> None:
    from advisor.cli.commands.catalog import formats, gpus, models

    app.command()(models)
    app.command()(gpus)
    app.command()(formats)


def _measure(app: App) -> None:
    from advisor.cli.measure import command

    command.register(app)


def _measure_next(app: App) -> None:
    from advisor.cli.commands.measure_next import measure_next

    app.command("measure-next")(measure_next)


def _import(app: App) -> None:
    from advisor.cli.commands.import_results import import_results

    app.command("import")(import_results)  # a word of Python's, so the function has another name


def _ui(app: App) -> None:
    from advisor.cli.commands.ui import ui

    app.command()(ui)


def _mcp(app: App) -> None:
    from advisor.cli.commands.mcp import mcp

    app.command()(mcp)


COMMANDS: dict[tuple[str, ...], Callable[[App], None]] = {
    ("recommend",): _recommend,
    ("predict",): _predict,
    ("crossover",): _crossover,
    ("compare",): _compare,
    ("profiles",): _profiles,
    ("prices",): _prices,
    ("check", "fit"): _records,
    ("models", "gpus", "formats"): _catalog,
    ("measure", "calibrate", "doctor", "tools"): _measure,
    ("measure-next",): _measure_next,
    ("import",): _import,
    ("ui",): _ui,
    ("mcp",): _mcp,
}
"""What adds the commands of these names."""


def app_for(name: str | None = None) -> App:
    """The command line; of a command that it knows no more than that one, which starts sooner."""
    app = App(
        name="quantadvise",
        help=_options.__doc__,
        epilog="Exit codes: 0 done, 1 input wrong, 2 usage, 3 nothing keeps the limits.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    known = [register for names, register in COMMANDS.items() if name in names]
    for register in known or COMMANDS.values():
        register(app)
    return app
