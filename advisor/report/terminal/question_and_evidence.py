"""The question, and what the answer rests on, a line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.display_text import deployment_text, listed, number, rate_text, span
from advisor.spec.hardware.price_age import OLD_DAYS, age_text, days_old, today
from advisor.spec.workloads.workload import Workload
from advisor.spec.workloads.workload_words import (
    api_bill_text,
    asks_limits,
    conversation_text,
    lengths_text,
    limits_text,
    load_text,
    quality_text,
)


def workload_lines(workload: Workload) -> list[str]:
    """Lengths, load and limits, so that no reader has to guess a percentile."""
    load = workload.load
    limits = [part for part in (limits_text(workload), _recovery_text(workload)) if part]
    new = "new in a turn: " if load.conversation.has_turns else ""
    return [
        f"prompt  {new}{lengths_text(load.input_tokens)}",
        f"answer  {lengths_text(load.output_tokens)}",
        f"load    {load_text(load)}",
        *([f"talk    {talk}"] if (talk := conversation_text(load)) else []),
        *([f"API     {bill}"] if (bill := api_bill_text(workload)) else []),
        f"limits  {', '.join(limits) or 'none'}",
        f"aim     {workload.objective}{_convention(workload)}",
    ]


def overload_line(assessment: Assessment) -> str:
    """`Overloaded: 20 requests/s arrive, …`; empty where the deployment keeps up with the arrivals."""
    prediction = assessment.prediction
    if prediction is None or prediction.status != "backlogged" or prediction.capacity_requests_per_s is None:
        return ""
    asked, most = prediction.load.arrival.value or 0.0, span(prediction.capacity_requests_per_s)
    return (
        f"Overloaded: {rate_text(asked)} arrive, at most {most} are served; the queue, TTFT and E2E grow "
        "without bound, so there are no latencies"
    )


def _recovery_text(workload: Workload) -> str:
    return quality_text(workload.quality) if workload.quality.min_recovery is not None else ""


def _convention(workload: Workload) -> str:
    """How many GPUs a format gets, where a convention says so."""
    return {
        "free": "",
        "smallest": "; each format on the fewest GPUs that hold it",
        "same": "; all formats on the count that 16 bits need",
    }[workload.gpu_count]


def counts_line(recommendation: Recommendation, shown: int) -> str:
    """How many keep the limits, and how many of them a table shows."""
    kept, refused = len(recommendation.ranked), len(recommendation.refused)
    are = "is" if shown == 1 else "are"
    cut = "" if shown == kept else f"; {shown:,} {are} shown, the best of each format on each GPU"
    what = "keep the limits" if asks_limits(recommendation.workload) else "are possible"
    return f"{kept:,} of {kept + refused:,} deployments {what}{cut}."


def evidence_lines(recommendation: Recommendation) -> list[str]:
    """What the numbers rest on, and what the first's price is from."""
    lines = []
    summary = recommendation.fit.get("text")
    if summary:
        lines.append(str(summary))
    return lines if recommendation.winner is None else lines + assessment_evidence(recommendation.winner)


def basis_line(recommendation: Recommendation) -> str:
    """What the first rests on, and whose speed was measured; the best of those where it is not first."""
    ranked = recommendation.ranked
    words = ", ".join(basis_words(ranked[0])) or "no figures"
    measured = [a for a in ranked if "speed measured" in basis_words(a)]
    names = listed(deployment_text(a.deployment) for a in measured)
    text = f"Basis: of the first {words}. Speed measured of {len(measured)} of {len(ranked)} ranked"
    if not measured:
        return f"{text}."
    if measured[0] is ranked[0]:
        return f"{text}: {names}."
    return f"{text}: {names}; the best of them is {deployment_text(measured[0].deployment)}."


_RESTS: Mapping[str, str] = {
    "measured": "measured on this very deployment",
    "fitted": "fitted to {}",
    "extrapolated": "extrapolated from {}",
    "roofline": "physics alone (roofline)",
}


def speed_line(assessment: Assessment, rows: object) -> str:
    """`Speed: fitted to 8,015 measurements; decode bound by memory bandwidth, prefill by compute.`

    rows: measurements behind the fit.
    """
    prediction = assessment.prediction
    speed = assessment.estimate("e2e") or assessment.requests_per_s
    parts = []
    if speed is not None:
        parts.append(
            _RESTS[speed.basis].format(f"{rows:,} measurements" if isinstance(rows, int) else "measurements")
        )
    if prediction is not None:
        causes = (("decode", prediction.regime_decode), ("prefill", prediction.regime_prefill))
        bound = [f"{what} by {cause}" for what, cause in causes if cause is not None]
        parts += [", ".join(bound).replace(" by ", " bound by ", 1)] if bound else []
    return f"Speed: {'; '.join(parts)}." if parts else "Speed: not predicted."


def basis_words(assessment: Assessment) -> list[str]:
    """What speed rests on, and what accuracy rests on; each where there is one."""
    speed = assessment.estimate("e2e") or assessment.requests_per_s
    words = [] if speed is None else [f"speed {speed.basis}"]
    if assessment.recovery is not None:
        words.append(f"accuracy {assessment.recovery.basis}")
    return words


def rented_text(assessment: Assessment) -> str:
    """`aws p5.48xlarge in us-east-1, 8 GPUs paid for, 2 used`; empty where GPUs are priced one by one."""
    cost = assessment.cost
    if cost is None or not cost.price.machine:
        return ""
    price, used = cost.price, assessment.deployment.num_gpus
    where = f" in {price.region}" if price.region else ""
    idle = "" if cost.gpus_bought == used else f", {used} used: a machine is rented whole"
    return f"{price.provider} {price.machine}{where}, {cost.gpus_bought} GPUs paid for{idle}"


class OldPrices(NamedTuple):
    """How old prices are, in words."""

    ages: str
    """`Old prices: L4 506 days (2025-07-13), 3 other GPUs 67 to 634 days`."""
    remedy: str
    """`fresher: --pricing live, or --price L4=USD`."""


def old_prices(recommendation: Recommendation) -> OldPrices | None:
    """Of what is ranked. None where no price is old; one without a day, one of a named list, and a live one,
    of which a note says the age, do not count.
    """
    old = _days_of_old_prices(recommendation)
    if not old:
        return None
    (first, (day, days)), *others = old.items()
    which = f"{first} {days:,} days ({day})"
    if others:
        ages = sorted(age for _, (_, age) in others)
        span = f"{ages[0]:,}" if ages[0] == ages[-1] else f"{ages[0]:,} to {ages[-1]:,}"
        which += f", {len(others)} other GPU{'s' if len(others) > 1 else ''} {span} days"
    return OldPrices(
        ages=f"Old price{'s' if others else ''}: {which}",
        remedy=f"fresher: --pricing live, or --price {first}=USD",
    )


def _days_of_old_prices(recommendation: Recommendation) -> dict[str, tuple[str, int]]:
    """By GPU the day of its price and how many days ago that was, of the ranked; the first one's first."""
    found = dict[str, tuple[str, int]]()
    table, count, on = recommendation.table, len(recommendation.ranked), today()
    if table is None or recommendation.workload.price_list:
        return found
    for d, price in zip(table.deployments[:count], table.prices[:count], strict=True):
        is_dated = price is not None and not price.region and d.gpu.name not in found
        days = days_old(price.date, on) if price is not None and is_dated else None
        if price is not None and days is not None and days > OLD_DAYS:
            found[d.gpu.name] = (price.date, days)
    return found


def assessment_evidence(assessment: Assessment) -> list[str]:
    """The nearest measurement to a deployment, and its price's source."""
    lines = []
    prediction, cost = assessment.prediction, assessment.cost
    if prediction is not None and prediction.nearest_evidence:
        lines.append(f"Nearest measurement: {prediction.nearest_evidence}")
    if cost is not None:
        price = cost.price
        days = days_old(price.date, today())
        age = "" if days is None else f", {age_text(days)}{', which is old' if days > OLD_DAYS else ''}"
        dated = f", {price.date}{age}" if price.date else ""
        if price.machine:
            lines.append(f"Rented: {rented_text(assessment)}")
        lines.append(
            f"Price: {number(price.usd_per_gpu_hour)} USD per GPU-hour, "
            f"{price.provider}, {price.term}{dated} ({price.source})"
        )
    return lines
