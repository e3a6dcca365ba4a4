"""Suggested measurements as plan files for `quantadvise measure`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor import atomic_files
from advisor.advise.measuring.best_measurements import Measurement, Suggestion
from advisor.display_text import deployment_text, number, share
from advisor.errors import InputError
from advisor.report.commands.serve_commands import checkpoint_of
from advisor.report.documents.recommendation_document import workload_document
from advisor.spec.workloads.load_kind import SPELLING
from advisor.spec.workloads.workload import Workload

WORKLOAD = "workload.yaml"


def plan_files(suggestion: Suggestion, workload: Workload) -> dict[str, str]:
    """The workload and one plan per measurement, by file name: each names the GPU it is for."""
    files = {WORKLOAD: _yaml(_profile(workload))}
    for place, measurement in enumerate(suggestion.measurements, start=1):
        label = measurement.deployment.gpu.label.replace("/", "-").replace(" ", "-")
        files[f"{place}-{measurement.what}-{label}.yaml"] = plan_text(measurement)
    return files


def plan_text(measurement: Measurement) -> str:
    """One plan, with what it is for as its first lines."""
    d = measurement.deployment
    about = (
        f"# {measurement.what.capitalize()} of {deployment_text(d)}: expected to save "
        f"{share(measurement.gain)} of the cost of what is best now,\n"
        f"# in about {number(measurement.gpu_minutes, digits=2)} GPU-minutes. On a machine with "
        f"{d.tensor_parallel}x {d.gpu.name}: quantadvise measure THIS_FILE\n"
    )
    plan: dict[str, Any] = {
        "model": d.model.hf_id or d.model.name,
        "workload": WORKLOAD,
        "gpu": d.gpu.name,
        "formats": [d.format.name] if measurement.what == "speed" else ["bf16", d.format.name],
        "tensor_parallel": [d.tensor_parallel],
    }
    checkpoint, published = checkpoint_of(d)
    if published and d.format.weight_bits < 16:
        plan["checkpoints"] = {d.format.name: checkpoint}
    if d.kv_format == "fp8":
        plan["kv_fp8"] = True
    if measurement.what == "accuracy":
        plan["tasks"] = "profile"
    else:
        plan |= _points(measurement)
    return about + _yaml(plan)


def write_plans(files: Mapping[str, str], folder: Path, *, overwrite: bool) -> list[Path]:
    """Write them, none over another without asking. Raises InputError."""
    paths = [folder / name for name in files]
    there = [path.name for path in paths if path.exists()]
    if there and not overwrite:
        raise InputError(f"{folder}: {there[0]} is there already; --overwrite replaces it")
    for path, text in zip(paths, files.values(), strict=True):
        atomic_files.write_output(path, text)
    return paths


def _points(measurement: Measurement) -> dict[str, Any]:
    arrival = measurement.arrival
    if arrival.kind == "rate" and arrival.value is not None:
        return {"rates": [float(f"{arrival.value:.4g}")]}
    if arrival.kind == "concurrency" and arrival.value is not None:
        return {"concurrency": [int(arrival.value)]}
    return {"concurrency": [1] if arrival.kind == "single" else [SPELLING["maximum"]]}


def _profile(workload: Workload) -> dict[str, Any]:
    """The workload in the keys of a profile, without those that say nothing."""
    found: dict[str, Any] = _said(workload_document(workload))
    return found


def _said(value: Any) -> Any:
    """Without the keys that have no value."""
    if isinstance(value, dict):
        return {key: _said(inner) for key, inner in value.items() if inner not in (None, "", [], {})}
    return value


def _yaml(document: Mapping[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=120)
    return text
