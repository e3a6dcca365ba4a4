"""Recorded and written results of other tools, whole or changed in one place."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from advisor.record.importers.imported_run import Imported
from advisor.record.importers.read_result_file import import_file
from advisor.record.importers.stated_facts import DeploymentFacts
from advisor.record.measurement import SpeedMeasurement

DATA = Path(__file__).resolve().parent.parent / "data"
VLLM = DATA / "vllm_bench"
GUIDELLM = DATA / "guidellm"


def known(**facts: Any) -> DeploymentFacts:
    """A tiny model on a CPU measured these: a 1B model on a T4 is what could have."""
    said: dict[str, Any] = {
        "model": "Llama-3.2-1B-Instruct",
        "format": "int4",
        "gpu": "A100",
        "num_gpus": 1,
        "engine_version": "0.32.0",
    }
    return DeploymentFacts(**(said | facts))


def figures(imported: Imported) -> dict[str, float]:
    """`ttft_ms/p99` → value, of the only run."""
    return {f"{row.metric}/{row.statistic}": row.value for row in imported.speed}


def changed(path: Path, folder: Path, change: Callable[[Any], Any]) -> Path:
    """A copy of a JSON result that `change` has altered."""
    document = copy.deepcopy(json.loads(path.read_text(encoding="utf-8")))
    change(document)
    out = folder / path.name
    out.write_text(json.dumps(document), encoding="utf-8")
    return out


def refused(path: Path, folder: Path, change: Callable[[Any], Any], **facts: Any) -> str:
    """Why the altered result is refused; it must give no row."""
    imported = import_file(changed(path, folder, change), known(**facts))
    assert imported.speed == ()
    assert len(imported.refused) == 1
    return imported.refused[0]


def only(imported: Imported, name: str) -> SpeedMeasurement:
    """The one row of `metric/statistic`."""
    (row,) = [row for row in imported.speed if f"{row.metric}/{row.statistic}" == name]
    return row
