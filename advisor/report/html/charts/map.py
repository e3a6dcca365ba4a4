"""The crossover map: the best format by requests in flight and prompt length."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.advise.sensitivity.crossover_map import FormatMap
from advisor.report.html.charts.chart import Chart, Control, layered
from advisor.report.html.elements.markup import Html, tag
from advisor.report.html.elements.palette import scales, swatch
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Workload
from advisor.text import deployment_text, gpus_text

NONE = "none"
"""Stands for cells where nothing keeps the limits."""

ROW_HEIGHT = 34


def map_chart(maps: Sequence[FormatMap], workload: Workload, in_flight: float | None) -> Chart | None:
    """None without a map. `in_flight`: where on it the question stands."""
    if not maps:
        return None
    cells = [cell for one in maps for cell in _cells(one)]
    formats = list(dict.fromkeys(str(cell["format"]) for cell in cells if cell["format"] != NONE))
    if not formats:
        return None
    down = maps[0].best.down
    assert down is not None, "a map has two sides"
    across, prompts = maps[0].best.across.levels, down.levels
    here = _here(workload, in_flight, across, prompts)
    return Chart(
        name="map",
        title="Which format is best, by requests in flight and prompt length",
        says=_says(maps, workload, prompts),
        spec=_spec(formats, across, prompts),
        sets={"cells": cells, "here": here},
        controls=(Control(field="gpu", label="On", options=tuple((_title(m), _title(m)) for m in maps)),),
        table=_table(maps[0]),
        notes=(
            f"A cell has the first of the ranking by {workload.objective} at that load, within the same "
            "limits, with as many GPUs as it takes; no colour where nothing keeps them for sure. Answers are "
            "as long as asked. " + ("The frame marks the question itself." if here else ""),
        ),
    )


def _title(one: FormatMap) -> str:
    return " or ".join(gpu.label for gpu in one.gpus)


def _cells(one: FormatMap) -> list[dict[str, object]]:
    assert one.best.down is not None, "a map has two sides"
    return [
        {
            "gpu": _title(one),
            "x": _count(users),
            "y": _count(tokens),
            **_cell(best, users, tokens, several=len(one.gpus) > 1),
        }
        for tokens, row in zip(one.best.down.levels, one.best.best, strict=True)
        for users, best in zip(one.best.across.levels, row, strict=True)
    ]


def _cell(best: Deployment | None, users: float, tokens: float, *, several: bool) -> dict[str, object]:
    where = f"{_count(users)} in flight, prompts of {_count(tokens)} tokens"
    if best is None:
        return {
            "format": NONE,
            "label": "",
            "under": "",
            "tip": f"{where}\nnothing keeps the limits",
        }
    number_of = f"{best.num_gpus}× " if best.num_gpus > 1 or several else ""
    return {
        "format": best.format.name,
        "label": best.format.name,
        "under": f"{number_of}{best.gpu.label}" if several else f"{best.num_gpus} GPUs" if number_of else "",
        "tip": f"{where}\n{deployment_text(best)}",
    }


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _here(
    workload: Workload, in_flight: float | None, across: Sequence[float], prompts: Sequence[float]
) -> list[dict[str, object]]:
    """The cell nearest to the question, by factors."""
    if in_flight is None:
        return []

    def nearest(value: float, levels: Sequence[float]) -> float:
        return min(levels, key=lambda level: max(level / value, value / level))

    tokens = workload.load.input_tokens.mean
    return [{"x": _count(nearest(in_flight, across)), "y": _count(nearest(tokens, prompts))}]


def _spec(formats: Sequence[str], across: Sequence[float], prompts: Sequence[float]) -> dict[str, object]:
    known = scales(formats)["color"]
    colour = {
        "domain": [*formats, NONE],
        "range": [*known["range"], "var(--grid)"],  # type: ignore[misc]
    }
    x = {
        "field": "x", "type": "ordinal", "sort": [_count(v) for v in across], "title": "requests in flight",
        "axis": {"labelAngle": 0}, "scale": {"domain": [_count(v) for v in across]},
    }  # fmt: skip
    order = [_count(v) for v in reversed(prompts)]
    y = {
        "field": "y", "type": "ordinal", "sort": order, "title": "prompt tokens", "scale": {"domain": order},
    }  # fmt: skip
    text = {"type": "text", "color": "var(--on)", "aria": False}
    return layered(
        [
            {
                "data": {"name": "cells"},
                "mark": {"type": "rect", "stroke": "var(--card)", "strokeWidth": 2, "cornerRadius": 4},
                "encoding": {
                    "x": x, "y": y,
                    "color": {"field": "format", "type": "nominal", "scale": colour, "legend": None},
                    "tooltip": {"field": "tip"}, "description": {"field": "tip"},
                },
            },
            {
                "name": "labels-format",
                "data": {"name": "cells"},
                "mark": {**text, "fontSize": 12, "fontWeight": 600, "dy": -5},
                "encoding": {"x": x, "y": y, "text": {"field": "label"}},
            },
            {
                "name": "labels-gpus",
                "data": {"name": "cells"},
                "mark": {**text, "fontSize": 10, "dy": 8},
                "encoding": {"x": x, "y": y, "text": {"field": "under"}},
            },
            {
                "data": {"name": "here"},
                "mark": {
                    "type": "rect", "fill": None, "stroke": "var(--ink)", "strokeWidth": 3,
                    "cornerRadius": 4, "aria": False,
                },
                "encoding": {"x": x, "y": y},
            },
        ],
        height=ROW_HEIGHT * len(prompts),
    )  # fmt: skip


def _says(maps: Sequence[FormatMap], workload: Workload, prompts: Sequence[float]) -> str:
    """Along the row of the prompt length nearest to the one asked for."""
    asked = workload.load.input_tokens.mean
    at = min(range(len(prompts)), key=lambda i: max(prompts[i] / asked, asked / prompts[i]))
    levels, row = maps[0].best.across.levels, maps[0].best.best[at]
    stretches: list[tuple[str, float]] = []
    for level, best in zip(levels, row, strict=True):
        name = "nothing" if best is None else f"{best.format.name} on {best.gpu.label}"
        if stretches and stretches[-1][0] == name:
            stretches[-1] = (name, level)
        else:
            stretches.append((name, level))
    parts = [f"{name} up to {_count(last)}" for name, last in stretches[:-1]]
    parts.append(f"{stretches[-1][0]}{' above' if parts else ' at every load'}")
    return f"With prompts of {_count(prompts[at])} tokens: {', '.join(parts)} (requests in flight)."


def _table(one: FormatMap) -> Html:
    """The first map, a row for each prompt length."""
    assert one.best.down is not None, "a map has two sides"
    heads = [
        tag("th", f"{_count(level)} in flight", scope="col", class_="n") for level in one.best.across.levels
    ]
    rows = [
        tag(
            "tr",
            tag("th", f"{_count(tokens)} tokens", scope="row"),
            [
                tag(
                    "td",
                    "–"
                    if best is None
                    else [swatch(best.format.name), f"{best.format.name}, {gpus_text(best)}"],
                    class_="n",
                )
                for best in row
            ],
        )
        for tokens, row in zip(one.best.down.levels, one.best.best, strict=True)
    ]
    return tag(
        "table",
        tag("caption", f"On {_title(one)}; requests in flight across, prompt tokens down."),
        tag("thead", tag("tr", tag("th", "prompt", scope="col"), heads)),
        tag("tbody", rows),
        class_="plain",
    )
