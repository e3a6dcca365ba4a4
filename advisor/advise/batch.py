"""Many questions at once: a CSV of deployments and loads in, the same rows with their predictions out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from advisor.cost.fitting.observations import arrangements
from advisor.cost.predict.prediction_table import PredictionTable
from advisor.cost.serving.load_table import LoadTable
from advisor.errors import InputError, QuantAdviseError, UnsupportedError, nearest
from advisor.spec.benchmark_run import REQUESTS_PER_CLIENT
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine, newest_version, parse_engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpus import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.models.model import ModelSpec
from advisor.spec.reading.file_bytes import read_bytes
from advisor.spec.workloads.load_kind import is_maximum
from advisor.spec.workloads.workload import MAX_CONCURRENCY, MAX_TOKENS
from advisor.text import start_text

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.models import Traits
    from advisor.cost.quality.recovery import QualityModel

NEEDED = ("model", "gpu", "num_gpus", "format", "input_tokens", "output_tokens", "concurrency")
OPTIONAL = ("engine", "task", "recipe")
QUANTITIES = ("ttft_mean_ms", "tpot_mean_ms", "e2e_mean_ms", "requests_per_s", "output_tokens_per_s")
SPEED = (
    *(f"{name}{end}" for name in QUANTITIES for end in ("", "_low", "_high")),
    "basis",
    "fits",
    "max_concurrency",
)
RECOVERY = ("recovery", "recovery_low", "recovery_high", "new_score_low", "new_score_high")
"""The true recovery with its interval, and the interval in which a new score of it would fall."""
MAX_GPUS = 100_000
MAX_BYTES = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One row: what is asked, or why it cannot be."""

    deployment: Deployment | None = None
    model: ModelSpec | Traits | None = None
    """Whose accuracy: known where the deployment cannot run, or only the name says what the model is."""
    format: str = ""
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    concurrency: float = 0.0
    """Requests in flight; infinite = all queued at once."""
    task: str = ""
    recipe: str = ""
    why: str = ""


def read_cells(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV with all the columns needed. Raises InputError naming the file and the line."""
    raw = read_bytes(path, max_bytes=MAX_BYTES, what="a CSV of cells")
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
    rows: Sequence[Mapping[str, str]],
    predictor: Predictor,
    quality: QualityModel | None = None,
    *,
    any_format: bool = False,
) -> tuple[list[str], list[list[str]]]:
    """The columns and the rows of the answer, in the order asked.

    A cell that cannot be answered is left empty, with the reason in `why`; the rest are answered.
    any_format: what the engine is too old for is answered too.
    """
    questions = [_question(row, any_format) for row in rows]
    asked = [index for index, question in enumerate(questions) if question.deployment is not None]
    answers = [[""] * len(SPEED) for _ in rows]
    whys = [question.why for question in questions]
    if asked:
        chosen = [questions[index] for index in asked]
        told = _speed_rows(chosen, predictor)
        for index, question, (row, fits) in zip(asked, chosen, told, strict=True):
            why = _unanswerable(question, fits)
            # A refused cell keeps whether it fits and how many sequences do: that is known.
            answers[index] = [*[""] * (len(SPEED) - 2), *row[-2:]] if why else row
            whys[index] = why
    with_task = "task" in rows[0]
    if with_task:
        for answer, index, (recovery, why) in zip(
            answers, range(len(rows)), _recovery_rows(questions, quality), strict=True
        ):
            answer += recovery
            whys[index] = "; ".join(part for part in (whys[index], why) if part)
    columns = [*rows[0], *answer_columns(with_task=with_task)]
    return columns, [
        [*row.values(), *answer, why] for row, answer, why in zip(rows, answers, whys, strict=True)
    ]


def answer_columns(*, with_task: bool) -> list[str]:
    """The columns that an answer adds; a contract."""
    return [*SPEED, *(RECOVERY if with_task else ()), "why"]


def _speed_rows(questions: Sequence[Question], predictor: Predictor) -> Iterator[tuple[list[str], bool]]:
    """The cells of the columns SPEED, and whether the deployment fits; all questions have a deployment."""
    deployments: dict[int, Deployment] = {}
    for question in questions:
        if question.deployment is not None:
            deployments.setdefault(id(question.deployment), question.deployment)
    place = {key: index for index, key in enumerate(deployments)}
    found = best_arrangements(predictor, list(deployments.values()), _loads(questions, place))
    quantities = (
        *(found.mean_ms(metric) for metric in ("ttft", "tpot", "e2e")),
        found.requests_per_s,
        found.output_tokens_per_s,
    )
    values = [array.tolist() for q in quantities for array in (q.value, q.low, q.high)]
    limits = found.max_concurrency.tolist()
    for cell, fits in enumerate(found.fits.tolist()):
        figures = [f"{column[cell]:.6g}" if isfinite(column[cell]) else "" for column in values]
        yield [*figures, found.basis(cell), "true" if fits else "false", str(limits[cell])], fits


def best_arrangements(
    predictor: Predictor, deployments: Sequence[Deployment], loads: LoadTable
) -> PredictionTable:
    """Each row predicted; at maximum throughput a deployment's GPUs are split into the equal replicas that
    serve most, because a count of GPUs says no more than that."""
    options: list[Deployment] = []
    of: list[list[int]] = []
    for d in deployments:
        splits = arrangements(d)
        of.append(list(range(len(options), len(options) + len(splits))))
        options += splits
    is_free = loads.is_kind("maximum").tolist()
    chosen = [
        of[d] if free else of[d][-1:] for d, free in zip(loads.deployment.tolist(), is_free, strict=True)
    ]
    row = np.repeat(np.arange(len(loads)), [len(places) for places in chosen])
    expanded = replace(loads.take(row), deployment=np.concatenate(chosen).astype(np.intp))
    table = predictor.table(options, expanded, capacity=False)
    order = np.lexsort((np.nan_to_num(table.requests_per_s.value, nan=-1.0), row))
    last = np.r_[np.flatnonzero(np.diff(row[order])), len(row) - 1]
    return table.take(order[last])


def _loads(questions: Sequence[Question], place: Mapping[int, int]) -> LoadTable:
    """The questions as arrays. One request in flight is a single stream: the same world by another name."""
    level = np.array([question.concurrency for question in questions])
    kind = np.where(level == 1, "single", np.where(np.isinf(level), "maximum", "concurrency"))
    return LoadTable(
        deployment=np.array([place[id(question.deployment)] for question in questions], dtype=np.intp),
        input_tokens=np.array([question.input_tokens for question in questions]),
        output_tokens=np.array([question.output_tokens for question in questions]),
        kind=kind,
        level=level,
        prefix_hit_rate=np.zeros(len(questions)),
        requests_per_client=np.where(kind == "concurrency", REQUESTS_PER_CLIENT, inf),
        input_std=np.zeros(len(questions)),
        output_std=np.zeros(len(questions)),
        burstiness=np.ones(len(questions)),
    )


def _unanswerable(question: Question, fits: bool) -> str:
    deployment = question.deployment
    if deployment is None:
        return question.why
    model, longest = deployment.model, question.input_tokens + question.output_tokens
    if longest > model.max_context:
        return f"{longest:,.0f} tokens are more than the {model.max_context:,} of {model.name}"
    if not fits:
        gpus = f"{deployment.tensor_parallel} × {deployment.gpu.name}"
        return f"does not fit: weights and one request's KV cache are more than {gpus} can hold"
    return ""


def _recovery_rows(
    questions: Sequence[Question], quality: QualityModel | None
) -> Iterator[tuple[list[str], str]]:
    """The cells of the columns RECOVERY, and why there are none; equal questions are answered once.

    A question that has no deployment to run may still have an accuracy.
    """
    known: dict[tuple[int, str, str, str], tuple[list[str], str]] = {}
    for question in questions:
        if question.model is None or not question.format or quality is None:
            yield [""] * len(RECOVERY), ""
            continue
        key = (id(question.model), question.format, question.task, question.recipe)
        if key not in known:
            known[key] = _recovery_row(question, question.model, quality)
        yield known[key]


def _recovery_row(
    question: Question, model: ModelSpec | Traits, quality: QualityModel
) -> tuple[list[str], str]:
    from advisor.cost.quality.recipe import parse_recipe

    try:
        recovery = quality.recovery(
            model,
            question.format,
            (question.task,) if question.task else (),
            parse_recipe(question.recipe) if question.recipe else None,
        )
    except QuantAdviseError as error:
        return [""] * len(RECOVERY), f"recovery: {error}"
    if recovery.true is None or recovery.new_score is None:
        return [""] * len(RECOVERY), f"recovery: {recovery.note}"
    figures = (
        *(recovery.true.value, recovery.true.low, recovery.true.high),
        *(recovery.new_score.low, recovery.new_score.high),
    )
    return [f"{value:.6g}" for value in figures], ""


def _question(row: Mapping[str, str], any_format: bool) -> Question:
    accuracy = Question(
        model=_subject(row["model"].strip()),
        format=_format_name(row["format"].strip()),
        task=row.get("task", "").strip(),
        recipe=row.get("recipe", "").strip(),
    )
    try:
        return replace(
            accuracy,
            deployment=_deployment(
                row["model"].strip(),
                row["gpu"].strip(),
                row["num_gpus"].strip(),
                row["format"].strip(),
                row.get("engine", "").strip(),
                any_format,
            ),
            input_tokens=_number(row, "input_tokens", MAX_TOKENS),
            output_tokens=_number(row, "output_tokens", MAX_TOKENS),
            concurrency=_concurrency(row),
        )
    except QuantAdviseError as error:
        return replace(accuracy, why=str(error))


def _subject(name: str) -> ModelSpec | Traits | None:
    """Whose accuracy a name means: a known model, or one whose size or family the name says."""
    from advisor.cost.quality.models import traits_by_family

    try:
        return _model(name)
    except QuantAdviseError:
        return traits_by_family(name)


def _format_name(name: str) -> str:
    """The canonical name of a format; empty where it is none."""
    try:
        return find_format(name).name
    except QuantAdviseError:
        return ""


def _deployment(model: str, gpu: str, num_gpus: str, fmt: str, engine: str, any_format: bool) -> Deployment:
    """Equal words give the same object, so that it is prepared once; its error is said anew each time."""
    found = _deployment_or_error(model, gpu, num_gpus, fmt, engine, any_format)
    if isinstance(found, QuantAdviseError):
        raise found
    return found


@lru_cache(maxsize=65_536)
def _deployment_or_error(
    model_name: str, gpu_name: str, num_gpus: str, format_name: str, engine: str, any_format: bool
) -> Deployment | QuantAdviseError:
    try:
        model, gpu, fmt = _model(model_name), find_gpu(gpu_name), find_format(format_name)
        degree = _whole(num_gpus, "num_gpus", MAX_GPUS)
        runs_on = parse_engine(engine) if engine else Engine(version=newest_version())
        deployment = Deployment(
            model=model,
            format=fmt,
            gpu=gpu,
            tensor_parallel=degree,
            engine=replace(runs_on, takes_any_format=any_format),
        )
        if (why := start_text(deployment)) is not None:
            raise UnsupportedError(why)
        if fmt.execution(gpu) is None:
            raise UnsupportedError(f"format: the speed of {fmt.name} on {gpu.name} is not known")
        return deployment
    except QuantAdviseError as error:
        return error


@lru_cache(maxsize=1024)
def _model(name: str) -> ModelSpec:
    return find_model(name)


def _concurrency(row: Mapping[str, str]) -> float:
    text = row["concurrency"].strip()
    if is_maximum(text):
        return inf
    return _whole(text, "concurrency", MAX_CONCURRENCY, also=" or max")


def _number(row: Mapping[str, str], column: str, most: int) -> float:
    """A mean length need not be whole."""
    text = row[column].strip()
    value = _parsed(text)
    if not 1 <= value <= most:
        raise InputError(f"{column}: '{text}' is no number of tokens from 1 to {most:,}")
    return value


def _whole(text: str, column: str, most: int, *, also: str = "") -> int:
    value = _parsed(text)
    if not 1 <= value <= most or value != int(value):
        raise InputError(f"{column}: '{text}' is no whole number from 1 to {most:,}{also}")
    return int(value)


def _parsed(text: str) -> float:
    """The number in `text`; NaN, which no bound admits, when there is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")
