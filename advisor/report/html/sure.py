"""How sure the choice is and what would change it: probabilities as bars, the rest in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.advise.choose import Recommendation
from advisor.advise.decision import Decision
from advisor.advise.flips import Flip
from advisor.report import flip_words
from advisor.report.decision_words import BEST, chance, change_lines, limit_name, sure_lines
from advisor.report.html.markup import Html, tag
from advisor.spec.deployment import Deployment

WIDE = 100.0


def sure_section(recommendation: Recommendation, decision: Decision | None) -> Html | None:
    """None where nothing is ranked, or nothing of it is known."""
    if decision is None or decision.sure is None:
        return None
    sure = decision.sure
    best = BEST[recommendation.workload.objective]
    bars = [
        (f"keeps {limit_name(kept)}", kept.probability) for kept in sure.limits
    ] + ([("keeps every limit", sure.keeps_all)] if len(sure.limits) > 1 else [])  # fmt: skip
    bars.append((f"is the {best} that keeps them" if sure.limits else f"is the {best}", sure.best))
    changes = change_lines(recommendation, decision)
    return tag(
        "section",
        tag(
            "div",
            tag("h2", "How sure", id="sure-title"),
            tag("ul", [_bar(name, probability) for name, probability in bars], class_="chances"),
            [tag("p", line) for line in sure_lines(recommendation, decision)],
            tag(
                "p",
                "Probabilities are of the joint uncertainty of all that could be chosen: what is common to "
                "two deployments does not count against either.",
                class_="note",
            ),
        ),
        tag(
            "div",
            tag("h2", "What would change it"),
            tag("ul", [tag("li", line) for line in changes]) if changes else tag("p", "Nothing near."),
            _flips(sure.deployment, decision.flips) if decision.flips is not None else None,
        ),
        class_="card two",
        aria_labelledby="sure-title",
        id="sure",
    )


def _flips(first: Deployment, flips: Sequence[Flip]) -> list[Html]:
    head = tag("h3", flip_words.HEAD)
    if not flips:
        return [head, tag("p", flip_words.NONE)]
    heads = [tag("th", text, scope="col") for text in flip_words.HEADS]
    rows = [
        tag("tr", tag("th", row[0], scope="row"), [tag("td", cell) for cell in row[1:]])
        for row in flip_words.flip_rows(first, flips)
    ]
    table = tag("table", tag("thead", tag("tr", heads)), tag("tbody", rows), class_="plain")
    return [head, tag("div", table, class_="scroll")]


def _bar(name: str, probability: float) -> Html:
    """A probability as a bar; the text beside it says the same."""
    return tag(
        "li",
        tag("span", name, class_="name"),
        tag("span", chance(probability), class_="chance"),
        tag(
            "svg",
            tag("rect", x="0", y="0", width=f"{WIDE:g}", height="4", rx="2", class_="all"),
            tag("rect", x="0", y="0", width=f"{WIDE * probability:.1f}", height="4", rx="2", class_="part"),
            viewBox=f"0 0 {WIDE:g} 4",
            preserveAspectRatio="none",
            class_="share",
            aria_hidden="true",
        ),
    )
