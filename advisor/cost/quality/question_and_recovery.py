"""A question about accuracy, and its answer: the true recovery and where a new score would fall."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from advisor.cost.estimate_with_interval import Basis, Estimate
from advisor.cost.quality.algorithm_and_maker import Recipe
from advisor.cost.quality.loss_distribution import (
    LEAST_LOSS,
    Floats,
    LossDistribution,
    ScoreDistribution,
    answered,
)
from advisor.cost.quality.model_traits import Traits
from advisor.spec.models.model import ModelSpec

KvFormat = Literal["16bit", "fp8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Quantized score / 16-bit score, and how we know."""

    true: Estimate | None
    """The recovery itself, without the noise of any benchmark: what a limit is judged by. None = no
    evidence, or too thin for a number; `note` says why."""
    new_score: Estimate | None = None
    """Where a new score would fall: the true recovery with the noise of a benchmark of that size."""
    loss: LossDistribution | None = None
    """The distribution of the true loss, 1 - true recovery."""
    note: str = ""
    """What the figure is relative to, what was assumed, why there is none."""
    evidence: str = ""
    """The scores it rests on."""
    warnings: tuple[str, ...] = ()
    """Single benchmarks that are known to break, with the scores that show it."""

    @property
    def new_score_text(self) -> str:
        """Where nine of ten new scores would fall; empty without an estimate and of the reference itself."""
        score = self.new_score
        if score is None or score.high == score.low:
            return ""
        return f"a new score would fall between {100 * score.low:.4g} and {100 * score.high:.4g} %"

    def draws(self, deviates: Floats) -> Floats | None:
        """True recoveries at standard normal deviates, a larger deviate giving a larger loss.

        Deployments with one and the same accuracy question share their deviates; None without an estimate.
        """
        if self.loss is None:
            return None
        return np.clip(1.0 - self.loss.at(deviates), 0.0, _most(self.loss))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: whose recovery, in what, on which tasks."""

    model: ModelSpec | Traits
    """An architecture, or of a model without one what its name says."""
    format: str
    tasks: tuple[str, ...] = ()
    recipe: Recipe | None = None
    """Recipe of the checkpoint that runs; None = the best known published one's, or as they are usually
    made."""
    kv_format: KvFormat = "16bit"
    context_tokens: int | None = None
    """Tokens of a prompt and its answer; None = as long as the tasks' own."""
    checkpoint: str | None = None
    """The repository that is served, empty for one that is to be made; None = the first that is listed."""


def recovery_of(
    loss: LossDistribution,
    score: LossDistribution | ScoreDistribution,
    basis: Basis,
    *,
    most: float = math.inf,
) -> Recovery:
    """Both estimates, of a true loss and of what a new score shows; the value is the median, or `most`."""
    value = max(min(1.0 - answered(loss), most), 0.0)
    return Recovery(
        true=_estimate(value, loss, basis, most=_most(loss)),
        new_score=_estimate(value, score, basis),
        loss=loss,
    )


def _most(loss: LossDistribution) -> float:
    """The largest true recovery that a distribution allows; scores of one's own may show any."""
    return 1.0 - LEAST_LOSS if loss.skewness > 0 else math.inf


def _estimate(
    value: float, loss: LossDistribution | ScoreDistribution, basis: Basis, *, most: float = math.inf
) -> Estimate:
    high, low = (max(1.0 - end, 0.0) for end in loss.interval)
    return Estimate(value=value, low=min(low, value), high=max(min(high, most), value), basis=basis)
