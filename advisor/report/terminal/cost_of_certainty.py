"""What certainty costs, in lines: the picks, and the price of keeping the limits with each probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.advise.choose.certainty_frontier import Offer, Pick, usd_by_role, weighed_per
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.measuring.best_measurements import Measurement
from advisor.advise.sensitivity.ways_out_if_infeasible import WayOut
from advisor.display_text import bill_text, chance, deployment_text, number, short_text
from advisor.report.terminal.certainty_and_sensitivity_words import limit_name
from advisor.report.terminal.text_table import Column, fitting_table
from advisor.spec.deployment import Deployment

MEASURE_FIRST = ", measure first"
"""Said of a cheaper pick that keeps the limits with less than the confidence asked for."""
BAR = 40
MOST_POINTS = 8


def pick_lines(recommendation: Recommendation, settles: Measurement | None = None) -> list[str]:
    """At most three offers, each with its cost and how probably it keeps all limits; and the measurement that
    would settle between them."""
    lines = [
        f"{_role(pick, recommendation)}: {deployment_text(pick.offer.deployment)}, "
        f"{bill_text(pick.offer.usd_per_hour)}{_by_token(pick.offer, recommendation)}, "
        f"{_certainty(pick.offer, recommendation.workload.confidence)}"
        for pick in recommendation.picks
    ]
    if settles is not None:
        lines.append(settles_text(recommendation, settles))
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class PickWords:
    """A pick in words."""

    role: str
    deployment: Deployment
    cost: str
    certainty: str


def other_picks(recommendation: Recommendation) -> list[PickWords]:
    """The picks beside the first: safer, and cheaper."""
    return [pick_words(pick, recommendation) for pick in recommendation.picks if pick.role != "recommended"]


def _role(pick: Pick, recommendation: Recommendation) -> str:
    unsure = pick.offer.keeps_all_limits < recommendation.workload.confidence
    return pick.role + (MEASURE_FIRST if pick.role == "cheaper" and unsure else "")


def pick_words(pick: Pick, recommendation: Recommendation) -> PickWords:
    """A pick of this answer, in words."""
    usd, keeps, asked = (
        pick.offer.usd_per_hour,
        pick.offer.keeps_all_limits,
        recommendation.workload.confidence,
    )
    return PickWords(
        role=_role(pick, recommendation),
        deployment=pick.offer.deployment,
        cost="price unknown"
        if usd is None
        else f"{number(usd)} USD/h{_by_token(pick.offer, recommendation)}",
        certainty=f"keeps all limits {chance(keeps, asked)}" if pick.offer.tightest else "",
    )


def _by_token(offer: Offer, recommendation: Recommendation) -> str:
    """`, 0.74 USD/M tokens`, where that is what counts."""
    by_token = weighed_per(recommendation.workload) == "million" and offer.usd_per_million is not None
    return f", {number(offer.usd_per_million or 0.0)} USD/M tokens" if by_token else ""


def _certainty(offer: Offer, asked: float) -> str:
    if not offer.tightest:
        return "no limits asked"
    tightest = f"tightest: {limit_name(offer.tightest)}, {chance(offer.keeps_tightest, asked)}"
    return f"keeps all limits with {chance(offer.keeps_all_limits, asked)} ({tightest})"


def settles_text(recommendation: Recommendation, m: Measurement) -> str:
    """The one measurement that would settle between the picks, and by how much the cost may fall."""
    what = "the accuracy of " if m.what == "accuracy" else ""
    per = weighed_per(recommendation.workload)
    usd, unit = usd_by_role(recommendation.picks, per), "USD/h" if per == "hour" else "USD/M tokens"
    first, cheaper = usd.get("recommended"), usd.get("cheaper")
    saved = (
        f", may save {number(first - cheaper)} {unit}" if first is not None and cheaper is not None else ""
    )
    minutes = number(m.gpu_minutes, digits=2)
    return f"to settle it, measure {what}{deployment_text(m.deployment)}: {minutes} GPU-minutes{saved}"


def frontier_line(recommendation: Recommendation) -> str:
    """`What certainty costs, USD/h (all limits kept): 9 (55 %), 15.4 (84 %)`; empty without a choice."""
    points = _points_shown(recommendation)
    if len(points) < 2:
        return ""
    asked = recommendation.workload.confidence
    steps = ", ".join(
        f"{number(o.usd_per_hour or 0.0)} ({chance(o.keeps_all_limits, asked)})" for o in points
    )
    return f"What certainty costs, USD/h (all limits kept): {steps}."


def _points_shown(recommendation: Recommendation) -> list[Offer]:
    """The frontier's points that a line has room for: the picks, and what is nearest to the confidence."""
    own = {pick.offer for pick in recommendation.picks}.intersection(recommendation.frontier)
    others = [o for o in recommendation.frontier if o not in own]
    others.sort(key=lambda o: abs(o.keeps_all_limits - recommendation.workload.confidence))
    shown = own.union(others[: MOST_POINTS - len(own)])
    return [o for o in recommendation.frontier if o in shown]


def frontier_bars(recommendation: Recommendation) -> list[str]:
    """One bar for each offer of the frontier: its length is the probability that all limits are kept."""
    offers, asked = recommendation.frontier, recommendation.workload.confidence
    if len(offers) < 2:
        return []
    costs = [f"{number(o.usd_per_hour or 0.0)} USD/h" for o in offers]
    width = max(map(len, costs))
    return [
        f"{cost:>{width}} {'█' * round(BAR * o.keeps_all_limits):<{BAR}} "
        f"{chance(o.keeps_all_limits, asked):>7}  {deployment_text(o.deployment)}"
        for cost, o in zip(costs, offers, strict=True)
    ]


def way_out_lines(ways: Sequence[WayOut], width: int) -> list[str]:
    """What would have to change for something to keep the limits, each with its cost, in columns."""
    return fitting_table(
        (
            Column("", [change_text(way) for way in ways], keep=True),
            Column("", [short_text(way.deployment) for way in ways], keep=True),
            Column("", [way_usd(way) for way in ways], right=True, keep=True),
        ),
        width,
    )


def change_text(way: WayOut) -> str:
    """`loosen TTFT p95 from 5 to 123 ms`."""
    if way.change == "limit":
        percent = 100 if way.limit == "recovery" else 1
        now, then = (number(percent * (value or 0.0)) for value in (way.bound, way.to))
        unit = {"recovery": "%", "capacity": "requests/s"}.get(way.limit, "ms")
        doing = "come down" if way.limit == "capacity" else f"loosen {limit_name(way.limit)}"
        return f"{doing} from {now} to {then} {unit}"
    if way.change == "confidence":
        return f"accept {chance(way.to or way.keeps_all_limits)} (--confidence)"
    return {
        "budget": "allow a larger budget",
        "gpus": "allow more GPUs",
        "budget and gpus": "allow more GPUs and a larger budget",
        "gpu": "allow any GPU (--gpu any)",
    }[way.change]


def way_usd(way: WayOut) -> str:
    """`7.12 USD/h`."""
    return "price unknown" if way.usd_per_hour is None else f"{number(way.usd_per_hour)} USD/h"
