"""`report.html`: the report of a run as one page for a browser, which fetches nothing and needs no extra."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log
from pathlib import Path
from typing import TYPE_CHECKING

from advisor import atomic_files
from advisor.cli.measure.report.fit_changes import pairs
from advisor.cli.measure.report.report_parts import LEARNT, title_of
from advisor.measure.plan_and_results_as_text import Part, Table

if TYPE_CHECKING:
    from advisor.cli.measure.expected_vs_measured import Compared
    from advisor.cli.measure.report.report_parts import Outcome, Section
    from advisor.report.html.elements.markup import Html

NAME = "report.html"
WIDTH = 240.0
WIDEST = 10.0
"""Predictions are drawn down to a tenth and up to ten times what was measured; beyond, at the edge."""
STYLE = """
.run pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font-size: 13px; }
.run .drawn { width: 260px; min-width: 180px; }
.bar .was { stroke: var(--ink-2); stroke-width: 3; stroke-linecap: round; opacity: .55; }
.bar .was-dot { fill: var(--ink-2); }
.missed { color: var(--limit); font-weight: 600; }
"""


def write(parts: Sequence[Section], run: Outcome) -> Path:
    """The page in the run's folder: every section, and the figures drawn beside their predictions."""
    from advisor.report.html.assets import asset
    from advisor.report.html.elements.markup import joined, tag
    from advisor.report.html.page import page_text

    title = title_of(run.prepared)
    main = joined(
        tag("div", tag("h1", f"Measured: {title}"), class_="question"),
        [_section(part, run) for part in parts],
    )
    text = page_text(
        title=title, main=main, data=[], scripts=[asset("logic.js"), asset("page.js")], style=STYLE
    )
    path = run.prepared.folder / NAME
    atomic_files.write(path, text)
    return path


def _section(part: Section, run: Outcome) -> Html:
    from advisor.report.html.elements.markup import tag

    drawn = _drawing(run) if part.head == LEARNT else None
    return tag("section", tag("h2", part.head), drawn, list(_blocks(part.body)), class_="card run")


def _blocks(body: Sequence[Part]) -> Iterator[Html]:
    """Tables as tables; lines that follow each other as one block, as they are on the terminal."""
    from advisor.report.html.elements.markup import tag

    lines: list[str] = []
    for part in (*body, None):
        if isinstance(part, str):
            lines.append(part)
            continue
        if lines:
            yield tag("pre", "\n".join(lines).strip("\n"))
            lines = []
        if part is not None:
            yield _table(part)


def _table(table: Table) -> Html:
    from advisor.report.html.elements.markup import scrolled, tag

    return scrolled(
        tag(
            "table",
            tag("thead", tag("tr", [tag("th", cell, scope="col") for cell in table.head])),
            tag("tbody", [tag("tr", [_cell(cell) for cell in row]) for row in table.rows]),
            class_="plain",
        )
    )


def _cell(text: str) -> Html:
    from advisor.report.html.elements.markup import tag

    is_number = text[:1].isdigit() and not text.endswith("missed")
    name = "n" if is_number else "missed" if text.endswith("missed") else None
    return tag("td", text, class_=name)


def _drawing(run: Outcome) -> Html | None:
    """Each mean's predictions over what was measured: without the run's records, and with them."""
    from advisor.report.html.elements.markup import scrolled, tag

    both = pairs(run.prepared, run.found, run.before, run.after, ("mean",))
    if not both:
        return None
    rows = [
        tag(
            "tr",
            *(tag("td", word) for word in (one.format, str(one.num_gpus), str(one.point), one.figure)),
            tag("td", f"{one.measured:.4g}", class_="n"),
            tag("td", _bar(one, other), class_="drawn"),
        )
        for one, other in both
    ]
    said = (
        "Predicted over measured, on a scale from a tenth to ten times; the stroke is what was measured. "
        "Grey: before, with its 90 % interval. Colour: by the fit that has these records."
    )
    heads = ("format", "GPUs", "load", "figure", "measured", "predicted ÷ measured")
    return scrolled(
        tag(
            "table",
            tag("caption", said),
            tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
            tag("tbody", rows),
            class_="plain",
        )
    )


def _bar(before: Compared, after: Compared) -> Html:
    from advisor.report.html.elements.markup import tag

    def x(value: float) -> str:
        ratio = value / before.measured if value > 0 else 1 / WIDEST
        share = 0.5 + log(min(max(ratio, 1 / WIDEST), WIDEST)) / log(WIDEST) / 2
        return f"{WIDTH * share:.1f}"

    sides = ((before, "was", "was-dot", "6"), (after, "range", "dot", "15"))
    return tag(
        "svg",
        [
            (
                tag("line", x1=x(one.low), x2=x(one.high), y1=y, y2=y, class_=line),
                tag("circle", cx=x(one.value), cy=y, r="4", class_=dot),
            )
            for one, line, dot, y in sides
        ],
        tag("line", x1=f"{WIDTH / 2:g}", x2=f"{WIDTH / 2:g}", y1="0", y2="21", class_="edge"),
        viewBox=f"-6 0 {WIDTH + 12:g} 21",
        class_="bar",
        role="img",
        aria_label=f"before ×{before.value / before.measured:.2f}, now ×{after.value / after.measured:.2f}",
    )
