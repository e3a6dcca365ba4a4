"""What certainty costs: USD per hour against the probability that all limits are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from advisor.advise.choose.certainty_frontier import MIN_OFFERED_PROBABILITY, Offer
from advisor.advise.choose.recommendation import Recommendation
from advisor.display_text import chance, deployment_text, number, stated_share
from advisor.report.html.charts.chart import (
    LIMIT_RULE,
    LIMIT_TEXT,
    Chart,
    layered,
    plain_table,
    short_name,
)
from advisor.report.html.elements.format_marks import scales, swatch
from advisor.report.terminal.certainty_and_sensitivity_words import limit_name
from advisor.spec.deployment import Deployment

MOST_OTHERS = 60
"""Deployments off the frontier that are drawn, the cheapest."""
DEAREST = 3.0
"""Times the dearest pick up to which they are drawn."""
PERCENT = 100.0
MOST_NAMES = 3
"""Names in the picture, those of the picks included."""
NAME_USD, NAME_POINTS = 1.6, 7.0
"""Corners nearer than this factor and so many points have no room for a name each."""
NEAR_USD, NEAR_POINTS = 1.04, 10.0
"""Picks whose prices are this factor, and whose probabilities this many points apart, share one name."""


def certainty_chart(recommendation: Recommendation) -> Chart | None:
    """None without limits, which everything keeps, or where fewer than two prices are known."""
    offers = recommendation.frontier
    others = _others(recommendation)
    if not any(offer.tightest for offer in offers) or len(offers) + len(others) < 2:
        return None
    confidence = recommendation.workload.confidence
    picks = _picks(recommendation)
    picked = {pick.offer.deployment.key for pick in recommendation.picks}
    rest = [_offered(offer, confidence) for offer in offers if offer.deployment.key not in picked]
    rows = [*rest, *others, *picks]
    formats = list(dict.fromkeys(str(row["format"]) for row in rows))
    return Chart(
        name="certainty",
        title="What a surer answer costs",
        says="",
        spec=_spec(formats),
        sets={
            "others": others,
            "line": [{"x": o.usd_per_hour, "y": PERCENT * o.keeps_all_limits} for o in offers],
            "frontier": _named(rest, picks),
            "picks": picks,
            "asked": [{"y": PERCENT * confidence, "text": f"asked: {stated_share(confidence)}"}],
        },
        table=plain_table(
            ("deployment", "USD per hour", "keeps all limits", "tightest limit"),
            [
                (
                    [swatch(o.deployment.format.name), deployment_text(o.deployment)],
                    number(o.usd_per_hour or 0.0),
                    chance(o.keeps_all_limits, confidence),
                    f"{limit_name(o.tightest)} {chance(o.keeps_tightest, confidence)}" if o.tightest else "–",
                )
                for o in offers
            ],
        ),
    )


def _picks(recommendation: Recommendation) -> list[dict[str, object]]:
    """What there is to choose between; names that would touch stand together at the lower."""
    picks = [pick for pick in recommendation.picks if pick.offer.usd_per_hour is not None]
    order: list[str] = [pick.role for pick in picks]
    picks.sort(key=lambda pick: (pick.offer.usd_per_hour or 0.0, -pick.offer.keeps_all_limits))
    made: list[dict[str, object]] = []
    together: list[str] = []
    for pick in picks:
        row = {**_offered(pick.offer, recommendation.workload.confidence), "text": pick.role}
        together = [*together, pick.role] if made and _near(made[-1], row) else [pick.role]
        if len(together) > 1:
            row["text"], made[-1]["text"] = " · ".join(sorted(together, key=order.index)), ""
        made.append(row)
    return made


def _named(rest: Sequence[Mapping[str, Any]], picks: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """The corners of the frontier that are no picks, each with its name where there is room for it: below the
    line that goes on from it; at the right end, left of it and above the line that comes up to it."""
    every = [row["x"] for row in (*rest, *picks)]
    middle = (min(every) * max(every)) ** 0.5 if every else 1.0
    line = [(row["x"], row["y"]) for row in (*rest, *picks)]
    taken: list[Mapping[str, Any]] = list(picks)
    made: list[dict[str, object]] = []
    for row in rest:
        at_right = row["x"] > middle
        before = max((y for x, y in line if x < row["x"]), default=-NAME_POINTS)
        room = row["y"] - before >= NAME_POINTS if at_right else row["y"] >= 2 * NAME_POINTS
        free = room and len(taken) < MOST_NAMES and not any(_beside(row, other) for other in taken)
        made.append({**row, "text": row["short"] if free else "", "side": -1 if at_right else 1})
        if free:
            taken.append(row)
    return made


def _beside(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the name of a corner would run into another's."""
    apart = max(one["x"] / other["x"], other["x"] / one["x"])
    return bool(apart < NAME_USD and abs(one["y"] - other["y"]) < NAME_POINTS)


def _near(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two names would touch."""
    return bool(other["x"] < NEAR_USD * one["x"] and abs(one["y"] - other["y"]) < NEAR_POINTS)


def _offered(offer: Offer, asked: float) -> dict[str, object]:
    return _point(offer.deployment, offer.usd_per_hour, offer.keeps_all_limits, asked)


def _point(deployment: Deployment, usd: float | None, keeps: float, asked: float) -> dict[str, object]:
    return {
        "format": deployment.format.name,
        "short": short_name(deployment),
        "x": usd,
        "y": PERCENT * keeps,
        "tip": f"{deployment_text(deployment)}\n{number(usd or 0.0)} USD/h\n"
        f"keeps all limits {chance(keeps, asked)}",
    }


def _others(recommendation: Recommendation) -> list[dict[str, object]]:
    """The cheapest of those judged that are neither picks nor on the frontier, kept limits or not."""
    table = recommendation.table
    if table is None:
        return []
    usd, keeps = table.usd_per_hour[0], table.keeps_all[0]
    known = {offer.deployment.key for offer in recommendation.frontier}
    dearest = max((o.usd_per_hour or 0.0 for o in _shown(recommendation)), default=0.0)
    at = np.flatnonzero(np.isfinite(usd) & (keeps >= MIN_OFFERED_PROBABILITY) & (usd <= DEAREST * dearest))
    order = at[np.argsort(usd[at], kind="stable")].tolist()
    made: list[dict[str, object]] = []
    known |= {pick.offer.deployment.key for pick in recommendation.picks}
    for i in order:
        deployment = table.deployment(0, i)
        if deployment.key not in known:
            made.append(
                _point(deployment, float(usd[i]), float(keeps[i]), recommendation.workload.confidence)
            )
        if len(made) >= MOST_OTHERS:
            break
    return made


def _shown(recommendation: Recommendation) -> Iterator[Offer]:
    """What the range of costs has to hold: the picks, without them the frontier."""
    picks = [pick.offer for pick in recommendation.picks]
    yield from picks or recommendation.frontier


_AT: Mapping[str, Any] = {"y": {"field": "y", "type": "quantitative"}}
_ASKED: tuple[Mapping[str, Any], ...] = (
    {"data": {"name": "asked"}, "mark": LIMIT_RULE, "encoding": _AT},
    {
        "data": {"name": "asked"},
        "mark": {**LIMIT_TEXT, "x": "width", "align": "right", "baseline": "top", "dx": -4, "dy": 5},
        "encoding": {**_AT, "text": {"field": "text"}},
    },
)
"""The confidence asked for, as a rule with its name."""


_NAMES: Mapping[str, Any] = {
    "name": "labels",
    "data": {"name": "frontier"},
    "mark": {
        "type": "text", "color": "var(--ink-2)", "aria": False,
        "align": {"expr": "datum.side > 0 ? 'left' : 'right'"},
        "dx": {"expr": "9 * datum.side"}, "dy": {"expr": "datum.side > 0 ? 17 : -1"},
    },
}  # fmt: skip
"""The names of corners that are no picks."""


def _spec(formats: Sequence[str]) -> dict[str, Any]:
    known = scales(formats)
    x = {
        "field": "x", "type": "quantitative", "title": "USD per hour (log)",
        "scale": {"type": "log", "nice": False, "padding": 28}, "axis": {"format": "~g", "tickCount": 6},
    }  # fmt: skip
    y = {
        "field": "y", "type": "quantitative", "title": "keeps all limits, %",
        "scale": {"domain": [0, 104], "nice": False}, "axis": {"values": [0, 25, 50, 75, 100]},
    }  # fmt: skip
    color = {"field": "format", "type": "nominal", "scale": known["color"], "legend": None}
    shape = {"field": "format", "type": "nominal", "scale": known["shape"], "legend": None}
    named = {"tooltip": {"field": "tip"}, "description": {"field": "tip"}}
    dot = {"type": "point", "filled": True}
    return layered(
        [
            *_ASKED,
            {
                "data": {"name": "line"},
                "mark": {
                    "type": "line", "color": "var(--ink-2)", "strokeWidth": 1.5, "aria": False,
                    "interpolate": "step-after",
                },
                "encoding": {"x": x, "y": y, "order": {"field": "x", "type": "quantitative"}},
            },
            {
                "data": {"name": "picks"},
                "mark": {
                    "type": "point", "size": 340, "strokeWidth": 2, "color": "var(--ink)", "aria": False,
                },
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"name": "picks"},
                "mark": {
                    "type": "text", "align": "left", "dx": 9, "dy": 19, "fontWeight": 600, "aria": False,
                },
                "encoding": {"x": x, "y": y, "text": {"field": "text"}},
            },
            {**_NAMES, "encoding": {"x": x, "y": y, "text": {"field": "text"}}},
            {
                "data": {"name": "others"},
                "mark": {**dot, "size": 46, "opacity": 0.3},
                "encoding": {"x": x, "y": y, "color": color, "shape": shape, **named},
            },
            {
                "data": {"name": "frontier"},
                "mark": {**dot, "size": 110, "opacity": 1},
                "encoding": {"x": x, "y": y, "color": color, "shape": shape, **named},
            },
            {
                "data": {"name": "picks"},
                "mark": {**dot, "size": 110, "opacity": 1},
                "encoding": {"x": x, "y": y, "color": color, "shape": shape, **named},
            },
        ],
        height=270,
    )  # fmt: skip
