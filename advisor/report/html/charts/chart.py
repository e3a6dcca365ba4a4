"""Chart: a drawing with its title, what it says in words, its controls and the same figures as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from advisor.report.html.elements.format_marks import swatch
from advisor.report.html.elements.markup import Html, prose, scrolled, tag
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
class Drawing:
    """One of several drawings of a chart that stand under one another and share an axis."""

    name: str
    title: str
    spec: Mapping[str, Any]
    sets: Mapping[str, Rows]


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
    panels: tuple[Drawing, ...] = ()
    """Drawn below on the same axis."""
    readings: Rows = ()
    """What a crosshair through all drawings says at each `x`; without them there is none."""
    over: str = ""
    """What the crosshair's axis is a level of: `rate`."""

    @property
    def payload(self) -> list[dict[str, object]]:
        """What the page's script needs to draw it: its drawings, from the top."""
        own: dict[str, object] = {
            "name": self.name,
            "spec": self.spec,
            "sets": _rounded(self.sets),
            "readings": list(self.readings),
        }
        below: list[dict[str, object]] = [
            {"name": panel.name, "spec": panel.spec, "sets": _rounded(panel.sets)} for panel in self.panels
        ]
        return [own, *below]


def _rounded(sets: Mapping[str, Rows]) -> dict[str, list[dict[str, object]]]:
    """Six digits: more than a pixel can show, and a third of the bytes."""

    def short(value: object) -> object:
        return float(f"{value:.6g}") if isinstance(value, float) else value

    return {name: [{key: short(v) for key, v in row.items()} for row in rows] for name, rows in sets.items()}


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
        "labelSeparation": 6,
    },
    "text": {"color": _INK, "fontSize": 12},
    "rule": {"color": _QUIET},
    "line": {"strokeWidth": 2, "interpolate": "monotone"},
}


def short_name(deployment: Deployment) -> str:
    """`fp8, 2× L40S`: what an axis has room for; the whole name stands in the tip and the table."""
    return f"{deployment.format.name}, {deployment.num_gpus}× {deployment.gpu.label}"


def figure(chart: Chart, *, bare: bool = False) -> Html:
    """The chart's place in the page, bare within another card. Without scripts the table still has it all."""
    title = f"{chart.name}-title"
    return tag(
        "figure",
        tag("h3" if bare else "h2", chart.title, id=title),
        tag("p", prose(chart.says), id=f"{chart.name}-says", class_="says") if chart.says else None,
        [_control(chart, control) for control in chart.controls],
        tag(
            "div",
            _place(chart, chart.name, labelled={"aria_labelledby": title}),
            [_place(chart, panel.name, labelled={"aria_label": panel.title}) for panel in chart.panels],
            class_="panels",
            data_over=chart.over or None,
        ),
        tag(
            "p",
            "With the keyboard: Tab into the chart, arrow keys go from point to point, Escape leaves.",
            id=f"{chart.name}-keys",
            class_="keys",
        ),
        [tag("p", prose(note), class_="note") for note in chart.notes],
        tag("details", tag("summary", "Table"), scrolled(chart.table)),
        class_="figure" if bare else "card figure",
        id=chart.name,
    )


def _place(chart: Chart, name: str, *, labelled: Mapping[str, str]) -> Html:
    says = f"{chart.name}-says " if chart.says else ""
    return tag(
        "div",
        class_="chart",
        data_chart=name,
        tabindex="0",
        role="group",
        aria_describedby=f"{says}{chart.name}-keys",
        **labelled,
    )


def plain_table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Html:
    """A table whose rows begin with what they are of."""
    return tag(
        "table",
        tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
        tag(
            "tbody",
            [
                tag(
                    "tr",
                    tag("th", row[0], scope="row"),
                    [tag("td", prose(cell) if isinstance(cell, str) else cell) for cell in row[1:]],
                )
                for row in rows
            ],
        ),
        class_="plain",
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
