"""Latency against throughput, a line for each format, with the limits drawn in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from advisor.advise.sensitivity.load_curves import Curve, CurvePoint
from advisor.cost.estimate import Estimate
from advisor.report.html.charts.chart import LIMIT_RULE, LIMIT_TEXT, Chart, Control, layered
from advisor.report.html.elements.markup import Html, tag
from advisor.report.html.elements.palette import scales, swatch
from advisor.spec.deployment import Deployment
from advisor.spec.metrics import latency_key
from advisor.spec.workloads.workload import LatencyLimit, Workload
from advisor.text import gpus_text, latency_name, low_high, number, span

METRICS = ("ttft", "tpot", "e2e")
FIRST = 4
"""Formats drawn before a reader chooses: with more, their bands hide each other."""


def curves_chart(curves: Sequence[Curve], workload: Workload) -> Chart | None:
    """None where nothing fits."""
    drawn = [curve for curve in curves if curve.points]
    if not drawn:
        return None
    statistics = _statistics(workload, drawn)
    formats = list(dict.fromkeys(curve.deployment.format.name for curve in drawn))
    gpus = list(dict.fromkeys(_place(curve.deployment) for curve in drawn))
    arrival = workload.load.arrival
    x_title = "requests per second" + ("" if drawn[0].by_rate else ", served")
    known = scales(formats)
    x = {
        "field": "x",
        "type": "quantitative",
        "title": x_title,
        "scale": {"zero": True, "nice": True},
        "axis": {"tickCount": 8},
    }
    y = {
        "field": "y",
        "type": "quantitative",
        "title": "ms",
        "scale": {"type": "log", "nice": False, "padding": 8},
        "axis": {"tickCount": 6},
    }
    color = {"field": "format", "type": "nominal", "scale": known["color"], "legend": None}
    layers = [
        {
            "data": {"name": "points"},
            "mark": {"type": "area", "opacity": 0.13, "interpolate": "monotone", "aria": False},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": color},
        },
        {
            "data": {"name": "asked"},
            "mark": {"type": "rule", "strokeDash": [2, 3], "aria": False},
            "encoding": {"x": {"field": "x", "type": "quantitative"}},
        },
        {
            "data": {"name": "asked"},
            "mark": {"type": "text", "align": "left", "dx": 5, "dy": 4, "y": 6, "aria": False},
            "encoding": {"x": {"field": "x", "type": "quantitative"}, "text": {"field": "text"}},
        },
        {
            "data": {"name": "limits"},
            "mark": LIMIT_RULE,
            "encoding": {"y": {"field": "y", "type": "quantitative"}},
        },
        {
            "data": {"name": "limits"},
            "mark": LIMIT_TEXT,
            "encoding": {"y": {"field": "y", "type": "quantitative"}, "text": {"field": "text"}},
        },
        {
            "data": {"name": "points"},
            "mark": {"type": "line", "aria": False},
            "encoding": {"x": x, "y": y, "color": color, "order": {"field": "level", "type": "quantitative"}},
        },
        {
            "data": {"name": "points"},
            "mark": {"type": "point", "filled": True, "size": 46, "opacity": 1},
            "encoding": {
                "x": x,
                "y": y,
                "color": color,
                "shape": {"field": "format", "type": "nominal", "scale": known["shape"], "legend": None},
                "tooltip": {"field": "tip"},
                "description": {"field": "tip"},
            },
        },
    ]  # fmt: skip
    points = [
        row for curve in drawn for metric, statistic in statistics for row in _rows(curve, metric, statistic)
    ]
    limits = [
        {
            "metric": _key(limit.metric, limit.statistic),
            "y": limit.max_ms,
            "text": f"limit {number(limit.max_ms)} ms",
        }
        for limit in workload.limits
        if (limit.metric, limit.statistic) in statistics
    ]
    asked = (
        [{"x": arrival.value, "text": f"asked: {number(arrival.value)}"}]
        if arrival.kind == "rate" and arrival.value is not None
        else []
    )
    return Chart(
        name="curves",
        title="Latency as the load grows",
        says=_says(drawn, workload),
        spec=layered(layers, height=360),
        sets={"points": points, "limits": limits, "asked": asked},
        controls=(
            Control(field="metric", label="Latency", options=tuple(
                (_key(m, s), latency_name(m, s)) for m, s in statistics
            )),
            Control(field="gpu", label="On", options=tuple((gpu, gpu) for gpu in gpus)),
            Control(field="format", label="Formats", kind="formats", options=tuple((f, f) for f in formats),
                    chosen=tuple(formats[:FIRST])),
        ),
        table=_table(drawn, workload, statistics),
        notes=(
            "A band is the 90 % interval of the latency at that load. "
            + ("A line ends at 98 % of what its deployment can serve." if drawn[0].by_rate else
               "A point is a number of requests in flight, from 1 to 1,024."),
        ),
    )  # fmt: skip


def _statistics(workload: Workload, curves: Sequence[Curve]) -> list[tuple[str, str]]:
    """For each latency the statistic that a limit is on, else the mean; only those that the curves have."""
    known = curves[0].points[0].latency
    found = []
    for metric in METRICS:
        limited = next((limit.statistic for limit in workload.limits if limit.metric == metric), "mean")
        if (metric, limited) in known:
            found.append((metric, limited))
    # What is limited is what is read first.
    limits = {(limit.metric, limit.statistic) for limit in workload.limits}
    return sorted(found, key=lambda one: one not in limits)


def _place(deployment: Deployment) -> str:
    return gpus_text(deployment)


def _key(metric: str, statistic: str) -> str:
    return latency_key(metric, statistic)


def _rows(curve: Curve, metric: str, statistic: str) -> Iterable[dict[str, object]]:
    name = curve.deployment.format.name
    for point in curve.points:
        estimate = point.latency.get((metric, statistic))
        if estimate is None:
            continue
        yield {
            "format": name,
            "gpu": _place(curve.deployment),
            "metric": _key(metric, statistic),
            "level": point.level,
            "x": _rounded(point.requests_per_s.value),
            "y": _rounded(estimate.value),
            "low": _rounded(estimate.low),
            "high": _rounded(estimate.high),
            "tip": _tip(curve, point, latency_name(metric, statistic), estimate),
        }


def _rounded(value: float) -> float:
    """Six digits: more than a pixel can show, and a third of the bytes."""
    return float(f"{value:.6g}")


def _tip(curve: Curve, point: CurvePoint, name: str, estimate: Estimate) -> str:
    load = (
        f"{number(point.level)} requests/s"
        if curve.by_rate
        else f"{number(point.level)} in flight, {span(point.requests_per_s)} requests/s"
    )
    return (
        f"{curve.deployment.format.name} on {_place(curve.deployment)}\n{load}\n"
        f"{name} {number(estimate.value)} ms\n"
        f"90 % interval {low_high(estimate)} ms\n{estimate.basis}"
    )


def _says(curves: Sequence[Curve], workload: Workload) -> str:
    """The first GPU's formats, by what they carry within the limits."""
    first = _place(curves[0].deployment)
    own = [curve for curve in curves if _place(curve.deployment) == first]
    if not workload.limits:
        most = max(own, key=_largest)
        return (
            f"On {first}, {most.deployment.format.name} serves most: "
            f"{number(_largest(most))} requests/s at the end of its line."
        )
    held = sorted(((_held(curve, workload.limits) or 0.0, curve) for curve in own), key=lambda pair: -pair[0])
    kept = [
        f"{curve.deployment.format.name} up to {number(rate)}" for rate, curve in held if rate > 0
    ]  # fmt: skip
    never = [curve.deployment.format.name for rate, curve in held if rate <= 0]
    text = f"On {first} the latency limits are kept, at the pessimistic end, "
    text += f"by {', '.join(kept)} requests/s" if kept else "by no format at any load"
    return text + (f"; never by {', '.join(never)}." if kept and never else ".")


def _largest(curve: Curve) -> float:
    return max(point.requests_per_s.value for point in curve.points)


def _held(curve: Curve, limits: Sequence[LatencyLimit]) -> float | None:
    """The most requests per second at which every limit is kept at the pessimistic end; None = none."""
    best = None
    for point in curve.points:
        found = [point.latency.get((limit.metric, limit.statistic)) for limit in limits]
        if not all(e is not None and e.high <= l.max_ms for e, l in zip(found, limits, strict=True)):  # noqa: E741
            break
        best = point.requests_per_s.value
    return best


def _table(curves: Sequence[Curve], workload: Workload, statistics: Sequence[tuple[str, str]]) -> Html:
    limits = workload.limits
    heads = ["deployment", "capacity, requests/s", "within the limits up to, requests/s"]
    heads += [f"{latency_name(m, s)} at half of the capacity, ms" for m, s in statistics]
    rows = []
    for curve in curves:
        held = _held(curve, limits)
        middle = min(
            curve.points, key=lambda p, c=curve: abs(p.requests_per_s.value - _largest(c) / 2)  # type: ignore[misc]
        )  # fmt: skip
        found = [middle.latency.get(of) for of in statistics]
        name = curve.deployment.format.name
        rows.append(
            tag(
                "tr",
                tag("th", swatch(name), f"{name} on {_place(curve.deployment)}", scope="row"),
                tag("td", _estimate_text(curve.capacity_requests_per_s), class_="n"),
                tag("td", ("–" if held is None else number(held)) if limits else "no limits", class_="n"),
                [tag("td", _estimate_text(estimate), class_="n") for estimate in found],
            )
        )
    return tag(
        "table",
        tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
        tag("tbody", rows),
        class_="plain",
    )


def _estimate_text(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{span(estimate)}, {estimate.basis}"
