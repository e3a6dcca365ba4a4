"""Held-out predictions of the accuracy model: whole models, whole sources or single scores left out.

What these show widens the intervals (`interval_calibration`), and is what the report prints.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import LeaveOneGroupOut

from advisor.cost.quality.expected_loss import Floats
from advisor.cost.quality.fitted_accuracy import Distance, Fitted, shape_of
from advisor.cost.quality.fitting.estimator import LossRegressor
from advisor.cost.quality.fitting.maximum_likelihood import block_covariance, expected
from advisor.cost.quality.interval_widths import Shape
from advisor.cost.quality.loss_covariance import noise_sd
from advisor.cost.quality.loss_distribution import LossDistribution, answered, true_loss
from advisor.cost.quality.model_traits import Traits
from advisor.cost.quality.scores_to_losses import Cell
from advisor.cost.quality.tasks import Task
from advisor.spec.accuracy_benchmarks import known_averages

_FEWEST = {"OpenLLM-v1": 4, "OpenLLM-v2": 4, "OpenLLM-v1+v2": 8}
"""Benchmarks that must be there for an average to be worth its name; two for the rest."""
_FOLD_STEPS = 6
"""Gauss-Newton steps from the whole fit to one without a base model."""
_TOO_NOISY = 0.05
"""Standard deviation of a score's noise above which it does not enter "all benchmarks"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """One figure the fit had not seen, and what was said of it. Losses: 1 - recovery."""

    traits: Traits
    format: str
    algorithm: str
    publisher: str
    task: str
    shape: Shape
    distance: Distance
    seen: float
    mean: float
    """The expected loss."""
    true_sd: float
    """Predicted standard deviation of the true loss, before widening."""
    noise: float
    """Standard deviation of a new score from the benchmark's own noise; no model can be nearer on average."""

    @property
    def average(self) -> bool:
        return self.shape == "average"

    @property
    def loss(self) -> LossDistribution:
        """The predicted distribution of the true loss, before widening."""
        return true_loss(self.mean, self.true_sd)

    @property
    def expected(self) -> float:
        """The loss that is answered: as likely too low as too high."""
        return answered(self.loss)

    @property
    def error(self) -> float:
        return self.seen - self.expected


def averages_of(cells: Sequence[Cell]) -> Iterator[tuple[Task, list[int]]]:
    """Averages that one publisher's scores of one checkpoint add up to, with the cells in each."""
    sets: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for i, c in enumerate(cells):
        sets[(c.publisher, c.traits.key, c.format, c.algorithm)].append(i)
    for rows in sets.values():
        by_name = {cells[i].benchmark: i for i in rows}
        wanted = [(a.name, [n for n in a.parts if n in by_name]) for a in known_averages().values()]
        calm = [n for n, i in by_name.items() if cells[i].unit < _TOO_NOISY**2]
        for name, parts in (*wanted, ("all benchmarks", calm)):
            if len(parts) >= _FEWEST.get(name, 4 if name == "all benchmarks" else 2):
                members = [by_name[n] for n in parts]
                rescaled = all(cells[i].gain == 1.0 for i in members)
                yield Task(name=name, parts=tuple(parts), normalized=rescaled), members


def _single(cell: Cell) -> Task:
    return Task(name=cell.benchmark, parts=(cell.benchmark,), context_tokens=cell.context_tokens)


def _judge(fitted: Fitted, cells: Sequence[Cell], rows: Sequence[int]) -> Iterator[HeldOut]:
    """Every single score among `rows`, and every average they add up to, against what is expected."""
    shown = [cells[i] for i in rows]
    asked = [(_single(c), [i]) for i, c in enumerate(shown)]
    for task, members in (*asked, *averages_of(shown)):
        first = shown[members[0]]
        if not _answerable(fitted, first.format):
            continue
        if len(members) == 1 and first.gain == 1.0:
            task = dataclasses.replace(task, normalized=True)
        said = fitted.expect(first.traits, first.format, first.recipe, (task,))
        weight = np.array([shown[i].baseline for i in members])
        seen = float(weight @ np.array([shown[i].loss for i in members]) / weight.sum())
        yield HeldOut(
            traits=first.traits,
            format=first.format,
            algorithm=first.algorithm,
            publisher=first.publisher,
            task=task.name,
            shape=said.shape,
            distance=said.distance,
            seen=seen,
            mean=said.loss,
            true_sd=said.true_sd,
            noise=said.noise,
        )


def _answerable(fitted: Fitted, format: str) -> bool:
    return any(key == ("format", format) or key == ("as", format) for key in fitted.factors)


def models_out(whole: LossRegressor) -> list[HeldOut]:
    """Each base model in turn, with all its kin, predicted from the others."""
    cells = whole.problem_.cells
    groups = [c.traits.group for c in cells]
    out: list[HeldOut] = []
    for train, test in LeaveOneGroupOut().split(cells, groups=groups):
        fold = LossRegressor(whole.spread_, steps=_FOLD_STEPS, priors=whole.priors, noise=whole.noise_).fit(
            [cells[i] for i in train],
            sample_weight=whole.solution_.weight[train],
            start=(whole.problem_, whole.solution_),
        )
        out.extend(_judge(fold.fitted(), cells, test.tolist()))
    return out


def sources_out(whole: LossRegressor) -> list[HeldOut]:
    """Each publisher in turn predicted from the others, its models' other scores included."""
    cells = whole.problem_.cells
    publishers = [c.publisher for c in cells]
    out: list[HeldOut] = []
    for train, test in LeaveOneGroupOut().split(cells, groups=publishers):
        fold = LossRegressor(whole.spread_, priors=whole.priors, noise=whole.noise_)
        fold.fit([cells[i] for i in train])
        out.extend(_judge(fold.fitted(), cells, test.tolist()))
    return out


def scores_out(whole: LossRegressor) -> list[HeldOut]:
    """Each score, and each average, predicted from the rest of its own base model's scores.

    In closed form: of jointly Gaussian cells, a set's error given the others follows from the inverse
    covariance alone. Twins (the same benchmark of the same base in the same format) go with it.
    """
    p, spread, found = whole.problem_, whole.spread_, whole.solution_
    loss = expected(p.x, found.theta, p.gain)
    noise = noise_sd(p.cells, spread, whole.noise_)
    out: list[HeldOut] = []
    for rows in p.blocks:
        cells = [p.cells[i] for i in rows]
        cov = block_covariance(p, rows, loss, spread, noise)
        slopes = p.x[rows] * loss[rows, None]
        precision = np.linalg.inv(cov + slopes @ found.covariance @ slopes.T)
        pull = precision @ (p.y[rows] - loss[rows])
        asked = [(_single(c), [i]) for i, c in enumerate(cells)]
        for task, members in (*asked, *averages_of(cells)):
            left = _twins(cells, members)
            if sum(c.format == cells[members[0]].format for c in cells) == len(left):
                continue
            out.append(_closed(cells, task, members, left, (precision, pull), noise[rows]))
    return out


def _twins(cells: Sequence[Cell], members: Sequence[int]) -> list[int]:
    """`members` first, then every other cell of the same benchmarks and format."""
    same = {(cells[i].format, cells[i].benchmark) for i in members}
    rest = [i for i, c in enumerate(cells) if (c.format, c.benchmark) in same and i not in members]
    return [*members, *rest]


def _closed(
    cells: Sequence[Cell],
    task: Task,
    members: Sequence[int],
    left: Sequence[int],
    found: tuple[Floats, Floats],
    noise: Floats,
) -> HeldOut:
    precision, pull = found
    cov = np.linalg.inv(precision[np.ix_(left, left)])
    error = (cov @ pull[left])[: len(members)]
    cov = cov[: len(members), : len(members)]
    weight = np.array([cells[i].baseline for i in members])
    weight = weight / weight.sum()
    first = cells[members[0]]
    seen = float(weight @ np.array([cells[i].loss for i in members]))
    noise_variance = float(weight**2 @ noise[list(members)] ** 2)
    return HeldOut(
        traits=first.traits,
        format=first.format,
        algorithm=first.algorithm,
        publisher=first.publisher,
        task=task.name,
        shape=shape_of((task,)),
        distance="known model",
        seen=seen,
        mean=seen - float(weight @ error),
        true_sd=math.sqrt(max(float(weight @ cov @ weight) - noise_variance, 0.0)),
        noise=math.sqrt(noise_variance),
    )
