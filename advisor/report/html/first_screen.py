"""The first screen: the question, what to deploy, what more certainty costs, how near the limits are, how to
run it; and behind it why, with every figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from advisor.advise.certainty_and_sensitivity import Decision
from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.sensitivity.ways_out_if_infeasible import WayOut
from advisor.cost.estimate_with_interval import Estimate
from advisor.display_text import (
    accuracy_text,
    amount_text,
    capitalized,
    deployment_text,
    low_high,
    number,
    stated_share,
)
from advisor.report.commands.serve_commands import commands_for
from advisor.report.html.certainty_badge import badge, old_prices_note, settles
from advisor.report.html.charts.chart import Chart
from advisor.report.html.choice_cards import side_by_side, ways
from advisor.report.html.downloads import save_buttons
from advisor.report.html.elements.format_marks import swatch
from advisor.report.html.elements.markup import Html, command_text, prose, tag, with_signs
from advisor.report.html.elements.shown_quantities import Quantity, quantities
from advisor.report.terminal.answer import headline
from advisor.report.terminal.deployment_in_detail import command_lines
from advisor.report.terminal.question_and_evidence import assessment_evidence, rented_text
from advisor.report.terminal.refused import nothing_kept_parts
from advisor.report.terminal.why_first import winner_lines
from advisor.spec.workloads.workload_words import (
    conversation_text,
    goodput_text,
    lengths_text,
    limit_text,
    load_text,
)

BAR = 200.0
"""Width of an interval's drawing, in its own units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One part of the question, and what changes it."""

    text: str
    flag: str
    field: str
    """Field of the live page's form."""
    about: str = ""


def question_text(recommendation: Recommendation) -> str:
    return f"{recommendation.model.name} for {recommendation.workload.name}"


def question(recommendation: Recommendation, *, live: bool = False) -> Html:
    """What was asked as chips: each opens its field in the live page, and names its flag in a report."""
    return tag(
        "ul",
        [
            tag(
                "li",
                tag(
                    "button",
                    chip.text,
                    type="button",
                    class_="fact",
                    data_goto=chip.field,
                    data_tip="\n".join(filter(None, (chip.about, "" if live else f"{chip.flag} changes it")))
                    or None,
                ),
            )
            for chip in _chips(recommendation)
        ],
        class_="facts",
        aria_label="The question",
    )


def _chips(recommendation: Recommendation) -> Iterator[Chip]:
    workload = recommendation.workload
    load = workload.load
    talk = conversation_text(load)
    prompt = "new prompt" if talk else "prompt"
    yield Chip(text=load_text(load), flag="--rate, --concurrency or --single", field="level")
    for lengths, noun, flag, field in (
        (load.input_tokens, prompt, "--input-tokens", "input"),
        (load.output_tokens, "answer", "--output-tokens", "output"),
    ):
        text = f"{noun} {number(lengths.mean, digits=6)}"
        yield Chip(text=text, flag=flag, field=field, about=lengths_text(lengths))
    if talk:
        turns = (
            f"{load.conversation.turns.mean:.3g} turns" if load.conversation.has_turns else "system prompt"
        )
        yield Chip(text=turns, flag="--turns", field="turns", about=talk)
    for limit in workload.limits:
        yield Chip(text=limit_text(limit), flag="--slo", field=limit.metric)
    if workload.goodput is not None:
        yield Chip(text=goodput_text(workload.goodput), flag="--goodput", field="ttft")
    if workload.quality.min_recovery is not None:
        floor = stated_share(workload.quality.min_recovery)
        about = f"of {accuracy_text(recommendation.model)}"
        yield Chip(text=f"accuracy ≥ {floor}", flag="--min-recovery", field="recovery", about=about)
    if recommendation.choice is not None:
        gpus = recommendation.choice.space.gpus
        names = ", ".join(gpu.label for gpu in gpus) if len(gpus) <= MOST_GPUS else f"{len(gpus)} GPUs"
        yield Chip(text=names, flag="--gpu", field="gpu")
    yield Chip(
        text=f"{stated_share(workload.confidence)} confidence", flag="--confidence", field="confidence"
    )
    yield Chip(text=f"by {workload.objective}", flag="--objective", field="objective")


MOST_GPUS = 4
"""GPUs that are named; more are counted."""


def answer_section(
    recommendation: Recommendation,
    picture: Chart | None = None,
    decision: Decision | None = None,
    *,
    loosened: WayOut | None = None,
    mixed: bool = False,
    saves: Sequence[str] = (),
) -> Html:
    """loosened: the limit that, a little looser, saves most. mixed: above it stands a fleet of several kinds
    that keeps the limits. saves: what the page carries to be taken away."""
    winner = recommendation.winner
    if winner is None:
        return _nothing(recommendation, picture, decision, mixed=mixed, saves=saves)
    name, *parts = headline(winner, recommendation.workload).split(" · ")
    return tag(
        "section",
        tag("p", "With a single kind of GPU:", class_="lead") if mixed else None,
        tag(
            "div",
            tag(
                "h2",
                swatch(winner.deployment.format.name),
                tag("span", name, class_="format"),
                id="answer-title",
            ),
            tag("p", prose(" · ".join(parts)), class_="lead"),
            badge(recommendation, decision),
            class_="verdict",
        ),
        old_prices_note(recommendation),
        tag("p", prose(f"Rented: {rented}"), class_="note") if (rented := rented_text(winner)) else None,
        _notes(recommendation),
        side_by_side(picture, recommendation, loosened),
        _strip(winner, quantities(recommendation.workload, recommendation.model)),
        settles(recommendation, decision),
        _command(winner),
        _files(saves),
        class_="card answer",
        aria_labelledby="answer-title",
        id="answer",
    )


def _strip(winner: Assessment, every: Sequence[Quantity]) -> Html | None:
    """How much of each limit is used, the nearest first."""
    used = []
    for quantity in every:
        estimate, limit = quantity.read(winner), quantity.limit
        if estimate is None or not limit:
            continue
        near = estimate.high / limit if quantity.at_most is not None else limit / max(estimate.low, 1e-9)
        used.append((near, quantity, estimate))
    if not used:
        return None
    return tag(
        "ul",
        [
            tag(
                "li",
                tag("span", quantity.name, class_="name"),
                _bar(estimate, quantity),
                tag(
                    "span",
                    f"{number(estimate.value, digits=quantity.digits)} "
                    f"{'/' if quantity.at_most is not None else '≥'} "
                    f"{amount_text(quantity.limit or 0.0, quantity.unit, digits=quantity.digits)}",
                ),
            )
            for _, quantity, estimate in sorted(used, key=lambda one: -one[0])
        ],
        class_="strip",
        aria_label="The limits, the nearest first",
    )


def _command(winner: Assessment) -> Html:
    """The command alone; what it assumes stands behind Why."""
    serve = "" if winner.prediction is None else commands_for(winner.prediction).serve
    return tag(
        "div",
        tag("pre", tag("code", command_text(serve), id="command"), tabindex="0"),
        tag("button", "Copy", type="button", class_="quiet", data_copy="command"),
        class_="copy",
        aria_label="The command that runs it",
        role="group",
    )


def _files(saves: Sequence[str]) -> Html | None:
    return tag("details", tag("summary", "Files"), save_buttons(saves), class_="files") if saves else None


def why_section(recommendation: Recommendation) -> Html | None:
    """Why, and every figure with its interval."""
    winner = recommendation.winner
    if winner is None:
        return None
    return tag(
        "section",
        tag("h2", "Why", id="why-title"),
        tag("ul", [_reason(line, more) for line, more in _reasons(winner_lines(recommendation))]),
        tag(
            "ul",
            [_tile(winner, q) for q in quantities(recommendation.workload, recommendation.model)],
            class_="tiles",
            id="tiles",
        ),
        tag("pre", tag("code", command_text("\n".join(command_lines(winner)))), tabindex="0"),
        [tag("p", line, class_="note") for line in assessment_evidence(winner)],
        class_="card",
        aria_labelledby="why-title",
        id="why",
    )


def _reasons(lines: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Each line with those that go on from it, which the terminal indents."""
    made: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith(" ") and made:
            made[-1][1].append(line.strip())
        else:
            made.append((line.strip(), []))
    return made


def _reason(line: str, more: Sequence[str]) -> Html:
    return tag("li", prose(line), tag("ul", [tag("li", prose(one)) for one in more]) if more else None)


def _notes(recommendation: Recommendation) -> Html | None:
    if not recommendation.notes:
        return None
    return tag("ul", [tag("li", prose(f"Note: {note}.")) for note in recommendation.notes], class_="notes")


def _nothing(
    recommendation: Recommendation,
    picture: Chart | None,
    decision: Decision | None,
    *,
    mixed: bool,
    saves: Sequence[str],
) -> Html:
    likely = () if decision is not None and decision.ways_out else recommendation.likely[:5]
    return tag(
        "section",
        tag(
            "h2",
            f"{'No single kind of GPU' if mixed else 'Nothing'} keeps the limits with "
            f"{stated_share(recommendation.workload.confidence)}",
            id="answer-title",
        ),
        None if mixed else tag("p", _nearest(recommendation), class_="lead"),
        _notes(recommendation),
        side_by_side(picture, recommendation),
        tag("div", ways(decision), id="ways"),
        [
            tag("p", "These do by their central estimates; a measurement could make sure:"),
            tag("ul", [tag("li", deployment_text(a.deployment)) for a in likely]),
        ]
        if likely
        else None,
        _files(saves),
        class_="card answer nothing",
        aria_labelledby="answer-title",
        id="answer",
    )


def _nearest(recommendation: Recommendation) -> Html:
    """What comes nearest; the model and the workload stand above it."""
    _, text = nothing_kept_parts(recommendation)
    return prose(with_signs(f"{capitalized(text)}."))


def _tile(winner: Assessment, quantity: Quantity) -> Html | None:
    """A figure with its interval drawn against its limit."""
    estimate = quantity.read(winner)
    if estimate is None:
        return None
    exact = estimate.low == estimate.high
    ends = f"{low_high(estimate, digits=quantity.digits)} {quantity.unit}"
    return tag(
        "li",
        tag("span", quantity.name, class_="name", title=quantity.about or None),
        tag(
            "span",
            number(estimate.value, digits=quantity.digits),
            tag("small", f" {quantity.unit}"),
            class_="value",
        ),
        [] if exact else [_bar(estimate, quantity), tag("span", f"90 %: {ends}", class_="ends")],
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
