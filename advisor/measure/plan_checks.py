"""What is wrong with a plan before any tool is asked: options that clash, and files that cannot be used."""

from __future__ import annotations

import contextlib
from pathlib import Path

from advisor.errors import InputError, QuantAdviseError
from advisor.measure.steps import prompts
from advisor.measure.steps.what_to_measure import Plan
from advisor.spec.formats.recipes import UNQUANTIZED
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.workload import Workload

OWN_ARGUMENTS = {
    "--model": "--model",
    "--revision": "--revision",
    "--port": "--port",
    "--host": "--endpoint, for a server elsewhere",
    "--served-model-name": "no option: measure names the server itself",
    "--tensor-parallel-size": "--tp",
    "-tp": "--tp",
    "--pipeline-parallel-size": "--tp",
    "-pp": "--tp",
    "--data-parallel-size": "--tp",
    "-dp": "--tp",
    "--max-model-len": "--max-model-len",
    "--kv-cache-dtype": "--kv-fp8",
    "--load-format": "--load-format",
}
"""Arguments of vllm serve that `--engine-arg` must not pass, and what says the same: records would state
something else than what was served."""


def check_plan(plan: Plan, workload: Workload) -> None:
    """Raises InputError for what no run could do, and for what would change nothing that is measured."""
    if plan.slo_search and not workload.limits and workload.goodput is None:
        raise InputError(f"{plan.workload}: has no limits (slo:), so --slo-search has nothing to keep")
    for flag, pairs in (("--checkpoint", plan.checkpoints), ("--algorithm", plan.algorithms)):
        _check_pairs(flag, pairs, plan)
    _check_weights(plan)
    _check_engine_args(plan.engine_args)
    if plan.task_folder is not None and not plan.tasks:
        raise InputError("--task-folder: no task of it is named; add --tasks")
    plan.calibration.check()  # a bad file is found now, not after an hour
    if plan.prompts is not None:
        prompts.check(Path(plan.prompts))


def _check_pairs(flag: str, pairs: tuple[tuple[str, str], ...], plan: Plan) -> None:
    seen: dict[str, str] = {}
    for format, value in pairs:
        if seen.setdefault(format, value) != value:
            raise InputError(f"{flag}: {format} is stated twice, {seen[format]} and {value}; keep one")
        if format not in plan.formats:
            asked = ",".join((*plan.formats, format))
            raise InputError(f"{flag} {format}={value}: {format} is not measured; add it: --formats {asked}")


def _check_engine_args(words: tuple[str, ...]) -> None:
    before = ""
    for word in words:
        name = word.partition("=")[0].replace("_", "-")
        if name in OWN_ARGUMENTS:
            raise InputError(f"--engine-arg {word}: measure states it itself; use {OWN_ARGUMENTS[name]}")
        if not word.startswith("-") and not before.startswith("-"):
            raise InputError(
                f"--engine-arg '{word}': is no argument of vllm serve; write --engine-arg=--NAME=VALUE"
            )
        if any(space in word for space in " \t") and word.startswith("-") and "=" not in word:
            raise InputError(f"--engine-arg '{word}': has two words; write --engine-arg=--NAME=VALUE")
        before = word


def native_format(model: str) -> tuple[bool, str | None]:
    """Whether a model's configuration could be read, and the format its weights have (None = 16 bits)."""
    try:
        return True, find_model(model).native_format
    except QuantAdviseError:
        return False, None


def _check_weights(plan: Plan) -> None:
    """Refuse to call weights by another format than they have. Raises InputError."""
    _, native = native_format(plan.model)
    for format in plan.formats:
        if native is not None and (format in UNQUANTIZED or plan.is_made(format)):
            raise InputError(
                f"{plan.model}: its weights are {native} already; give the 16-bit model, "
                f"or --formats {native} --checkpoint {native}={plan.model}"
            )
    for format, path in plan.checkpoints:
        read, found = native_format(path)
        if read and found != (None if format in UNQUANTIZED else format):
            raise InputError(
                f"--checkpoint {format}={path}: its weights are {found or '16-bit'}, not {format}"
            )


def check_context(plan: Plan, workload: Workload) -> None:
    """Raises InputError for a --max-model-len that vLLM refuses, or that refuses the workload's requests."""
    length, load = plan.max_model_len, workload.load
    if length is None:
        return
    most = model_context(plan.model)
    if most is not None and length > most:
        raise InputError(f"--max-model-len: {length:,} is more than the {most:,} tokens of {plan.model}")
    needed = load.input_tokens.mean + load.output_tokens.mean
    if plan.prompts is None and length < needed and (plan.points or plan.slo_search):
        raise InputError(
            f"--max-model-len: {length:,} is less than the {needed:,.0f} tokens of {workload.name}'s requests"
        )


def model_context(model: str) -> int | None:
    """Most tokens of a sequence, where the model is known."""
    with contextlib.suppress(QuantAdviseError):
        return find_model(model).max_context
    return None
