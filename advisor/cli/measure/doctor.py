"""`quantadvise doctor`: what will work on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advisor import whole_file
from advisor.errors import NotAllMeasuredError


def doctor(
    gpu: Annotated[int | None, typer.Option(help="Which GPU (default: the first, else the CPU).")] = None,
    out: Annotated[Path, typer.Option(help="Folder for logs and doctor.json, to attach to an issue.")] = Path(
        "doctor"
    ),
    engine: Annotated[
        bool, typer.Option("--engine/--no-engine", help="Try a tiny model through vLLM, too.")
    ] = True,
) -> None:
    """Try driver, tools, a matrix product per format, a collective and vLLM; about two minutes."""
    from advisor.measure.state.site import Site, now
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
        say=lambda check: typer.echo(f"{check.mark:<10} {check.what}: {check.detail}"),
    )
    typer.echo("")
    for format, verdict in steps.verdicts(checks).items():
        typer.echo(f"{format:<10} {verdict}")
    whole_file.write(out / "doctor.json", steps.to_json(checks, devices, now()))
    typer.echo(f"attach to an issue: {out / 'doctor.json'}", err=True)
    failed = [check.what for check in checks if check.works is False]
    if failed:
        raise NotAllMeasuredError(f"doctor: {len(failed)} checks fail: {', '.join(failed)}; see above")
