"""The fleet of several kinds of GPU beside the best single kind."""

from __future__ import annotations

from advisor.advise.mixed.fleet import Mix
from advisor.report.html.elements.markup import Html, prose, scrolled, tag
from advisor.report.terminal.mixed.fleet_words import compared_text, fleet_headline, kind_columns, router_text
from advisor.report.terminal.text_table import Column


def mix_section(mix: Mix | None) -> Html | None:
    """What mixing offers; one line where it is no cheaper. None where it was not asked for."""
    if mix is None:
        return None
    compared = tag("p", prose(compared_text(mix)), class_="lead")
    if not mix.recommended or mix.fleet is None:
        return tag("section", compared, class_="card", id="mixed", aria_label="Mixing kinds of GPU")
    name, *parts = fleet_headline(mix.fleet).split(" · ")
    return tag(
        "section",
        tag("h2", name, id="mixed-title"),
        tag("p", " · ".join(parts), class_="lead"),
        compared,
        scrolled(_table(kind_columns(mix))),
        tag("p", router_text(mix)),
        class_="card",
        aria_labelledby="mixed-title",
        id="mixed",
    )


def _table(columns: list[Column]) -> Html:
    rows = range(len(columns[0].cells))
    return tag(
        "table",
        tag("caption", "Each kind of GPU under its share of the load."),
        tag("thead", tag("tr", [tag("th", column.head, scope="col") for column in columns])),
        tag("tbody", [_row(columns, row) for row in rows]),
        class_="plain",
    )


def _row(columns: list[Column], row: int) -> Html:
    first, *rest = columns
    cells = [tag("td", column.cells[row], class_="n" if column.right else None) for column in rest]
    return tag("tr", tag("th", first.cells[row], scope="row"), cells)
