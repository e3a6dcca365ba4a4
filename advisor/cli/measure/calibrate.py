"""`quantadvise calibrate`: kernels of one GPU timed alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def calibrate(
    gpu: Annotated[int | None, typer.Option(help="Which GPU (default: the first, else the CPU).")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Time to take.")] = 120.0,
    out: Annotated[Path, typer.Option(help="Folder for the records, calibration.json, gpu.yaml.")] = Path(
        "calibrated"
    ),
    cpu: Annotated[bool, typer.Option("--cpu", help="Use the CPU, even where there is a GPU.")] = False,
) -> None:
    """Time memory, matrix products, attention and launches with PyTorch alone: no weights, no vLLM."""
    import json
    import shlex

    from advisor import atomic_files
    from advisor.measure.plan_and_results_as_text import table
    from advisor.measure.state.job_site import Site, now
    from advisor.measure.steps import time_kernels as timing
    from advisor.measure.tools import atomic_folder, envs, machine
    from advisor.record import store

    device = machine.cpu() if cpu else machine.choose(None if gpu is None else (gpu,))[0]
    site = Site(folder=out.resolve(), gpus=() if device.index is None else (device.index,))
    found, date = timing.measure(envs.require("torch"), site, device, seconds=seconds), now()
    with atomic_folder.room_expected(out):
        atomic_files.write(out / "calibration.json", json.dumps(timing.to_json(found, date), indent=1) + "\n")
        store.write_kernels(out / "kernels.csv", timing.records(found, date))
    typer.echo(table(("what", "shape", "rate"), timing.lines(found)))
    own = timing.gpu_file(found)
    if own is not None:
        atomic_files.write(out / "gpu.yaml", own)
    elif not device.in_catalog:
        typer.echo(f"{device.driver_name}: too slow, or too little timed, for a GPU file", err=True)
        return
    name = device.name if own is None else out / "gpu.yaml"
    typer.echo(
        f"answer with it: quantadvise recommend … --gpu {shlex.quote(str(name))} --records {out}", err=True
    )
