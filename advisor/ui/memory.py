"""The halves of an answer that another question has as well: kept, so that an answer moves as one types.

What is known of accuracy does not depend on the load, and no prediction depends on a price.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from advisor.cost.predict.deployment_table import Facts, Prepared
from advisor.cost.predict.prediction import Prediction
from advisor.cost.predict.prediction_table import LoadAnswers
from advisor.cost.predict.predictor import MEANS, Predictor
from advisor.cost.quality.answer import Question, Recovery
from advisor.cost.quality.recovery import QualityModel
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.model import ModelSpec
from advisor.spec.workloads.workload import Goodput, Load

Kept = TypeVar("Kept")

PREDICTIONS = 20_000
"""Predictions kept, some 5 kB each: a dozen answers over every GPU, or two hundred over a few."""
ANSWERED = 60_000
"""Answers kept as arrays, some 0.5 kB each: those to every count of replicas that was tried."""
FACTS = 20_000
"""Deployments whose facts are kept, some 0.5 kB each."""

Name = tuple[object, ...]


@dataclass(slots=True)
class _Answered:
    """One load's answers, and the place of each deployment's among them."""

    place: dict[Name, int]
    answers: LoadAnswers


class RememberedPredictor(Predictor):
    """The same predictor; what was asked before of a deployment is not computed again."""

    def __init__(self, of: Predictor) -> None:
        super().__init__(of.fit)
        self._known: OrderedDict[tuple[object, ...], dict[Name, Prediction]] = OrderedDict()
        self._answered: OrderedDict[tuple[object, ...], _Answered] = OrderedDict()
        self._facts_known: Facts | None = None
        self._facts_place: dict[Name, int] = {}
        self._numbers: dict[ModelSpec | GpuSpec | Engine, int] = {}

    def predict(
        self,
        deployments: Sequence[Deployment],
        load: Load,
        statistics: Sequence[tuple[str, str]] = MEANS,
        *,
        levels: Sequence[float] | None = None,
        goodput: Goodput | None = None,
        simulated: bool = False,
    ) -> list[Prediction]:
        names = self._names(deployments, levels)
        key = (load, tuple(statistics), goodput, simulated)
        known = self._known.setdefault(key, {})
        new = [i for i, name in enumerate(names) if name not in known]
        if new:
            made = super().predict(
                [deployments[i] for i in new],
                load,
                statistics,
                levels=None if levels is None else [levels[i] for i in new],
                goodput=goodput,
                simulated=simulated,
            )
            known.update(zip((names[i] for i in new), made, strict=True))
        self._known.move_to_end(key)
        _forget(self._known, len, PREDICTIONS)
        return [known[name] for name in names]

    def answer_load(
        self,
        deployments: Sequence[Deployment],
        load: Load,
        statistics: Sequence[tuple[str, str]] = MEANS,
        *,
        levels: Sequence[float] | None = None,
        prepared: Prepared | None = None,
        simulated: bool = False,
    ) -> LoadAnswers:
        if simulated:
            return super().answer_load(
                deployments, load, statistics, levels=levels, prepared=prepared, simulated=True
            )
        names = self._names(deployments, levels)
        key = (load, tuple(statistics))
        known = self._answered.get(key)
        new = [i for i, name in enumerate(names) if known is None or name not in known.place]
        if new:
            made = super().answer_load(
                [deployments[i] for i in new],
                load,
                statistics,
                levels=None if levels is None else [levels[i] for i in new],
            )
            if known is None:
                known = self._answered[key] = _Answered({}, made)
            else:
                known.answers = known.answers.concatenate(made)
            for i in new:
                known.place[names[i]] = len(known.place)
        assert known is not None
        self._answered.move_to_end(key)
        _forget(self._answered, lambda one: len(one.place), ANSWERED)
        return known.answers.take(np.array([known.place[name] for name in names], dtype=np.intp))

    def _facts(self, deployments: Sequence[Deployment]) -> Facts:
        """The same deployments are looked at under every load, and with any number of replicas."""
        names = [name[:-1] for name in self._names(deployments)]
        if len(self._facts_place) > FACTS:
            self._facts_known, self._facts_place = None, {}
        new = {name: d for name, d in zip(names, deployments, strict=True) if name not in self._facts_place}
        if new:
            made = super()._facts(list(new.values()))
            known = self._facts_known
            self._facts_known = made if known is None else known.concatenate(made)
            for name in new:
                self._facts_place[name] = len(self._facts_place)
        assert self._facts_known is not None
        return self._facts_known.take(np.array([self._facts_place[name] for name in names], dtype=np.intp))

    def _names(self, deployments: Sequence[Deployment], levels: Sequence[float] | None = None) -> list[Name]:
        """What tells the deployments from all others: one's own model or GPU may carry a known name.

        A model is a large value; it is looked at once for all the deployments that share it. The replicas,
        and the level if there is one, come last.
        """
        heads: dict[tuple[int, int, int], Name] = {}
        names: list[Name] = []
        for d in deployments:
            at = (id(d.model), id(d.gpu), id(d.engine))
            head = heads.get(at)
            if head is None:
                facts = (d.model, d.gpu, d.engine)
                head = heads[at] = tuple(self._numbers.setdefault(f, len(self._numbers)) for f in facts)
            names.append((head, d.format.name, d.kv_format, d.tensor_parallel, d.replicas))
        if levels is None:
            return names
        return [(*name, level) for name, level in zip(names, levels, strict=True)]


def _forget(known: OrderedDict[tuple[object, ...], Kept], size: Callable[[Kept], int], most: int) -> None:
    """Drop the oldest until what is left is no more than `most`; the newest stays in any case."""
    kept = sum(map(size, known.values()))
    while kept > most and len(known) > 1:
        _, oldest = known.popitem(last=False)
        kept -= size(oldest)


class RememberedQuality(QualityModel):
    """The same quality model; each question is answered once."""

    def __init__(self, of: QualityModel) -> None:
        super().__init__(
            fitted=of.fitted, widths=of.widths, about=of.about, own=of.own, user_cells=of.user_cells
        )
        object.__setattr__(self, "_known", {})

    def answer(self, q: Question) -> Recovery:
        known: dict[Question, Recovery] = self._known  # type: ignore[attr-defined]
        if q not in known:
            known[q] = super().answer(q)
        return known[q]
