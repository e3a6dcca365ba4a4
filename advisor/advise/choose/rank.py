"""The order of deployments that keep the limits: by the objective; ties by accuracy, certainty and speed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import merge
from math import inf, isfinite, isinf
from typing import Literal

import numpy as np

from advisor.advise.choose.judged_table import JudgedTable
from advisor.cost.array_table import Bools, Floats, Ints
from advisor.cost.predict.prediction_table import Range
from advisor.spec.workloads.workload import MAX_CONFIDENCE, Objective

TIE = 0.01
"""Two deployments whose objective differs by less than this share are called a tie: published cells are
printed with two or three digits, so a smaller difference could not be observed in a measurement either."""

SURER = 0.95
"""Least probability of keeping all limits that a safer choice must have."""
AS_SURE = 0.02
"""Probabilities that differ by less are alike: two thousand draws know them to one per cent."""
AS_ACCURATE = 0.005
"""Recoveries that differ by less are alike: an evaluation that is repeated moves by as much."""
MUCH_LESS_ACCURATE = 0.10
"""Recoveries whose pessimistic ends are this far apart outweigh a few points of certainty beyond the
confidence, and cents per token."""
AS_FAST = 0.15
"""Mean E2E, as a logarithm: differences between formats on one GPU are not predicted more closely than
this."""


def sure_enough(confidence: float) -> float:
    """The probability that a safer choice must have: 0.95, or halfway from the confidence to certainty, and
    no more than can be asked for."""
    return min(max(SURER, (1.0 + confidence) / 2.0), MAX_CONFIDENCE)


def order(table: JudgedTable, load: int, at: Ints) -> Ints:
    """The deployments at `at`, best first under one load.

    Ties in the objective: one that may lose a tenth of the score more (the pessimistic end of its recovery)
    comes last; then the likelier to keep the limits comes first, then the more accurate, then the one with
    fewer GPUs a replica, which need no fast links, then the faster (mean E2E); each only where the difference
    is more than noise (`MUCH_LESS_ACCURATE`, `AS_SURE`, `AS_ACCURATE`, `AS_FAST`). What is alike in all
    follows USD per hour, whether its checkpoint is known to exist, recovery and the objective. By accuracy,
    recovery alone decides a tie.

    In a closed loop without limits a faster server costs less per token. Those with one bill are told apart
    by the first two of these before the objective: each bill has an order of its own, and each time the bill
    goes on whose next deployment has the better objective, so that no bill comes first for a deployment that
    is not its first.
    What has no objective, for want of a price, comes last: the fewest GPUs first, of as many the smaller kind
    (`GpuSpec.size`), then the fastest. But as many GPUs of one kind cost the same
    whatever their price is, so that they change places as if it were known. The order does not depend on the
    order of `at`.
    """
    objective = table.objective.value[load]
    decides = _scores(table, load)
    made = _by_ties(table, load, at.tolist(), objective, decides)
    unpriced = [i for i in made if not isfinite(objective[i])] if table.workload.objective == "cost" else []
    if unpriced:
        gpus = _gpus(table, load)
        made = _in_their_places(
            table, load, made, unpriced, lambda some: _by_ties(table, load, some, gpus, decides)
        )
    if _equal_bills_count(table, load):
        made = _bill_by_bill(table, load, made, decides)
    return np.array(made, dtype=np.intp)


def _bill_by_bill(table: JudgedTable, load: int, ordered: list[int], decides: Scores) -> list[int]:
    """Each bill in the order of what outweighs cents per token; the bill goes on whose next is the better."""
    of_bill = dict[Bill, list[int]]()
    for i in ordered:
        of_bill.setdefault(_bill(table, load, i), []).append(i)
    place = {i: at for at, i in enumerate(ordered)}
    bills = [_by_what_differs(some, decides[:2]) for some in of_bill.values()]
    return list(merge(*bills, key=place.__getitem__))


def _in_their_places(
    table: JudgedTable,
    load: int,
    ordered: list[int],
    among: Sequence[int],
    by: Callable[[list[int]], list[int]],
) -> list[int]:
    """Those of `among` that have one bill in the order that `by` gives them; the others stay in place."""
    chosen, places, made = set(among), dict[Bill, list[int]](), list(ordered)
    for place, i in enumerate(ordered):
        if i in chosen:
            places.setdefault(_bill(table, load, i), []).append(place)
    for of_bill in (some for some in places.values() if len(some) > 1):
        for place, i in zip(of_bill, by([ordered[p] for p in of_bill]), strict=True):
            made[place] = i
    return made


def _by_ties(
    table: JudgedTable, load: int, at: Sequence[int], objective: Floats, decides: Scores
) -> list[int]:
    """By what is made small, and in ties by what differs: `decides`, see `_scores`."""
    groups = _tie_groups(table, load, at, objective, decides)
    if table.workload.objective == "accuracy":
        return [i for group in groups for i in group]
    return [i for group in groups for i in _by_what_differs(group, decides)]


def _tie_groups(
    table: JudgedTable, load: int, at: Sequence[int], objective: Floats, decides: Scores
) -> list[list[int]]:
    """Those that tie in what is made small, each group by `_alike_keys` and then the objective."""
    by_objective = {i: _by_objective(table, load, i, float(objective[i])) for i in at}
    groups: list[list[int]] = []
    for i in sorted(by_objective, key=by_objective.__getitem__):
        if groups and _tied(float(objective[groups[-1][0]]), float(objective[i])):
            groups[-1].append(i)
        else:
            groups.append([i])
    alike = _alike_keys(table, load, decides, (i for group in groups if len(group) > 1 for i in group))
    return [
        sorted(group, key=lambda i: (*alike[i], by_objective[i])) if len(group) > 1 else group
        for group in groups
    ]


AlikeKey = tuple[float, bool, float]


def _alike_keys(table: JudgedTable, load: int, decides: Scores, at: Iterable[int]) -> dict[int, AlikeKey]:
    """What orders those that are alike in all: USD per hour, then whether nothing but a list names its
    checkpoint, then recovery; by accuracy recovery alone."""
    recovery, _ = decides[0]
    if table.workload.objective == "accuracy":
        return {i: (0.0, False, -recovery[i]) for i in at}
    usd = np.nan_to_num(table.usd_per_hour[load], nan=inf)
    return {i: (float(usd[i]), table.deployments[i].start.checkpoint.only_listed, -recovery[i]) for i in at}


Scores = tuple[tuple[list[float], float], ...]
"""For each of several, the score of every deployment, more being better, and what is noise in it."""

Bill = float | tuple[str, int]
"""USD per hour, to the hundredth of a cent; the GPU and how many of it where no price is known."""


def _bill(table: JudgedTable, load: int, i: int) -> Bill:
    usd, d = float(table.usd_per_hour[load, i]), table.deployments[i]
    return round(usd, 4) if isfinite(usd) else (d.gpu.name, d.tensor_parallel * int(table.replicas[load, i]))


def _equal_bills_count(table: JudgedTable, load: int) -> bool:
    closed = table.loads[load].arrival.kind in ("concurrency", "single")
    return closed and table.workload.objective == "cost" and not table.workload.serves_given_clients


def _gpus(table: JudgedTable, load: int) -> Floats:
    """What is paid for where a GPU costs one: GPUs, over tokens per second where cost is per token; inf where
    unknown."""
    split = np.array([d.tensor_parallel for d in table.deployments])
    if table.workload.serves_given_clients:
        return np.asarray(split * table.replicas[load], dtype=np.float64)
    tokens_per_s = _under(table, load, table.answers.output_tokens_per_s)
    with np.errstate(divide="ignore", invalid="ignore"):
        made = split * table.replicas[load] / tokens_per_s
    return np.asarray(np.nan_to_num(made, nan=inf, posinf=inf))


def _scores(table: JudgedTable, load: int) -> Scores:
    """What decides a tie, most important first: for each deployment, more is better; and what is noise."""
    split = np.array([float(d.tensor_parallel) for d in table.deployments])
    with np.errstate(divide="ignore", invalid="ignore"):
        slow = np.log(_under(table, load, table.answers.latency_ms["e2e", "mean"]))
    fast = np.where(np.isnan(slow), -np.inf, -slow)
    recovery = table.recovery_low[load]
    # All that are sure enough are alike.
    certainty = np.minimum(table.keeps_all[load], sure_enough(table.workload.confidence))
    scored = (
        (recovery, MUCH_LESS_ACCURATE),
        (certainty, AS_SURE),
        (recovery, AS_ACCURATE),
        (-split, 0.0),
        (fast, AS_FAST),
    )
    # Single entries are looked at by the thousand, which takes a list a tenth of the time.
    return tuple((score.tolist(), noise) for score, noise in scored)


def _under(table: JudgedTable, load: int, predicted: Range) -> Floats:
    """(deployments,): what is predicted under one of the loads."""
    return np.asarray(predicted.value.reshape(table.replicas.shape)[load])


def _by_what_differs(group: list[int], scores: Scores) -> list[int]:
    """Each time the first of those left that no other beats by more than noise: in the first score, and of
    those that are alike in it in the next. The order of `group` decides what is alike in all."""
    left, ranked = list(group), []
    while left:
        alike, _ = _unbeaten(left, scores)
        left.remove(alike[0])
        ranked.append(alike[0])
    return ranked


def _unbeaten(group: Sequence[int], scores: Scores) -> tuple[list[int], dict[int, int]]:
    """(those that no other beats by more than noise, for the others the score in which each is beaten)."""
    alike, beaten = list(group), dict[int, int]()
    for number, (score, noise) in enumerate(scores):
        least = max(score[i] for i in alike) - noise
        beaten |= {i: number for i in alike if score[i] < least}
        alike = [i for i in alike if score[i] >= least]
    return alike, beaten


Decided = Literal["certainty", "accuracy", "gpus", "speed", "cost", "checkpoint", "objective", "nothing"]
_CRITERIA: tuple[Decided, ...] = ("accuracy", "certainty", "accuracy", "gpus", "speed")
"""The names of `_scores`."""


def what_decided(table: JudgedTable, load: int, ranked: Sequence[int]) -> list[Decided]:
    """For each of those that `order` ranked, what put the first before it: a criterion of ties; where they
    are alike in all `cost`, `checkpoint` or `accuracy` by less than noise; `objective` where they do not
    tie."""
    first, decides = ranked[0], _scores(table, load)
    objective = table.objective.value[load]
    if not isfinite(objective[first]) and table.workload.objective == "cost":
        objective = _gpus(table, load)
    groups = _tie_groups(table, load, ranked, objective, decides)
    group = next(group for group in groups if first in group)
    if not isfinite(table.objective.value[load][first]) and table.workload.objective == "cost":
        # Of other GPUs the price that is not known decides: theirs are more, or larger.
        bill = _bill(table, load, first)
        group = [i for i in group if _bill(table, load, i) == bill]
    scores = decides if table.workload.objective != "accuracy" else ()
    alike, beaten = _unbeaten(group, scores)
    if _equal_bills_count(table, load):
        bill = _bill(table, load, first)
        if alike[0] != first:  # its bill has another order, and came on with what was first there
            group, beaten = [first], {}
        beaten |= _unbeaten([i for i in ranked if _bill(table, load, i) == bill], decides[:2])[1]
    keys = _alike_keys(table, load, decides, {first, *group})
    usd, listed, recovery = keys[first]

    def decided(i: int) -> Decided:
        if i in beaten:
            return _CRITERIA[beaten[i]]
        if i not in group:
            return "objective"
        others_usd, others_listed, others_recovery = keys[i]
        if others_usd != usd:
            return "cost"
        if others_listed != listed:
            return "checkpoint"
        return "nothing" if others_recovery == recovery else "accuracy"

    return [decided(i) for i in ranked]


def best(table: JudgedTable, among: Bools | None = None) -> Ints:
    """The first of `order` for each load, of those kept (or `among`); -1 where there is none."""
    held = table.kept if among is None else among
    return np.array([_first(table, load, held[load]) for load in range(len(table.loads))], dtype=np.intp)


def _first(table: JudgedTable, load: int, held: Bools) -> int:
    at = np.flatnonzero(held)
    if not len(at):
        return -1
    objective = table.objective.value[load][at]
    first = tied(objective, objective.min())
    if _equal_bills_count(table, load):
        bills = [_bill(table, load, i) for i in at.tolist()]
        cheapest = bills[int(np.argmin(objective))]
        mine = np.array([bill == cheapest for bill in bills])
        # No bill whose cheapest deployment is dearer than the first of this one can come before it.
        most = objective[at == order(table, load, at[mine])[0]][0]
        within = (objective <= most * (1.0 + TIE)) | first
        reach = {bill for bill, near in zip(bills, within.tolist(), strict=True) if near}
        first = np.array([bill in reach for bill in bills])
    return int(order(table, load, at[first])[0])


def tied(value: Floats, least: float) -> Bools:
    """Where the objective differs from the least by no more than `TIE`."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(value - least) <= TIE * abs(least)) | (value == least))


def _tied(one: float, other: float) -> bool:
    return isfinite(one) and abs(other - one) <= TIE * abs(one)


def _by_objective(table: JudgedTable, load: int, i: int, objective: float) -> tuple[object, ...]:
    d = table.deployments[i]
    count = int(table.replicas[load, i])
    usd = float(table.usd_per_million.value[load, i])
    if isinf(objective):
        e2e = _under(table, load, table.answers.latency_ms["e2e", "mean"])[i]
        return (objective, d.tensor_parallel * count, d.gpu.size, float(e2e), d.key)
    name = (d.tensor_parallel * count, d.kv_format == "fp8", d.key_with(count))
    return (objective, usd, name)


def objective_range(
    objective: Objective,
    *,
    usd: Range,
    e2e_ms: Range,
    s_per_request: Range,
    loss: Range,
) -> Range:
    """What the objective makes small.

    cost: USD per million output tokens, or per hour where given clients are served. latency: mean E2E, ms.
    throughput: seconds per request at capacity. accuracy: the share of BF16's score that is lost, as 1 + loss
    so that shares of it can be compared.
    """
    return {
        "cost": usd,
        "latency": e2e_ms,
        "throughput": s_per_request,
        "accuracy": loss,
    }[objective]


def pareto(points: Sequence[tuple[float, float, float]]) -> list[int]:
    """Positions of the points that no other beats in cost, latency and loss at once, in their order.

    A quantity that is not known is infinite: it counts as worst.
    """
    front: list[int] = []
    for index in sorted(range(len(points)), key=points.__getitem__):
        point = points[index]
        _, latency, loss = point
        # In this order whoever came before costs no more.
        beaten = any(
            kept[1] <= latency and kept[2] <= loss and kept != point
            for kept in map(points.__getitem__, front)
        )
        if not beaten:
            front.append(index)
    return sorted(front)
