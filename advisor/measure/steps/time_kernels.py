"""Times kernels of this GPU with PyTorch alone: bandwidth, GEMMs, attention, launches, all-reduce."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor import atomic_files
from advisor.errors import DataError
from advisor.measure.state.job_site import Site
from advisor.measure.tools import machine, result_files, subprocesses
from advisor.measure.tools.envs import FoundTool
from advisor.measure.tools.machine import Device
from advisor.record.kernel_timing import KernelTiming
from advisor.spec.reading.located_yaml import write_yaml

WORKER = Path(__file__).with_name("workers") / "calibrate_worker.py"
FILE_VERSION = 1
LEAST_TFLOPS = 0.1
LEAST_GB_S = 10.0
"""Less than this is not a rate that a GPU file may state (see `advisor.spec.hardware.gpu_file`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One thing timed; `rate` is None where it could not be done, and `skipped` says why."""

    what: str
    unit: str
    rate: float | None
    seconds: float | None
    shape: Mapping[str, Any]
    skipped: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """All timings of one device."""

    device: Device
    torch: str
    threads: int
    timings: tuple[Timing, ...]

    def best(self, what: str, **shape: Any) -> float | None:
        """The highest rate among timings of that kind and shape; None when there is none."""
        rates = [
            one.rate
            for one in self.timings
            if one.what == what
            and one.rate is not None
            and all(one.shape.get(name) == value for name, value in shape.items())
        ]
        return max(rates, default=None)

    @property
    def memory_gb_s(self) -> float | None:
        """What a kernel that only moves bytes reaches."""
        return max(
            (rate for rate in (self.best("memory read"), self.best("memory copy")) if rate is not None),
            default=None,
        )


def command(found: FoundTool, spec: Path, result: Path) -> list[str]:
    """The worker in an environment with torch."""
    return [str(found.python), str(WORKER), str(spec), str(result)]


def parse(text: str, device: Device, *, where: str) -> Calibration:
    """The worker's result. Raises DataError when it is not one or holds an impossible rate."""
    with result_files.expected(where, "a result of the calibration worker"):
        row = json.loads(text)
        timings = tuple(_timing(one) for one in row["rows"])
        torch, threads = str(row["torch"]), int(row["threads"])
        for one in timings:
            if one.rate is not None and not (math.isfinite(one.rate) and one.rate > 0):
                raise DataError(f"{where}: {one.what} has the impossible rate {one.rate}; calibrate again")
    return Calibration(device=device, torch=torch, threads=threads, timings=timings)


def _timing(row: Mapping[str, Any]) -> Timing:
    known = {"what", "unit", "rate", "seconds", "skipped"}
    return Timing(
        what=row["what"],
        unit=row["unit"],
        rate=row.get("rate"),
        seconds=row.get("seconds"),
        shape={name: value for name, value in row.items() if name not in known},
        skipped=row.get("skipped", ""),
    )


def measure(found: FoundTool, site: Site, device: Device, *, seconds: float) -> Calibration:
    """Time the device. Raises ToolError when the worker ends badly."""
    work = site.work("calibrate")
    spec, result = work / "spec.json", work / "result.json"
    result.unlink(missing_ok=True)
    (work / "log").unlink(missing_ok=True)
    kind = "cpu" if device.index is None else "cuda"
    atomic_files.write(spec, json.dumps({"device": kind, "seconds": seconds}))
    argv = command(found, spec, result)
    subprocesses.run(argv, log=work / "log", limit_s=4 * seconds + 300, name="calibrate", env=site.env())
    return parse(result_files.read_text(result, what="the timings"), device, where=str(result))


def to_json(found: Calibration, date: str) -> dict[str, Any]:
    """Keys of `calibration.json`, listed by hand: the file is a contract."""
    return {
        "quantadvise": f"calibration {FILE_VERSION}",
        "gpu": found.device.name,
        "driver_name": found.device.driver_name,
        "facts": dict(found.device.facts),
        "memory_mib": found.device.memory_mib,
        "torch": found.torch,
        "threads": found.threads,
        "date": date,
        "timings": [
            {
                "what": one.what,
                "shape": dict(one.shape),
                "unit": one.unit,
                "rate": one.rate,
                "seconds": one.seconds,
                "skipped": one.skipped,
            }
            for one in found.timings
        ],
    }


def records(found: Calibration, date: str) -> list[KernelTiming]:
    """What was timed, as the store keeps it; what could not be done has no row."""
    facts = found.device.facts
    driver = f"; driver {facts['driver_version']}" if "driver_version" in facts else ""
    power = f"; power limit {facts['power.limit']} W" if "power.limit" in facts else ""
    return [
        KernelTiming(
            gpu=found.device.name,
            num_gpus=int(one.shape.get("gpus", 1)),
            what=one.what,  # type: ignore[arg-type]
            dtype=one.shape.get("type"),
            tokens=one.shape.get("tokens"),
            width=one.shape.get("width"),
            context=one.shape.get("context"),
            batch=one.shape.get("batch"),
            size_bytes=one.shape.get("bytes"),
            unit=one.unit,
            value=one.rate,
            seconds=one.seconds,
            source="quantadvise calibrate",
            licence="own measurement",
            date=date[:10],
            conditions=f"torch {found.torch}; {found.threads} threads{driver}{power}",
        )
        for one in found.timings
        if one.rate is not None and one.seconds is not None
    ]


def gpu_file(found: Calibration) -> str | None:
    """A GPU file (for `--gpu FILE`) of a device that the catalog lacks: what was measured, as its ceilings.

    None for a GPU of the catalog, whose efficiencies were learnt against its data sheet, and where bandwidth
    or 16-bit rate is missing or too low to be one.
    """
    device = found.device
    bandwidth = found.memory_gb_s
    rates = {
        name: found.best("gemm", type=kind)
        for name, kind in (("bf16", "bf16"), ("fp16", "fp16"), ("int8", "int8"), ("fp8", "fp8"))
    }
    # A type below this is emulated by the build; a GPU file refuses such figures as slips of the hand.
    rates = {
        name: rate if rate is not None and rate >= LEAST_TFLOPS else None for name, rate in rates.items()
    }
    if device.in_catalog or bandwidth is None or bandwidth < LEAST_GB_S or rates["bf16"] is None:
        return None
    on_cpu = device.index is None
    notes = f"measured by quantadvise calibrate with torch {found.torch} on {device.driver_name}"
    if on_cpu:
        # The capability only says which formats run; vLLM's CPU build runs BF16, FP8, INT8 and INT4.
        notes += "; a CPU in a GPU's place, its capability stands for the formats that run"
    return write_yaml(
        {
            "name": device.name,
            "title": device.driver_name,
            "capability": 9.0 if on_cpu else float(device.facts.get("compute_cap", "0")),
            "memory_mib": device.memory_mib,
            "memory_bandwidth_gb_s": round(bandwidth, 2),
            "dense_tflops": {name: None if rate is None else round(rate, 3) for name, rate in rates.items()},
            "gpus_per_node": 1 if on_cpu else max(1, len(machine.nvidia())),
            "notes": notes,
        }
    )


def lines(found: Calibration) -> Sequence[tuple[str, str, str]]:
    """What, shape, rate: one line per timing."""
    return [
        (
            one.what,
            ", ".join(f"{name} {value}" for name, value in one.shape.items()),
            f"{one.rate:.4g} {one.unit}" if one.rate is not None else f"not done: {one.skipped}",
        )
        for one in found.timings
    ]
