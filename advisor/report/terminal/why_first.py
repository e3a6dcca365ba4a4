"""Why the first is first, in sentences: against what it won, and what binds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.rank import TIE, Decided
from advisor.advise.choose.recommendation import Recommendation
from advisor.display_text import (
    DISCERNIBLE_SHARE,
    accuracy_text,
    chance,
    deployment_text,
    listed,
    number,
    share,
    span,
)
from advisor.report.documents.missed_limit_words import finding, limit_text, worst_refusal
from advisor.report.terminal.bottleneck_words import bottleneck_lines
from advisor.report.terminal.deployment_in_detail import accuracy_lines
from advisor.report.terminal.ranking_tables import is_told_by_capacity, served
from advisor.spec.workloads.workload import Objective, Workload
from advisor.units import MS_PER_S


def winner_lines(recommendation: Recommendation) -> list[str]:
    """Why the first is first, against the best of another format and the best on another GPU."""
    first = recommendation.winner
    if first is None:
        return []
    ranked = objective_text(first, recommendation.workload)
    lines = [f"{deployment_text(first.deployment)}: {ranked}."]
    lines += [f"{text}." for text in comparisons(recommendation, first)]
    if tie := _tie_text(recommendation, first):
        lines.append(tie)
    lines += _unmeasured_accuracy(recommendation, first)
    lines += _likely_better(recommendation, first)
    lines += bottleneck_lines(recommendation)
    if first.prediction is not None:
        lines += accuracy_lines(first.prediction)
    return lines


_SLOWER = "longer for a request"


def objective_text(assessment: Assessment, workload: Workload) -> str:
    """The figure the ranking went by, with its unit and interval."""
    objective, cost = workload.objective, assessment.cost
    if objective == "cost" and cost is not None and workload.serves_given_clients:
        return f"{number(cost.usd_per_hour)} USD/h"
    if objective == "cost" and cost is not None and cost.usd_per_million_output_tokens is not None:
        return f"{span(cost.usd_per_million_output_tokens)} USD per million output tokens"
    if objective == "throughput" and (rate := served(assessment, workload.load)) is not None:
        at_most = " at most" if is_told_by_capacity(workload.load) else ""
        return f"{span(rate)} requests per second{at_most}"
    if objective == "accuracy" and assessment.recovery is not None:
        of = accuracy_text(assessment.deployment.model)
        return f"{span(assessment.recovery.scaled(100), digits=4)} % of {of}"
    e2e = assessment.estimate("e2e")
    if e2e is not None:
        return f"{span(e2e.scaled(1 / MS_PER_S))} s per request"
    return "its figure cannot be said"


def comparisons(recommendation: Recommendation, first: Assessment) -> list[str]:
    """The first against the best of another format, and against the best on another GPU."""
    return list(_comparisons(recommendation, first))


def _comparisons(recommendation: Recommendation, first: Assessment) -> Iterable[str]:
    rest, own = recommendation.ranked[1:], first.deployment
    other_format = next((a for a in rest if a.deployment.format.name != own.format.name), None)
    other_gpu = next((a for a in rest if a.deployment.gpu.name != own.gpu.name), None)
    if other_format is not None:
        yield _comparison("of another format", recommendation, first, other_format)
    if other_gpu is not None and other_gpu is not other_format:
        yield _comparison("on another GPU", recommendation, first, other_gpu)


def _comparison(what: str, recommendation: Recommendation, first: Assessment, other: Assessment) -> str:
    workload, best, second = recommendation.workload, first.objective, other.objective
    name = f"The best {what} is {deployment_text(other.deployment)}"
    if best is None or second is None:
        return _by_speed(name, recommendation, first, other)
    excess = second / best - 1
    figure = f"({objective_text(other, workload)})"
    behind = _behind(recommendation, first, other) if excess <= TIE else ""
    joins = " but " if excess < -TIE else " and "
    per_token = workload.objective == "cost"
    tie = ", a tie," if per_token and DISCERNIBLE_SHARE <= abs(excess) <= TIE else ""
    bill = _other_bill(first, other, excess, workload)
    said = f"{_difference(excess, workload.objective)} {figure}{tie}{bill}"
    return f"{name}: it {said.rstrip(',')}{behind and (',' if tie or bill else '') + joins + behind}"


def _by_speed(name: str, recommendation: Recommendation, first: Assessment, other: Assessment) -> str:
    """The comparison where the objective of one is not known, mostly for want of a price."""
    mine, others = first.estimate("e2e"), other.estimate("e2e")
    if first.objective is not None:
        behind = "its accuracy" if recommendation.workload.objective == "accuracy" else "its price"
        behind += " is not known"
    elif recommendation.decided_against(other) == "objective":
        behind = _larger(first, other)
    else:
        behind = _behind(recommendation, first, other)
    if mine is None or others is None or behind.endswith(_SLOWER):
        return f"{name}: it {behind}" if behind else name
    slower = others.value / mine.value - 1
    joins = " but " if slower <= -DISCERNIBLE_SHARE else " and "
    return f"{name}: it {_difference(slower, 'latency')} for a request{behind and joins + behind}"


def _larger(first: Assessment, other: Assessment) -> str:
    """In what the other takes more hardware, by which those without a price are ranked."""
    mine, more = first.deployment, other.deployment
    if more.num_gpus > mine.num_gpus:
        return f"takes {more.num_gpus:,} GPUs instead of {mine.num_gpus:,}"
    return "takes a larger kind of GPU" if more.gpu.size > mine.gpu.size else ""


def _other_bill(first: Assessment, other: Assessment, excess: float, workload: Workload) -> str:
    """What the other costs per hour, where the ranking is by the token and the hour says something else."""
    closed = workload.load.arrival.kind in ("concurrency", "single")
    if workload.objective != "cost" or not closed or workload.serves_given_clients:
        return ""
    bills = [None if a.cost is None else a.cost.usd_per_hour for a in (first, other)]
    mine, others = bills
    if mine is None or others is None or abs(others / mine - 1) <= TIE:
        return ""
    if excess > TIE and others > mine:
        return ""
    return f" at {number(others)} USD/h instead of {number(mine)}"


def _difference(excess: float, objective: Objective) -> str:
    """How much worse the other is; `excess` is its objective's value over the first's, less 1."""
    worse, better, times, same = {
        "cost": ("costs {} more", "costs {} less", "costs {} times as much", "costs the same"),
        "latency": ("takes {} longer", "is {} faster", "takes {} times as long", "takes as long"),
        "throughput": (
            "serves {} fewer requests",
            "serves {} more requests",
            "serves {} times fewer requests",
            "serves as many",
        ),
        "accuracy": (
            "loses {} more of the score",
            "loses {} less of the score",
            "loses {} times as much",
            "loses as much",
        ),
    }[objective]
    if abs(excess) < DISCERNIBLE_SHARE:
        return same
    if excess >= 1:
        return times.format(number(1 + excess, digits=2))
    # Of throughput the objective is seconds per request.
    change = 1 / (1 + excess) - 1 if objective == "throughput" else excess
    return (worse if excess > 0 else better).format(share(abs(change)))


def _behind(recommendation: Recommendation, first: Assessment, other: Assessment) -> str:
    """In what the other of a tie stands behind the first; empty where accuracy itself is the objective."""
    if recommendation.workload.objective == "accuracy":
        return ""
    decided = recommendation.decided_against(other)
    if decided == "certainty":
        return f"keeps all limits with {chance(other.keeps_all_limits)} only"
    if decided == "accuracy":
        return "may lose more accuracy" if other.recovery is not None else "nobody measured what it loses"
    if decided == "gpus":
        mine, more = first.deployment.tensor_parallel, other.deployment.tensor_parallel
        return f"has {more} GPUs a replica instead of {mine}"
    if decided == "checkpoint":
        return "its checkpoint is only listed"
    one, two = first.estimate("e2e"), other.estimate("e2e")
    if decided != "speed" or one is None or two is None:
        return ""
    slower = share(two.value / one.value - 1)
    return f"takes {slower} {_SLOWER}"


def _tie_text(recommendation: Recommendation, first: Assessment) -> str:
    own = first.deployment
    # The same format on the same GPUs with another KV cache or split is no choice worth a line.
    others = {
        f"{a.deployment.format.name} on {a.deployment.gpu.label}": a
        for a in reversed(recommendation.ties)  # the best of each format stays
        if a.deployment.format_and_gpu != own.format_and_gpu
    }
    if not others:
        return ""
    by_reason = dict[str, list[str]]()
    for name, other in reversed(others.items()):
        by_reason.setdefault(DECIDED[recommendation.decided_against(other)], []).append(name)
    reasons = (f"with {listed(names)}: {why} decided" for why, names in by_reason.items())
    return f"A tie within 1 % {'; '.join(reasons)}."


DECIDED: Mapping[Decided, str] = {
    "accuracy": "the low end of accuracy",
    "certainty": "the probability to keep all limits",
    "gpus": "fewer GPUs a replica",
    "speed": "the time of a request",
    "cost": "the smaller bill",
    "checkpoint": "a checkpoint that is known to exist",
    "objective": "the smaller difference",
    "nothing": "only the name",
}
"""What decided a tie, in words (docs/method.md, "The order")."""


def _unmeasured_accuracy(recommendation: Recommendation, first: Assessment) -> list[str]:
    """Where the first's accuracy was not measured: the best deployment whose accuracy was, and its cost."""
    if first.recovery is not None:
        return []
    known = next((a for a in recommendation.ranked if a.recovery is not None), None)
    if known is None:
        return []
    return [f"{_comparison('whose accuracy is known', recommendation, first, known)}."]


def _likely_better(recommendation: Recommendation, first: Assessment) -> list[str]:
    """A refused deployment that would beat the first if a measurement showed that it keeps the limits."""
    objective = recommendation.workload.objective
    other = next(iter(recommendation.likely), None)
    if other is None:
        return []
    best, second = first.objective, other.objective
    if best is None or second is None or second > best * (1 - TIE):
        return []
    doubt = worst_refusal(other)
    return [
        f"Not sure enough: {deployment_text(other.deployment)} {_difference(second / best - 1, objective)}, "
        f"but {limit_text(other, doubt)} is kept with {chance(doubt.probability)} only "
        f"({finding(other, doubt)}); measure it to know."
    ]
