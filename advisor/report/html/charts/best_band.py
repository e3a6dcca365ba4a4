"""The band of what is best along a load, and the axis that the drawings below share with it."""

from __future__ import annotations

from typing import Any

from advisor.advise.sensitivity.crossover import Crossing, Crossover, Stretch, apart
from advisor.display_text import deployment_text, number
from advisor.report.html.charts.chart import layered
from advisor.report.html.elements.format_marks import scales
from advisor.spec.deployment import Deployment

NONE = "none"

LETTER_PX = 7.2
"""A letter's width at most: a stretch is named as fully as there is room, and no name is ever cut."""

PALE = 0.3
"""Opacity of what predictions cannot tell from its neighbours."""

EXTENT = 64
"""Pixels left of every drawing, so that their axes stand under one another."""

LEFT = {"minExtent": EXTENT, "maxExtent": EXTENT}


def stretch_name(stretch: Stretch) -> str:
    return "nothing keeps the limits" if stretch.best is None else deployment_text(stretch.best)


def stretch_format(stretch: Stretch) -> str:
    return NONE if stretch.best is None else stretch.best.format.name


def _bounds(crossover: Crossover) -> list[tuple[float, float]]:
    """Each stretch ends where its change stands, and the next begins there: no gaps."""
    inner = [crossing.level for crossing in crossover.crossings]
    starts = [crossover.stretches[0].first, *inner]
    return list(zip(starts, [*inner, crossover.stretches[-1].last], strict=True))


def stretch_rows(crossover: Crossover, unit: str) -> list[dict[str, object]]:
    """What is best at each load; pale where predictions cannot tell it from what stands beside it."""
    undecided = [zone for zone in told_apart(crossover)[0] if zone.either]

    def in_doubt(stretch: Stretch) -> bool:
        return any(zone.first <= stretch.first and stretch.last <= zone.last for zone in undecided)

    return [
        {
            "format": stretch_format(stretch),
            "x": start,
            "x2": end,
            "shade": PALE if in_doubt(stretch) else 1.0,
            "tip": f"{stretch_name(stretch)}\nfrom {number(stretch.first)} to {number(stretch.last)} {unit}",
        }
        for stretch, (start, end) in zip(crossover.stretches, _bounds(crossover), strict=True)
    ]


def told_apart(crossover: Crossover) -> tuple[tuple[Stretch, ...], tuple[Crossing, ...]]:
    return apart(crossover.stretches, crossover.crossings, bills=False)


def zone_rows(crossover: Crossover) -> list[dict[str, object]]:
    """The names on the band: of what is best, or of all that may be where it cannot be told."""
    zones, crossings = told_apart(crossover)
    inner = [crossing.level for crossing in crossings]
    starts, ends = [zones[0].first, *inner], [*inner, zones[-1].last]
    return [
        {
            "x": start,
            "x2": end,
            "middle": (start * end) ** 0.5,
            "short": " or ".join(dict.fromkeys(d.format.name for d in zone.kinds)),
            "label": " or ".join(_kind(d) for d in zone.kinds),
            "tie": f"{len(zone.either)} near ties" if zone.either else "",
            "ink": "var(--ink)" if zone.either else "var(--on)",
        }
        for zone, start, end in zip(zones, starts, ends, strict=True)
    ]


def asked_level(crossover: Crossover) -> list[dict[str, object]]:
    return [] if crossover.here is None else [{"x": crossover.here, "text": "asked"}]


def level_axis(crossover: Crossover, *, title: str | None = None) -> dict[str, Any]:
    levels = crossover.axis.levels
    return {
        "field": "x", "type": "quantitative", "title": title,
        "scale": {"type": "log", "nice": False, "domain": [levels[0], levels[-1]]},
        "axis": {"format": "~g", "tickCount": 8, "grid": False},
    }  # fmt: skip


def band(crossover: Crossover) -> dict[str, Any]:
    formats = list(dict.fromkeys(f for f in map(stretch_format, crossover.stretches) if f != NONE))
    known = scales(formats)["color"]
    colour = {"domain": [*formats, NONE], "range": [*known["range"], "var(--grid)"]}  # type: ignore[misc]
    x = {**level_axis(crossover), "axis": None}
    y = {
        "datum": 0.5, "type": "quantitative", "scale": {"domain": [0, 1]},
        "axis": {**LEFT, "values": [0.5], "labelExpr": "'best'", "ticks": False, "grid": False,
                 "domain": False, "title": "\u00a0"},  # a title's room, as the drawings below have it
    }  # fmt: skip
    letters = f"(scale('x', datum.x2) - scale('x', datum.x) - 8) / {LETTER_PX}"
    tie = f"{letters} >= length(datum.tie) ? datum.tie : ''"
    short = f"{letters} >= length(datum.short) ? datum.short : {tie}"
    named = f"{letters} >= length(datum.label) ? datum.label : {short}"
    text = {"type": "text", "aria": False, "text": {"expr": named}, "fontWeight": 600}
    return layered(
        [
            {
                "data": {"name": "stretches"},
                "mark": {"type": "rect", "height": 34, "stroke": "var(--card)", "strokeWidth": 2},
                "encoding": {
                    "x": x, "x2": {"field": "x2"}, "y": y,
                    "color": {"field": "format", "type": "nominal", "scale": colour, "legend": None},
                    "opacity": {"field": "shade", "type": "quantitative", "scale": None},
                    "tooltip": {"field": "tip"}, "description": {"field": "tip"},
                },
            },
            {
                "data": {"name": "zones"},
                "mark": text,
                "encoding": {
                    "x": {**x, "field": "middle"}, "y": y,
                    "color": {"field": "ink", "type": "nominal", "scale": None},
                },
            },
            {
                "data": {"name": "here"},
                "mark": {"type": "rule", "strokeDash": [2, 3], "aria": False},
                "encoding": {"x": x},
            },
        ],
        height=44,
    )  # fmt: skip


def stretch_text(stretch: Stretch) -> str:
    return "nothing" if stretch.best is None else _kind(stretch.best)


def _kind(deployment: Deployment) -> str:
    """`fp8 · L40S`."""
    return f"{deployment.format.name} · {deployment.gpu.label}"
