"""How close the choice is: the ranking figure with its interval, of the best of each format on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.estimate_with_interval import Estimate
from advisor.display_text import accuracy_text, deployment_text, low_high, number, span
from advisor.report.html.charts.chart import INTERVAL_RULE, POINT, Chart, layered, short_name
from advisor.report.html.elements.format_marks import scales, swatch
from advisor.report.html.elements.markup import Html, tag
from advisor.report.terminal.ranking_tables import served, shown_rows
from advisor.spec.workloads.workload import Workload
from advisor.units import MS_PER_S

MOST_ROWS = 14
ROW_HEIGHT = 26


def intervals_chart(recommendation: Recommendation) -> Chart | None:
    """None where there is nothing to compare."""
    unit = _unit(recommendation.workload, accuracy_text(recommendation.model))
    rows = [
        (place, a, estimate)
        for place, a in shown_rows(recommendation.ranked, MOST_ROWS)
        if (estimate := _figure(a, recommendation.workload)) is not None
    ]
    # Under an asked rate a cost follows from prices alone: there is no interval to show.
    if len(rows) < 2 or all(estimate.low == estimate.high for _, _, estimate in rows):
        return None
    formats = list(dict.fromkeys(a.deployment.format.name for _, a, _ in rows))
    points = [_row(place, a, estimate, unit) for place, a, estimate in rows]
    return Chart(
        name="intervals",
        title=f"How near the choice is: {unit}",
        says=_says(rows, unit),
        spec=_spec(formats, [str(point["name"]) for point in points], unit),
        sets={"points": points},
        table=_table(rows, unit),
        notes=(
            "The best of each format on each GPU. Where intervals overlap, most of the error is common to "
            "both (the same fit, the same load), so that their order is surer than the overlap suggests.",
        ),
    )


def _figure(assessment: Assessment, workload: Workload) -> Estimate | None:
    """What the ranking goes by, in the unit of `_unit`."""
    objective = workload.objective
    if objective == "cost":
        return assessment.usd_per_million_output_tokens
    if objective == "accuracy":
        return None if assessment.recovery is None else assessment.recovery.scaled(100)
    if objective == "throughput":
        return served(assessment, workload.load)
    latency = assessment.estimate("e2e")
    return None if latency is None else latency.scaled(1 / MS_PER_S)


def _unit(workload: Workload, accuracy: str) -> str:
    return {
        "cost": "USD per million output tokens",
        "accuracy": f"% of {accuracy}",
        "latency": "seconds per request, E2E mean",
        "throughput": "requests per second",
    }[workload.objective]


def _digits(unit: str) -> int:
    return 4 if unit.startswith("%") else 3


def _row(place: int, assessment: Assessment, estimate: Estimate, unit: str) -> dict[str, object]:
    digits = _digits(unit)
    name = f"{place}. {deployment_text(assessment.deployment)}"
    return {
        "name": f"{place}. {short_name(assessment.deployment)}",
        "format": assessment.deployment.format.name,
        "x": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "tip": (
            f"{name}\n{number(estimate.value, digits=digits)} {unit}\n"
            f"90 % interval {low_high(estimate, digits=digits)}\n{estimate.basis}"
        ),
    }


def _spec(formats: Sequence[str], names: Sequence[str], unit: str) -> dict[str, object]:
    known = scales(formats)
    x = {
        "field": "x", "type": "quantitative", "title": unit,
        "scale": {"zero": False, "nice": True, "padding": 10}, "axis": {"tickCount": 8},
    }  # fmt: skip
    y = {
        "field": "name", "type": "nominal", "sort": list(names), "title": None,
        "axis": {"labelLimit": 260, "ticks": False, "domain": False, "labelPadding": 10},
    }  # fmt: skip
    color = {"field": "format", "type": "nominal", "scale": known["color"], "legend": None}
    shape = {"field": "format", "type": "nominal", "scale": known["shape"], "legend": None}
    return layered(
        [
            {
                "mark": INTERVAL_RULE,
                "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": color},
            },
            {
                "mark": POINT,
                "encoding": {
                    "y": y, "x": x, "color": color, "shape": shape,
                    "tooltip": {"field": "tip"}, "description": {"field": "tip"},
                },
            },
        ],
        height=ROW_HEIGHT * len(names),
        data={"name": "points"},
    )  # fmt: skip


Ranked = tuple[int, Assessment, Estimate]


def _says(rows: Sequence[Ranked], unit: str) -> str:
    _, first, best = rows[0]
    overlapping = [a for _, a, e in rows[1:] if e.low <= best.high and best.low <= e.high]
    name = f"{deployment_text(first.deployment)}: {span(best, digits=_digits(unit))} {unit}"
    if not overlapping:
        return f"{name}; no other's interval reaches its own."
    return f"{name}; the intervals of {len(overlapping)} of the {len(rows) - 1} others shown overlap with it."


def _table(rows: Sequence[Ranked], unit: str) -> Html:
    digits = _digits(unit)
    return tag(
        "table",
        tag("thead", tag("tr", [tag("th", h, scope="col") for h in ("place", "deployment", unit, "basis")])),
        tag("tbody", [
            tag(
                "tr",
                tag("td", str(place), class_="n"),
                tag("th", swatch(a.deployment.format.name), deployment_text(a.deployment), scope="row"),
                tag("td", span(estimate, digits=digits), class_="n"),
                tag("td", estimate.basis),
            )
            for place, a, estimate in rows
        ]),
        class_="plain",
    )  # fmt: skip
