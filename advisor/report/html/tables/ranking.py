"""The ranked deployments as a table that sorts, filters and opens."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.display_text import deployment_text, low_high, number, stated_share
from advisor.report.html.elements.format_marks import swatch
from advisor.report.html.elements.markup import Html, command_text, prose, scrolled, tag
from advisor.report.html.elements.shown_quantities import Quantity, quantities
from advisor.report.terminal.bottleneck_words import bottleneck_number_lines
from advisor.report.terminal.deployment_in_detail import accuracy_lines, command_lines, memory_lines
from advisor.report.terminal.question_and_evidence import basis_words
from advisor.report.terminal.ranking_tables import shown_rows
from advisor.spec.workloads.workload_words import asks_limits

MOST_ROWS = 100
"""Most rows of a page; the CSV has all."""

DETAILED_ROWS = 24
"""Rows that open: the first of those shown; the rest have the same by `quantadvise predict`."""


def ranking_section(recommendation: Recommendation, *, where_all: str = "--output csv") -> Html | None:
    """None where nothing is ranked. where_all: what has the rows that are left out."""
    if not recommendation.ranked:
        return None
    shown = [place for place, _ in shown_rows(recommendation.ranked, MOST_ROWS)]
    best, opening = set(shown), set(shown[:DETAILED_ROWS])
    rows = [
        (place, a)
        for place, a in enumerate(recommendation.ranked, start=1)
        if place in best or place <= MOST_ROWS
    ]
    columns = [
        q
        for q in quantities(recommendation.workload, recommendation.model)
        if any(q.read(a) is not None for _, a in rows)
    ]
    total = len(recommendation.ranked)
    limited = asks_limits(recommendation.workload)
    title = "Every deployment that keeps the limits" if limited else "Every deployment"
    rest = total - len(rows)
    return tag(
        "section",
        tag("h2", title, id="ranking-title"),
        tag(
            "p",
            f"{total:,} of {total + len(recommendation.refused):,} deployments "
            f"{_kept(recommendation) if limited else 'can serve it; no limits are asked'}. ",
            f"Shown are the best of each format on a GPU ({len(best)})." if len(best) < len(rows) else None,
            prose(f" The last {rest:,} are left out here; {where_all} has them.") if rest > 0 else None,
            class_="says",
        ),
        tag(
            "p",
            tag(
                "button", f"Show all {len(rows)}", type="button", class_="quiet", data_all="ranking",
                aria_expanded="false", aria_controls="ranking",
            ) if len(best) < len(rows) else None,
            tag("label", "Find ", tag("input", type="search", data_find="ranking", size="18",
                                      placeholder="int4, H100 …")),
            class_="tools",
        ),
        scrolled(
            tag(
                "table",
                tag("caption", "Ranked deployments; a head sorts. Under each figure its 90 % interval."),
                tag("thead", tag("tr", _head("#", "place"), _head("deployment", "text"),
                                 [_head(q.name, "number", q) for q in columns], _head("basis", "text"))),
                [_body(place, a, columns, hidden=place not in best,
                       opens=place in opening) for place, a in rows],
                class_="sortable", id="ranking",
            )
        ),
        class_="card",
        aria_labelledby="ranking-title",
        id="ranked",
    )  # fmt: skip


def _kept(recommendation: Recommendation) -> str:
    return f"keep all limits at once with {stated_share(recommendation.workload.confidence)}"


def _head(text: str, kind: str, quantity: Quantity | None = None) -> Html:
    unit = None if quantity is None else tag("small", quantity.unit)
    limit = None if quantity is None or not quantity.limit_text else tag("small", quantity.limit_text)
    return tag(
        "th",
        tag(
            "button",
            tag("span", text),
            unit,
            limit,
            type="button",
            title=None if quantity is None else quantity.about or None,
        ),
        scope="col",
        aria_sort="ascending" if kind == "place" else "none",
        class_=None if kind == "text" else "n",
    )


def _body(
    place: int, assessment: Assessment, columns: Sequence[Quantity], *, hidden: bool, opens: bool
) -> Html:
    """A row and what it opens, in one body so that they stay together when sorted."""
    name = deployment_text(assessment.deployment)
    row = tag(
        "tr",
        tag("td", str(place), class_="n", data_v=place),
        tag(
            "th",
            tag(
                "button",
                swatch(assessment.deployment.format.name),
                name,
                type="button",
                class_="open",
                aria_expanded="false",
            )
            if opens
            else [swatch(assessment.deployment.format.name), name],
            scope="row",
            data_v=name,
        ),
        [_cell(assessment, q) for q in columns],
        _basis(assessment),
    )
    more = (
        tag("tr", tag("td", _more(assessment), colspan=len(columns) + 3), class_="more", hidden=True)
        if opens
        else None
    )
    return tag("tbody", row, more, class_="row", data_rest=hidden or None, data_text=name.lower())


def _cell(assessment: Assessment, quantity: Quantity) -> Html:
    estimate = quantity.read(assessment)
    if estimate is None:
        return tag("td", "–", class_="n")
    ends = None if estimate.low == estimate.high else low_high(estimate, digits=quantity.digits)
    return tag(
        "td",
        number(estimate.value, digits=quantity.digits),
        None if ends is None else tag("small", ends),
        class_="n",
        data_v=repr(estimate.value),
        data_basis=(quantity.given if ends is None else "") or estimate.basis,
    )


def _basis(assessment: Assessment) -> Html:
    lines = basis_words(assessment)
    return tag("td", [tag("span", line, class_="line") for line in lines] or "–", data_v=" ".join(lines))


def _more(assessment: Assessment) -> Html:
    prediction = assessment.prediction
    assert prediction is not None, "what is ranked was predicted"
    lines = [
        *bottleneck_number_lines(prediction),
        "Memory of one GPU: " + "; ".join(memory_lines(assessment)),
        *(line.strip() for line in accuracy_lines(prediction)),
        *([f"Nearest measurement: {prediction.nearest_evidence}"] if prediction.nearest_evidence else []),
    ]
    return tag(
        "div",
        tag("ul", [tag("li", line.rstrip(".") + ".") for line in lines]),
        tag("pre", tag("code", command_text("\n".join(command_lines(assessment)))), tabindex="0"),
    )
