"""The strip of the load: which format is best along it, and between which levels each change truly lies."""

from __future__ import annotations

from math import sqrt

from advisor.advise.sensitivity.axis import UNITS
from advisor.advise.sensitivity.crossover import Crossing, Crossover, Stretch
from advisor.report.html.charts.chart import Chart, layered
from advisor.report.html.elements.markup import Html, tag
from advisor.report.html.elements.palette import scales, swatch
from advisor.report.terminal.decision_words import crossover_line, why_text
from advisor.text import deployment_text, number

NONE = "none"
LABELLED = 1.5
"""A stretch has room for its name when its ends are this factor apart."""


def crossover_chart(crossover: Crossover | None) -> Chart | None:
    """None where one format is best from end to end: the sentence says it all."""
    if crossover is None or not crossover.crossings:
        return None
    unit = UNITS[crossover.axis.over]
    return Chart(
        name="crossover",
        title=f"Where the best format changes, by {unit}",
        says=crossover_line(crossover),
        spec=_spec(crossover, unit),
        sets={
            "stretches": _stretches(crossover, unit),
            "crossings": [_row(crossover, i, c, unit) for i, c in enumerate(crossover.crossings)],
            "here": []
            if crossover.here is None
            else [{"x": crossover.here, "text": f"asked: {number(crossover.here)}"}],
        },
        table=_table(crossover, unit),
        notes=(
            "A mark under the strip is a change with its 90 % interval: where it may truly lie, cut off at "
            "the ends of what was looked at.",
        ),
    )


def _format(stretch: Stretch) -> str:
    return NONE if stretch.best is None else stretch.best.format.name


def _named(stretch: Stretch) -> str:
    if stretch.either:
        return "either of " + ", ".join(deployment_text(d) for d in stretch.either)
    return "nothing keeps the limits" if stretch.best is None else deployment_text(stretch.best)


def _stretches(crossover: Crossover, unit: str) -> list[dict[str, object]]:
    """Each reaches to where the next begins, so that the strip has no gaps."""
    starts = [crossover.stretches[0].first, *(c.following for c in crossover.crossings)]
    ends = [*starts[1:], crossover.stretches[-1].last]
    return [
        {
            "format": _format(stretch),
            "x": start,
            "x2": end,
            "middle": sqrt(start * end),
            "label": _format(stretch) if stretch.best is not None and end / start >= LABELLED else "",
            "tip": f"{_named(stretch)}\nfrom {number(stretch.first)} to {number(stretch.last)} {unit}",
        }
        for stretch, start, end in zip(crossover.stretches, starts, ends, strict=True)
    ]


def _row(crossover: Crossover, at: int, crossing: Crossing, unit: str) -> dict[str, object]:
    first, last = crossover.axis.levels[0], crossover.axis.levels[-1]
    before, after = crossover.stretches[at], crossover.stretches[at + 1]
    return {
        "x": crossing.following,
        "low": max(first, first if crossing.low is None else crossing.low),
        "high": min(last, last if crossing.high is None else crossing.high),
        "tip": (
            f"{_format(before)} up to {number(crossing.level)}, {_format(after)} from "
            f"{number(crossing.following)} {unit}\n{_interval(crossing)}\n{why_text(crossing, before, after)}"
        ),
    }


def _interval(crossing: Crossing) -> str:
    low = "anywhere below" if crossing.low is None else number(crossing.low)
    high = "anywhere above" if crossing.high is None else number(crossing.high)
    return f"90 % interval {low} – {high}"


def _spec(crossover: Crossover, unit: str) -> dict[str, object]:
    formats = list(dict.fromkeys(f for f in map(_format, crossover.stretches) if f != NONE))
    known = scales(formats)["color"]
    colour = {"domain": [*formats, NONE], "range": [*known["range"], "var(--grid)"]}  # type: ignore[misc]
    x = {
        "field": "x", "type": "quantitative", "title": f"{unit} (log)",
        "scale": {"type": "log", "nice": False,
                  "domain": [crossover.axis.levels[0], crossover.axis.levels[-1]]},
        "axis": {"format": "~g", "tickCount": 8, "grid": False},
    }  # fmt: skip
    text = {"type": "text", "aria": False}
    return layered(
        [
            {
                "data": {"name": "stretches"},
                "mark": {"type": "rect", "y": 14, "y2": 48, "stroke": "var(--card)", "strokeWidth": 2},
                "encoding": {
                    "x": x, "x2": {"field": "x2"},
                    "color": {"field": "format", "type": "nominal", "scale": colour, "legend": None},
                    "tooltip": {"field": "tip"}, "description": {"field": "tip"},
                },
            },
            {
                "data": {"name": "stretches"},
                "mark": {**text, "y": 31, "color": "var(--on)", "fontWeight": 600},
                "encoding": {"x": {**x, "field": "middle"}, "text": {"field": "label"}},
            },
            {
                "data": {"name": "crossings"},
                "mark": {"type": "rule", "y": 62, "strokeWidth": 4, "opacity": 0.4, "strokeCap": "round",
                         "color": "var(--ink-2)", "aria": False},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "data": {"name": "crossings"},
                "mark": {"type": "point", "filled": True, "shape": "diamond", "size": 80, "opacity": 1,
                         "y": 62, "color": "var(--ink)"},
                "encoding": {
                    "x": x, "tooltip": {"field": "tip"}, "description": {"field": "tip"},
                },
            },
            {
                "data": {"name": "here"},
                "mark": {"type": "rule", "y": 6, "y2": 74, "strokeDash": [2, 3], "aria": False},
                "encoding": {"x": x},
            },
            {
                "data": {"name": "here"},
                "mark": {**text, "y": 4, "baseline": "bottom", "fontSize": 11},
                "encoding": {"x": x, "text": {"field": "text"}},
            },
        ],
        # The axis below takes its part of this.
        height=136,
    )  # fmt: skip


def _table(crossover: Crossover, unit: str) -> Html:
    rows = []
    for at, stretch in enumerate(crossover.stretches):
        change = crossover.crossings[at] if at < len(crossover.crossings) else None
        after = crossover.stretches[at + 1] if change is not None else None
        rows.append(
            tag(
                "tr",
                tag("td", f"{number(stretch.first)} to {number(stretch.last)}", class_="n"),
                tag(
                    "th",
                    None if stretch.best is None else swatch(stretch.best.format.name),
                    _named(stretch),
                    scope="row",
                ),
                tag("td", "–" if change is None else _interval(change)),
                tag(
                    "td",
                    "–" if change is None or after is None else why_text(change, stretch, after),
                ),
            )
        )
    heads = (unit, "best", "the change after it truly lies at", "why it changes")
    return tag(
        "table",
        tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
        tag("tbody", rows),
        class_="plain",
    )
