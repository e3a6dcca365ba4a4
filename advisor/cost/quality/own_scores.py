"""Scores on the user's own tasks: a model's formats against its 16-bit self on the same items.

A benchmark that others publish moves the accuracy model as any score does (see `scores_to_losses`). A task
that nobody else has can only answer for itself, and does so directly: score ÷ 16-bit score, with the standard
error of the difference item by item.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.cost.quality.algorithm_and_maker import algorithm_name
from advisor.cost.quality.model_traits import model_key
from advisor.cost.quality.scores_to_losses import SIXTEEN_BIT
from advisor.cost.quality.tasks import Task

if TYPE_CHECKING:
    from advisor.record.measurement import QualityMeasurement

KV_FP8_RUN = "FP8 KV cache"
"""How a record says that both its scores were taken with an FP8 KV cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnScore:
    """One model in one format on one task of the user's."""

    model: str
    """Its `model_key`."""
    format: str
    algorithm: str
    task: str
    kv_format: str
    recovery: float
    stderr: float
    """Standard error of the recovery."""
    samples: int
    source: str

    @property
    def text(self) -> str:
        """`tiny_facts 79.5 ± 3.9 % of 120 items (quantadvise measure m 1f2e)`."""
        return (
            f"{self.task} {100 * self.recovery:.2f} ± {100 * self.stderr:.2g} % "
            f"over {self.samples} items ({self.source})"
        )


def answers_for_itself(task: Task) -> bool:
    """Whether a task's name is no benchmark that others publish: then only own scores say anything of it."""
    return bool(task.asked)


def own_scores(rows: Iterable[QualityMeasurement]) -> tuple[OwnScore, ...]:
    """Scores with a 16-bit score beside them; of several runs of one thing the one with most items.

    Several metrics of a task count alike, and their errors as fully correlated, since the items are the same.
    """
    groups: dict[tuple[str, ...], list[QualityMeasurement]] = defaultdict(list)
    for row in rows:
        usable = row.baseline is not None and row.baseline > 0 and not row.suspect and row.samples
        if row.format not in SIXTEEN_BIT and usable and _stderr(row) is not None:
            kv = "fp8" if KV_FP8_RUN in row.conditions else "16bit"
            algorithm = algorithm_name(row.algorithm)
            key: tuple[str, ...]
            key = (model_key(row.model), row.format, algorithm, row.task, kv, row.source)
            groups[key].append(row)
    best: dict[tuple[str, ...], OwnScore] = {}
    for key, found in groups.items():
        score = _pooled(key, found)
        known = best.get(key[:5])
        if known is None or score.samples > known.samples:
            best[key[:5]] = score
    return tuple(best.values())


def find(
    scores: Sequence[OwnScore], *, model: str, format: str, task: str, kv_format: str, algorithm: str | None
) -> OwnScore | None:
    """The score that answers, one with the very KV cache first; of several algorithms the most items."""
    fitting = [
        score
        for score in scores
        if (score.model, score.format, score.task) == (model, format, task)
        and score.kv_format in (kv_format, "16bit")
        and (algorithm is None or algorithm in score.algorithm.split("+"))
    ]
    return max(fitting, key=lambda score: (score.kv_format == kv_format, score.samples), default=None)


def _pooled(key: tuple[str, ...], rows: Sequence[QualityMeasurement]) -> OwnScore:
    count = len(rows)
    errors = [_stderr(row) or 0.0 for row in rows]
    return OwnScore(
        model=key[0],
        format=key[1],
        algorithm=key[2],
        task=key[3],
        kv_format=key[4],
        recovery=math.fsum(row.recovery or 0.0 for row in rows) / count,
        stderr=math.fsum(errors) / count,
        samples=min(row.samples or 1 for row in rows),
        source=key[5],
    )


def _stderr(row: QualityMeasurement) -> float | None:
    """Standard error of the recovery: paired where the items were, else of two independent scores.

    At least one answer in all of them: no difference on 100 items does not mean that there is none.
    """
    if not row.baseline or not row.samples:
        return None
    error = row.paired_stderr
    if error is None:
        error = None if row.stderr is None else math.sqrt(2) * row.stderr
    return None if error is None else max(error / row.baseline, 1 / row.samples)
