"""Memory, power and clocks of the GPUs while a server runs, by nvidia-smi; nothing where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

_FIELDS = ("memory.used", "power.draw", "clocks.sm", "utilization.gpu", "temperature.gpu")
_NAMES = ("memory_mib", "power_w", "sm_clock_mhz", "utilization_pct", "temperature_c")


def command(gpus: Sequence[int]) -> list[str] | None:
    """A sampler that prints one row per GPU and second; None without nvidia-smi."""
    program = shutil.which("nvidia-smi")
    if program is None or not gpus:
        return None
    return [
        program,
        f"--id={','.join(str(gpu) for gpu in gpus)}",
        f"--query-gpu={','.join(_FIELDS)}",
        "--format=csv,noheader,nounits",
        "--loop-ms=1000",
    ]


def size(log: Path) -> int:
    """Where the samples taken so far end."""
    return log.stat().st_size if log.exists() else 0


def summary(log: Path, start: int) -> dict[str, float]:
    """Means (memory: the maximum) over the samples written since `start`; empty when there are none."""
    if not log.exists():
        return {}
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode("utf-8", "replace").splitlines()
    columns: dict[str, list[float]] = {name: [] for name in _NAMES}
    for line in lines:
        values = [value.strip() for value in line.split(",")]
        if len(values) != len(_NAMES):
            continue
        for name, value in zip(_NAMES, values, strict=True):
            if value.replace(".", "", 1).isdigit():  # '[N/A]' where a GPU does not say
                columns[name].append(float(value))
    return {
        name: max(values) if name == "memory_mib" else round(sum(values) / len(values), 1)
        for name, values in columns.items()
        if values
    }
