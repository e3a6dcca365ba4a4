"""`--html FILE`: the answer as one page that needs nothing from outside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from advisor import atomic_files
from advisor.errors import InputError

if TYPE_CHECKING:
    from advisor.advise.certainty_and_sensitivity import Decision
    from advisor.advise.choose.recommendation import Recommendation
    from advisor.advise.mixed.fleet import Mix
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

HtmlOption = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads it at run time, on 3.10 too
    typer.Option(
        "--html",
        metavar="FILE",
        help="Write the answer as one page for a browser, with its charts; nothing is fetched.",
        rich_help_panel="Output",
    ),
]
_OURS = b'name="generator" content="quantadvise'
_HEAD_BYTES = 4096


def check_html(path: Path | None, *, overwrite: bool) -> None:
    """Refuse before any work what could not be written. Raises InputError or MissingToolError."""
    if path is None:
        return
    from advisor.report.html.elements.vega import check_installed

    check_installed()
    if path.is_dir():
        raise InputError(f"--html: {path} is a folder; name a file in it, for example {path / 'report.html'}")
    atomic_files.check_folder(path, where="--html")
    if path.exists() and not overwrite and not _is_ours(path):
        raise InputError(
            f"--html: {path} exists and is not a report of quantadvise; add --overwrite to replace it"
        )


def write_html(
    recommendation: Recommendation,
    path: Path | None,
    predictor: Predictor,
    quality: QualityModel,
    decision: Decision | None = None,
    mix: Mix | None = None,
) -> None:
    """Write the page and say so on stderr; nothing where no file is named."""
    if path is None:
        return
    from advisor.advise.sensitivity.best_along_load import along_load
    from advisor.cli.progress import working
    from advisor.report.html.page import Findings, report_page

    with working(f"Drawing {path}"):
        along = along_load(recommendation, predictor, quality)
        findings = Findings(recommendation=recommendation, along=along, decision=decision, mix=mix)
        text = report_page(findings)
        atomic_files.write_output(path, text)
    typer.echo(f"{path}: {len(text.encode()) / 1e6:.1f} MB; open it in a browser", err=True)


def _is_ours(path: Path) -> bool:
    """Whether a page of ours may be written over: an earlier report is replaced without asking."""
    try:
        with path.open("rb") as file:
            return _OURS in file.read(_HEAD_BYTES)
    except OSError:
        return False
