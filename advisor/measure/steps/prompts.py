"""Prompts whose lengths vary as the workload says; constant lengths are vLLM's own `random` data set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from advisor import atomic_files
from advisor.errors import InputError
from advisor.measure.steps.calibration_data import MAX_DATA_BYTES, read_rows
from advisor.measure.steps.vllm_server import Serving
from advisor.measure.steps.what_to_measure import Plan
from advisor.measure.tools import result_files, subprocesses
from advisor.measure.tools.envs import FoundTool
from advisor.spec.workloads.length_distribution import sample
from advisor.spec.workloads.workload import Load

WORKER = Path(__file__).with_name("workers") / "prompts_worker.py"
LIMIT_S = 1_800.0


def needed(plan: Plan, load: Load) -> bool:
    """Whether prompts have to be drawn: neither the user's own, nor all of one length."""
    constant = load.input_tokens.kind == load.output_tokens.kind == "constant"
    return plan.prompts is None and not constant


def check(path: Path) -> None:
    """Raises InputError for a file of prompts that `vllm bench serve` could not send."""
    if not path.is_file():
        raise InputError(
            f"{path}: no such file of prompts; give a ShareGPT .json, or a .jsonl with 'prompt' and "
            "'output_tokens'"
        )
    if path.suffix == ".json":
        rows = result_files.read_json(path, what="a ShareGPT file of prompts", max_bytes=MAX_DATA_BYTES)
        usable = isinstance(rows, list) and all(
            isinstance(row, dict) and isinstance(row.get("conversations"), list) for row in rows
        )
        if not usable or not rows:
            raise InputError(f"{path}: is no list of objects with 'conversations' (ShareGPT)")
        return
    for number, row in enumerate(read_rows(path, what="prompts"), start=1):
        if not isinstance(row.get("prompt"), str):
            raise InputError(f"{path}: sample {number}: has no 'prompt' text; write one object per line")


def lengths(load: Load, count: int, seed: int) -> list[tuple[int, int]]:
    """Prompt and answer tokens of each request; the same seed gives the same."""
    rng = np.random.default_rng(seed)
    pairs = zip(sample(load.input_tokens, count, rng), sample(load.output_tokens, count, rng), strict=True)
    return [(int(asked), int(answered)) for asked, answered in pairs]


def spec(serving: Serving, load: Load, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The worker's specification for a bench step with `inputs` (see `plan_steps.bench_step`)."""
    return {
        "tokenizer": serving.model,
        "revision": serving.revision,
        "seed": inputs["seed"],
        "lengths": lengths(load, int(inputs["requests"]), int(inputs["seed"])),
    }


def draw(
    found: FoundTool,
    serving: Serving,
    load: Load,
    inputs: Mapping[str, Any],
    work: Path,
    env: Mapping[str, str],
) -> Path:
    """`prompts.jsonl` for a bench step (see `plan_steps.bench_step`). Raises ToolError."""
    spec_path, out = work / "prompts.spec.json", work / "prompts.jsonl"
    atomic_files.write(spec_path, json.dumps(spec(serving, load, inputs)))
    argv = [str(found.python), str(WORKER), str(spec_path), str(out)]
    subprocesses.run(argv, log=work / "prompts.log", limit_s=LIMIT_S, name="prompts", env=env)
    return out
