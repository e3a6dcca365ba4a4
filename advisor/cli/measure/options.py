"""The options of `quantadvise measure`, in three groups: what, how, where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.errors import InputError

MOST_DIGITS = 4
"""Of an index or a number of GPUs."""

_WHAT = "What to measure"
_HOW = "How"
_WHERE = "Where and how long"


def _option(*names: str, help: str, panel: str, metavar: str | None = None, **bounds: Any) -> Any:
    return typer.Option(*names, help=help, metavar=metavar, rich_help_panel=panel, **bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class What:
    """What to measure; fields are named as those of a plan file where both have them."""

    model: Annotated[
        str | None,
        _option("--model", "-m", help="Model: a catalog name, a Hub id or a folder.", panel=_WHAT),
    ] = None
    workload: Annotated[
        str | None,
        _option(
            "--workload", "--profile", "-w", help="Workload: a profile's name or a YAML file.", panel=_WHAT
        ),
    ] = None
    formats: Annotated[str | None, _option(help="Formats to measure: bf16,fp8,int8,int4,…", panel=_WHAT)] = (
        None
    )
    tp: Annotated[str | None, _option("--tp", help="Tensor-parallel sizes: 1,2.", panel=_WHAT)] = None
    concurrency: Annotated[
        str | None, _option(help="Requests in flight: 1,8,32,max (all queued at once).", panel=_WHAT)
    ] = None
    rates: Annotated[str | None, _option(help="Requests per second: 0.5,2,8.", panel=_WHAT)] = None
    slo_search: Annotated[
        bool | None,
        _option("--slo-search", help="Find the highest rate that keeps the limits.", panel=_WHAT),
    ] = None
    tasks: Annotated[
        str | None,
        _option(help="lm-eval tasks: gsm8k,arc_challenge; 'profile' takes the workload's.", panel=_WHAT),
    ] = None
    task_folder: Annotated[
        Path | None, _option(help="Folder with lm-eval task files (YAML) of your own.", panel=_WHAT)
    ] = None
    checkpoint: Annotated[
        list[str] | None,
        _option(metavar="FORMAT=MODEL", help="An existing checkpoint for a format.", panel=_WHAT),
    ] = None
    revision: Annotated[
        str | None, _option(help="Revision of the model on the Hub: a branch, tag or commit.", panel=_WHAT)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How to measure."""

    repeats: Annotated[int | None, _option(min=1, help="Least repeats per load (3).", panel=_HOW)] = None
    requests: Annotated[
        int | None, _option(min=1, help="Requests that each repeat of a load sends.", panel=_HOW)
    ] = None
    limit: Annotated[int | None, _option(min=1, help="Most items per task.", panel=_HOW)] = None
    fewshot: Annotated[int | None, _option(min=0, help="Examples shown before each item.", panel=_HOW)] = None
    chat_template: Annotated[
        bool | None, _option("--chat-template", help="Ask tasks in the model's chat template.", panel=_HOW)
    ] = None
    no_quality_gate: Annotated[
        bool | None,
        _option(
            "--no-quality-gate", help="Benchmark also what lost over 10 % of a task's score.", panel=_HOW
        ),
    ] = None
    evaluate_with: Annotated[
        str | None,
        _option(metavar="server|hf", help="Score tasks on the vLLM server or with transformers.", panel=_HOW),
    ] = None
    algorithm: Annotated[
        list[str] | None,
        _option(
            metavar="FORMAT=NAME", help="Quantization algorithm of a format, such as int4=awq.", panel=_HOW
        ),
    ] = None
    calibration: Annotated[
        str | None,
        _option(metavar="FILE|DATASET|random", help="Data that quantization is calibrated on.", panel=_HOW),
    ] = None
    calibration_samples: Annotated[int | None, _option(min=1, help="Calibration rows (512).", panel=_HOW)] = (
        None
    )
    calibration_length: Annotated[
        int | None, _option(min=1, help="Tokens per calibration row (2048).", panel=_HOW)
    ] = None
    kv_fp8: Annotated[bool | None, _option("--kv-fp8", help="Serve with an FP8 KV cache.", panel=_HOW)] = None
    load_format: Annotated[
        str | None,
        _option(
            metavar="auto|dummy", help="dummy measures speed from the config, without weights.", panel=_HOW
        ),
    ] = None
    prompts: Annotated[
        str | None, _option(help="Prompts to send: ShareGPT .json, or .jsonl.", panel=_HOW)
    ] = None
    max_model_len: Annotated[
        int | None,
        _option(min=1, help="Longest sequence in tokens (default: what the load needs).", panel=_HOW),
    ] = None
    max_num_seqs: Annotated[int | None, _option(min=1, help="Most sequences in one batch.", panel=_HOW)] = (
        None
    )
    engine_arg: Annotated[
        list[str] | None, _option(help="One more argument of vllm serve, passed as it is.", panel=_HOW)
    ] = None
    seed: Annotated[
        int | None, _option(min=0, help="Seed of prompts and calibration rows (0).", panel=_HOW)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where to measure and how long."""

    gpu: Annotated[
        str | None,
        _option(
            metavar="NAME|YAML",
            help="GPU that the plan is for (default: this machine's); --dry-run plans for any.",
            panel=_WHERE,
        ),
    ] = None
    gpus: Annotated[str | None, _option(help="GPUs by index: 0,1 (default: all).", panel=_WHERE)] = None
    gpu_file: Annotated[
        Path | None,
        _option(metavar="YAML", help="Data sheet of a GPU that the catalog lacks.", panel=_WHERE),
    ] = None
    endpoint: Annotated[
        str | None, _option(metavar="URL", help="Measure a server that already runs.", panel=_WHERE)
    ] = None
    endpoint_gpu: Annotated[
        str | None,
        _option(
            metavar="GPU", help="GPU of the server at --endpoint (default: this machine's).", panel=_WHERE
        ),
    ] = None
    port: Annotated[
        int | None,
        _option(min=1, max=65_535, help="Port of the server we start (default: a free one).", panel=_WHERE),
    ] = None
    executor: Annotated[str, _option(metavar="local|ray", help="Where jobs run.", panel=_WHERE)] = "local"
    address: Annotated[str | None, _option(help="Address of the Ray cluster.", panel=_WHERE)] = None
    budget: Annotated[
        str | None, _option(metavar="2h", help="Start no step after this time.", panel=_WHERE)
    ] = None
    out: Annotated[Path | None, _option(help="Folder of the run (measured/MODEL).", panel=_WHERE)] = None

    @property
    def budget_s(self) -> float | None:
        """`2h`, `90m`, `45s`, `1h30m` as seconds. Raises InputError."""
        import re

        if self.budget is None:
            return None
        number = r"([0-9]+(?:\.[0-9]+)?)"
        match = re.fullmatch(rf"(?:{number}h)?(?:{number}m)?(?:{number}s?)?", self.budget.strip())
        if match is None or not any(match.groups()):
            raise InputError(f"--budget: '{self.budget}' is not a duration; write 2h, 90m or 45s")
        hours, minutes, seconds = (float(part or 0) for part in match.groups())
        budget = hours * 3_600 + minutes * 60 + seconds
        if not budget > 0:
            raise InputError(f"--budget: '{self.budget}' leaves no time; write 2h, 90m or 45s")
        return budget


def plan_values(what: What, how: How, where: Where) -> Mapping[str, Any]:
    """The fields of a plan that the options give; None where an option was left out. Raises InputError."""
    from advisor.measure.steps.what_to_measure import formats_of, pairs_of, points_of, read_option, tasks_of

    _one_of("--load-format", how.load_format, ("auto", "dummy"))
    _one_of("--evaluate-with", how.evaluate_with, ("server", "hf"))
    has_points = what.concurrency is not None or what.rates is not None
    return {
        "model": what.model,
        "workload": what.workload,
        "revision": what.revision,
        "formats": None if what.formats is None else formats_of(what.formats),
        "checkpoints": pairs_of(tuple(what.checkpoint), "--checkpoint") if what.checkpoint else None,
        "algorithms": pairs_of(tuple(how.algorithm), "--algorithm") if how.algorithm else None,
        "gpu": where.gpu,
        "gpus": _whole_numbers(where.gpus, "--gpus", 0),
        "tensor_parallel": _whole_numbers(what.tp, "--tp", 1),
        "points": points_of(what.concurrency, what.rates) if has_points else None,
        "slo_search": what.slo_search,
        "quality_gate": False if how.no_quality_gate else None,
        "tasks": None if what.tasks is None else tasks_of(what.tasks),
        "task_folder": None if what.task_folder is None else str(what.task_folder),
        "dummy": None if how.load_format is None else how.load_format == "dummy",
        "engine_args": tuple(how.engine_arg) if how.engine_arg else None,
        "calibration": _calibration(how),
        **{
            name: read_option(name, getattr(how, name), f"--{name.replace('_', '-')}")
            for name in _SAME_IN_A_PLAN
        },
    }


_SAME_IN_A_PLAN = (
    *("fewshot", "limit", "chat_template", "evaluate_with", "repeats", "requests", "kv_fp8"),
    *("max_model_len", "max_num_seqs", "prompts", "seed"),
)


def _calibration(how: How) -> Any:
    from advisor.measure.steps.what_to_measure import read_option

    given = {
        "source": how.calibration,
        "samples": how.calibration_samples,
        "length": how.calibration_length,
    }
    values = {name: value for name, value in given.items() if value is not None}
    return read_option("calibration", values or None, "--calibration")


def _one_of(flag: str, value: str | None, known: tuple[str, str]) -> None:
    if value is not None and value not in known:
        raise InputError(f"{flag}: '{value}' is neither {known[0]} nor {known[1]}")


def _whole_numbers(text: str | None, flag: str, low: int) -> tuple[int, ...] | None:
    from advisor.spec.reading.comma_lists import named

    words = named(None if text is None else [text], where=flag, what="numbers such as 1,2")
    if words is None:
        return None
    if not all(word.isascii() and word.isdigit() and len(word) <= MOST_DIGITS for word in words):
        raise InputError(f"{flag}: '{text}' is not a list of numbers such as 1,2")
    numbers = tuple(int(word) for word in words)
    if min(numbers) < low:
        raise InputError(f"{flag}: '{text}' has a number below {low}")
    return numbers
