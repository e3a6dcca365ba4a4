"""The answer first: what to deploy, its figures against the limits, why, and how to run it."""

from __future__ import annotations

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.estimate import Estimate
from advisor.report.html.elements.markup import Html, tag
from advisor.report.html.elements.palette import swatch
from advisor.report.html.elements.quantities import Quantity, quantities
from advisor.report.terminal.evidence import assessment_evidence, workload_lines
from advisor.report.terminal.refused import nothing_kept_line
from advisor.report.terminal.words import command_lines, winner_lines
from advisor.text import deployment_text, gpus_text, low_high, number

BAR = 200.0
"""Width of an interval's drawing, in its own units."""


def question_text(recommendation: Recommendation) -> str:
    return f"{recommendation.model.name} for {recommendation.workload.name}"


def question(recommendation: Recommendation) -> Html:
    """What was asked, so that nobody has to guess a percentile."""
    facts = [line.split(maxsplit=1) for line in workload_lines(recommendation.workload)]
    return tag(
        "dl", [tag("div", tag("dt", name), tag("dd", text)) for name, text in facts], class_="facts asked"
    )


def answer_section(recommendation: Recommendation) -> Html:
    winner = recommendation.winner
    if winner is None:
        return _nothing(recommendation)
    deployment = winner.deployment
    cost = winner.cost
    return tag(
        "section",
        tag("p", "Deploy", class_="kicker"),
        tag(
            "h2",
            swatch(deployment.format.name),
            tag("span", deployment.format.name, class_="format"),
            f" on {gpus_text(deployment)}",
            id="answer-title",
        ),
        tag(
            "p",
            deployment.format.title,
            ", FP8 KV cache" if deployment.kv_format == "fp8" else None,
            None
            if cost is None
            else f" · {number(cost.usd_per_hour)} USD per hour for "
            f"{deployment.num_gpus} GPU{'s' if deployment.num_gpus > 1 else ''}",
            class_="lead",
        ),
        _notes(recommendation),
        tag("ul", [_tile(winner, q) for q in quantities(recommendation.workload)], class_="tiles"),
        class_="card answer",
        aria_labelledby="answer-title",
        id="answer",
    )


def why_section(recommendation: Recommendation) -> Html | None:
    winner = recommendation.winner
    if winner is None:
        return None
    lines = [line.strip() for line in winner_lines(recommendation)]
    return tag(
        "section",
        tag("div", tag("h2", "Why", id="why-title"), tag("ul", [tag("li", line) for line in lines])),
        tag(
            "div",
            tag("h2", "Run it"),
            tag(
                "div",
                tag("pre", tag("code", "\n".join(command_lines(winner)), id="command"), tabindex="0"),
                tag("button", "Copy", type="button", class_="quiet", data_copy="command"),
                class_="copy",
            ),
            [tag("p", line, class_="note") for line in assessment_evidence(winner)],
        ),
        class_="card two",
        aria_labelledby="why-title",
        id="why",
    )


def _notes(recommendation: Recommendation) -> Html | None:
    if not recommendation.notes:
        return None
    return tag("ul", [tag("li", f"Note: {note}.") for note in recommendation.notes], class_="notes")


def _nothing(recommendation: Recommendation) -> Html:
    likely = recommendation.likely[:5]
    return tag(
        "section",
        tag("p", "No deployment", class_="kicker"),
        tag("h2", "Nothing keeps the limits for sure", id="answer-title"),
        tag("p", nothing_kept_line(recommendation) + ".", class_="lead"),
        _notes(recommendation),
        [
            tag("p", "These do by their central estimates; a measurement could make sure:"),
            tag("ul", [tag("li", deployment_text(a.deployment)) for a in likely]),
        ]
        if likely
        else None,
        class_="card answer nothing",
        aria_labelledby="answer-title",
        id="answer",
    )


def _tile(winner: Assessment, quantity: Quantity) -> Html | None:
    """A figure with its interval drawn against its limit."""
    estimate = quantity.read(winner)
    if estimate is None:
        return None
    exact = estimate.low == estimate.high
    return tag(
        "li",
        tag("span", quantity.name, class_="name", title=quantity.about or None),
        tag(
            "span",
            number(estimate.value, digits=quantity.digits),
            tag("small", f" {quantity.unit}"),
            class_="value",
        ),
        None if exact else _bar(estimate, quantity),
        None
        if exact
        else tag(
            "span", f"90 %: {low_high(estimate, digits=quantity.digits)} {quantity.unit}", class_="ends"
        ),
        tag(
            "span",
            tag("span", f"✓ {quantity.limit_text}", class_="limit") if quantity.limit_text else None,
            tag("span", quantity.given or "exact" if exact else estimate.basis, class_="basis"),
            class_="under",
        ),
    )


def _bar(estimate: Estimate, quantity: Quantity) -> Html:
    """The interval as a line with its value, the limit as a stroke; its text stands beside it."""
    limit = quantity.limit
    ends = [estimate.low, estimate.high, *([] if limit is None else [limit])]
    # Latencies and costs are seen from zero; what is close to 100 % would then be a point.
    start = 0.0 if quantity.unit != "%" else min(ends) - 0.15 * (max(ends) - min(ends) or 1.0)
    span = (max(ends) - start) * 1.06 or 1.0

    def x(value: float) -> str:
        return f"{BAR * (value - start) / span:.1f}"

    return tag(
        "svg",
        tag("line", x1="0", x2=f"{BAR:g}", y1="9", y2="9", class_="track"),
        tag("line", x1=x(estimate.low), x2=x(estimate.high), y1="9", y2="9", class_="range"),
        tag("circle", cx=x(estimate.value), cy="9", r="5", class_="dot"),
        None if limit is None else tag("line", x1=x(limit), x2=x(limit), y1="1", y2="17", class_="edge"),
        viewBox=f"-6 0 {BAR + 12:g} 18",
        class_="bar",
        aria_hidden="true",
    )
