"""`quantadvise check` and `fit`: the measurements, and what is learnt from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advisor import cli_options as o
from advisor.errors import InputError


def check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR|FILE", help="Measurements; those that ship by default.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what is known already and left out of the fit.")
    ] = False,
    output: o.OutputOption = o.Output.table,
) -> None:
    """Verify measurements: against the hardware, each other, and their own prices."""
    from advisor.data import shipped
    from advisor.record.check import check_folder, unflagged
    from advisor.report import out

    path = folder or shipped("measurements")
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; give a folder of measurements")
    found = check_folder(path)
    fresh = unflagged(found)
    rows = [
        {
            "file": one.file.name,
            "line": one.line,
            "severity": one.severity,
            "what": one.what,
            "remedy": one.remedy,
        }
        for one in (found if everything else fresh)
    ]
    if output is o.Output.csv:
        out.print_rows(rows, ("file", "line", "severity", "what", "remedy"))
    elif output is not o.Output.table:
        out.print_document({"findings": rows}, output.value)
    else:
        for row in rows:
            typer.echo(f"{row['file']}:{row['line']}: {row['severity']}: {row['what']}; {row['remedy']}")
        typer.echo(
            f"{path}: {len(fresh)} to look at, {len(found) - len(fresh)} known and left out of the fit"
        )
    if fresh:
        raise typer.Exit(1)


def fit() -> None:
    """Learn the coefficients from the measurements anew, and say how far they are off held out."""
    raise NotImplementedError
