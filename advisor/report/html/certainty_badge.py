"""The badge beside the answer (sure, close call, in doubt), what would decide, and how old prices are."""

from __future__ import annotations

from typing import Literal

from advisor.advise.certainty.choice_probability import SURE_PROBABILITY
from advisor.advise.certainty_and_sensitivity import Decision
from advisor.advise.choose.certainty_frontier import usd_by_role, weighed_per
from advisor.advise.choose.recommendation import Recommendation
from advisor.display_text import capitalized, chance, deployment_text
from advisor.report.html.elements.markup import Html, prose, tag
from advisor.report.terminal.certainty_and_sensitivity_words import BEST
from advisor.report.terminal.cost_of_certainty import settles_text
from advisor.report.terminal.question_and_evidence import old_prices

Badge = Literal["Sure", "Close call", "In doubt"]
DEARER = 1.5
"""Ratio of the safer pick's cost to the recommended one's above which the answer is in doubt."""


def badge_of(recommendation: Recommendation, best: float) -> Badge:
    """Sure: all limits are kept with the confidence asked for, and it is the best with 80 % or more.
    In doubt: a safer answer costs over 1.5 times as much. Close call: else.

    best: the probability that it keeps all limits and nothing that does is better.
    """
    first = recommendation.winner
    kept = first is not None and first.keeps_all_limits >= recommendation.workload.confidence
    if kept and best >= SURE_PROBABILITY:
        return "Sure"
    usd = usd_by_role(recommendation.picks, weighed_per(recommendation.workload))
    own, surer = usd.get("recommended"), usd.get("surer")
    return "In doubt" if own and surer and surer > DEARER * own else "Close call"


def badge(recommendation: Recommendation, decision: Decision | None) -> Html:
    """Its place in the page, empty while the probabilities are not known."""
    if decision is None or decision.sure is None:
        return tag("span", id="badge", class_="badge")
    best = decision.sure.best
    word = badge_of(recommendation, best)
    title = f"the {BEST[recommendation.workload.objective]} that keeps the limits with {chance(best)}"
    return tag(
        "span", word, id="badge", class_=f"badge {word.lower().replace(' ', '-')}", title=title, role="status"
    )


def settles(recommendation: Recommendation, decision: Decision | None) -> Html:
    """Where the answer is not sure the measurement to make; without one what it is close to; else an empty
    place."""
    if decision is None or decision.sure is None or badge_of(recommendation, decision.sure.best) == "Sure":
        return tag("p", id="settles", hidden=True)
    known, rival = decision.settles, decision.sure.rival
    if known is None:
        if rival is None:
            return tag("p", id="settles", hidden=True)
        best = BEST[recommendation.workload.objective]
        text = f"{deployment_text(rival.deployment)} may be the {best}: {chance(rival.probability)}."
        return tag("p", text, id="settles", class_="settles")
    text = settles_text(recommendation, known)
    return tag(
        "p",
        tag("span", f"{capitalized(text)}.", id="settles-text"),
        " ",
        tag("button", "Copy", type="button", class_="quiet", data_copy="settles-text"),
        id="settles",
        class_="settles",
    )


def old_prices_note(recommendation: Recommendation) -> Html | None:
    """How old prices are; where fresher ones are from stands in the tip, for the first screen is short."""
    old = old_prices(recommendation)
    return None if old is None else tag("p", prose(f"{old.ages}."), class_="note", data_tip=old.remedy)
