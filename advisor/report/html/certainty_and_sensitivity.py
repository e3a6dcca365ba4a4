"""How sure the choice is and what would change it: probabilities as bars, the rest in sentences."""

from __future__ import annotations

from advisor.advise.certainty_and_sensitivity import Decision
from advisor.advise.choose.recommendation import Recommendation
from advisor.display_text import chance
from advisor.report.html.elements.markup import Html, prose, tag
from advisor.report.terminal.certainty_and_sensitivity_words import BEST, change_lines, limit_name, sure_lines

WIDE = 100.0


def sure_section(recommendation: Recommendation, decision: Decision | None) -> Html | None:
    """None where nothing is ranked, or nothing of it is known."""
    if decision is None or decision.sure is None:
        return None
    sure = decision.sure
    best = BEST[recommendation.workload.objective]
    bars = [
        (f"keeps {limit_name(kept.limit)}", kept.probability) for kept in sure.limits
    ] + ([("keeps every limit", sure.keeps_all)] if len(sure.limits) > 1 else [])  # fmt: skip
    bars.append((f"is the {best} that keeps them" if sure.limits else f"is the {best}", sure.best))
    changes = change_lines(recommendation, decision)
    return tag(
        "section",
        tag(
            "div",
            tag("h2", "How sure", id="sure-title"),
            tag("ul", [_bar(name, probability) for name, probability in bars], class_="chances"),
            [tag("p", prose(line)) for line in sure_lines(recommendation, decision)],
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
            tag("ul", [tag("li", prose(line)) for line in changes]) if changes else tag("p", "Nothing near."),
        ),
        class_="card two",
        aria_labelledby="sure-title",
        id="sure",
    )


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
