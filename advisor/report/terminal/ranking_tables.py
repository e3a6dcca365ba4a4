"""Ranked deployments as a table; each figure with its 90 % interval under it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.limits import timed_limits
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.estimate_with_interval import Estimate
from advisor.display_text import (
    accuracy_text,
    chance,
    deployment_text,
    latency_name,
    low_high,
    missed_by,
    number,
)
from advisor.report.documents.missed_limit_words import limit_text
from advisor.report.terminal.question_and_evidence import basis_words
from advisor.spec.metrics import LatencyMetric
from advisor.spec.workloads.workload import Load, Workload
from advisor.units import MS_PER_S

if TYPE_CHECKING:
    from rich.table import Table

Read = Callable[[Assessment], Estimate | None]
DASH = "–"
PERCENT = 100.0
CLOSEST_ROWS = 5
"""Refused deployments in a table when nothing is left to rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A quantity that a table shows."""

    head: str
    """Name of the column over its unit."""
    read: Read
    digits: int = 3


def shown_rows(assessments: Sequence[Assessment], top: int) -> list[tuple[int, Assessment]]:
    """(place, deployment) of the first of each format on each GPU, at most `top` of them."""
    seen: set[tuple[str, str]] = set()
    rows: list[tuple[int, Assessment]] = []
    for place, assessment in enumerate(assessments, start=1):
        kind = assessment.deployment.format_and_gpu
        if kind not in seen and len(rows) < top:
            seen.add(kind)
            rows.append((place, assessment))
    return rows


def ranking_table(recommendation: Recommendation, *, top: int) -> Table:
    """The best of each format on each GPU."""
    return _assessments_table(shown_rows(recommendation.ranked, top), recommendation.workload)


def nearly_rows(recommendation: Recommendation, top: int | None) -> list[tuple[int, Assessment]]:
    """The refused that likely keep the limits, best first; where there are none, the nearest misses."""
    nearest = [a for a in recommendation.refused if a.excess is not None]
    return shown_rows(recommendation.likely or nearest, min(top or CLOSEST_ROWS, CLOSEST_ROWS))


def nearly_table(recommendation: Recommendation, *, top: int | None) -> Table:
    """Every figure of `nearly_rows`, and what each misses."""
    return _assessments_table(nearly_rows(recommendation, top), recommendation.workload, misses=True)


def _assessments_table(
    rows: Sequence[tuple[int, Assessment]], workload: Workload, *, misses: bool = False
) -> Table:
    """Columns of which nothing is known are left out."""
    assessments = [assessment for _, assessment in rows]
    columns = [c for c in _columns(workload) if any(c.read(a) is not None for a in assessments)]
    table = _table(["", "deployment", *(c.head for c in columns), *(["misses"] if misses else []), "basis"])
    for place, assessment in rows:
        table.add_row(
            str(place),
            _deployment_cell(assessment),
            *(_cell(column.read(assessment), column.digits) for column in columns),
            *([_misses_cell(assessment)] if misses else []),
            _basis_cell(assessment),
        )
    return table


def estimates_table(assessment: Assessment) -> Table:
    """Every estimate of one deployment, a row each; what follows from the question has no interval. What the
    user measured of a latency on another engine stands beside it."""
    prediction = assessment.prediction
    elsewhere = {
        f"{latency_name(one.metric, one.statistic)}, ms": f"; {number(one.value)} measured on {one.engine}"
        for one in (() if prediction is None else prediction.on_other_engines)
    }
    table = _table(["", "value", "90 % interval", "basis"])
    for name, estimate, digits, given in _all_estimates(assessment):
        exact = estimate.low == estimate.high
        table.add_row(
            name,
            number(estimate.value, digits=digits),
            DASH if exact else low_high(estimate, digits=digits),
            given if exact and given else estimate.basis + elsewhere.get(name, ""),
        )
    return table


def _columns(workload: Workload) -> list[Column]:
    load = workload.load
    latencies = [
        _latency_column(workload, "ttft", "ms", 1.0),
        _latency_column(workload, "tpot", "ms", 1.0),
        _latency_column(workload, "e2e", "s", 1 / MS_PER_S),
    ]
    return [
        # All requests at once: what one of them waits is a matter of how many there are.
        *([] if load.arrival.kind == "maximum" else latencies),
        Column(
            head="capacity,\nrequests/s" if is_told_by_capacity(load) else "requests\nper s",
            read=lambda a: served(a, load),
        ),
        *([_tokens_column(workload)] if workload.objective == "throughput" else []),
        Column(head="USD per M\noutput tokens", read=lambda a: a.usd_per_million_output_tokens),
        Column(
            head="USD per\n1k queries",
            read=lambda a: None if a.cost is None else a.cost.usd_per_thousand_queries,
        ),
        Column(
            head="recovery\n%",
            read=lambda a: None if a.recovery is None else a.recovery.scaled(PERCENT),
            digits=4,
        ),
    ]


def used_limits(assessment: Assessment, workload: Workload, budget: float | None) -> dict[str, float]:
    """By limit the share of it that is expected to be taken; above 1 it is missed.

    Of a rate it is the share of the capacity (a queue is short until an engine is nearly full, and latencies
    show nothing of it), of a least recovery that of the loss which it allows. budget: USD per hour.
    """
    found = {}
    for limit in (timed.limit for timed in timed_limits(workload)):
        estimate = assessment.estimate(limit.metric, limit.statistic)
        if estimate is not None:
            found[latency_name(limit.metric, limit.statistic)] = estimate.value / limit.max_ms
    load, prediction = workload.load, assessment.prediction
    capacity = None if prediction is None else prediction.capacity_requests_per_s
    if capacity is not None and is_told_by_capacity(load) and load.arrival.value is not None:
        found["capacity"] = load.arrival.value / capacity.value
    held = 0 if prediction is None else prediction.memory.max_context
    # A cache that holds the longest request that the model takes is no limit.
    if 0 < held < assessment.deployment.model.max_context:
        found["KV cache"] = load.longest_context / held
    floor, recovery = workload.quality.min_recovery, assessment.recovery
    if floor is not None and floor < 1.0 and recovery is not None:
        found["accuracy loss"] = max(1.0 - recovery.value, 0.0) / (1.0 - floor)
    if budget is not None and assessment.cost is not None:
        found["budget"] = assessment.cost.usd_per_hour / budget
    return found


def is_told_by_capacity(load: Load) -> bool:
    """Arrivals are served as they come; what tells deployments apart is how many more could be."""
    return load.arrival.kind == "rate"


def served(assessment: Assessment, load: Load) -> Estimate | None:
    """Requests per second that are served; of arrivals, the most that could be."""
    if not is_told_by_capacity(load):
        return assessment.requests_per_s
    return None if assessment.prediction is None else assessment.prediction.capacity_requests_per_s


def _tokens_column(workload: Workload) -> Column:
    """Output tokens per second of what `served` counts in requests."""
    load = workload.load

    def read(assessment: Assessment) -> Estimate | None:
        estimate = served(assessment, load)
        return None if estimate is None else estimate.scaled(load.output_tokens.mean)

    return Column(head="capacity,\ntokens/s" if is_told_by_capacity(load) else "output\ntokens/s", read=read)


def _latency_column(workload: Workload, metric: LatencyMetric, unit: str, factor: float) -> Column:
    """The statistic that a limit is on, the mean where there is none."""
    statistic = workload.statistic_of(metric)

    def read(assessment: Assessment) -> Estimate | None:
        estimate = assessment.estimate(metric, statistic)
        return None if estimate is None else estimate.scaled(factor)

    return Column(head=f"{metric.upper()}\n{statistic}, {unit}", read=read)


ASKED, PRICED, REFERENCE = "as asked", "price and asked load", "the reference itself"
"""What a figure without an interval is: what was asked, what follows from it, or one by definition."""


def _all_estimates(assessment: Assessment) -> list[tuple[str, Estimate, int, str]]:
    """Name, estimate, digits, and what it is where it has no interval."""
    prediction, cost = assessment.prediction, assessment.cost
    if prediction is None:
        return []
    recovery = f"recovery of {accuracy_text(assessment.deployment.model)}, %"
    rows: list[tuple[str, Estimate | None, int, str]] = [
        *(
            (f"{latency_name(metric, statistic)}, ms", estimate, 3, "")
            for (metric, statistic), estimate in prediction.latency.items()
        ),
        ("TTFT mean of first turns, ms", prediction.first_turn_ttft_ms, 3, ""),
        ("TTFT mean of later turns, ms", prediction.later_turn_ttft_ms, 3, ""),
        ("requests per s", prediction.requests_per_s, 3, ASKED),
        ("output tokens per s", prediction.output_tokens_per_s, 3, ASKED),
        ("capacity, requests per s", prediction.capacity_requests_per_s, 3, ""),
        ("requests within goodput limits, %", _percent(prediction.goodput_share), 3, ""),
        (
            "USD per million output tokens",
            None if cost is None else cost.usd_per_million_output_tokens,
            3,
            PRICED,
        ),
        ("USD per thousand queries", None if cost is None else cost.usd_per_thousand_queries, 3, PRICED),
        (recovery, _percent(prediction.recovery), 4, REFERENCE),
    ]
    return [(name, estimate, digits, given) for name, estimate, digits, given in rows if estimate is not None]


def _percent(estimate: Estimate | None) -> Estimate | None:
    return None if estimate is None else estimate.scaled(PERCENT)


def _table(heads: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, head in enumerate(heads):
        words = head in ("deployment", "misses", "basis") or (index == 0 and head == "")
        table.add_column(head, justify="left" if words else "right", overflow="fold")
    return table


def _deployment_cell(assessment: Assessment) -> str:
    """The deployment over what tells it from the usual."""
    deployment = assessment.deployment
    weight_only = deployment.format.activation_bits < 16 and deployment.kernels.runs == "weight_only"
    return deployment_text(deployment) + ("\n(unpacked to 16 bits to multiply)" if weight_only else "")


def _misses_cell(assessment: Assessment) -> str:
    return "\n".join(
        f"{limit_text(assessment, r)}: "
        + (f"kept with {chance(r.probability)}" if r.likely_kept else missed_by(r.excess or 0.0))
        for r in assessment.refusals
    )


def _cell(estimate: Estimate | None, digits: int) -> str:
    if estimate is None:
        return DASH
    value = number(estimate.value, digits=digits)
    return value if estimate.low == estimate.high else f"{value}\n{low_high(estimate, digits=digits)}"


def _basis_cell(assessment: Assessment) -> str:
    """What speed rests on, over what accuracy rests on."""
    return "\n".join(basis_words(assessment)) or DASH
