"""Score one lm-eval task. `evaluate_worker.py SPEC.json RESULT.json`

With `--check SPEC.json` it only looks whether the tasks exist. Runs in lm-eval's environment and imports
nothing of ours. Writes the scores, the protocol, and each item's own score, by which two formats are compared
on the same items.
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import math
import os
import sys
from typing import Any


def number(value: Any) -> float | list[float] | None:
    """A score of one item: a number, or [log-likelihood, weight] for perplexities; None for anything else."""
    if isinstance(value, bool) or (isinstance(value, (int, float)) and math.isfinite(value)):
        return float(value)
    if isinstance(value, (list, tuple)) and len(value) == 2:
        pair = [number(part) for part in value]
        if all(isinstance(part, float) for part in pair):
            return [float(part) for part in pair if isinstance(part, float)]
    return None


def task_manager(spec: dict[str, Any]) -> Any:
    """Only the user's tasks when the folder has the one asked for: the shipped index costs 8 s to read."""
    from lm_eval.tasks import TaskManager

    if spec["task_folder"] is not None:
        own = TaskManager(include_path=spec["task_folder"], include_defaults=False)
        if spec["task"] in own.all_tasks:
            return own
    both = TaskManager(include_path=spec["task_folder"])
    if spec["task"] not in both.all_tasks:
        import difflib

        close = difflib.get_close_matches(spec["task"], both.all_tasks, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(close)}?" if close else "see `lm_eval ls tasks`"
        raise SystemExit(f"LookupError: lm-eval has no task '{spec['task']}'; {hint}")
    return both


def main(spec: dict[str, Any], result_path: str) -> None:
    """Evaluate and write."""
    import lm_eval

    manager = task_manager(spec)
    if spec["task_folder"] is not None:
        os.chdir(spec["task_folder"])  # data_files of a local task are relative to its folder
    found = lm_eval.simple_evaluate(
        model=spec["backend"],
        model_args=spec["model_args"],
        tasks=[spec["task"]],
        num_fewshot=spec["fewshot"],
        limit=spec["limit"],
        batch_size=spec["batch_size"],
        device=spec["device"],
        apply_chat_template=spec["chat_template"],
        task_manager=manager,
        log_samples=True,
        bootstrap_iters=1000,
        random_seed=spec["seed"],
        numpy_random_seed=spec["seed"],
        torch_random_seed=spec["seed"],
        fewshot_random_seed=spec["seed"],
    )
    samples: dict[str, Any] = {}
    for task, items in found["samples"].items():
        for item in items:
            scores = {name: number(item[name]) for name in item["metrics"] if name in item}
            samples.setdefault(task, []).append(
                {
                    "doc_id": item["doc_id"],
                    "filter": item["filter"],
                    "prompt": item["prompt_hash"],
                    "target": item["target_hash"],
                    "scores": {name: value for name, value in scores.items() if value is not None},
                }
            )
    row = {
        "lm_eval_version": lm_eval.__version__,
        "results": found["results"],
        "configs": found["configs"],
        "versions": found["versions"],
        "n-shot": found["n-shot"],
        "n-samples": found["n-samples"],
        "higher_is_better": found["higher_is_better"],
        "samples": samples,
    }
    partial = f"{result_path}.partial"
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(row, file, default=str)
    os.replace(partial, result_path)


def check(spec: dict[str, Any]) -> None:
    """End with a line that names the first task that lm-eval does not have."""
    for task in spec["tasks"]:
        task_manager({"task": task, "task_folder": spec["task_folder"]})


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with open(sys.argv[2] if sys.argv[1] == "--check" else sys.argv[1], encoding="utf-8") as spec_file:
        asked = json.load(spec_file)
    if sys.argv[1] == "--check":
        check(asked)
    else:
        main(asked, sys.argv[2])
