"""Own or API: what a day costs over the traffic, of the cheapest own fleet and of a hosted API."""

from __future__ import annotations

from typing import Any

from advisor.advise.sensitivity.own_or_api import OwnOrApi, TrafficBreakEven, TrafficPoint
from advisor.display_text import capitalized, chance, deployment_text, number
from advisor.report.html.charts.chart import POINT, Chart, layered, plain_table
from advisor.report.html.elements.markup import Html
from advisor.report.terminal.certainty_and_sensitivity_words import own_or_api_says
from advisor.spec.reading.amounts import HOURS_PER_DAY
from advisor.units import S_PER_HOUR


def own_or_api_chart(found: OwnOrApi | None) -> Chart | None:
    """None where no price of an API is stated, or none of the GPUs is known."""
    if found is None or not found.points:
        return None
    says = own_or_api_says(found)
    return Chart(
        name="own-or-api",
        title=f"Own GPUs or a hosted API at {found.api_price} USD per million tokens",
        says=capitalized(says),
        spec=_spec(found),
        sets={
            "own": [_own(point) for point in found.points if point.own_usd_per_day is not None],
            "api": [{"x": p.requests_per_s, "y": p.api_usd_per_day} for p in found.points],
            "changes": [_change(found, one) for one in found.break_evens],
            "intervals": [
                _ends(found, one) for one in found.break_evens if one in (found.first, found.lasting)
            ],
            "names": _names(found),
            "here": [] if found.here is None else [{"x": found.here.requests_per_s}],
        },
        table=_table(found),
        notes=(
            f"A fleet is sized for the mean traffic ÷ {number(found.utilization)}, keeps all limits there "
            "and is paid all day; it grows in steps. Shaded: the 90 % interval of the first and of the "
            "lasting break-even, for errors of the predictions. Whether the API keeps the limits is unknown.",
        ),
    )


def _own(point: TrafficPoint) -> dict[str, object]:
    assert point.own_usd_per_day is not None, "only what has a fleet is drawn"
    return {"x": point.requests_per_s, "y": point.own_usd_per_day, "tip": _tip(point)}


def _tip(point: TrafficPoint) -> str:
    own = "nothing keeps the limits" if point.fleet is None else deployment_text(point.fleet)
    return (
        f"{number(point.requests_per_s)} requests/s, {_per_day(point.requests_per_s)} a day\n"
        f"own {_usd(point.own_usd_per_day)} USD a day: {own}\n"
        f"API {_usd(point.api_usd_per_day)} USD a day\n"
        f"a fleet no dearer than the API keeps all limits with {chance(point.own_cheaper)}"
    )


def _usd(value: float | None) -> str:
    return "–" if value is None else number(value)


def _per_day(requests_per_s: float) -> str:
    return number(float(f"{requests_per_s * S_PER_HOUR * HOURS_PER_DAY:.3g}"))


def _change(found: OwnOrApi, one: TrafficBreakEven) -> dict[str, object]:
    return {
        "x": one.requests_per_s,
        "y": one.requests_per_s * found.usd_per_request * S_PER_HOUR * HOURS_PER_DAY,
        "tip": f"from {number(one.requests_per_s)} requests/s\n{_cheaper(one)} costs less\n{_interval(one)}",
    }


def _ends(found: OwnOrApi, one: TrafficBreakEven) -> dict[str, object]:
    """The interval; one without an end reaches as far as is drawn."""
    return {
        "low": found.points[0].requests_per_s if one.low is None else one.low,
        "high": found.points[-1].requests_per_s if one.high is None else one.high,
    }


def _names(found: OwnOrApi) -> list[dict[str, object]]:
    """Each curve has its name at its left end, where they are far apart."""
    first = found.points[0]
    names: list[dict[str, object]] = [{"x": first.requests_per_s, "y": first.api_usd_per_day, "text": "API"}]
    if first.own_usd_per_day is not None:
        names.append({"x": first.requests_per_s, "y": first.own_usd_per_day, "text": "own"})
    return names


def _spec(found: OwnOrApi) -> dict[str, Any]:
    log = {"type": "log", "nice": False}
    x = {
        "field": "x", "type": "quantitative", "title": "requests/s on average over the day (log)",
        "scale": {**log, "domain": [found.points[0].requests_per_s, found.points[-1].requests_per_s]},
        "axis": {"format": "~g", "tickCount": 8, "grid": False},
    }  # fmt: skip
    y = {
        "field": "y", "type": "quantitative", "title": "USD a day (log)",
        "scale": {**log, "padding": 12}, "axis": {"format": "~s", "tickCount": 5},
    }  # fmt: skip
    own, api = "var(--accent)", "var(--limit)"
    quiet = {"aria": False}
    return layered(
        [
            {
                "data": {"name": "intervals"},
                "mark": {"type": "rect", "color": own, "opacity": 0.08, **quiet},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "data": {"name": "here"},
                "mark": {"type": "rule", "strokeDash": [2, 3], **quiet},
                "encoding": {"x": x},
            },
            {
                "data": {"name": "api"},
                "mark": {"type": "line", "color": api, "strokeWidth": 2, "interpolate": "linear", **quiet},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"name": "own"},
                "mark": {
                    "type": "line",
                    "color": own,
                    "strokeWidth": 3,
                    "interpolate": "linear",
                    **quiet,
                },
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"name": "own"},
                "mark": {**POINT, "size": 40, "color": own},
                "encoding": {"x": x, "y": y, "tooltip": {"field": "tip"}, "description": {"field": "tip"}},
            },
            {
                "data": {"name": "changes"},
                "mark": {**POINT, "shape": "diamond", "color": "var(--ink)"},
                "encoding": {"x": x, "y": y, "tooltip": {"field": "tip"}, "description": {"field": "tip"}},
            },
            {
                "data": {"name": "names"},
                "mark": {"type": "text", "align": "left", "dx": 6, "dy": -9, "fontWeight": 600, **quiet},
                "encoding": {"x": x, "y": y, "text": {"field": "text"}},
            },
        ],
        height=260,
    )


def _cheaper(one: TrafficBreakEven) -> str:
    return "owning" if one.cheaper == "own" else "the API"


def _interval(one: TrafficBreakEven) -> str:
    if one.low == one.high and one.low is not None:
        return "prices alone decide"
    low = "–" if one.low is None else number(one.low)
    high = "–" if one.high is None else number(one.high)
    return f"90 % interval {low} to {high}"


def _table(found: OwnOrApi) -> Html:
    changes = [
        (
            f"{number(one.requests_per_s)} requests/s: {_cheaper(one)} costs less above",
            _per_day(one.requests_per_s),
            _interval(one),
            "" if one.fleet is None else f"{deployment_text(one.fleet)} ({one.basis})",
            "",
            "",
        )
        for one in found.break_evens
    ]
    points = [
        (
            f"{number(point.requests_per_s)} requests/s",
            _per_day(point.requests_per_s),
            "",
            "nothing" if point.fleet is None else deployment_text(point.fleet),
            _usd(point.own_usd_per_day),
            _usd(point.api_usd_per_day),
        )
        for point in found.points
    ]
    heads = ("traffic", "requests a day", "break-even", "own fleet", "own, USD a day", "API, USD a day")
    return plain_table(heads, [*changes, *points])
