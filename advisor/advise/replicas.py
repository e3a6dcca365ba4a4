"""How many equal replicas a deployment needs to keep the limits: the smallest count that does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil

from advisor.cost.prediction import Prediction
from advisor.spec.deployment import Deployment
from advisor.spec.workload import Arrival

Predict = Callable[[Sequence[Deployment]], Sequence[Prediction]]

SPARE = 4
"""Without a bound on GPUs, replicas are added up to so many times what the arrival rate needs (in a closed
loop, up to so many): where four times the capacity needed does not keep a latency, it is the GPU that is too
slow, and more of them will hardly help."""


@dataclass(slots=True)
class _Hunt:
    """The hunt for one deployment's count: `fails` are too few, `keeps` are enough."""

    prediction: Prediction
    most: int
    guess: int
    """The count to begin with: what the arrival rate needs."""
    fails: int = 1
    keeps: int | None = None

    def next(self) -> int | None:
        """The count to try next; None when the hunt is over.

        After the guess the largest count: where that fails, which is the usual case, the hunt is over.
        """
        if self.keeps is not None:
            return None if self.keeps - self.fails <= 1 else (self.keeps + self.fails) // 2
        if self.fails < self.guess:
            return self.guess
        return self.most if self.fails < self.most else None

    def saw(self, count: int, prediction: Prediction, *, kept: bool) -> None:
        if kept:
            self.keeps, self.prediction = count, prediction
        else:
            self.fails = max(self.fails, count)
            if self.keeps is None:
                self.prediction = prediction


def replicate(
    singles: Sequence[Prediction],
    *,
    arrival: Arrival,
    max_gpus: int | None,
    predict: Predict,
    keeps: Callable[[Prediction], bool],
) -> list[Prediction]:
    """Each prediction for one replica, with as many replicas as it takes to satisfy `keeps`.

    Where no count does, the prediction is that of the largest count allowed, so that its verdict says how far
    replicas can carry it. Assumes what holds in the world: a further replica never makes a latency worse.
    """
    result = list(singles)
    hunts = {
        index: hunt
        for index, single in enumerate(singles)
        if single.memory.fits and (hunt := _hunt(single, arrival, max_gpus)).most > 1 and not keeps(single)
    }
    while asked := {index: count for index, hunt in hunts.items() if (count := hunt.next()) is not None}:
        tried = predict([replace(singles[index].deployment, replicas=n) for index, n in asked.items()])
        for (index, count), prediction in zip(asked.items(), tried, strict=True):
            hunts[index].saw(count, prediction, kept=keeps(prediction))
    for index, hunt in hunts.items():
        result[index] = hunt.prediction
    return result


def _hunt(single: Prediction, arrival: Arrival, max_gpus: int | None) -> _Hunt:
    needed = _needed(single, arrival)
    most = SPARE * needed
    if max_gpus is not None:
        most = min(most, max_gpus // single.deployment.tensor_parallel)
    if arrival.kind == "concurrency" and arrival.value is not None:
        most = min(most, int(arrival.value))
    if arrival.kind in ("single", "maximum"):
        most = 1
    return _Hunt(prediction=single, most=max(1, most), guess=min(needed, max(1, most)))


def _needed(single: Prediction, arrival: Arrival) -> int:
    """Replicas that carry the arrival rate at the pessimistic end of one replica's capacity; 1 otherwise."""
    capacity = single.capacity_requests_per_s
    if arrival.kind != "rate" or arrival.value is None or capacity is None or capacity.low <= 0:
        return 1
    return max(1, ceil(arrival.value / capacity.low))
