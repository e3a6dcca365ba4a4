"""The refused, with the limit that each misses by most."""

from __future__ import annotations

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.display_text import deployment_text, missed_by
from advisor.report.documents.missed_limit_words import finding, limit_text, worst_refusal
from advisor.report.html.elements.format_marks import swatch
from advisor.report.html.elements.markup import Html, prose, scrolled, tag, with_signs
from advisor.report.terminal.refused import refused_lines

MOST_ROWS = 80
"""The nearest misses; the summary above the table counts all."""


def refused_section(recommendation: Recommendation) -> Html | None:
    """None where nothing was refused."""
    refused = recommendation.refused
    if not refused:
        return None
    shown = refused[:MOST_ROWS]
    rest = len(refused) - len(shown)
    return tag(
        "section",
        tag("h2", "What was refused, and why", id="refused-title"),
        tag(
            "ul",
            [tag("li", prose(with_signs(line) + ".")) for line in refused_lines(recommendation)],
            class_="says",
        ),
        tag(
            "details",
            tag("summary", f"The {len(shown):,} nearest misses" if rest else f"All {len(shown):,}"),
            tag("p", f"{rest:,} more are counted above.", class_="note") if rest else None,
            scrolled(
                tag(
                    "table",
                    tag("caption", "Refused deployments, the surest first; a head sorts."),
                    tag("thead", tag("tr", [_head(text, number) for text, number in _HEADS])),
                    [_body(a) for a in shown],
                    class_="sortable",
                    id="refused",
                )
            ),
            open=not recommendation.ranked,
        ),
        class_="card",
        aria_labelledby="refused-title",
        id="refusals",
    )


_HEADS = (("deployment", False), ("misses", False), ("what is expected", False), ("by", True))


def _head(text: str, number: bool) -> Html:
    return tag(
        "th",
        tag("button", text, type="button"),
        scope="col",
        aria_sort="none",
        class_="n" if number else None,
    )


def _body(assessment: Assessment) -> Html:
    worst = worst_refusal(assessment)
    name = deployment_text(assessment.deployment)
    limit, found = with_signs(limit_text(assessment, worst)), with_signs(finding(assessment, worst))
    others = len(assessment.refusals) - 1
    excess = worst.excess
    far = "no matter of degree" if excess is None else missed_by(excess).removeprefix("missed by ")
    return tag(
        "tbody",
        tag(
            "tr",
            tag("th", swatch(assessment.deployment.format.name), name, scope="row", data_v=name),
            tag("td", limit, f" and {others} more" if others else None, data_v=limit),
            tag("td", prose(found), data_v=found),
            tag(
                "td",
                far,
                tag("small", "likely kept") if assessment.likely else None,
                class_="n",
                data_v="1e300" if excess is None else repr(excess),
            ),
        ),
        class_="row",
        data_text=name.lower(),
    )
