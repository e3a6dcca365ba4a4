"""Many questions at once: a CSV of deployments and loads in, the same rows with their predictions out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from advisor.advise.search import divides
from advisor.cost.cells import CONCURRENCY, MAXIMUM, SINGLE, Cells
from advisor.errors import InputError, QuantAdviseError, nearest
from advisor.spec.deployment import Deployment
from advisor.spec.engine import Engine, newest_version, parse_engine
from advisor.spec.formats import find_format
from advisor.spec.gpus import find_gpu
from advisor.spec.models import find_model
from advisor.spec.workload import MAX_CONCURRENCY, MAX_TOKENS, Arrival, Lengths, Load

if TYPE_CHECKING:
    from advisor.cost.predict import CellAnswers, Predictor
    from advisor.cost.quality import QualityModel

T = TypeVar("T")

NEEDED = ("model", "gpu", "num_gpus", "format", "input_tokens", "output_tokens", "concurrency")
OPTIONAL = ("engine", "task")
QUANTITIES = ("ttft_mean_ms", "tpot_mean_ms", "e2e_mean_ms", "requests_per_s", "output_tokens_per_s")
RECOVERY = ("recovery", "recovery_low", "recovery_high")
MAX_GPUS = 100_000
MAX_BYTES = 200_000_000

_KINDS = {"single": SINGLE, "concurrency": CONCURRENCY, "maximum": MAXIMUM}
_LEVELS = {"single": 1.0, "maximum": inf}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One row: what is asked, or why it cannot be."""

    deployment: Deployment | None
    load: Load | None
    task: str = ""
    why: str = ""


def read_cells(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV with all the columns needed. Raises InputError naming the file and the line."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}; give a CSV file") from error
    if len(raw) > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB; split it")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file (byte {error.start} is no UTF-8); give a CSV") from error
    if not text.strip():
        raise InputError(f"{path}: is empty; its first line must be {','.join(NEEDED)}")
    if "\0" in text:
        raise InputError(f"{path}: not a text file (it holds a zero byte); give a CSV")
    return _rows(text, path)


def _rows(text: str, path: Path) -> list[dict[str, str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = [name.strip() for name in next(reader)]
        _check_head(head, path)
        rows = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(head):
                raise InputError(
                    f"{path}:{reader.line_num}: {len(cells)} cells where the first line names {len(head)}; "
                    "quote text that holds a comma"
                )
            rows.append(dict(zip(head, cells, strict=True)))
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: damaged CSV ({error}); check its quotes") from error
    if not rows:
        raise InputError(f"{path}: has a header and no rows; add one line per cell")
    return rows


def _check_head(head: Sequence[str], path: Path) -> None:
    for name in NEEDED:
        if name not in head:
            close = nearest(name, [column for column in head if column not in NEEDED], count=1)
            hint = f"; is '{close[0]}' meant?" if close else f"; the columns are {','.join(NEEDED)}"
            raise InputError(f"{path}:1: column '{name}' is missing{hint}")
    twice = {name for name in head if head.count(name) > 1}
    if twice:
        raise InputError(f"{path}:1: column '{min(twice)}' stands twice; keep one")


def answer_cells(
    rows: Sequence[Mapping[str, str]], predictor: Predictor, quality: QualityModel | None = None
) -> tuple[list[str], list[dict[str, object]]]:
    """The columns and the rows of the answer, in the order asked.

    A cell that cannot be answered is left empty, with the reason in `why`; the rest are answered.
    """
    questions = [_question(row) for row in rows]
    deployments = list(dict.fromkeys(q.deployment for q in questions if q.deployment is not None))
    place = {deployment: index for index, deployment in enumerate(deployments)}
    asked = [index for index, question in enumerate(questions) if question.deployment is not None]
    found = predictor.answer(deployments, _cells([questions[i] for i in asked], place)) if asked else None
    position = {index: cell for cell, index in enumerate(asked)}
    with_task = "task" in rows[0]
    answers: list[dict[str, object]] = []
    for index, (row, question) in enumerate(zip(rows, questions, strict=True)):
        answer: dict[str, object] = dict(row)
        if found is None or question.deployment is None:
            answer["why"] = question.why
        else:
            answer |= _answer(question, found, position[index])
        if with_task:
            answer |= _recovery(question, quality, answer)
        answers.append(answer)
    return [*rows[0], *answer_columns(with_task=with_task)], answers


def answer_columns(*, with_task: bool) -> list[str]:
    """The columns that an answer adds; a contract."""
    estimates = [f"{name}{end}" for name in QUANTITIES for end in ("", "_low", "_high")]
    return [*estimates, "basis", "fits", "max_concurrency", *(RECOVERY if with_task else ()), "why"]


def _cells(questions: Sequence[Question], place: Mapping[Deployment, int]) -> Cells:
    """The questions as arrays; all of them have a deployment and a load."""
    rows = [
        (place[q.deployment], q.load) for q in questions if q.deployment is not None and q.load is not None
    ]
    n = len(rows)
    return Cells(
        deployment=np.array([index for index, _ in rows], dtype=np.intp),
        input_tokens=np.array([load.input_tokens.mean for _, load in rows], dtype=np.float64),
        output_tokens=np.array([load.output_tokens.mean for _, load in rows], dtype=np.float64),
        kind=np.array([_KINDS[load.arrival.kind] for _, load in rows], dtype=np.int8),
        level=np.array(
            [_LEVELS.get(load.arrival.kind, load.arrival.value) for _, load in rows], dtype=np.float64
        ),
        prefix_hit_rate=np.zeros(n),
        prompts_per_client=np.full(n, np.inf),
    )


def _question(row: Mapping[str, str]) -> Question:
    task = row.get("task", "").strip()
    try:
        return Question(deployment=_deployment(row), load=_load(row), task=task)
    except QuantAdviseError as error:
        return Question(deployment=None, load=None, task=task, why=str(error))


def _deployment(row: Mapping[str, str]) -> Deployment:
    model = _found(find_model, row["model"].strip())
    gpu = _found(find_gpu, row["gpu"].strip())
    fmt = _found(find_format, row["format"].strip())
    degree = _whole(row, "num_gpus", MAX_GPUS)
    if fmt.execution(gpu) is None:
        raise InputError(f"format: {gpu.name} cannot run {fmt.name}")
    if not divides(model, degree):
        raise InputError(f"num_gpus: the heads of {model.name} do not divide by {degree}")
    return Deployment(
        model=model,
        format=fmt,
        gpu=gpu,
        tensor_parallel=degree,
        engine=_engine(row.get("engine", "").strip()),
    )


def _load(row: Mapping[str, str]) -> Load:
    concurrency = row["concurrency"].strip().lower()
    arrival = (
        Arrival(kind="maximum")
        if concurrency in ("max", "maximum")
        else _closed_loop(_whole(row, "concurrency", MAX_CONCURRENCY, also="max"))
    )
    return Load(
        input_tokens=Lengths.constant(_whole(row, "input_tokens", MAX_TOKENS)),
        output_tokens=Lengths.constant(_whole(row, "output_tokens", MAX_TOKENS)),
        arrival=arrival,
    )


def _closed_loop(users: int) -> Arrival:
    """One request in flight is a single stream: the same world under another name."""
    return Arrival(kind="single") if users == 1 else Arrival(kind="concurrency", value=users)


def _whole(row: Mapping[str, str], column: str, most: int, *, also: str = "") -> int:
    text = row[column].strip()
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 1 <= value <= most or value != int(value):
        or_also = f" or {also}" if also else ""
        raise InputError(f"{column}: '{text}' is no whole number from 1 to {most:,}{or_also}")
    return int(value)


def _answer(question: Question, found: CellAnswers, cell: int) -> dict[str, object]:
    fits = bool(found.fits[cell])
    answer: dict[str, object] = {
        "fits": "true" if fits else "false",
        "max_concurrency": int(found.max_concurrency[cell]),
    }
    why = _unanswerable(question, fits)
    if why:
        return answer | {"why": why}
    answer |= {"basis": found.basis(cell), "why": ""}
    quantities = (found.ttft_ms, found.tpot_ms, found.e2e_ms, found.requests_per_s, found.output_tokens_per_s)
    for name, values in zip(QUANTITIES, quantities, strict=True):
        value = float(values.value[cell])
        if isfinite(value):
            answer[name] = f"{value:.6g}"
            answer[f"{name}_low"] = f"{float(values.low[cell]):.6g}"
            answer[f"{name}_high"] = f"{float(values.high[cell]):.6g}"
    return answer


def _unanswerable(question: Question, fits: bool) -> str:
    deployment, load = question.deployment, question.load
    if deployment is None or load is None:
        return question.why
    model = deployment.model
    if load.longest_context > model.max_context:
        return f"{load.longest_context:,} tokens are more than the {model.max_context:,} of {model.name}"
    if not fits:
        gpus = f"{deployment.tensor_parallel} × {deployment.gpu.name}"
        return f"does not fit: weights and one request's KV cache are more than {gpus} can hold"
    return ""


def _recovery(
    question: Question, quality: QualityModel | None, answer: Mapping[str, object]
) -> dict[str, object]:
    empty: dict[str, object] = dict.fromkeys(RECOVERY)
    deployment = question.deployment
    if deployment is None or quality is None:
        return empty
    tasks = (question.task,) if question.task else ()
    try:
        recovery = quality.recovery(deployment.model, deployment.format.name, tasks)
    except QuantAdviseError as error:
        return empty | {"why": _joined(answer["why"], f"recovery: {error}")}
    if recovery.estimate is None:
        return empty | {"why": _joined(answer["why"], f"recovery: {recovery.note or 'no evidence'}")}
    estimate = recovery.estimate
    ends = (estimate.value, estimate.low, estimate.high)
    return {name: f"{value:.6g}" for name, value in zip(RECOVERY, ends, strict=True)}


def _joined(*parts: object) -> str:
    return "; ".join(str(part) for part in parts if part)


@lru_cache(maxsize=4096)
def _look_up(find: Callable[[str], object], name: str) -> object:
    """What `find` gives, or its error: a thousand rows of one unknown name are looked up once."""
    try:
        return find(name)
    except QuantAdviseError as error:
        return error


def _found(find: Callable[[str], T], name: str) -> T:
    found = _look_up(find, name)
    if isinstance(found, QuantAdviseError):
        raise found
    return found  # type: ignore[return-value]


def _engine(text: str) -> Engine:
    return _found(parse_engine, text) if text else _newest()


@lru_cache(maxsize=1)
def _newest() -> Engine:
    return Engine(version=newest_version())


__all__ = ["NEEDED", "OPTIONAL", "answer_cells", "answer_columns", "read_cells"]
