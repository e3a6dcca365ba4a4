"""How many equal replicas a deployment needs to keep the limits: the smallest count that does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil

from advisor.cost.prediction import Prediction
from advisor.spec.deployment import Deployment
from advisor.spec.workload import Arrival

Predict = Callable[[Sequence[Deployment]], Sequence[Prediction]]

SPARE = 8
"""Without a bound on GPUs, replicas are added up to so many times what the arrival rate needs (in a closed
loop, up to so many): where eight times the capacity needed does not keep a latency, more will not either."""


@dataclass(slots=True)
class _Trial:
    """The hunt for one deployment's count: more than `fails` are needed, `keeps` are enough."""

    prediction: Prediction
    most: int
    fails: int
    keeps: int | None = None

    def next(self) -> int | None:
        """The count to try next; None when the hunt is over."""
        if self.keeps is None:
            return None if self.fails >= self.most else min(self.most, 2 * self.fails)
        return None if self.keeps - self.fails <= 1 else (self.keeps + self.fails) // 2


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
    trials: dict[int, _Trial] = {}
    for index, single in enumerate(singles):
        if not single.memory.fits or keeps(single):
            continue
        most = _most(single, arrival, max_gpus)
        if most > 1:
            trials[index] = _Trial(prediction=single, most=most, fails=1)
    counts = {
        index: min(trial.most, max(2, _needed(trial.prediction, arrival))) for index, trial in trials.items()
    }
    while counts:
        asked = list(counts)
        tried = predict([replace(singles[index].deployment, replicas=counts[index]) for index in asked])
        for index, prediction in zip(asked, tried, strict=True):
            trial, count = trials[index], counts[index]
            if keeps(prediction):
                trial.keeps, trial.prediction = count, prediction
            else:
                trial.fails = max(trial.fails, count)
                if trial.keeps is None:
                    trial.prediction = prediction
        counts = {index: following for index in asked if (following := trials[index].next()) is not None}
    for index, trial in trials.items():
        result[index] = trial.prediction
    return result


def _needed(single: Prediction, arrival: Arrival) -> int:
    """Replicas that carry the arrival rate at the pessimistic end of one replica's capacity; 1 otherwise."""
    capacity = single.capacity_requests_per_s
    if arrival.kind != "rate" or arrival.value is None or capacity is None or capacity.low <= 0:
        return 1
    return max(1, ceil(arrival.value / capacity.low))


def _most(single: Prediction, arrival: Arrival, max_gpus: int | None) -> int:
    """The largest count worth trying."""
    if arrival.kind not in ("rate", "concurrency"):
        return 1
    bounds = [SPARE * _needed(single, arrival)]
    if max_gpus is not None:
        bounds.append(max_gpus // single.deployment.tensor_parallel)
    if arrival.kind == "concurrency" and arrival.value is not None:
        bounds.append(int(arrival.value))
    return max(1, min(bounds))
