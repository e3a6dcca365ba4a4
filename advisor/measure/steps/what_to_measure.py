"""What is to be measured: a plan, from flags or from a YAML file that says the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from advisor.errors import InputError, QuantAdviseError
from advisor.measure.steps.bench import Point
from advisor.measure.steps.calibration_data import Calibration
from advisor.spec.benchmark_run import REPEATS, BenchmarkRun
from advisor.spec.engines.speculative import refusal, speculates
from advisor.spec.formats.catalog import find_format
from advisor.spec.formats.recipes import UNQUANTIZED, Recipe, find_recipe
from advisor.spec.reading.amounts import plain_number
from advisor.spec.reading.comma_lists import named
from advisor.spec.reading.file_bytes import is_there
from advisor.spec.reading.given_value import Given, plain
from advisor.spec.reading.located_yaml import read_yaml
from advisor.spec.workloads.load_kind import is_maximum
from advisor.spec.workloads.read_profile import load_workload

T = TypeVar("T")
EvalBackend = Literal["server", "hf"]

MOST_CLIENTS = 100_000
"""Requests in flight at once from one load generator; a larger number is a slip."""
MOST_GPUS = 1_000
MOST_BYTES_OF_NAME = 255
"""Of a file's name, on every file system in use."""
_TASK = re.compile(r"[A-Za-z0-9][\w.+:|-]*", re.ASCII)
_REVISION = re.compile(r"(?!.*\.\.)[\w][\w./+-]*", re.ASCII)
"""Of a branch, tag or commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that decides what a run measures, and its limits."""

    model: str
    """Folder or Hub name of the 16-bit model."""
    workload: str
    revision: str | None = None
    formats: tuple[str, ...] = ("bf16",)
    checkpoints: tuple[tuple[str, str], ...] = ()
    """Formats that need not be made, and where they are."""
    algorithms: tuple[tuple[str, str], ...] = ()
    """Formats made by another algorithm than our first choice."""
    gpu: str | None = None
    """The GPU that the plan is for; None = this machine's, whatever it is."""
    gpus: tuple[int, ...] | None = None
    tensor_parallel: tuple[int, ...] = (1,)
    points: tuple[Point, ...] = ()
    slo_search: bool = False
    quality_gate: bool = True
    """Leave the benchmarks of a checkpoint out whose scores show that it is broken."""
    tasks: tuple[str, ...] = ()
    task_folder: str | None = None
    fewshot: int | None = None
    limit: int | None = None
    """Items per task; None = all of them."""
    chat_template: bool = False
    evaluate_with: EvalBackend = "server"
    repeats: int = REPEATS
    max_repeats: int | None = None
    """None = twice `repeats`."""
    steady: float = 0.05
    """Coefficient of variation over repeats at which a point is done."""
    requests: int | None = None
    """Per point and repeat; None = as `requests_to_send` has it: ten for each client."""
    dummy: bool = False
    """`--load-format dummy`: any architecture from its config alone; speed only."""
    kv_fp8: bool = False
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    gpu_memory_utilization: float | None = None
    engine_args: tuple[str, ...] = ()
    prompts: str | None = None
    """A ShareGPT .json, or a .jsonl with `prompt` and `output_tokens`, instead of the workload's lengths."""
    calibration: Calibration = Calibration()
    seed: int = 0
    serve_limit_s: float = 1_800.0
    bench_limit_s: float = 3_600.0
    evaluate_limit_s: float = 6 * 3_600.0
    quantize_limit_s: float = 12 * 3_600.0

    def __post_init__(self) -> None:
        if not self.formats:
            raise InputError("measure: no format; give --formats bf16,fp8,int8,int4")
        if not self.points and not self.tasks and not self.slo_search:
            raise InputError(
                "measure: nothing to measure; give --concurrency, --rates, --slo-search or --tasks"
            )
        if speculates(words := " ".join(self.engine_args)):
            raise refusal(words, where="measure: engine_args")
        if self.dummy and self.tasks:
            raise InputError(
                "measure: dummy weights have no accuracy; leave --tasks or --load-format dummy out"
            )
        if self.repeats < 1 or (self.max_repeats is not None and self.max_repeats < self.repeats):
            raise InputError(f"measure: repeats {self.repeats} must be at least 1 and at most max_repeats")
        if self.dummy and any(self.is_made(format) for format in self.formats):
            raise InputError(
                "measure: dummy weights are made from a checkpoint's config; give each quantized format's "
                "with --checkpoint FORMAT=FOLDER"
            )

    def is_made(self, format: str) -> bool:
        """Whether this run has to quantize the model for `format`."""
        return format not in UNQUANTIZED and format not in dict(self.checkpoints)

    def recipe(self, format: str) -> Recipe:
        """How `format` is made. Raises UnsupportedError."""
        return find_recipe(format, dict(self.algorithms).get(format))

    @property
    def most_repeats(self) -> int:
        return self.max_repeats or 2 * self.repeats

    def run_at(self, point: Point) -> BenchmarkRun:
        """The run that is made of `point`, its spread of lengths left to the workload."""
        return BenchmarkRun.planned(point.kind, point.value, requests=self.requests, repeats=self.repeats)


def points_of(concurrency: str | None = None, rates: str | None = None) -> tuple[Point, ...]:
    """`1,8,max` and `0.5,2` as points. Raises InputError."""
    points: list[Point] = []
    for word in _words(concurrency, "--concurrency", "requests in flight, such as 1,8,max"):
        if is_maximum(word):
            points.append(Point(kind="maximum"))
            continue
        in_flight = plain_number(word)
        if in_flight is None or not 1 <= in_flight <= MOST_CLIENTS or not in_flight.is_integer():
            raise InputError(
                f"--concurrency: '{plain(word)}' is not a whole number from 1 to {MOST_CLIENTS:,} nor 'max'"
            )
        points.append(Point(kind="concurrency", value=in_flight))
    for word in _words(rates, "--rates", "requests per second, such as 0.5,2"):
        per_s = plain_number(word)
        if per_s is None or not 0 < per_s < 1e6:
            raise InputError(f"--rates: '{plain(word)}' is not a number of requests per second above 0")
        points.append(Point(kind="rate", value=per_s))
    return tuple(dict.fromkeys(points))


def _words(text: str | None, where: str, what: str) -> list[str]:
    return named(None if text is None else [text], where=where, what=what) or []


def tasks_of(text: str) -> tuple[str, ...]:
    """`gsm8k,arc_challenge` as names. Raises InputError."""
    names = _words(text, "--tasks", "lm-eval tasks, such as gsm8k")
    for name in names:
        if not _TASK.fullmatch(name):
            raise InputError(
                f"--tasks: '{plain(name)}' cannot be the name of an lm-eval task; write gsm8k,arc_challenge"
            )
    return tuple(names)


def pairs_of(texts: tuple[str, ...], flag: str) -> tuple[tuple[str, str], ...]:
    """`int4=FOLDER` words as (canonical format, text). Raises InputError."""
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise InputError(f"{flag}: '{text}' must be FORMAT=VALUE")
        pairs.append((find_format(name).name, value))
    return tuple(pairs)


def formats_of(text: str) -> tuple[str, ...]:
    """`bf16,W4A16` as canonical names, BF16 first: it is what the others are compared with."""
    names = list(
        dict.fromkeys(
            find_format(word).name for word in _words(text, "--formats", "formats such as bf16,int4")
        )
    )
    return tuple(sorted(names, key=lambda name: name not in UNQUANTIZED))


def _numbers(given: Given, low: int) -> tuple[int, ...]:
    items = given.items()
    if not items:
        raise given.error("the list is empty; leave the key out, or name numbers")
    return tuple(item.whole(low=low, high=MOST_GPUS) for item in items)


def _comma(given: Given) -> str:
    """A list, or a text with commas, as the text with commas."""
    if isinstance(given.value, (list, tuple)):
        return ",".join(_word(item) for item in given.items())
    return _word(given)


def _word(given: Given) -> str:
    """A text, or a number as it is written."""
    is_number = isinstance(given.value, (int, float)) and not isinstance(given.value, bool)
    return str(given.value) if is_number else given.text()


def _truth(given: Given) -> bool:
    if not isinstance(given.value, bool):
        raise given.error(f"expected true or false, found '{plain(str(given.value))}'")
    return given.value


def read_option(name: str, value: object, flag: str) -> Any:
    """An option's value, by the reader of the plan's key of the same name. Raises InputError."""
    return None if value is None else _READERS[name](Given(value=value, where=flag))


def _calibration(given: Given) -> Calibration:
    keys = given.keys(("source", "samples", "length", "seed"))
    values: dict[str, Any] = {}
    if "source" in keys:
        values["source"] = _path(keys["source"])
    for name, high in (("samples", 1_000_000), ("length", 1_000_000), ("seed", 2**31)):
        if name in keys:
            values[name] = keys[name].whole(low=0 if name == "seed" else 1, high=high)
    return Calibration(**values)


def _path(given: Given) -> str:
    """A path in a plan file is relative to the file, where such a file exists."""
    text = given.text()
    beside = (given.folder or Path()) / text
    return str(beside) if is_there(beside) else text


_READERS: Mapping[str, Any] = {
    "model": _path,
    "workload": _path,
    "revision": Given.text,
    "formats": lambda given: formats_of(_comma(given)),
    "checkpoints": lambda given: tuple(
        (find_format(name).name, _path(value)) for name, value in given.mapping().items()
    ),
    "algorithms": lambda given: tuple(
        (find_format(name).name, value.text()) for name, value in given.mapping().items()
    ),
    "gpu": _path,
    "gpus": lambda given: _numbers(given, 0),
    "tensor_parallel": lambda given: _numbers(given, 1),
    "slo_search": _truth,
    "quality_gate": _truth,
    "tasks": lambda given: tasks_of(_comma(given)),
    "task_folder": _path,
    "fewshot": lambda given: given.whole(low=0, high=1_000),
    "limit": lambda given: given.whole(low=1, high=10**9),
    "chat_template": _truth,
    "evaluate_with": lambda given: given.choice(("server", "hf")),
    "repeats": lambda given: given.whole(low=1, high=1_000),
    "max_repeats": lambda given: given.whole(low=1, high=1_000),
    "steady": lambda given: given.number(above=0, high=10),
    "requests": lambda given: given.whole(low=1, high=10**7),
    "dummy": _truth,
    "kv_fp8": _truth,
    "max_model_len": lambda given: given.whole(low=1, high=10**8),
    "max_num_seqs": lambda given: given.whole(low=1, high=10**6),
    "gpu_memory_utilization": lambda given: given.number(above=0, high=1),
    "engine_args": lambda given: tuple(item.text() for item in given.items()),
    "prompts": _path,
    "calibration": _calibration,
    "seed": lambda given: given.whole(low=0, high=2**31),
    "serve_limit_s": lambda given: given.number(above=0),
    "bench_limit_s": lambda given: given.number(above=0),
    "evaluate_limit_s": lambda given: given.number(above=0),
    "quantize_limit_s": lambda given: given.number(above=0),
}

_POINT_READERS: Mapping[str, Callable[[Given], tuple[Point, ...]]] = {
    "concurrency": lambda given: points_of(concurrency=_comma(given)),
    "rates": lambda given: points_of(rates=_comma(given)),
}


def read_plan(path: Path | None, flags: Mapping[str, Any]) -> Plan:
    """The plan of a file, of flags, or of a file with flags over it. Raises InputError.

    `flags` are fields of Plan, already read; those that are None were not given. Without points, search and
    tasks the workload's own load is measured.
    """
    values: dict[str, Any] = {}
    if path is not None:
        if not is_there(path) and path.suffix.lower() not in (".yaml", ".yml"):
            raise InputError(
                f"{path}: no such file; a plan file stands here: to measure a model say --model {path}"
            )
        given = read_yaml(path)
        keys = given.keys([*_READERS, *_POINT_READERS])
        for name, value in keys.items():
            if name in _READERS:
                values[name] = _placed(value, _READERS[name])
        points = [_placed(keys[name], read) for name, read in _POINT_READERS.items() if name in keys]
        if points:
            values["points"] = tuple(point for some in points for point in some)
    values |= {name: value for name, value in flags.items() if value is not None}
    for name in ("model", "workload"):
        if name not in values:
            raise InputError(f"measure: no {name}; give --{name}, or a plan file with '{name}:'")
    if not any(values.get(name) for name in ("points", "slo_search", "tasks")):
        values["points"] = (_own_point(values["workload"]),)
    plan = Plan(**values)
    _check_names(plan)
    for format in plan.formats:
        if plan.is_made(format):
            plan.recipe(format)
    for format, algorithm in plan.algorithms:
        find_recipe(format, algorithm)
    return plan


def _placed(given: Given, reader: Callable[[Given], T]) -> T:
    """What `reader` makes of a value. Raises InputError with the line of the file, whatever it refuses."""
    try:
        return reader(given)
    except QuantAdviseError as error:
        if str(error).startswith(given.where):
            raise
        raise given.error(str(error).removeprefix(f"--{given.inside}: ")) from error


def _check_names(plan: Plan) -> None:
    """Raises InputError for what can be no name or path, and for no revision."""
    named = {
        **{name: getattr(plan, name) for name in ("model", "workload", "gpu", "prompts", "task_folder")},
        "calibration": plan.calibration.source,
        **{f"checkpoint of {format}": place for format, place in plan.checkpoints},
    }
    for name, text in named.items():
        parts = re.split(r"[/\\]", text or "")
        if any(len(part.encode()) > MOST_BYTES_OF_NAME or not part.isprintable() for part in parts):
            raise InputError(f"{name}: '{plain(text)}' cannot be a name or a path; check it")
    if plan.revision is not None and not _REVISION.fullmatch(plan.revision):
        raise InputError(f"revision: '{plain(plan.revision)}' cannot be a branch, tag or commit; check it")


def _own_point(workload: str) -> Point:
    """The workload's own load, for a plan that asks for nothing else. Raises InputError."""
    arrival = load_workload(workload).load.arrival
    if arrival.kind in ("single", "concurrency"):
        return Point(kind="concurrency", value=float(arrival.value or 1))
    if arrival.kind == "rate":
        return Point(kind="rate", value=arrival.value)
    return Point(kind="maximum")
