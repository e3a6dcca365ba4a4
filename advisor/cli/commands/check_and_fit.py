"""`quantadvise check` and `fit`: the measurements, and what is learnt from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli import options as o
from advisor.cli import options_to_model_and_workload as v
from advisor.errors import InputError, MissingToolError

if TYPE_CHECKING:
    from advisor.cost.fit_file import Fit
    from advisor.cost.fit_report import FitReport


class Part(str, Enum):
    """What a fit may learn alone."""

    speed = "speed"
    accuracy = "accuracy"


def check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR|FILE", help="Measurements; those that ship by default.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also list findings that are known and left out of the fit.")
    ] = False,
    output: o.OutputOption = o.Output.table,
) -> None:
    """Check measurements against the hardware, against each other and against their own prices.

    Exit code 1 when a figure cannot be true. A warning marks a figure that is unlikely.
    """
    from advisor.cli.progress import working
    from advisor.record.checks.check import check_folder, unflagged
    from advisor.report.terminal import print_answer
    from advisor.shipped_files import shipped

    path = folder or shipped("measurements")
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; give a folder of measurements")
    with working(f"Checking {path}"):
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
        print_answer.print_rows(rows, ("file", "line", "severity", "what", "remedy"))
    elif output is not o.Output.table:
        print_answer.print_document({"findings": rows}, output.value)
    else:
        for row in rows:
            typer.echo(f"{row['file']}:{row['line']}: {row['severity']}: {row['what']}; {row['remedy']}")
        typer.echo(
            f"{path}: {len(fresh)} to look at, {len(found) - len(fresh)} known and left out of the fit"
        )
    if any(one.severity == "error" for one in fresh):
        raise typer.Exit(1)


def fit(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Measurements to learn from; those that ship by default."),
    ] = None,
    records: o.RecordsOption = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the fit is written; beside the measurements by default."),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Print the whole held-out report, as in ACCURACY.md.")
    ] = False,
    only: Annotated[
        Part | None,
        typer.Option("--only", metavar="speed|accuracy", help="Learn one of the two, and leave the other."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; end with 1 when the fit would change.")
    ] = False,
) -> None:
    """Fit speed and accuracy to the measurements, and print the held-out error of both.

    The same measurements give the same files, bit for bit.
    """
    from advisor.cli.progress import working
    from advisor.shipped_files import shipped

    # Known to be installed before anything is read: a fit takes a minute.
    learn = _learner()
    base = folder or shipped("measurements")
    if not base.is_dir():
        raise InputError(f"{base}: no such folder; give a folder of measurements")
    folders = [base, *v.record_folders(records)]
    with working("Learning") as say:
        parts = [_fit_speed(folders, learn, say)] if only is not Part.accuracy else []
        parts += [_fit_accuracy(folders, say)] if only is not Part.speed else []
    texts = {name: text for part in parts for name, text in part.files.items()}
    changed = _write(texts, out or base, dry_run=dry_run)
    if report:
        typer.echo("\n".join(part.tables() for part in parts), nl=False)
    for line in _summary_lines(*(_without_report(part.about) for part in parts)):
        typer.echo(line)
    if dry_run and changed:
        raise typer.Exit(1)


@dataclass(frozen=True, kw_only=True)
class _Learnt:
    """What one part of a fit writes and prints."""

    files: Mapping[str, str]
    """Name → text."""
    about: Mapping[str, object]
    tables: Callable[[], str]


def _fit_speed(
    folders: Sequence[Path], learn: Callable[..., tuple[Fit, FitReport]], say: Callable[[str], None]
) -> _Learnt:
    from advisor.cost import fit_file, fit_report
    from advisor.record.sources import known_sources
    from advisor.record.store import read_kernels, read_speed
    from advisor.report.held_out_error_tables import fit_tables

    rows = [row for folder in folders for row in read_speed(folder)]
    speed, held_out = learn(
        rows, kernels=read_kernels(folders[0]), sources=known_sources(folders), progress=say
    )
    files = {fit_file.NAME: fit_file.dumps(speed), fit_report.NAME: fit_report.dumps(held_out)}
    return _Learnt(files=files, about=speed.summary, tables=lambda: fit_tables(held_out))


def _fit_accuracy(folders: Sequence[Path], say: Callable[[str], None]) -> _Learnt:
    from advisor.cost.quality import accuracy_fit_file as quality_file
    from advisor.cost.quality.quality_model import fit_quality
    from advisor.record.prior_constants import read_accuracy_constants
    from advisor.record.store import read_quality
    from advisor.report.accuracy_md_recovery import quality_markdown

    say("fitting accuracy")
    quality = fit_quality(
        [row for folder in folders for row in read_quality(folder)],
        [constant for folder in folders for constant in read_accuracy_constants(folder)],
    )
    files = {quality_file.NAME: quality.to_json()}
    return _Learnt(files=files, about=quality.about, tables=lambda: quality_markdown(quality.about))


def _write(texts: Mapping[str, str], folder: Path, *, dry_run: bool) -> list[Path]:
    """Write each text into its file, and say which changed; `dry_run` only says it."""
    from advisor import atomic_files

    changed = []
    for name, text in texts.items():
        path = folder / name
        same = path.exists() and path.read_text(encoding="utf-8") == text
        if not same:
            changed.append(path)
            if not dry_run:
                atomic_files.write_output(path, text)
        verb = "would change" if dry_run else "written"
        typer.echo(f"{path}: {'as it was, bit for bit' if same else verb}", err=True)
    return changed


def _learner() -> Callable[..., tuple[Fit, FitReport]]:
    """`learn`, which needs scikit-learn. Raises MissingToolError without it."""
    try:
        from advisor.cost.learn import learn
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("sklearn", "scipy"):
            raise
        raise MissingToolError(
            "fit: scikit-learn is not installed; pip install 'quantadvise[fit]'"
        ) from error
    return learn


def _without_report(summary: Mapping[str, object]) -> dict[str, object]:
    """A fit's summary without its tables, which `--report` and the benchmarks print."""
    tables = ("report", "deciles", "outside", "misjudged")
    return {name: value for name, value in summary.items() if name not in tables}


def _summary_lines(*summaries: Mapping[str, object]) -> list[str]:
    """The sentence of each summary, then its figures."""
    lines = []
    for summary in summaries:
        lines += [str(summary["text"])] if "text" in summary else []
        lines += [f"  {name}: {_flat(value)}" for name, value in summary.items() if name != "text"]
    return lines


def _flat(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_flat(inner)}" for name, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)
