"""Cost against accuracy: every deployment that keeps the limits, with the Pareto set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.estimate_with_interval import Estimate
from advisor.display_text import accuracy_text, deployment_text, low_high, number, span
from advisor.report.html.charts.chart import LIMIT_RULE, LIMIT_TEXT, Chart, Control, layered
from advisor.report.html.charts.mark_labels import format_names, lowest
from advisor.report.html.elements.format_marks import scales, swatch
from advisor.report.html.elements.markup import Html, tag
from advisor.units import MS_PER_S

MOST_POINTS = 150
PERCENT = 100.0


def tradeoff_chart(recommendation: Recommendation) -> Chart | None:
    """None where no deployment has both a cost and a recovery."""
    front = {id(a) for a in recommendation.pareto}
    placed = [
        (place, a)
        for place, a in enumerate(recommendation.ranked, start=1)
        if a.usd_per_million_output_tokens is not None and a.recovery is not None
    ]
    if not placed:
        return None
    # The Pareto set is never cut, whatever its places in the ranking.
    shown = [one for one in placed if id(one[1]) in front or one[0] <= MOST_POINTS]
    formats = list(dict.fromkeys(a.deployment.format.name for _, a in shown))
    # The first is drawn last, over what costs and keeps the same.
    points = [_row(place, a, on_front=id(a) in front) for place, a in shown[::-1]]
    floor = recommendation.workload.quality.min_recovery
    return Chart(
        name="tradeoff",
        title="Cost against accuracy",
        says=_says(recommendation),
        spec=_spec(formats, accuracy_text(recommendation.model), lowest(points), many=len(shown) > 60),
        sets={
            "points": [row for row in points if row["front"] or row["place"] == 1],
            "others": [
                {key: row[key] for key in ("format", "x", "y", "tip")}
                for row in points
                if not row["front"] and row["place"] != 1
            ],
            "first": [{key: row[key] for key in ("format", "x", "y")} for row in points if row["place"] == 1],
            "names": format_names(points),
            "front": _staircase(recommendation.pareto),
            "floor": []
            if floor is None
            else [{"y": PERCENT * floor, "text": f"at least {number(PERCENT * floor, digits=4)} %"}],
        },
        controls=(
            Control(field="format", label="Formats", kind="formats", options=tuple((f, f) for f in formats)),
        ),
        table=_table([(p, a) for p, a in shown if id(a) in front], accuracy_text(recommendation.model)),
        notes=(
            "Ring: the first. Full marks: the Pareto set, which no other deployment beats in cost, mean "
            "latency and recovery at once; bars are 90 % intervals. Pale marks: the others that keep the "
            "limits. The line steps along the cheapest for each recovery.",
        ),
    )


def _spec(formats: Sequence[str], accuracy: str, low: float | None, *, many: bool) -> dict[str, object]:
    known = scales(formats)
    x = {
        "field": "x", "type": "quantitative", "title": "USD per million output tokens (log)",
        "scale": {"type": "log", "nice": False, "padding": 24, "domainMin": low},
        "axis": {"format": "~g", "tickCount": 8},
    }  # fmt: skip
    y = {
        "field": "y", "type": "quantitative", "title": f"recovery of {accuracy}, %",
        "scale": {"zero": False, "nice": True, "padding": 8},
    }  # fmt: skip
    color = {"field": "format", "type": "nominal", "scale": known["color"], "legend": None}
    shape = {"field": "format", "type": "nominal", "scale": known["shape"], "legend": None}
    named = {"tooltip": {"field": "tip"}, "description": {"field": "tip"}}
    return layered(
        [
            *_FLOOR,
            {
                "data": {"name": "front"},
                "mark": {
                    "type": "line", "color": "var(--ink-2)", "strokeWidth": 1, "strokeDash": [3, 3],
                    "interpolate": "step-after", "aria": False,
                },
                "encoding": {"x": x, "y": y, "order": {"field": "x", "type": "quantitative"}},
            },
            {
                "data": {"name": "others"},
                "mark": {"type": "point", "filled": True, "size": 40 if many else 60, "opacity": 0.3},
                "encoding": {"x": x, "y": y, "color": color, "shape": shape, **named},
            },
            {
                "data": {"name": "points"},
                "mark": {"type": "rule", "opacity": 0.45, "aria": False},
                "encoding": {"x": {**x, "field": "x_low"}, "x2": {"field": "x_high"}, "y": y, "color": color},
            },
            {
                "data": {"name": "points"},
                "mark": {"type": "rule", "opacity": 0.45, "aria": False},
                "encoding": {"x": x, "y": {**y, "field": "y_low"}, "y2": {"field": "y_high"}, "color": color},
            },
            {
                "data": {"name": "points"},
                "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
                "encoding": {"x": x, "y": y, "color": color, "shape": shape, **named},
            },
            *_first(x, y),
            {**_NAMES, "encoding": {"x": x, "y": y, "text": {"field": "format"}}},
        ],
        height=360,
    )  # fmt: skip


_FLOOR = (
    {
        "data": {"name": "floor"},
        "mark": LIMIT_RULE,
        "encoding": {"y": {"field": "y", "type": "quantitative"}},
    },
    {
        "data": {"name": "floor"},
        "mark": LIMIT_TEXT,
        "encoding": {"y": {"field": "y", "type": "quantitative"}, "text": {"field": "text"}},
    },
)


_NAMES: Mapping[str, object] = {
    "name": "labels",
    "data": {"name": "names"},
    "mark": {
        "type": "text", "color": "var(--ink-2)", "aria": False, "baseline": "middle",
        "align": {"expr": "datum.shift > 0 ? 'left' : 'right'"}, "dx": {"expr": "datum.shift"},
    },
}  # fmt: skip
"""Each format's name beside its cheapest mark."""


def _first(x: Mapping[str, object], y: Mapping[str, object]) -> list[dict[str, object]]:
    """The ring round the first of the ranking."""
    return [
        {
            "data": {"name": "first"},
            "mark": {
                "type": "point", "size": 340, "strokeWidth": 2, "color": "var(--ink)", "aria": False,
            },
            "encoding": {"x": x, "y": y},
        },
    ]  # fmt: skip


def _row(place: int, assessment: Assessment, *, on_front: bool) -> dict[str, object]:
    cost, recovery = _both(assessment)
    latency = assessment.estimate("e2e")
    timed = "" if latency is None else f"\nE2E mean {span(latency.scaled(1 / MS_PER_S))} s"
    return {
        "format": assessment.deployment.format.name,
        "place": place,
        "front": on_front,
        "x": cost.value,
        "x_low": cost.low,
        "x_high": cost.high,
        "y": recovery.value,
        "y_low": recovery.low,
        "y_high": recovery.high,
        "tip": (
            f"{place}. {deployment_text(assessment.deployment)}{' · Pareto set' if on_front else ''}\n"
            f"{number(cost.value)} USD per M output tokens\n  {low_high(cost)}, {cost.basis}\n"
            f"recovery {number(recovery.value, digits=4)} %\n"
            f"  {low_high(recovery, digits=4)} %, {recovery.basis}{timed}"
        ),
    }


def _both(assessment: Assessment) -> tuple[Estimate, Estimate]:
    cost, recovery = assessment.usd_per_million_output_tokens, assessment.recovery
    assert cost is not None
    assert recovery is not None
    return cost, recovery.scaled(PERCENT)


def _staircase(front: Sequence[Assessment]) -> list[dict[str, object]]:
    """From the cheapest up: each step is the next that keeps more accuracy."""
    priced = [a for a in front if a.usd_per_million_output_tokens is not None and a.recovery is not None]
    steps: list[dict[str, object]] = []
    best = float("-inf")
    for assessment in sorted(priced, key=lambda a: (_both(a)[0].value, -_both(a)[1].value)):
        cost, recovery = _both(assessment)
        if recovery.value > best:
            best = recovery.value
            steps.append({"format": assessment.deployment.format.name, "x": cost.value, "y": recovery.value})
    return [{key: value for key, value in step.items() if key != "format"} for step in steps]


def _says(recommendation: Recommendation) -> str:
    front = [
        a
        for a in recommendation.pareto
        if a.usd_per_million_output_tokens is not None and a.recovery is not None
    ]
    if not front:
        return "No deployment of the Pareto set has both a known cost and a known recovery."
    cheapest = min(front, key=lambda a: (_both(a)[0].value, -_both(a)[1].value))
    truest = max(front, key=lambda a: (_both(a)[1].value, -_both(a)[0].value))
    cost, recovery = _both(cheapest)
    text = (
        f"{len(recommendation.pareto)} of {len(recommendation.ranked)} deployments are in the Pareto set. "
        f"The cheapest, {deployment_text(cheapest.deployment)}, costs {span(cost)} USD per million output "
        f"tokens and keeps {span(recovery, digits=4)} % of {accuracy_text(recommendation.model)}."
    )
    if truest is cheapest:
        return text
    cost, recovery = _both(truest)
    return (
        f"{text} The most accurate, {deployment_text(truest.deployment)}, keeps {span(recovery, digits=4)} % "
        f"for {span(cost)} USD."
    )


def _table(rows: Sequence[tuple[int, Assessment]], accuracy: str) -> Html:
    heads = ("place", "deployment", "USD per M output tokens", f"recovery of {accuracy}, %", "E2E mean, s")
    body = []
    for place, assessment in rows:
        cost, recovery = _both(assessment)
        latency = assessment.estimate("e2e")
        seconds = "–" if latency is None else f"{span(latency.scaled(1 / MS_PER_S))}, {latency.basis}"
        body.append(
            tag(
                "tr",
                tag("td", str(place), class_="n"),
                tag(
                    "th",
                    swatch(assessment.deployment.format.name),
                    deployment_text(assessment.deployment),
                    scope="row",
                ),
                tag("td", f"{span(cost)}, {cost.basis}", class_="n"),
                tag("td", f"{span(recovery, digits=4)}, {recovery.basis}", class_="n"),
                tag("td", seconds, class_="n"),
            )
        )
    return tag(
        "table",
        tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
        tag("tbody", body),
        class_="plain",
    )
