"""This machine: GPUs as the driver names them, CPU, versions. Nothing is guessed."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.errors import InputError, UnknownNameError
from advisor.measure.tools import ask_program, envs
from advisor.measure.tools.made_by import host_load, made_by
from advisor.spec.hardware.gpu_by_name import find_gpu

_QUERY = (
    "index",
    "name",
    "memory.total",
    "driver_version",
    "uuid",
    "power.limit",
    "compute_cap",
    "memory.used",
)
CPU = "cpu"
"""Name of the device where there is no GPU; no catalog has it."""
_BUSY = 0.08
"""Share of a GPU's memory in other hands from which it is busy: vLLM asks for the other 92 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One GPU, or the CPU as the one thing there is to run on."""

    index: int | None
    """The driver's number; None for the CPU."""
    name: str
    """The name records carry: the catalog's, else the driver's own words."""
    driver_name: str
    memory_mib: int
    in_catalog: bool
    facts: Mapping[str, str]
    used_mib: int = 0
    """Memory that other programs hold."""

    @property
    def is_busy(self) -> bool:
        return self.used_mib > _BUSY * self.memory_mib


def nvidia() -> list[Device]:
    """The GPUs that nvidia-smi lists; none where there is no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    words = [program, f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader,nounits"]
    return parse_nvidia(ask_program.answer(words) or "")


def parse_nvidia(text: str) -> list[Device]:
    """Rows of `nvidia-smi --query-gpu` in the order of `_QUERY`."""
    devices = []
    for line in text.splitlines():
        values = [value.strip() for value in line.split(",")]
        if len(values) != len(_QUERY) or not values[0].isdecimal():
            continue
        row = dict(zip(_QUERY, values, strict=True))
        if not row["memory.total"].isdecimal():  # '[N/A]' or '[Unknown Error]': a GPU that is out of order
            continue
        memory_mib = int(row["memory.total"])
        name, known = catalog_name(row["name"], memory_mib)
        devices.append(
            Device(
                index=int(row["index"]),
                name=name,
                driver_name=row["name"],
                memory_mib=memory_mib,
                in_catalog=known,
                facts={key: row[key] for key in ("driver_version", "uuid", "power.limit", "compute_cap")},
                used_mib=int(row["memory.used"]) if row["memory.used"].isdecimal() else 0,
            )
        )
    return devices


def catalog_name(driver_name: str, memory_mib: int) -> tuple[str, bool]:
    """The catalog's name for a GPU, checked against its memory; the driver's words when it has none."""
    for name in (driver_name, f"{driver_name} {round(memory_mib / 1024)}GB"):
        try:
            gpu = find_gpu(name)
        except UnknownNameError:
            continue
        if abs(gpu.memory_mib - memory_mib) <= 0.1 * gpu.memory_mib:
            return gpu.name, True
    return driver_name, False


def cpu() -> Device:
    """This machine's processor, under its own name."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Device(
        index=None,
        name=CPU,
        driver_name=name,
        memory_mib=memory // (1 << 20),
        in_catalog=False,
        facts={"cores": str(os.cpu_count() or 1)},
    )


def elsewhere(name: str) -> Device:
    """The GPU of a server on another machine, of which nothing but its name is known."""
    return Device(index=None, name=name, driver_name="elsewhere", memory_mib=0, in_catalog=False, facts={})


def choose(wanted: tuple[int, ...] | None) -> list[Device]:
    """The devices to measure on: those asked for, else all free GPUs, else the CPU. Raises InputError."""
    found = nvidia()
    if wanted is None:
        return [device for device in found if not device.is_busy] or found or [cpu()]
    by_index = {device.index: device for device in found}
    missing = [str(index) for index in wanted if index not in by_index]
    if missing:
        have = ", ".join(str(index) for index in by_index) or "none (no NVIDIA driver answers)"
        raise InputError(f"--gpus: no GPU {', '.join(missing)} here; there are: {have}")
    chosen = [by_index[index] for index in wanted]
    if len({device.name for device in chosen}) > 1:
        names = ", ".join(sorted({device.name for device in chosen}))
        raise InputError(f"--gpus: of different kinds ({names}); measure one kind per run")
    return chosen


def check_free(devices: Sequence[Device]) -> None:
    """Raises InputError where another program holds memory that the server needs."""
    for device in devices:
        if device.is_busy:
            raise InputError(
                f"GPU {device.index}: {device.used_mib:,} of {device.memory_mib:,} MiB are in use by other "
                "programs; end them, or name free GPUs with --gpus"
            )


def environment(devices: list[Device]) -> dict[str, Any]:
    """Everything a reader needs to judge the run, for `environment.json`."""
    tools: dict[str, Any] = {}
    for row in envs.TOOLS:
        found = envs.find(row.name)
        tools[row.name] = None if found is None else {"version": found.version, "python": str(found.python)}
        if found is not None:
            have = envs.versions(found.python)
            tools[row.name]["packages"] = {
                name: have[name]
                for name in ("torch", "transformers", "compressed-tensors", "triton", "numpy")
                if name in have
            }
    return {
        "platform": platform.platform(),
        "made_by": made_by(),
        "host_load_per_core": host_load(),
        "python": platform.python_version(),
        "devices": [
            {
                "index": device.index,
                "name": device.name,
                "driver_name": device.driver_name,
                "memory_mib": device.memory_mib,
                **device.facts,
            }
            for device in devices
        ],
        "cpu": cpu().driver_name,
        "cpu_cores": os.cpu_count(),
        "tools": tools,
    }
