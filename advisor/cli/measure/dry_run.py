"""`--dry-run` and `--write-commands`: what would be run, here or on GPUs that are not here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer

from advisor.cli.measure import expected_vs_measured as compare
from advisor.cli.measure.options import Where
from advisor.cli.measure.plan_cost import cost_lines
from advisor.cli.streams import broken_pipes_kept
from advisor.errors import InputError, QuantAdviseError
from advisor.measure.execution.executor import check_room
from advisor.measure.plan_and_results_as_text import dry_run
from advisor.measure.plan_progress import planned
from advisor.measure.plan_to_jobs import prepare
from advisor.measure.state import ledger
from advisor.measure.steps import vllm_server
from advisor.measure.steps.what_to_measure import Plan
from advisor.measure.tools import machine
from advisor.measure.tools.machine import Device
from advisor.spec.hardware.gpu_by_name import find_gpu


def show_plan(plan: Plan, folder: Path, where: Where, *, write_commands: Path | None) -> None:
    """Print the plan, what it takes and what it costs; with a folder write it as scripts instead."""
    with broken_pipes_kept():
        said = _plan_text(plan, folder, where, write_commands=write_commands)
    typer.echo(said)


def _plan_text(plan: Plan, folder: Path, where: Where, *, write_commands: Path | None) -> str:
    check_executor(where.executor, where.address)
    _ = where.budget_s  # a time that is none is refused here as by the run
    ledger.check_folder(folder)
    named = None if where.gpu_file is None else str(where.gpu_file)
    prepared = prepare(
        plan,
        folder,
        endpoint=where.endpoint,
        endpoint_gpu=where.endpoint_gpu,
        devices=_planned_devices(plan, where) if plan.gpu is not None else devices_here(plan, named),
        need_tools=False,
    )
    expected = compare.Expectation(prepared, named or plan.gpu)
    if write_commands is not None:
        from advisor.cli.measure.write_commands import write_commands as write

        paths = write(prepared, expected, write_commands)
        return f"{write_commands}: {len(paths)} files; begin with README.md, run with ./run.sh"
    if where.executor == "local" and prepared.running is None and plan.gpu is None:
        check_room(prepared.jobs, [one.index for one in prepared.devices if one.index is not None])
        if where.port is not None:
            vllm_server.check_port(where.port)
    book = ledger.Ledger(folder)
    return "\n".join([dry_run(prepared, planned(prepared, book)), "", *cost_lines(prepared, expected, book)])


def check_executor(name: str, address: str | None) -> None:
    """Raises InputError for an executor that there is not, and for the address of a cluster without Ray."""
    if name not in ("local", "ray"):
        raise InputError(f"--executor: '{name}' is neither local nor ray")
    if address is not None and name != "ray":
        raise InputError("--address: is that of a Ray cluster; add --executor ray")


def devices_here(plan: Plan, gpu_file: str | None) -> list[Device]:
    """The devices to measure on, under the name of the user's own GPU file where there is one."""
    found = machine.choose(plan.gpus)
    if gpu_file is None:
        return found
    name = find_gpu(gpu_file).name
    return [replace(device, name=name, in_catalog=False) for device in found]


def _planned_devices(plan: Plan, where: Where) -> list[Device]:
    """The plan's GPU, as many as it needs at once. Raises InputError for options of another machine."""
    assert plan.gpu is not None
    given = {"--gpus": plan.gpus, "--gpu-file": where.gpu_file, "--endpoint": where.endpoint}
    clashing = [flag for flag, value in given.items() if value is not None]
    if clashing:
        raise InputError(
            f"--gpu: the plan is for {plan.gpu} on another machine; leave out {', '.join(clashing)}"
        )
    gpu = find_gpu(plan.gpu)
    device = replace(machine.elsewhere(gpu.name), memory_mib=gpu.memory_mib, in_catalog=_is_listed(gpu.name))
    return [device] * max(plan.tensor_parallel)


def _is_listed(name: str) -> bool:
    try:
        return find_gpu(name).name == name
    except QuantAdviseError:
        return False


def check_gpu(plan: Plan, devices: Sequence[Device]) -> None:
    """Raises InputError for a run whose plan is for another GPU than those that are here."""
    if plan.gpu is None:
        return
    name = find_gpu(plan.gpu).name
    here = sorted({device.name for device in devices} - {name})
    if here:
        raise InputError(
            f"--gpu: the plan is for {name}, this machine has {', '.join(here)}; run it there, drop --gpu, "
            "or plan with --dry-run or --write-commands"
        )
