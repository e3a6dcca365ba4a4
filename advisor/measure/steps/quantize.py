"""llm-compressor: a model in, a verified compressed-tensors checkpoint out."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from advisor import atomic_files
from advisor.measure.steps import checkpoint
from advisor.measure.steps.calibration_data import Calibration
from advisor.measure.steps.checkpoint import Checkpoint
from advisor.measure.tools import atomic_folder, subprocesses
from advisor.measure.tools.envs import FoundTool
from advisor.spec.formats.recipes import IGNORE, Recipe

WORKER = Path(__file__).with_name("workers") / "quantize_worker.py"


def spec(
    model: str,
    revision: str | None,
    recipe: Recipe,
    calibration: dict[str, Any] | None,
    output: Path,
    *,
    kv_fp8: bool,
    seed: int,
) -> dict[str, Any]:
    """The worker's specification; its file is kept beside the checkpoint."""
    return {
        "model": model,
        "revision": revision,
        "format": recipe.format,
        "algorithm": recipe.algorithm,
        "modifiers": [modifier.to_json() for modifier in recipe.modifiers],
        "ignore": list(IGNORE),
        "calibration": calibration,
        "kv_fp8": kv_fp8,
        "seed": seed,
        "output": str(output),
    }


def command(found: FoundTool, spec_path: Path) -> list[str]:
    """The worker in llm-compressor's environment."""
    return [str(found.python), str(WORKER), str(spec_path)]


def measure(
    found: FoundTool,
    model: Checkpoint,
    revision: str | None,
    recipe: Recipe,
    calibration: Calibration,
    final: Path,
    *,
    work: Path,
    log: Path,
    env: dict[str, str],
    limit_s: float,
    kv_fp8: bool = False,
    seed: int = 0,
) -> Checkpoint:
    """Make `final`, a folder that exists only when it is whole. Raises ToolError, InputError, DataError."""
    partial = final.with_name(f".{final.name}.partial")
    for folder in (partial, final):  # what an interrupted run left, or a checkpoint whose entry was dropped
        if folder.exists():
            shutil.rmtree(folder)
    partial.mkdir(parents=True)
    needs_data = recipe.needs_data or kv_fp8
    data = calibration.prepare(work) if needs_data else None
    row = spec(model.path, revision, recipe, data, partial, kv_fp8=kv_fp8, seed=seed)
    spec_path = work / "spec.json"
    atomic_files.write(spec_path, json.dumps(row, indent=1, sort_keys=True))
    subprocesses.run(command(found, spec_path), log=log, limit_s=limit_s, name="llm-compressor", env=env)
    made = checkpoint.verify(partial, recipe, model.weight_bytes)
    atomic_folder.publish_folder(partial, final)
    return replace(made, path=str(final.resolve()))
