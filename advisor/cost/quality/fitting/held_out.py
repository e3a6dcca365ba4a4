"""Predictions of what the fit was not shown: whole models left out, whole sources left out, single scores.

The errors of these, in units of the error that was predicted, widen the intervals (conformal), and are
what the report prints.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.cost.quality.covariance import Spread, noise_sd
from advisor.cost.quality.expected_loss import Floats, centred
from advisor.cost.quality.fitting.solve import (
    Problem,
    Solution,
    block_covariance,
    expected,
    problem_of,
    solve,
)
from advisor.cost.quality.models import Traits
from advisor.cost.quality.posterior import Distance, Fitted, Shape, raw_baseline, shape_of
from advisor.cost.quality.scores import Cell
from advisor.cost.quality.tasks import Task
from advisor.spec.benchmarks import known_averages

_FEWEST = {"OpenLLM-v1": 4, "OpenLLM-v2": 4, "OpenLLM-v1+v2": 8}
"""Benchmarks that must be there for an average to be worth its name; two for the rest."""
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
    expected: float
    sd: float
    """Predicted standard deviation of a new measurement, before widening."""
    noise: float
    """Part of it that is the benchmark's own noise: no model can be nearer on average."""

    @property
    def average(self) -> bool:
        return self.shape == "average"

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


def fitted_of(
    p: Problem, spread: Spread, found: Solution, keep: NDArray[np.int64], digits: int = 4
) -> Fitted:
    """What ships, from a solution; numbers rounded here, so that a file holds exactly what is used."""
    theta, sd = centred(found.theta, found.covariance, p.x[keep], p.index)
    return Fitted(
        factors={
            key: (round(float(theta[i]), digits), round(float(sd[i]), digits)) for key, i in p.index.items()
        },
        spread=spread,
        baselines=usual_baselines([p.cells[i] for i in keep]),
        cells=tuple(p.cells[i] for i in keep),
        weights=tuple(round(float(found.weight[i]), 3) for i in keep),
    )


def usual_baselines(cells: Sequence[Cell]) -> dict[str, tuple[float, float]]:
    """BF16 score by size, per benchmark: a line in the logit, its slope drawn towards 0.3 per factor e."""
    points: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    for c in cells:
        score = min(max(raw_baseline(c), 0.02), 0.98)
        points[c.benchmark][c.traits.key] = (
            float(np.log(c.traits.params_b / 8.0)),
            float(np.log(score / (1.0 - score))),
        )
    out = {}
    for name in sorted(points):
        x, y = np.array(list(points[name].values())).T
        about = x - x.mean()
        slope = (float(about @ y) + 0.3 * 5.0) / (float(about @ about) + 5.0)
        out[name] = (round(float(y.mean() - slope * x.mean()), 4), round(slope, 4))
    return out


def _judge(fitted: Fitted, cells: Sequence[Cell], rows: Sequence[int]) -> Iterator[HeldOut]:
    """Every single score among `rows`, and every average they add up to, against what is expected."""
    shown = [cells[i] for i in rows]
    asked = [(Task(name=c.benchmark, parts=(c.benchmark,)), [i]) for i, c in enumerate(shown)]
    for task, members in (*asked, *averages_of(shown)):
        first = shown[members[0]]
        if not _answerable(fitted, first.format):
            continue
        if len(members) == 1 and first.gain == 1.0:
            task = Task(name=task.name, parts=task.parts, normalized=True)
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
            expected=said.loss,
            sd=said.sd,
            noise=said.noise,
        )


def _answerable(fitted: Fitted, format: str) -> bool:
    return any(key == ("format", format) or key == ("as", format) for key in fitted.factors)


def models_out(p: Problem, spread: Spread, found: Solution) -> list[HeldOut]:
    """Each base model in turn, with all its kin, predicted from the others."""
    out: list[HeldOut] = []
    everything = np.arange(len(p.cells))
    for b, rows in enumerate(p.blocks):
        fold = solve(p, spread, start=found, without=b, robust=False, steps=15)
        keep = np.setdiff1d(everything, rows)
        fitted = _without_empty(fitted_of(p, spread, fold, keep), [p.cells[i] for i in keep])
        out.extend(_judge(fitted, p.cells, rows.tolist()))
    return out


def sources_out(p: Problem, spread: Spread) -> list[HeldOut]:
    """Each publisher in turn predicted from the others, its models' other scores included."""
    out: list[HeldOut] = []
    publishers = np.array([c.publisher for c in p.cells])
    for name in dict.fromkeys(publishers.tolist()):
        rows = np.flatnonzero(publishers == name)
        rest = [p.cells[i] for i in np.flatnonzero(publishers != name)]
        other = problem_of(rest)
        fitted = fitted_of(other, spread, solve(other, spread), np.arange(len(rest)))
        out.extend(_judge(fitted, p.cells, rows.tolist()))
    return out


def _without_empty(fitted: Fitted, cells: Sequence[Cell]) -> Fitted:
    """Formats that only the left-out model was measured in are unknown to the fold."""
    there = {c.format for c in cells}
    factors = {
        key: value
        for key, value in fitted.factors.items()
        if key[0] not in ("format", "as") or key[1] in there
    }
    return dataclasses.replace(fitted, factors=factors)


def scores_out(p: Problem, spread: Spread, found: Solution) -> list[HeldOut]:
    """Each score, and each average, predicted from the rest of its own base model's scores.

    In closed form: of jointly Gaussian cells, a set's error given the others follows from the inverse
    covariance alone. Twins (the same benchmark of the same base in the same format) go with it.
    """
    loss = expected(p.x, found.theta, p.gain)
    noise = noise_sd(p.cells, spread)
    out: list[HeldOut] = []
    for rows in p.blocks:
        cells = [p.cells[i] for i in rows]
        cov = block_covariance(p, rows, loss, spread, noise)
        slopes = p.x[rows] * loss[rows, None]
        precision = np.linalg.inv(cov + slopes @ found.covariance @ slopes.T)
        pull = precision @ (p.y[rows] - loss[rows])
        asked = [(Task(name=c.benchmark, parts=(c.benchmark,)), [i]) for i, c in enumerate(cells)]
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
    return HeldOut(
        traits=first.traits,
        format=first.format,
        algorithm=first.algorithm,
        publisher=first.publisher,
        task=task.name,
        shape=shape_of((task,)),
        distance="known model",
        seen=seen,
        expected=seen - float(weight @ error),
        sd=float(np.sqrt(weight @ cov @ weight)),
        noise=float(np.sqrt(weight**2 @ noise[list(members)] ** 2)),
    )
