"""lm-eval: a task's scores, their protocol, and the difference to another model on the same items."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor import atomic_files
from advisor.errors import InputError
from advisor.measure.state.ledger import Failure
from advisor.measure.steps.workers import gate_worker
from advisor.measure.tools import digests, result_files, subprocesses
from advisor.measure.tools.envs import FoundTool

WORKER = Path(__file__).with_name("workers") / "evaluate_worker.py"
UNKNOWN_TASK = "LookupError: "
"""How the worker begins what it says of a task that does not exist."""
CHECK_LIMIT_S = 600.0
ItemScore = float | tuple[float, float]
"""A number, or (log-likelihood, weight) of a perplexity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One metric of one task."""

    task: str
    metric: str
    filter: str
    value: float
    stderr: float | None
    samples: int
    protocol: str
    """Equal where two scores may be compared; ends in a digest of every prompt and target."""
    higher_is_better: bool
    items: tuple[tuple[str, ItemScore], ...]
    """Each item's identity (prompt and target) and score."""

    @property
    def name(self) -> str:
        return self.metric if self.filter == "none" else f"{self.metric},{self.filter}"

    def to_json(self) -> dict[str, Any]:
        """Without the items, which are kept in a file of their own."""
        return {
            "task": self.task,
            "metric": self.metric,
            "filter": self.filter,
            "value": self.value,
            "stderr": self.stderr,
            "samples": self.samples,
            "protocol": self.protocol,
            "higher_is_better": self.higher_is_better,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a format costs: mean over the same items of its score minus the baseline's."""

    value: float
    stderr: float
    items: int


def spec(
    task: str,
    *,
    backend: str,
    model_args: Mapping[str, Any],
    task_folder: Path | None,
    fewshot: int | None,
    limit: int | None,
    chat_template: bool,
    seed: int,
    device: str | None,
) -> dict[str, Any]:
    """The worker's specification."""
    return {
        "task": task,
        "backend": backend,
        "model_args": dict(model_args),
        "task_folder": None if task_folder is None else str(task_folder.resolve()),
        "fewshot": fewshot,
        "limit": limit,
        "chat_template": chat_template,
        "seed": seed,
        "device": device,
        "batch_size": 1 if backend == "local-completions" else 8,
    }


def server_arguments(url: str, served_name: str, tokenizer: str, max_length: int | None) -> dict[str, Any]:
    """lm-eval's `local-completions` on a server that runs."""
    row: dict[str, Any] = {
        "model": served_name,
        "base_url": f"{url}/v1/completions",
        "tokenizer": tokenizer,
        "tokenizer_backend": "huggingface",
        "num_concurrent": 16,
        "max_retries": 3,
    }
    if max_length is not None:
        row["max_length"] = max_length
    return row


def hf_arguments(model: str, revision: str | None) -> dict[str, Any]:
    """lm-eval's `hf`: scores in float32, since bfloat16 log-likelihoods tie."""
    row: dict[str, Any] = {"pretrained": model, "dtype": "auto", "softmax_dtype": "float32"}
    return row if revision is None else row | {"revision": revision}


def command(found: FoundTool, spec_path: Path, result: Path) -> list[str]:
    """The worker in lm-eval's environment."""
    return [str(found.python), str(WORKER), str(spec_path), str(result)]


def check(
    found: FoundTool, tasks: Sequence[str], task_folder: Path | None, *, work: Path, env: Mapping[str, str]
) -> None:
    """Raises InputError for a task that lm-eval does not have: said before anything is measured, not after.

    That lm-eval fails otherwise is left to the tasks themselves.
    """
    folder = None if task_folder is None else str(task_folder.resolve())
    spec_path, log = work / "tasks.json", work / "tasks.log"
    atomic_files.write(spec_path, json.dumps({"tasks": list(tasks), "task_folder": folder}))
    log.unlink(missing_ok=True)
    argv = [str(found.python), str(WORKER), "--check", str(spec_path)]
    try:
        subprocesses.run(argv, log=log, limit_s=CHECK_LIMIT_S, name="lm-eval", env=env)
    except subprocesses.ToolError as error:
        said = subprocesses.reason_line(error.tail)
        if said.startswith(UNKNOWN_TASK):
            raise InputError(said.removeprefix(UNKNOWN_TASK)) from error


def measure(
    found: FoundTool, row: Mapping[str, Any], *, work: Path, log: Path, env: Mapping[str, str], limit_s: float
) -> list[Score] | Failure:
    """Run the task that `row` (see `spec`) describes. Raises ToolError when lm-eval ends badly."""
    spec_path, result = work / "spec.json", work / "result.json"
    result.unlink(missing_ok=True)
    atomic_files.write(spec_path, json.dumps(dict(row), indent=1, sort_keys=True))
    subprocesses.run(command(found, spec_path, result), log=log, limit_s=limit_s, name="lm-eval", env=env)
    return parse(result_files.read_text(result, what="a result of lm-eval"), row, where=str(result))


def parse(text: str, asked: Mapping[str, Any], *, where: str) -> list[Score] | Failure:
    """The worker's result: every metric with a finite value. Raises DataError when it is not a result."""
    with result_files.expected(where, "a result of the lm-eval worker"):
        row = json.loads(text)
        scores = [
            score
            for task, found in row["results"].items()
            if task in row["configs"]
            for score in _scores(task, found, row, asked)
        ]
    if not scores:
        return Failure(reason="crash", detail=f"{asked['task']}: lm-eval gave no finite score")
    return sorted(scores, key=lambda score: (score.task, score.metric, score.filter))


def _scores(
    task: str, found: Mapping[str, Any], row: Mapping[str, Any], asked: Mapping[str, Any]
) -> list[Score]:
    items_by_filter: dict[str, list[Mapping[str, Any]]] = {}
    for item in row["samples"].get(task, []):
        items_by_filter.setdefault(item["filter"], []).append(item)
    scores = []
    for metric, name, value, stderr in gate_worker.figures(found):
        items = items_by_filter.get(name, [])
        scores.append(
            Score(
                task=task,
                metric=metric,
                filter=name,
                value=value,
                stderr=stderr,
                samples=int(row["n-samples"][task]["effective"]),
                protocol=_protocol(task, metric, name, row, asked, items),
                higher_is_better=bool(row["higher_is_better"].get(task, {}).get(metric, True)),
                items=tuple(
                    (f"{item['prompt'][:16]}{item['target'][:16]}", item_of(item["scores"][metric]))
                    for item in items
                    if metric in item["scores"]
                ),
            )
        )
    return scores


def item_of(value: Any) -> ItemScore:
    """An item's score; of a weighted one also its weight."""
    return (float(value[0]), float(value[1])) if isinstance(value, list) else float(value)


def _protocol(
    task: str,
    metric: str,
    name: str,
    row: Mapping[str, Any],
    asked: Mapping[str, Any],
    items: Sequence[Mapping[str, Any]],
) -> str:
    """Readable head, and a digest over all that may move a score: prompts, targets, generation, versions."""
    config = row["configs"][task]
    shots = row["n-shot"].get(task, 0)
    digest = digests.digest(
        {
            "task": task,
            "metric": metric,
            "filter": name,
            "version": str(row["versions"].get(task)),
            "shots": shots,
            "generation": str(config.get("generation_kwargs")),
            "output_type": config.get("output_type"),
            "backend": asked["backend"],
            "chat_template": asked["chat_template"],
            "seed": asked["seed"],
            "items": sorted(f"{item['prompt']} {item['target']}" for item in items),
        }
    )
    template = ", chat template" if asked["chat_template"] else ""
    limit = f", first {asked['limit']}" if asked["limit"] is not None else ""
    harness = f"lm-eval {row['lm_eval_version']} {asked['backend']}"
    return f"{shots}-shot, {name}{template}{limit}, {harness}, {digest}"


def difference(score: Score, baseline: Score) -> Difference | None:
    """`score` − `baseline` item by item, with its standard error; None where their items do not match.

    Items that both models answer alike add no noise, so this error is smaller than that of two separate
    scores. For perplexities the difference is in nats per unit of weight (word, byte), a ratio estimate.
    """
    if score.protocol != baseline.protocol or len(score.items) != len(baseline.items):
        return None
    ours, theirs = sorted(score.items, key=lambda i: i[0]), sorted(baseline.items, key=lambda i: i[0])
    if len(ours) < 2 or [name for name, _ in ours] != [name for name, _ in theirs]:
        return None
    pairs = [(one, other) for (_, one), (_, other) in zip(ours, theirs, strict=True)]
    deltas: list[float] = []
    weights: list[float] = []
    for one, other in pairs:
        if isinstance(one, tuple) and isinstance(other, tuple):
            deltas.append(other[0] - one[0])  # minus log-likelihood: nats more than the baseline
            weights.append(one[1])
        elif isinstance(one, float) and isinstance(other, float):
            deltas.append(one - other)
            weights.append(1.0)
        else:
            return None
    total, count = math.fsum(weights), len(deltas)
    if total <= 0:
        return None
    mean = math.fsum(deltas) / total
    spread = math.fsum((delta - mean * weight) ** 2 for delta, weight in zip(deltas, weights, strict=True))
    stderr = math.sqrt(count / (count - 1) * spread) / total
    return Difference(value=mean, stderr=stderr, items=count)
