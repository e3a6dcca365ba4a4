"""What will work on this machine: driver, tools, a product per number format, a collective, vLLM itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.measure.state.site import Site
from advisor.measure.tools import envs, machine, result_files, tool
from advisor.measure.tools.machine import Device

WORKER = Path(__file__).with_name("workers") / "doctor_worker.py"
FILE_VERSION = 1
KERNELS_LIMIT_S = 120.0
ENGINE_LIMIT_S = 300.0
PRODUCTS = {"bf16": "bf16 product", "int8": "int8 product", "fp8": "fp8 product"}
"""The check that a format needs beside the engine."""
UNTRIED = {"int4": "unknown: vLLM multiplies it with kernels of its own; measure a checkpoint to try them"}
FP8_WITHOUT_PRODUCT = "without FP8 products: vLLM can at best widen its weights to 16 bits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing tried; `works` is None where it could not be tried."""

    what: str
    works: bool | None
    detail: str

    @property
    def mark(self) -> str:
        return {True: "works", False: "fails", None: "not tried"}[self.works]

    def to_json(self) -> dict[str, Any]:
        return {"what": self.what, "works": self.works, "detail": self.detail}


def machine_checks(devices: Sequence[Device]) -> Iterator[Check]:
    """The devices, and the tools that drive them."""
    for device in devices:
        if device.index is None:
            yield Check(what="GPU", works=None, detail=f"no NVIDIA driver answers; CPU {device.driver_name}")
            continue
        facts = device.facts
        free = device.memory_mib - device.used_mib
        known = device.name if device.in_catalog else "not in the catalog; quantadvise calibrate describes it"
        yield Check(
            what=f"GPU {device.index}",
            works=not device.is_busy,
            detail=f"{device.driver_name} ({known}), driver {facts.get('driver_version', '?')}, capability "
            f"{facts.get('compute_cap', '?')}, {free:,} of {device.memory_mib:,} MiB free",
        )
    for row in envs.TOOLS:
        if row.name in ("guidellm", "ray"):
            continue
        found = envs.find(row.name)
        if found is None:
            remedy = f"not installed; quantadvise tools install {row.name}"
            yield Check(what=row.title, works=False, detail=remedy)
        else:
            detail = f"{found.version} (tested with {row.tested})"
            yield Check(what=row.title, works=not found.too_old, detail=detail)


def parse(rows: Any, *, where: str) -> list[Check]:
    """The worker's rows. Raises DataError."""
    with result_files.expected(where, "the worker's checks"):
        return [
            Check(
                what=str(row["what"])[:100],
                works=None if row["works"] is None else bool(row["works"]),
                detail=" ".join(str(row["detail"]).split())[:400],
            )
            for row in list(rows)
        ]


def tried(kind: str, tool_name: str, site: Site, *, limit_s: float) -> list[Check]:
    """What the worker tried in a tool's environment; a crash is a check that fails with its reason."""
    found = envs.find(tool_name)
    if found is None:
        return [Check(what=kind, works=None, detail=f"{tool_name} is not installed")]
    work = site.work(f"doctor-{kind}")
    result, log = work / "result.json", work / "log"
    result.unlink(missing_ok=True)
    log.unlink(missing_ok=True)
    device = "cuda" if site.gpus else "cpu"
    argv = [str(found.python), str(WORKER), kind, device, str(result)]
    failed: list[Check] = []
    try:
        tool.run(argv, log=log, limit_s=limit_s, name=f"doctor {kind}", env=site.env())
    except tool.ToolError as error:
        detail = f"{error.why}: {tool.reason_line(error.tail)}"
        failed = [Check(what=f"{kind} process", works=False, detail=detail)]
    rows = result_files.read_json(result, what="the worker's checks") if result.exists() else []
    return [*parse(rows, where=str(result)), *failed]


def examine(
    devices: Sequence[Device], site: Site, *, engine: bool, say: Callable[[Check], None]
) -> list[Check]:
    """Every check, each passed to `say` as soon as it is known."""
    checks: list[Check] = []

    def add(found: Iterator[Check] | list[Check]) -> None:
        for check in found:
            checks.append(check)
            say(check)

    add(machine_checks(devices))
    add(tried("kernels", "torch", site, limit_s=KERNELS_LIMIT_S))
    if engine:
        add(tried("vllm", "vllm", site, limit_s=ENGINE_LIMIT_S))
    return checks


def verdicts(checks: Sequence[Check]) -> Mapping[str, str]:
    """Per format what follows from the checks."""
    by_name = {check.what: check for check in checks}
    engine = by_name.get("vLLM engine")
    return {
        format: _verdict(format, engine, by_name.get(what)) for format, what in PRODUCTS.items()
    } | UNTRIED


def _verdict(format: str, engine: Check | None, product: Check | None) -> str:
    if engine is not None and engine.works is False:
        return f"will not work: the engine fails ({engine.detail})"
    if product is not None and product.works is False:
        return FP8_WITHOUT_PRODUCT if format == "fp8" else f"will not work: no product ({product.detail})"
    if engine is None or product is None or not (engine.works and product.works):
        return "unknown: not everything could be tried"
    return "should work"


def to_json(checks: Sequence[Check], devices: Sequence[Device], date: str) -> str:
    """The file to attach to an issue; keys listed by hand. It names no user, path or GPU serial number."""
    environment = machine.environment(list(devices))
    for row in environment["devices"]:
        row.pop("uuid", None)
    for row in environment["tools"].values():
        if row is not None:
            row.pop("python", None)
    document = {
        "doctor": FILE_VERSION,
        "date": date,
        "checks": [check.to_json() for check in checks],
        "formats": dict(verdicts(checks)),
        "environment": environment,
    }
    text = json.dumps(document, indent=1, sort_keys=True)
    return text.replace(str(Path.home()), "~") + "\n"
