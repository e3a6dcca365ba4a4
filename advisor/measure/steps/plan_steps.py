"""The steps of a plan and what decides each one's result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.measure.state.ledger import Step
from advisor.measure.steps.bench import Point, Traffic
from advisor.measure.steps.checkpoint import Checkpoint
from advisor.measure.steps.running_server import RunningServer
from advisor.measure.steps.vllm_server import Serving
from advisor.measure.steps.what_to_measure import Plan
from advisor.measure.tools import digests
from advisor.spec.workloads.workload import Lengths, Load, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Tools whose version moves results."""

    quantize: str | None
    vllm: str | None
    evaluate: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One deployment to be measured: a format at a tensor parallel size on a kind of GPU."""

    model: str
    """The name its records carry."""
    format: str
    algorithm: str
    """`none` for 16 bits, `given` for a checkpoint that was not made here."""
    weights: str
    """Identity of the checkpoint: of its content, or of the step that makes it."""
    gpu: str
    serving: Serving
    engine_version: str | None
    running: RunningServer | None = None
    """A server that is already running; None = one of our own, started with `serving`."""

    @property
    def title(self) -> str:
        return f"{self.format} ×{self.serving.tensor_parallel}"

    @property
    def kv_format(self) -> str:
        """Type of the KV cache, as records write it."""
        if self.running is not None:
            return self.running.kv_format
        return "fp8" if self.serving.kv_fp8 else "16bit"

    @property
    def max_context(self) -> int | None:
        """The longest sequence that the server takes, where it is known."""
        return self.serving.max_model_len if self.running is None else self.running.max_model_len

    def identity(self) -> dict[str, Any]:
        """What decides how it behaves. The checkpoint's path does not."""
        row = {
            "weights": self.weights,
            "format": self.format,
            "gpu": self.gpu,
            "tensor_parallel": self.serving.tensor_parallel,
            "engine_version": self.engine_version,
        }
        if self.running is not None:
            return row | {"running": self.running.identity()}
        return row | {"kv_fp8": self.serving.kv_fp8, "arguments": self.serving.arguments()}


def quantize_step(plan: Plan, model: Checkpoint, format: str, version: str | None) -> Step:
    """Making the checkpoint of `format`."""
    recipe = plan.recipe(format)
    needs_data = recipe.needs_data or plan.kv_fp8
    return Step(
        kind="quantize",
        title=f"quantize {format} ({recipe.algorithm})",
        inputs={
            "weights": model.identity,
            "format": format,
            "algorithm": recipe.algorithm,
            "modifiers": [modifier.to_json() for modifier in recipe.modifiers],
            "kv_fp8": plan.kv_fp8,
            "calibration": plan.calibration.identity() if needs_data else None,
            "seed": plan.seed,
            "version": version,
        },
    )


def serve_step(target: Target) -> Step:
    """Bringing the server up; kept only when that fails."""
    return Step(kind="serve", title=f"{target.title} serve", inputs=target.identity())


def lengths_json(lengths: Lengths) -> dict[str, Any]:
    """A Lengths for keys and conditions."""
    return {
        "kind": lengths.kind,
        "mean": lengths.mean,
        "std": lengths.std,
        "low": lengths.low,
        "high": lengths.high,
        "values": list(lengths.values),
    }


def traffic_json(load: Load, prompts: str | None) -> dict[str, Any]:
    """What is sent, apart from how fast."""
    if prompts is not None:
        return {"prompts": digests.file_sha256(Path(prompts))}
    return {
        "input": lengths_json(load.input_tokens),
        "output": lengths_json(load.output_tokens),
        "prefix_hit_rate": load.prefix_hit_rate,
        "burstiness": load.arrival.burstiness,
    }


def seed_of(plan: Plan, point: Point, repeat: int) -> int:
    """Another seed for every point and repeat, the same for every format: all see the same requests."""
    digest = digests.digest({"seed": plan.seed, "point": point.to_json(), "repeat": repeat})
    return int(digest[:7], 16)


def bench_step(
    plan: Plan, workload: Workload, target: Target, point: Point, repeat: int, goodput: tuple[str, ...]
) -> Step:
    """One repeat of one point."""
    return Step(
        kind="bench",
        title=f"{target.title} {point} #{repeat + 1}",
        inputs={
            "target": target.identity(),
            "traffic": traffic_json(workload.load, plan.prompts),
            "point": point.to_json(),
            "requests": plan.run_at(point).num_prompts,
            "seed": seed_of(plan, point, repeat),
            "goodput": list(goodput),
        },
    )


def search_step(plan: Plan, workload: Workload, target: Target, limits: Mapping[str, Any]) -> Step:
    """The highest rate that keeps the limits."""
    return Step(
        kind="search",
        title=f"{target.title} highest rate within the limits",
        inputs={
            "target": target.identity(),
            "traffic": traffic_json(workload.load, plan.prompts),
            "limits": dict(limits),
            "requests": plan.requests,
            "seed": plan.seed,
        },
    )


def evaluate_step(plan: Plan, target: Target, task: str, version: str | None, task_file: str | None) -> Step:
    """One lm-eval task on one deployment's weights."""
    return Step(
        kind="evaluate",
        title=f"{target.title} {task}",
        inputs={
            "target": target.identity(),
            "task": task,
            "task_file": task_file,
            "backend": plan.evaluate_with,
            "fewshot": plan.fewshot,
            "limit": plan.limit,
            "chat_template": plan.chat_template,
            "seed": plan.seed,
            "version": version,
        },
    )


def traffic_of(plan: Plan, load: Load, drawn: Path | None) -> Traffic:
    """What `vllm bench serve` sends; `drawn` are the prompts made for lengths that vary."""
    prompts = Path(plan.prompts) if plan.prompts is not None else drawn
    return Traffic(
        input_tokens=round(load.input_tokens.mean),
        output_tokens=round(load.output_tokens.mean),
        prefix_tokens=round(load.input_tokens.mean * load.prefix_hit_rate),
        prompts=prompts,
        burstiness=load.arrival.burstiness,
    )
