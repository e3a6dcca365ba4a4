"""Chart: a drawing with its title, what it says in words, its controls and the same figures as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from advisor.report.html.elements.markup import Html, tag
from advisor.report.html.elements.palette import swatch
from advisor.report.html.elements.vega import SCHEMA
from advisor.spec.deployment import Deployment

Rows = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A choice that a reader has: rows whose `field` is not chosen are left out."""

    field: str
    label: str
    options: tuple[tuple[str, str], ...]
    """(value, text)."""
    kind: Literal["one", "formats"] = "one"
    chosen: tuple[str, ...] | None = None
    """What is chosen at first; None = the first of `one`, all of `formats`."""

    def is_chosen(self, index: int, value: str) -> bool:
        if self.chosen is not None:
            return value in self.chosen
        return self.kind == "formats" or index == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart with all that goes with it."""

    name: str
    title: str
    says: str
    """In words what can be seen: the text alternative, and what a reader should take away."""
    spec: Mapping[str, Any]
    """Vega-Lite; its data are named sets."""
    sets: Mapping[str, Rows]
    table: Html
    controls: tuple[Control, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def payload(self) -> dict[str, object]:
        """What the page's script needs to draw it."""
        return {"name": self.name, "says": self.says, "spec": self.spec, "sets": self.sets}


def layered(layers: Sequence[Mapping[str, Any]], *, height: int, **more: Any) -> dict[str, Any]:
    """A Vega-Lite specification as wide as its place; colours are the style sheet's."""
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
        "background": None,
        "layer": list(layers),
        "config": _CONFIG,
        **more,
    }


LIMIT_RULE = {
    "type": "rule",
    "color": "var(--limit)",
    "strokeWidth": 1.5,
    "strokeDash": [6, 4],
    "aria": False,
}
LIMIT_TEXT = {
    "type": "text",
    "align": "left",
    "baseline": "bottom",
    "dy": -4,
    "dx": 6,
    "x": 0,
    "color": "var(--limit)",
    "fontWeight": 600,
    "aria": False,
}
INTERVAL_RULE = {"type": "rule", "strokeWidth": 5, "opacity": 0.35, "strokeCap": "round", "aria": False}
POINT = {"type": "point", "filled": True, "size": 90, "opacity": 1}


FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
_INK, _QUIET, _GRID = "var(--ink)", "var(--ink-2)", "var(--grid)"
_CONFIG = {
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": _QUIET,
        "titleColor": _QUIET,
        "gridColor": _GRID,
        "domainColor": _GRID,
        "tickColor": _GRID,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelOverlap": "greedy",
    },
    "text": {"color": _INK, "fontSize": 12},
    "rule": {"color": _QUIET},
    "line": {"strokeWidth": 2, "interpolate": "monotone"},
}


def short_name(deployment: Deployment) -> str:
    """`fp8, 2× L40S`: what an axis has room for; the whole name stands in the tip and the table."""
    return f"{deployment.format.name}, {deployment.num_gpus}× {deployment.gpu.label}"


def figure(chart: Chart) -> Html:
    """The chart's place in the page. Without scripts the table still tells everything."""
    title = f"{chart.name}-title"
    return tag(
        "figure",
        tag("h3", chart.title, id=title),
        tag("p", chart.says, id=f"{chart.name}-says", class_="says"),
        [_control(chart, control) for control in chart.controls],
        tag(
            "div",
            class_="chart",
            data_chart=chart.name,
            tabindex="0",
            role="group",
            aria_labelledby=title,
            aria_describedby=f"{chart.name}-says {chart.name}-keys",
        ),
        tag(
            "p",
            "With the keyboard: Tab into the chart, arrow keys go from point to point, Escape leaves.",
            id=f"{chart.name}-keys",
            class_="keys",
        ),
        [tag("p", note, class_="note") for note in chart.notes],
        tag("details", tag("summary", "The same as a table"), tag("div", chart.table, class_="scroll")),
        class_="card figure",
        id=chart.name,
    )


def _control(chart: Chart, control: Control) -> Html:
    many = control.kind == "formats"
    inputs = [
        tag(
            "label",
            tag(
                "input",
                type="checkbox" if many else "radio",
                name=f"{chart.name}-{control.field}",
                value=value,
                checked=control.is_chosen(index, value),
                data_for=chart.name,
                data_field=control.field,
            ),
            tag("span", swatch(value) if many else None, text),
            class_="chip",
        )
        for index, (value, text) in enumerate(control.options)
    ]
    return tag("fieldset", tag("legend", control.label), inputs, class_="chips")
