"""`--write DIR`: the folder that runs one row of an answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from advisor.errors import InputError

if TYPE_CHECKING:
    from advisor.advise.choose.recommendation import Recommendation
    from advisor.advise.mixed.fleet import Mix

_PANEL = "Output"

WriteOption = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads it at run time, on 3.10 too
    typer.Option(
        "--write",
        metavar="DIR",
        help="Write the files that run it: vllm serve, Docker, Kubernetes, KServe, the checkpoint's "
        "recipe, checks.",
        rich_help_panel=_PANEL,
    ),
]
RowOption = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--row", metavar="N", help="The row of the ranking to write; 1 by default.", rich_help_panel=_PANEL
    ),
]
OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="--write and --html may replace files.", rich_help_panel=_PANEL),
]


def check_options(folder: Path | None, row: int | None, overwrite: bool, *, html: Path | None = None) -> None:
    """Refuse what has no meaning, before any work. Raises InputError."""
    if folder is None and row is not None:
        raise InputError("--row: chooses the row that --write writes; add --write DIR")
    if folder is None and html is None and overwrite:
        raise InputError("--overwrite: needs --write or --html; add one of them")
    if row is not None and row < 1:
        raise InputError(f"--row: {row} is not a row number; the first is 1")


def write_row(
    recommendation: Recommendation, folder: Path | None, *, row: int | None = None, overwrite: bool = False
) -> None:
    """Write the folder and say so on stderr; nothing where no folder is named or nothing is ranked.

    Rows are those of the ranked list (`rank` in JSON and CSV). Raises InputError.
    """
    if folder is None or not recommendation.ranked:
        return
    from advisor.display_text import deployment_text
    from advisor.report.manifests import write_all

    number = 1 if row is None else row
    if number > len(recommendation.ranked):
        raise InputError(f"--row: there is no row {number}; {len(recommendation.ranked)} are ranked")
    chosen = recommendation.ranked[number - 1]
    written = write_all(chosen, recommendation.workload, folder, overwrite=overwrite)
    what = deployment_text(chosen.deployment)
    typer.echo(f"{folder}: {len(written)} files for {what}; begin with {written[0].name}", err=True)


def write_mix(mix: Mix, folder: Path | None, *, overwrite: bool = False) -> None:
    """Write the folder of a fleet of several kinds and say so on stderr; nothing where no folder is named."""
    if folder is None:
        return
    from advisor.report.manifests import write_fleet

    written = write_fleet(mix, folder, overwrite=overwrite)
    typer.echo(f"{folder}: {len(written)} files for the mix; begin with {written[0].name}", err=True)
