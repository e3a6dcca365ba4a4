"""Predictions for a CSV of deployments and loads: the same rows with their figures added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from advisor.advise.csv_file import other_columns, read_cells
from advisor.advise.csv_row import Question, question_of
from advisor.cost.array_table import Floats
from advisor.cost.fitting.observations import arrangements
from advisor.cost.predict.prediction_table import PredictionTable
from advisor.cost.serving.load_table import LoadTable
from advisor.errors import QuantAdviseError
from advisor.spec.deployment import Deployment
from advisor.spec.models.model import ModelSpec

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.model_traits import Traits
    from advisor.cost.quality.quality_model import QualityModel
    from advisor.spec.hardware.gpu import GpuSpec

QUANTITIES = ("ttft_mean_ms", "tpot_mean_ms", "e2e_mean_ms", "requests_per_s", "output_tokens_per_s")
SPEED = (
    *(f"{name}{end}" for name in QUANTITIES for end in ("", "_low", "_high")),
    "basis",
    "fits",
    "max_concurrency",
)
RECOVERY = ("recovery", "recovery_low", "recovery_high", "new_score_low", "new_score_high")
"""The true recovery with its interval, and the interval in which a new score of it would fall."""


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
    questions = [question_of(row, any_format=any_format) for row in rows]
    asked = [index for index, question in enumerate(questions) if question.deployment is not None]
    answers = [[""] * len(SPEED) for _ in rows]
    whys = [question.why for question in questions]
    if asked:
        chosen = [questions[index] for index in asked]
        answered = _speed_rows(chosen, predictor)
        for index, question, (row, fits) in zip(asked, chosen, answered, strict=True):
            why = _unanswerable(question, fits)
            # A refused cell keeps whether it fits and how many sequences do: that is known.
            answers[index] = [*[""] * (len(SPEED) - 2), *row[-2:]] if why else row
            whys[index] = why or _overloaded(question, row)
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


def named_in(rows: Sequence[Mapping[str, str]]) -> tuple[list[ModelSpec], list[GpuSpec]]:
    """The models and GPUs of the rows that can be asked, each once: records may name them though no catalog
    does."""
    deployments = [question_of(row, any_format=True).deployment for row in rows]
    known = [deployment for deployment in deployments if deployment is not None]
    models = {deployment.model.name: deployment.model for deployment in known}
    gpus = {deployment.gpu.name: deployment.gpu for deployment in known}
    return list(models.values()), list(gpus.values())


def is_answered(columns: Sequence[str], row: Sequence[str]) -> bool:
    """Whether a row of the answer has a speed or an accuracy."""
    return any(
        value for name, value in zip(columns, row, strict=True) if name in ("requests_per_s", *RECOVERY[:1])
    )


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
    """The questions as arrays."""

    def column(name: str) -> Floats:
        return np.array([getattr(question, name) for question in questions], dtype=np.float64)

    return LoadTable(
        deployment=np.array([place[id(question.deployment)] for question in questions], dtype=np.intp),
        input_tokens=column("input_tokens"),
        output_tokens=column("output_tokens"),
        kind=np.array([question.load for question in questions], dtype=np.str_),
        level=column("level"),
        idle_replicas=np.zeros(len(questions)),
        prefix_hit_rate=column("prefix_hit_rate"),
        requests_per_client=column("requests_per_client"),
        input_std=column("input_std"),
        output_std=column("output_std"),
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


def _overloaded(question: Question, row: Sequence[str]) -> str:
    """Why an open loop has no TTFT though the deployment serves it; empty: it has one."""
    if question.load != "rate" or row[SPEED.index("ttft_mean_ms")]:
        return ""
    served = float(row[SPEED.index("requests_per_s")])
    about = f"{question.level:g} requests/s are about as many as can be served or more ({served:.3g})"
    if isfinite(question.requests_per_client):
        return f"{about}: so few prompts do not tell the queue that grows from chance"
    return f"{about}: the queue grows as long as they come; fill num_prompts for a run that ends"


def _recovery_rows(
    questions: Sequence[Question], quality: QualityModel | None
) -> Iterator[tuple[list[str], str]]:
    """The cells of the columns RECOVERY, and why there are none; equal questions are answered once.

    A question that has no deployment to run may still have an accuracy.
    """
    known: dict[tuple[int, str, str, str, float, str | None], tuple[list[str], str]] = {}
    for question in questions:
        if question.model is None or not question.format or quality is None:
            yield [""] * len(RECOVERY), ""
            continue
        length = question.input_tokens + question.output_tokens
        key = (id(question.model), question.format, question.task, question.recipe, length, _named(question))
        if key not in known:
            known[key] = _recovery_row(question, question.model, quality)
        yield known[key]


def _named(question: Question) -> str | None:
    """The checkpoint that the row names; None where it names none."""
    named = None if question.deployment is None else question.deployment.checkpoint
    return None if named is None else named.repo


def _recovery_row(
    question: Question, model: ModelSpec | Traits, quality: QualityModel
) -> tuple[list[str], str]:
    from advisor.cost.quality.algorithm_and_maker import parse_recipe

    try:
        recovery = quality.recovery(
            model,
            question.format,
            (question.task,) if question.task else (),
            parse_recipe(question.recipe) if question.recipe else None,
            context_tokens=round(question.input_tokens + question.output_tokens) or None,
            checkpoint=_named(question),
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


__all__ = ["answer_cells", "answer_columns", "best_arrangements", "other_columns", "read_cells"]
