"""CachedPredictor: a predictor that keeps its answers, so that the next question costs only what is new in
it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from advisor.cost.array_table import Ints, count_bytes
from advisor.cost.predict.deployment_table import DeploymentNumbers
from advisor.cost.predict.prediction import Prediction
from advisor.cost.predict.prediction_table import PredictionTable
from advisor.cost.predict.predictor import MEANS, Predictor
from advisor.cost.serving.load_table import LoadTable
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Goodput, Load

if TYPE_CHECKING:
    from advisor.cost.simulation.replay import Replay
    from advisor.spec.workloads.request_log import SentRequest

MAX_BYTES = 128 * 2**20
"""Answers kept: a dozen questions over every GPU, or two hundred over a few."""
PREDICTION_BYTES = 5_000
"""Size of one `Prediction` with its estimates."""
MAX_NUMBERS = 2_000
"""Distinct models, GPUs and engines after which all is forgotten."""

Name = tuple[object, ...]


@dataclass(slots=True)
class _Rows:
    """The rows of one load's tables, one after the other, by deployment."""

    place: dict[Name, int]
    tables: list[PredictionTable]

    @property
    def bytes(self) -> int:
        return sum(map(count_bytes, self.tables))

    def take(self, names: Sequence[Name]) -> PredictionTable:
        """The rows of these deployments; the tables are one then."""
        self.tables = [reduce(PredictionTable.concatenate, self.tables)]
        return self.tables[0].take(np.array([self.place[name] for name in names], dtype=np.intp))


@dataclass(slots=True)
class _Predictions:
    """The predictions of one load, by deployment and level."""

    of: dict[Name, Prediction]

    @property
    def bytes(self) -> int:
        return PREDICTION_BYTES * len(self.of)


class CachedPredictor(Predictor):
    """Asks another predictor, and keeps what it answers within `max_bytes`; the oldest questions go first.

    Threads that ask at the same time take turns."""

    def __init__(self, of: Predictor, *, max_bytes: int = MAX_BYTES) -> None:
        self.fit, self._of, self._max_bytes = of.fit, of, max_bytes
        self._rows: OrderedDict[Name, _Rows | _Predictions] = OrderedDict()
        self._numbers = DeploymentNumbers()
        self._turn = threading.RLock()

    @classmethod
    def of(cls, predictor: Predictor) -> CachedPredictor:
        """The predictor itself where it keeps its answers already."""
        return predictor if isinstance(predictor, cls) else cls(predictor)

    def table(
        self,
        deployments: Sequence[Deployment],
        loads: LoadTable | Load,
        statistics: Sequence[tuple[str, str]] = MEANS,
        *,
        capacity: bool = True,
        simulated: bool = False,
    ) -> PredictionTable:
        """`Predictor.table`, cached for a single load, not for a table of loads."""
        if isinstance(loads, LoadTable) or not deployments:
            return self._of.table(deployments, loads, statistics, capacity=capacity, simulated=simulated)
        with self._turn:
            names = self._names(deployments)
            question = ("table", loads, tuple(statistics), capacity, simulated)
            known = self._rows.setdefault(question, _Rows({}, []))
            assert isinstance(known, _Rows)
            new = [i for i, name in enumerate(names) if name not in known.place]
            if new:
                some = [deployments[i] for i in new]
                made = self._of.table(some, loads, statistics, capacity=capacity, simulated=simulated)
                known.tables.append(made)
                known.place.update((names[i], n) for n, i in enumerate(new, len(known.place)))
            self._forget(question)
            # A search asks for others in every round: those need not be put together.
            return made if len(new) == len(names) else known.take(names)

    def predictions(
        self,
        deployments: Sequence[Deployment],
        load: Load,
        statistics: Sequence[tuple[str, str]] = MEANS,
        *,
        table: PredictionTable | None = None,
        levels: Sequence[float] | None = None,
        goodput: Goodput | None = None,
    ) -> list[Prediction]:
        """`Predictor.predictions`, cached; for a table of the caller's own, by its statistics."""
        with self._turn:
            names = self._names(deployments, levels)
            wanted = tuple(statistics) if table is None else tuple(table.latency_ms)
            question = ("predictions", load, wanted, goodput)
            known = self._rows.setdefault(question, _Predictions({}))
            assert isinstance(known, _Predictions)
            new = [i for i, name in enumerate(names) if name not in known.of]
            if new:
                made = self._of.predictions(
                    [deployments[i] for i in new],
                    load,
                    statistics,
                    table=None if table is None else table.take(np.array(new, dtype=np.intp)),
                    levels=None if levels is None else [levels[i] for i in new],
                    goodput=goodput,
                )
                known.of.update(zip((names[i] for i in new), made, strict=True))
            self._forget(question)
            return [known.of[name] for name in names]

    def max_context(self, deployments: Sequence[Deployment]) -> Ints:
        """`Predictor.max_context`, not cached."""
        return self._of.max_context(deployments)

    def replay(
        self, deployment: Deployment, load: Load, log: Sequence[SentRequest], statistics: Sequence[str] = ()
    ) -> Replay:
        """`Predictor.replay`, not cached."""
        return self._of.replay(deployment, load, log, statistics)

    def _names(self, deployments: Sequence[Deployment], levels: Sequence[float] | None = None) -> list[Name]:
        """What tells each deployment and its level from all others, by value."""
        if len(self._numbers) > MAX_NUMBERS:
            self._rows, self._numbers = OrderedDict(), DeploymentNumbers()
        at = [None] * len(deployments) if levels is None else levels
        keys = zip(self._numbers.of(deployments), deployments, at, strict=True)
        return [(*key, d.replicas, level) for key, d, level in keys]

    def _forget(self, newest: Name) -> None:
        """Drop the oldest questions until what is left takes at most `max_bytes`; the newest stays in any
        case."""
        self._rows.move_to_end(newest)
        kept = sum(rows.bytes for rows in self._rows.values())
        while kept > self._max_bytes and len(self._rows) > 1:
            _, oldest = self._rows.popitem(last=False)
            kept -= oldest.bytes
