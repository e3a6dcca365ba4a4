"""The question, and what the answer rests on, a line each."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.spec.hardware.age import OLD_DAYS, age_text, days_old, today
from advisor.spec.workloads.profile_listing import (
    api_bill_text,
    asks_limits,
    conversation_text,
    lengths_text,
    limits_text,
    load_text,
    quality_text,
)
from advisor.spec.workloads.workload import Workload
from advisor.text import deployment_text, listed, number


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
    cut = "" if shown == kept else f"; shown are {shown}, the best of each format on each GPU"
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


def old_price_text(recommendation: Recommendation) -> str:
    """`Old price of A6000: 2025-03-07, 633 days old …`, of the first; empty for a price of late, one without
    a day, one of a named list, and a live one, of which a note says the age."""
    first = recommendation.winner
    cost = None if first is None else first.cost
    if first is None or cost is None or cost.price.region or recommendation.workload.price_list:
        return ""
    days = days_old(cost.price.date, today())
    if days is None or days <= OLD_DAYS:
        return ""
    gpu = first.deployment.gpu.name
    how_old = f"{cost.price.date}, {age_text(days)}"
    return f"Old price of {gpu}: {how_old}; fresher: --pricing live, or --price {gpu}=USD"


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
