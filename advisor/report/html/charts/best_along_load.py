"""The best deployment along the load of the question, and its latencies, on one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from advisor.advise.sensitivity.best_along_load import AlongLoad, LoadCurve
from advisor.advise.sensitivity.crossover import Crossing, Crossover
from advisor.advise.sensitivity.varied_load_property import UNITS
from advisor.display_text import (
    amount_text,
    deployment_text,
    latency_name,
    number,
    share,
    short_text,
    span,
    stated_share,
)
from advisor.report.html.charts.best_band import (
    LEFT,
    asked_level,
    band,
    level_axis,
    stretch_name,
    stretch_rows,
    stretch_text,
    told_apart,
    zone_rows,
)
from advisor.report.html.charts.chart import LIMIT_RULE, LIMIT_TEXT, Chart, Drawing, layered, plain_table
from advisor.report.html.elements.format_marks import swatch
from advisor.report.html.elements.markup import Html
from advisor.report.terminal.certainty_and_sensitivity_words import why_text
from advisor.spec.workloads.workload import LatencyLimit, Workload

METRICS = ("ttft", "tpot", "e2e")


def load_chart(along: AlongLoad | None, workload: Workload) -> Chart | None:
    """None where nothing is ranked."""
    if along is None or not along.curves or not along.curves[0].points:
        return None
    crossover = along.crossover
    unit = UNITS[crossover.axis.over]
    statistics = _statistics(along.curves[0], workload)
    return Chart(
        name="load",
        title=f"As the load changes: {unit}",
        says=_says(along, workload, unit),
        spec=band(crossover),
        sets={
            "stretches": stretch_rows(crossover, unit),
            "zones": zone_rows(crossover),
            "here": asked_level(crossover),
        },
        panels=tuple(_panel(along, workload, metric, statistic) for metric, statistic in statistics),
        readings=_readings(along, statistics, unit),
        over=crossover.axis.over,
        table=_table(crossover, unit),
        notes=(
            "Pale in the band: predictions cannot tell which of those is best. "
            "Below: the recommended deployment as it stands. The thick line is what a limit is held against: "
            f"not exceeded with {stated_share(workload.confidence)}. The thin one is the middle; pale lines "
            "are the other picks.",
        ),
    )


def _statistics(curve: LoadCurve, workload: Workload) -> list[tuple[str, str]]:
    """For each latency the statistic that a limit is on, else the mean."""
    known = curve.points[0].latency
    made = [(metric, workload.statistic_of(metric)) for metric in METRICS]
    return [one for one in made if one in known]


def _panel(along: AlongLoad, workload: Workload, metric: str, statistic: str) -> Drawing:
    crossover = along.crossover
    limit = workload.limit_on(metric, statistic)
    points = [_points(curve, metric, statistic, along) for curve in along.curves]
    last = metric == METRICS[-1]
    return Drawing(
        name=f"load-{metric}",
        title=latency_name(metric, statistic),
        spec=_panel_spec(crossover, latency_name(metric, statistic), last=last),
        sets={
            "own": points[0],
            "others": [row for rows in points[1:] for row in rows],
            "limit": [] if limit is None else [_limit(limit)],
            "here": asked_level(crossover),
        },
    )


def _limit(limit: LatencyLimit) -> dict[str, object]:
    return {"y": limit.max_ms, "text": f"limit {number(limit.max_ms)} ms"}


def _points(curve: LoadCurve, metric: str, statistic: str, along: AlongLoad) -> list[dict[str, object]]:
    unit = UNITS[along.crossover.axis.over]
    rows: list[dict[str, object]] = []
    for point in curve.points:
        estimate = point.latency.get((metric, statistic))
        if estimate is not None:
            rows.append(
                {
                    "format": curve.deployment.format.name,
                    "key": short_text(curve.deployment),
                    "x": point.level,
                    "y": estimate.value,
                    "judged": point.judged[metric, statistic],
                    "tip": f"{deployment_text(curve.deployment)}\n{number(point.level)} {unit}\n"
                    f"{latency_name(metric, statistic)} {span(estimate)} ms\n{estimate.basis}",
                }
            )
    return rows


def _panel_spec(crossover: Crossover, name: str, *, last: bool) -> dict[str, Any]:
    x = level_axis(crossover, title=f"{UNITS[crossover.axis.over]} (log)" if last else None)
    if not last:
        x["axis"] = {**x["axis"], "labels": False, "ticks": False}
    y = {
        "field": "judged", "type": "quantitative", "title": f"{name}, ms",
        "scale": {"type": "log", "nice": False, "padding": 10},
        "axis": {**LEFT, "tickCount": 3, "format": "~g"},
    }  # fmt: skip
    accent = "var(--accent)"
    at = {"y": {"field": "y", "type": "quantitative"}}
    line = {"type": "line", "aria": False}
    return layered(
        [
            {
                "data": {"name": "here"},
                "mark": {"type": "rule", "strokeDash": [2, 3], "aria": False},
                "encoding": {"x": x},
            },
            {
                "data": {"name": "others"},
                "mark": {**line, "color": "var(--ink-2)", "opacity": 0.4, "strokeWidth": 1.5},
                "encoding": {"x": x, "y": y, "detail": {"field": "key"}},
            },
            {"data": {"name": "limit"}, "mark": LIMIT_RULE, "encoding": at},
            {"data": {"name": "limit"}, "mark": LIMIT_TEXT, "encoding": {**at, "text": {"field": "text"}}},
            {
                "data": {"name": "own"},
                "mark": {**line, "color": accent, "strokeWidth": 1, "opacity": 0.8},
                "encoding": {"x": x, "y": {**y, "field": "y"}},
            },
            {
                "data": {"name": "own"},
                "mark": {**line, "color": accent, "strokeWidth": 3},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"name": "own"},
                "mark": {"type": "point", "filled": True, "size": 40, "opacity": 1, "color": accent},
                "encoding": {"x": x, "y": y, "tooltip": {"field": "tip"}, "description": {"field": "tip"}},
            },
        ],
        height=150 if last else 116,
    )


def _readings(
    along: AlongLoad, statistics: Sequence[tuple[str, str]], unit: str
) -> tuple[Mapping[str, object], ...]:
    """What the crosshair says at each level: the best there, and the recommended deployment's latencies."""
    own = {point.level: point.latency for point in along.curves[0].points}
    made = []
    for level in along.crossover.axis.levels:
        lines = [amount_text(level, unit), f"best: {stretch_name(along.crossover.at(level))}"]
        latency = own.get(level)
        if latency is None:
            lines.append("the recommended deployment cannot serve this load")
        else:
            lines += [f"{latency_name(*one)} {span(latency[one])} ms" for one in statistics if one in latency]
        made.append({"x": level, "tip": "\n".join(lines)})
    return tuple(made)


def _says(along: AlongLoad, workload: Workload, unit: str) -> str:
    """What is best at the asked load and beside it, and how far the load may grow before the recommended
    gives in."""
    crossover = along.crossover
    here, end = crossover.here, along.kept_up_to
    text = _beside(crossover, unit)
    if end is None or here is None:
        return text
    room = f", {share(end / here - 1)} above the asked load" if end > here else ", the asked load"
    return (
        f"{text} The recommended deployment keeps all limits with {stated_share(workload.confidence)} "
        f"up to {amount_text(end, unit)}{room}."
    )


def _beside(crossover: Crossover, unit: str) -> str:
    here = crossover.axis.levels[0] if crossover.here is None else crossover.here
    at = crossover.stretches.index(crossover.at(here))
    name = stretch_text(crossover.stretches[at])
    if not crossover.crossings:
        return f"{name} is best at every load shown."
    parts = []
    if at > 0:
        below = crossover.crossings[at - 1].level
        parts.append(f"up to {number(below)} {stretch_text(crossover.stretches[at - 1])}")
    if at < len(crossover.crossings):
        above = crossover.crossings[at].level
        parts.append(f"above {number(above)} {stretch_text(crossover.stretches[at + 1])}")
    certain = len(told_apart(crossover)[1])
    every = len(crossover.crossings)
    known = f"{certain} of the {every} changes shown" if every > 1 else "the change"
    if every == 1 and not certain:
        known = "no change"
    asked = "" if crossover.here is None else "the asked "
    return (
        f"At {asked}{amount_text(here, unit)} {name} is best, {', '.join(parts)}. "
        f"Predictions tell {known} apart from their own error."
    )


def _interval(crossing: Crossing) -> str:
    low = "anywhere below" if crossing.low is None else number(crossing.low)
    high = "anywhere above" if crossing.high is None else number(crossing.high)
    return f"90 % interval {low} – {high}"


def _table(crossover: Crossover, unit: str) -> Html:
    rows: list[tuple[object, ...]] = []
    for at, stretch in enumerate(crossover.stretches):
        change = crossover.crossings[at] if at < len(crossover.crossings) else None
        after = None if change is None else crossover.stretches[at + 1]
        mark = [] if stretch.best is None else [swatch(stretch.best.format.name)]
        rows.append(
            (
                [*mark, stretch_name(stretch)],
                f"{number(stretch.first)} to {number(stretch.last)}",
                "–" if change is None else _interval(change),
                "–" if change is None or after is None else why_text(change, stretch, after),
            )
        )
    return plain_table(("best", unit, "where the change after it lies", "why it changes"), rows)
