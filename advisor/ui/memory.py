"""The halves of an answer that another question has as well: kept, so that an answer moves as one types.

What is known of accuracy does not depend on the load, and no prediction depends on a price.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from advisor.cost.predict import MEANS, Predictor
from advisor.cost.prediction import Prediction
from advisor.cost.prepared import Prepared
from advisor.cost.quality import QualityModel, Recovery
from advisor.spec.deployment import Deployment, KvFormat
from advisor.spec.gpu import GpuSpec
from advisor.spec.model import ModelSpec
from advisor.spec.workload import Goodput, Load

PREPARED = 32
"""Sets of deployments of which that part is kept which no load changes."""
PREDICTIONS = 20_000
"""Predictions kept, some 5 kB each: a dozen answers over every GPU, or two hundred over a few."""


class RememberedPredictor(Predictor):
    """The same predictor; a question that was asked before is not computed again."""

    def __init__(self, of: Predictor) -> None:
        super().__init__(of.fit)
        self._known: OrderedDict[tuple[object, ...], list[Prediction]] = OrderedDict()
        self._kept = 0
        self._prepared: OrderedDict[tuple[object, ...], Prepared] = OrderedDict()
        self._facts: dict[ModelSpec | GpuSpec, int] = {}

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
        key = (
            self._names(deployments),
            load,
            tuple(statistics),
            None if levels is None else tuple(levels),
            goodput,
            simulated,
        )
        if key not in self._known:
            self._known[key] = super().predict(
                deployments, load, statistics, levels=levels, goodput=goodput, simulated=simulated
            )
            self._kept += len(deployments)
        self._known.move_to_end(key)
        while self._kept > PREDICTIONS and len(self._known) > 1:
            _, oldest = self._known.popitem(last=False)
            self._kept -= len(oldest)
        return list(self._known[key])

    def _prepare(self, deployments: Sequence[Deployment]) -> Prepared:
        """What does not depend on the load: the same deployments are looked at under every load."""
        key = self._names(deployments)
        if key not in self._prepared:
            self._prepared[key] = super()._prepare(deployments)
        self._prepared.move_to_end(key)
        while len(self._prepared) > PREPARED:
            self._prepared.popitem(last=False)
        return self._prepared[key]

    def _names(self, deployments: Sequence[Deployment]) -> tuple[object, ...]:
        """What tells the deployments from all others: one's own model or GPU may carry a known name.

        A model is a large value; it is looked at once for all the deployments that share it.
        """
        numbers: dict[int, int] = {}

        def number(fact: ModelSpec | GpuSpec) -> int:
            if id(fact) not in numbers:
                numbers[id(fact)] = self._facts.setdefault(fact, len(self._facts))
            return numbers[id(fact)]

        return tuple((d.key, number(d.model), number(d.gpu)) for d in deployments)


class RememberedQuality(QualityModel):
    """The same quality model; of each model, format and tasks it is asked once."""

    def __init__(self, of: QualityModel) -> None:
        super().__init__(fitted=of.fitted, widths=of.widths, about=of.about, own=of.own)
        object.__setattr__(self, "_known", {})

    def recovery(
        self,
        model: ModelSpec,
        format: str,
        tasks: Sequence[str] = (),
        algorithm: str | None = None,
        kv_format: KvFormat = "16bit",
    ) -> Recovery:
        known: dict[tuple[object, ...], Recovery] = self._known  # type: ignore[attr-defined]
        key = (model, format, tuple(tasks), algorithm, kv_format)
        if key not in known:
            known[key] = super().recovery(model, format, tasks, algorithm, kv_format)
        return known[key]
