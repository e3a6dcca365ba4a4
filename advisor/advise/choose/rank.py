"""Which kept deployment comes first: the objective, then quality among those as good as equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from advisor.advise.choose.assessment import Assessment
from advisor.spec.workloads.workload import Objective

TIE = 0.01
"""Two deployments whose objective differs by less than this share are called a tie: published cells are
printed with two or three digits, so a smaller difference could not be seen in a measurement either."""


def rank(assessments: Sequence[Assessment], objective: Objective) -> tuple[Assessment, ...]:
    """Best first. Ties in the objective are ordered by recovery (its pessimistic end), then by the objective,
    then by cost.

    What the objective cannot be said of comes last. The order does not depend on the order of the input.
    """
    told = {id(a): objective_value(a, objective) for a in assessments}

    def by_objective(assessment: Assessment) -> tuple[object, ...]:
        return (_last(told[id(assessment)]), _last(_cost(assessment)), _name(assessment))

    def by_quality(assessment: Assessment) -> tuple[object, ...]:
        return (_quality(assessment), *by_objective(assessment))

    groups: list[list[Assessment]] = []
    for assessment in sorted(assessments, key=by_objective):
        if groups and _tied(told[id(groups[-1][0])], told[id(assessment)]):
            groups[-1].append(assessment)
        else:
            groups.append([assessment])
    return tuple(assessment for group in groups for assessment in sorted(group, key=by_quality))


def tied(first: Assessment, other: Assessment, objective: Objective) -> bool:
    """True when the objective tells the two apart by less than `TIE`."""
    return _tied(objective_value(first, objective), objective_value(other, objective))


def objective_value(assessment: Assessment, objective: Objective) -> float | None:
    """What the objective makes small; None when it cannot be said.

    cost: USD per million output tokens. latency: mean E2E, ms. throughput: seconds per request at capacity.
    accuracy: the share of BF16's score that is lost, as 1 + loss so that shares of it can be compared.
    """
    return _VALUES[objective](assessment)


def _cost(assessment: Assessment) -> float | None:
    usd = assessment.usd_per_million_output_tokens
    return None if usd is None else usd.value


def _latency(assessment: Assessment) -> float | None:
    e2e = assessment.estimate("e2e")
    return None if e2e is None else e2e.value


def _throughput(assessment: Assessment) -> float | None:
    prediction = assessment.prediction
    if prediction is None:
        return None
    open_loop = prediction.load.arrival.kind == "rate"
    served = prediction.capacity_requests_per_s if open_loop else prediction.requests_per_s
    return None if served is None or served.value <= 0 else 1 / served.value


def _accuracy(assessment: Assessment) -> float | None:
    recovery = assessment.recovery
    return None if recovery is None else 2 - recovery.value


_VALUES: dict[Objective, Callable[[Assessment], float | None]] = {
    "cost": _cost,
    "latency": _latency,
    "throughput": _throughput,
    "accuracy": _accuracy,
}


def pareto(assessments: Sequence[Assessment]) -> tuple[Assessment, ...]:
    """Those that no other beats in cost, mean latency and recovery at once; in the order given.

    A quantity that cannot be said counts as worst.
    """
    points = [
        (
            _last(_cost(a))[1],
            _last(_latency(a))[1],
            _last(_accuracy(a))[1],
        )
        for a in assessments
    ]
    order = sorted(range(len(points)), key=points.__getitem__)
    front: list[int] = []
    for index in order:
        point = points[index]
        _, latency, loss = point
        # In this order whoever came before costs no more.
        beaten = any(
            kept[1] <= latency and kept[2] <= loss and kept != point
            for kept in map(points.__getitem__, front)
        )
        if not beaten:
            front.append(index)
    return tuple(assessments[index] for index in sorted(front))


def _last(value: float | None) -> tuple[bool, float]:
    return (True, float("inf")) if value is None else (False, value)


def _tied(best: float | None, other: float | None) -> bool:
    if best is None or other is None:
        return best is None and other is None
    return abs(other - best) <= TIE * abs(best)


def _quality(assessment: Assessment) -> tuple[bool, float]:
    recovery = assessment.recovery
    return (True, 0.0) if recovery is None else (False, -recovery.low)


def _name(assessment: Assessment) -> tuple[object, ...]:
    deployment = assessment.deployment
    return (deployment.num_gpus, deployment.kv_format == "fp8", deployment.key)
