"""How much of its tightest limit each deployment uses, kept ones and near misses alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.estimate import Estimate
from advisor.report.html.charts.chart import INTERVAL_RULE, LIMIT_RULE, POINT, Chart, layered, short_name
from advisor.report.html.elements.markup import Html, tag
from advisor.report.html.elements.palette import scales, swatch
from advisor.report.html.elements.quantities import Quantity, figure_text, quantities
from advisor.report.terminal.tables import shown_rows
from advisor.text import deployment_text, low_high, number, span

MOST_KEPT, MOST_MISSED = 10, 4
ROW_HEIGHT = 26
PERCENT = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """The limit that a deployment comes nearest to, and how much of it is used."""

    name: str
    short: str
    assessment: Assessment
    quantity: Quantity
    estimate: Estimate
    used: Estimate
    """Per cent of the limit; above 100 it is missed."""


def headroom_chart(recommendation: Recommendation) -> Chart | None:
    """None where no limit is on speed, or nothing comes near."""
    limited = [q for q in quantities(recommendation.workload) if q.limit is not None and q.key != "recovery"]
    kept = shown_rows(recommendation.ranked, MOST_KEPT)
    missed = [(0, a) for _, a in shown_rows([a for a in recommendation.refused if _near(a)], MOST_MISSED)]
    uses = [use for place, a in (*kept, *missed) if (use := _tightest(place, a, limited)) is not None]
    if len(uses) < 2:
        return None
    formats = list(dict.fromkeys(use.assessment.deployment.format.name for use in uses))
    return Chart(
        name="headroom",
        title="How near the limits are",
        says=_says(uses),
        spec=_spec(formats, [use.short for use in uses], most=max(PERCENT, *(use.used.high for use in uses))),
        sets={"points": [_row(use) for use in uses], "limit": [{"x": PERCENT, "text": "the limit"}]},
        table=_table(uses),
        notes=(
            "Of each deployment the limit on speed that it comes nearest to, at the pessimistic end of its "
            "90 % interval. The best of each format on a GPU that keep the limits, then the nearest misses.",
        ),
    )


def _near(assessment: Assessment) -> bool:
    kinds = {refusal.kind for refusal in assessment.refusals}
    return assessment.prediction is not None and kinds <= {"latency", "capacity"}


def _tightest(place: int, assessment: Assessment, limited: Sequence[Quantity]) -> _Use | None:
    found = []
    for quantity in limited:
        estimate = quantity.read(assessment)
        if estimate is None or estimate.low <= 0:
            continue
        limit = quantity.limit
        assert limit is not None
        used = (
            estimate.scaled(PERCENT / limit)
            if quantity.at_most is not None
            else estimate.inverse(PERCENT * limit)
        )
        found.append((used.high, quantity, estimate, used))
    if not found:
        return None
    _, quantity, estimate, used = max(found, key=lambda one: one[0])
    mark, name = f"{place}." if place else "✗", deployment_text(assessment.deployment)
    return _Use(
        name=f"{mark} {name}",
        short=f"{mark} {short_name(assessment.deployment)}",
        assessment=assessment,
        quantity=quantity,
        estimate=estimate,
        used=used,
    )


def _row(use: _Use) -> dict[str, object]:
    return {
        "name": use.short,
        "format": use.assessment.deployment.format.name,
        "x": use.used.value,
        "low": use.used.low,
        "high": use.used.high,
        "limit": use.quantity.name,
        "tip": (
            f"{use.name}\n{use.quantity.name}, {use.quantity.limit_text}\n"
            f"{figure_text(use.estimate, use.quantity)}\n"
            f"uses {number(use.used.value)} % of it (90 % interval {low_high(use.used)} %)"
        ),
    }


def _spec(formats: Sequence[str], names: Sequence[str], *, most: float) -> dict[str, object]:
    known = scales(formats)
    x = {
        "field": "x", "type": "quantitative", "title": "% of the limit used",
        # Room at the right for the name of the limit.
        "scale": {"domain": [0, most * 1.16], "nice": False}, "axis": {"tickCount": 8},
    }  # fmt: skip
    y = {
        "field": "name", "type": "nominal", "sort": list(names), "title": None,
        "axis": {"labelLimit": 290, "ticks": False, "domain": False, "labelPadding": 10},
    }  # fmt: skip
    color = {"field": "format", "type": "nominal", "scale": known["color"], "legend": None}
    shape = {"field": "format", "type": "nominal", "scale": known["shape"], "legend": None}
    edge = {"field": "x", "type": "quantitative"}
    return layered(
        [
            {
                "data": {"name": "limit"},
                "mark": LIMIT_RULE,
                "encoding": {"x": edge},
            },
            {
                "data": {"name": "points"},
                "mark": INTERVAL_RULE,
                "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": color},
            },
            {
                "data": {"name": "points"},
                "mark": POINT,
                "encoding": {
                    "y": y, "x": x, "color": color, "shape": shape,
                    "tooltip": {"field": "tip"}, "description": {"field": "tip"},
                },
            },
            {
                "name": "labels-limit",
                "data": {"name": "points"},
                "mark": {
                    "type": "text", "align": "left", "dx": 8, "fontSize": 11,
                    "color": "var(--ink-2)", "aria": False,
                },
                "encoding": {"y": y, "x": {**x, "field": "high"}, "text": {"field": "limit"}},
            },
        ],
        height=ROW_HEIGHT * len(names),
    )  # fmt: skip


def _says(uses: Sequence[_Use]) -> str:
    first = uses[0]
    return (
        f"{first.name.removeprefix('1. ')} comes nearest to its limit of {first.quantity.name}: it uses "
        f"{span(first.used)} % of it."
    )


def _table(uses: Sequence[_Use]) -> Html:
    heads = ("deployment", "nearest limit", "expected", "% of the limit used")
    return tag(
        "table",
        tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
        tag("tbody", [
            tag(
                "tr",
                tag("th", swatch(use.assessment.deployment.format.name), use.name, scope="row"),
                tag("td", f"{use.quantity.name}, {use.quantity.limit_text}"),
                tag("td", figure_text(use.estimate, use.quantity), class_="n"),
                tag("td", span(use.used), class_="n"),
            )
            for use in uses
        ]),
        class_="plain",
    )  # fmt: skip
