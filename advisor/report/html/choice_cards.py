"""What there is to choose between: the picture of what certainty costs, a card for each of its corners."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.advise.certainty_and_sensitivity import Decision
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.sensitivity.ways_out_if_infeasible import WayOut
from advisor.display_text import deployment_text, share, short_text
from advisor.report.html.charts.chart import Chart, figure
from advisor.report.html.elements.format_marks import swatch
from advisor.report.html.elements.markup import Html, prose, tag
from advisor.report.terminal import cost_of_certainty
from advisor.spec.deployment import Deployment


def side_by_side(
    picture: Chart | None, recommendation: Recommendation, loosened: WayOut | None = None
) -> Html | None:
    """The picture with its cards; the cards alone where there is nothing to draw."""
    cards = list(_cards(recommendation, loosened))
    shown = tag("ul", cards, class_="cards", aria_label="To choose between") if len(cards) > 1 else None
    if picture is None:
        return shown
    return tag("div", figure(picture, bare=True), shown, class_="first" if shown else "alone")


def _cards(recommendation: Recommendation, loosened: WayOut | None) -> Iterator[Html]:
    change = "" if loosened is None else cost_of_certainty.change_text(loosened)
    for pick in recommendation.picks:
        words = cost_of_certainty.pick_words(pick, recommendation)
        role = words.role
        if loosened is not None and pick.offer.deployment.key == loosened.deployment.key:
            role, loosened = f"{role} or {change}", None
        # Of few words, as the table's head has it: three cards say it beside each other.
        certain = words.certainty.removeprefix("keeps ")
        yield _card(role, words.deployment, f"{words.cost} · {certain}")
    first = recommendation.winner
    if loosened is not None and first is not None and first.cost is not None and loosened.usd_per_hour:
        saved = share(1 - loosened.usd_per_hour / first.cost.usd_per_hour)
        text = f"{cost_of_certainty.way_usd(loosened)} · saves {saved}"
        yield _card(change, loosened.deployment, text)


def _card(name: str, deployment: Deployment, text: str) -> Html:
    return tag(
        "li",
        tag("span", prose(name), class_="name"),
        tag(
            "button",
            swatch(deployment.format.name),
            short_text(deployment),
            type="button",
            class_="pick",
            aria_pressed="false",
            title="Mark it in the pictures and tables",
        ),
        tag("span", prose(text)),
        data_key=deployment_text(deployment),
    )


def ways(decision: Decision | None) -> Html | None:
    """What would have to change for something to keep the limits."""
    if decision is None or not decision.ways_out:
        return None
    return tag(
        "ul",
        [
            _card(cost_of_certainty.change_text(way), way.deployment, cost_of_certainty.way_usd(way))
            for way in decision.ways_out
        ],
        class_="cards ways",
        aria_label="Ways out",
    )
