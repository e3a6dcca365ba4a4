"""The assumptions whose change would change the choice: at which value, how sure, and why."""

from __future__ import annotations

from advisor.advise.certainty_and_sensitivity import Decision
from advisor.report.html.elements.markup import Html, scrolled, tag
from advisor.report.terminal import change_point_words


def flips_section(decision: Decision | None) -> Html | None:
    """None where nothing is ranked, or where it was not asked for."""
    if decision is None or decision.sure is None or decision.flips is None:
        return None
    heads = [tag("th", text, scope="col") for text in change_point_words.HEADS]
    rows = [
        tag("tr", tag("th", row[0], scope="row"), [tag("td", cell) for cell in row[1:]])
        for row in change_point_words.flip_rows(decision.sure.deployment, decision.flips)
    ]
    table = tag(
        "table",
        tag("caption", "At each value, all else as asked, another deployment comes first."),
        tag("thead", tag("tr", heads)),
        tag("tbody", rows),
        class_="plain",
    )
    return tag(
        "section",
        tag("h2", change_point_words.HEAD, id="flips-title"),
        scrolled(table) if rows else tag("p", change_point_words.NONE),
        class_="card",
        aria_labelledby="flips-title",
        id="flips",
    )
