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

    seen: dict[int, Prediction]
    """Predictions by count; that for one replica is always there."""
    most: int
    guess: int
    """The count to begin with: what the arrival rate needs."""
    fails: int = 0
    keeps: int | None = None

    def next(self) -> int | None:
        """The count to look at next; None when the hunt is over.

        After one and the guess the largest count: where that fails, which is the usual case, it is over.
        """
        if self.keeps is not None:
            return None if self.keeps - self.fails <= 1 else (self.keeps + self.fails) // 2
        for count in (1, self.guess, self.most):
            if self.fails < count:
                return count
        return None

    def saw(self, count: int, *, kept: bool) -> None:
        if kept:
            self.keeps = count
        else:
            self.fails = max(self.fails, count)


def replicate(
    singles: Sequence[Prediction],
    *,
    arrival: Arrival,
    max_gpus: int | None,
    predict: Predict,
    keeps: Callable[[Prediction], bool],
    nearly: Callable[[Prediction], bool] = lambda _: False,
) -> list[Prediction]:
    """Each prediction for one replica, with as many replicas as it takes to satisfy `keeps`.

    Where no count does, as many as it takes to satisfy `nearly`; where none does that either, the largest
    count allowed, so that its verdict says how far replicas can carry it. Assumes what holds in the world:
    a further replica never makes a latency worse.
    """
    hunts = [_hunt(single, arrival, max_gpus) for single in singles]
    _pursue(hunts, predict, keeps)
    lost = [hunt for hunt in hunts if hunt.keeps is None]
    for hunt in lost:
        hunt.fails = 0
    _pursue(lost, predict, nearly)
    return [hunt.seen[hunt.most if hunt.keeps is None else hunt.keeps] for hunt in hunts]


def _pursue(hunts: Sequence[_Hunt], predict: Predict, keeps: Callable[[Prediction], bool]) -> None:
    """Every hunt to its end; the counts that one round asks for are predicted together."""
    while asked := [(hunt, count) for hunt in hunts if (count := hunt.next()) is not None]:
        new = [(hunt, count) for hunt, count in asked if count not in hunt.seen]
        if new:
            tried = predict([replace(hunt.seen[1].deployment, replicas=count) for hunt, count in new])
            for (hunt, count), prediction in zip(new, tried, strict=True):
                hunt.seen[count] = prediction
        for hunt, count in asked:
            hunt.saw(count, kept=keeps(hunt.seen[count]))


def _hunt(single: Prediction, arrival: Arrival, max_gpus: int | None) -> _Hunt:
    if arrival.kind in ("single", "maximum") or not single.memory.fits:
        return _Hunt(seen={1: single}, most=1, guess=1)
    needed = _needed(single, arrival)
    most = SPARE * needed
    if max_gpus is not None:
        most = min(most, max_gpus // single.deployment.tensor_parallel)
    if arrival.kind == "concurrency" and arrival.value is not None:
        most = min(most, int(arrival.value))
    most = max(1, most)
    return _Hunt(seen={1: single}, most=most, guess=min(needed, most))


def _needed(single: Prediction, arrival: Arrival) -> int:
    """Replicas that carry the arrival rate at the pessimistic end of one replica's capacity; 1 otherwise."""
    capacity = single.capacity_requests_per_s
    if arrival.kind != "rate" or arrival.value is None or capacity is None or capacity.low <= 0:
        return 1
    return max(1, ceil(arrival.value / capacity.low))
