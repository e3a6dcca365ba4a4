"""What will work on this machine: driver, tools, a product per number format, a collective, vLLM itself.

What is said of a format is what vLLM did with a tiny model in it. A product that PyTorch has says nothing of
vLLM: on a CPU it multiplies FP8 and vLLM refuses FP8 in its own packaging.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.measure.state.job_site import Site
from advisor.measure.steps.workers import doctor_worker
from advisor.measure.tools import envs, machine, result_files, subprocesses
from advisor.measure.tools.machine import Device
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.formats.checkpoint import Checkpoint, made_kind
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model

WORKER = Path(doctor_worker.__file__)
FILE_VERSION = 1
KERNELS_LIMIT_S = 300.0
ENGINE_LIMIT_S = 900.0
FORMATS_LIMIT_S = 900.0
"""Bounds of what hangs: on a machine that does nothing else all of it takes a minute or two."""
FORMATS = tuple(doctor_worker.PRESETS)
"""Formats that are tried as their recipes make them."""
PACKAGINGS = tuple(doctor_worker.PACKAGINGS)
"""Checkpoints of other tools that are tried, too."""
IN_VLLM = doctor_worker.IN_VLLM
ENGINE = doctor_worker.ENGINE
RULE_MODEL = "Llama-3.1-8B-Instruct"
"""The dense model by whose matrices vLLM's rules are stated where it was not tried."""


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
        subprocesses.run(argv, log=log, limit_s=limit_s, name=f"doctor {kind}", env=site.env())
    except subprocesses.ToolError as error:
        detail = f"{error.why}: {subprocesses.reason_line(error.tail)}"
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
        add(tried("formats", "vllm", site, limit_s=FORMATS_LIMIT_S))
    return checks


def failures(checks: Sequence[Check]) -> list[str]:
    """What is wrong with the machine; a format that its hardware does not have is no fault of it."""
    optional = ("fp8 product",)
    return [
        check.what
        for check in checks
        if check.works is False and check.what not in optional and not check.what.endswith(IN_VLLM)
    ]


def verdicts(checks: Sequence[Check], devices: Sequence[Device]) -> Mapping[str, str]:
    """Per format what vLLM did with a tiny model in it; what its rules say where it was not tried."""
    by_name = {check.what: check for check in checks}
    names = {"bf16": ENGINE} | {name: f"{name}{IN_VLLM}" for name in (*FORMATS, *PACKAGINGS)}
    return {
        name: _verdict(by_name.get(check)) + ("" if check in by_name else _by_rules(name, devices))
        for name, check in names.items()
    }


def _verdict(check: Check | None) -> str:
    if check is None or check.works is None:
        return "unknown: not tried with vLLM"
    return f"works: {check.detail}" if check.works else f"will not work: {check.detail}"


def _by_rules(name: str, devices: Sequence[Device]) -> str:
    """What the table of what starts says of a format on a GPU that is listed; nothing where it cannot say."""
    device = devices[0]
    kind = made_kind(name)
    if kind is None or not device.in_catalog or device.index is None:
        return ""
    release = envs.find_tool_row("vllm").tested
    choice = Deployment(
        model=find_model(RULE_MODEL),
        format=find_format(name),
        gpu=find_gpu(device.name),
        tensor_parallel=1,
        kv_format="16bit",
        engine=Engine(version=release),
        checkpoint=Checkpoint(kind=kind, format=name),
    ).kernels
    if choice.starts:
        how = "weights only, 16-bit products" if choice.runs == "weight_only" else "native products"
        return f"; by its rules vLLM {release} starts it with {choice.kernel} ({how})"
    return f"; by its rules vLLM {release} does not start it: {choice.why}"


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
        "formats": dict(verdicts(checks, devices)),
        "environment": environment,
    }
    text = json.dumps(document, indent=1, sort_keys=True)
    return text.replace(str(Path.home()), "~") + "\n"
