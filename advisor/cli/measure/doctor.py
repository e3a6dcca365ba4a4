"""`quantadvise doctor`: what will work on this machine."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated

import typer

from advisor import atomic_files
from advisor.errors import NotAllMeasuredError

SHOWN = 150
"""Characters of a detail on the terminal."""


def doctor(
    gpu: Annotated[int | None, typer.Option(help="Which GPU (default: the first, else the CPU).")] = None,
    out: Annotated[Path, typer.Option(help="Folder for logs and doctor.json, to attach to an issue.")] = Path(
        "doctor"
    ),
    engine: Annotated[
        bool,
        typer.Option("--engine/--no-engine", help="Try a tiny model of every format through vLLM, too."),
    ] = True,
) -> None:
    """Try driver, tools, matrix products, a collective, and each format in vLLM; about two minutes."""
    from advisor.measure.plan_and_results_as_text import table
    from advisor.measure.state.job_site import Site, now
    from advisor.measure.steps import doctor as steps
    from advisor.measure.tools import machine

    devices = machine.nvidia() if gpu is None else machine.choose((gpu,))
    devices = devices or [machine.cpu()]
    first = devices[0].index
    site = Site(folder=out.resolve(), gpus=() if first is None else (first,), offline=True)
    checks = steps.examine(
        devices,
        site,
        engine=engine,
        say=lambda check: typer.echo(f"{check.mark:<10} {check.what}: {_short(check.detail)}"),
    )
    typer.echo("")
    rows = [(name, _short(words)) for name, words in steps.verdicts(checks, devices).items()]
    typer.echo(table(("format", "with vLLM on this machine"), rows))
    atomic_files.write(out / "doctor.json", steps.to_json(checks, devices, now()))
    typer.echo(f"attach to an issue: {out / 'doctor.json'}", err=True)
    failed = steps.failures(checks)
    if failed:
        plural = "checks fail" if len(failed) > 1 else "check fails"
        raise NotAllMeasuredError(f"doctor: {len(failed)} {plural}: {', '.join(failed)}; see above")


def _short(words: str) -> str:
    """What fits a line; doctor.json has all of it."""
    return textwrap.shorten(words, SHOWN, placeholder=" …")
