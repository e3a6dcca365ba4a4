"""The answer to --allow-mixed: the fleet first where it is the cheapest, else one line on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.mixed.fleet import Mix
from advisor.report.commands.serve_commands import common_name
from advisor.report.terminal.answer import (
    Line,
    answer_lines,
    plain,
    question_text,
    ranking_lines,
    run_lines,
    wrapped,
)
from advisor.report.terminal.mixed.fleet_words import compared_text, fleet_headline, kinds_table, router_text

if TYPE_CHECKING:
    from advisor.advise.certainty_and_sensitivity import Decision

SINGLE_ROWS = 4
"""Single kinds beside a recommended fleet, unless --top says otherwise."""

MORE = (
    "More: --write DIR has the files of each kind and of the router; --explain shows every figure of each "
    "kind with its interval and basis, and all of the single kinds."
)


def mix_lines(
    recommendation: Recommendation,
    mix: Mix,
    decision: Decision | None,
    *,
    width: int,
    top: int | None = None,
) -> list[Line]:
    """The answer for a person; empty where neither a fleet nor a single kind keeps the limits."""
    if not mix.recommended or mix.fleet is None:
        return answer_lines(recommendation, decision, width=width, top=top, aside=compared_text(mix))
    head, *rows = kinds_table(mix, width)
    return [
        *[Line(text, "bold") for text in wrapped(fleet_headline(mix.fleet), width)],
        *plain(wrapped(question_text(recommendation), width)),
        *plain(part for note in recommendation.notes for part in wrapped(f"Note: {note}.", width, indent=6)),
        *plain(wrapped(f"  {compared_text(mix)}", width, indent=4)),
        Line(),
        Line(head, "bold"),
        *plain(rows),
        *plain(wrapped(router_text(mix), width)),
        *_single_kinds(recommendation, width, top),
        Line(),
        *plain(_run(recommendation, mix, width)),
        *plain(wrapped(MORE, width)),
    ]


def _single_kinds(recommendation: Recommendation, width: int, top: int | None) -> list[Line]:
    if not recommendation.ranked:
        return []
    return [
        Line(),
        Line("With a single kind of GPU:"),
        *ranking_lines(recommendation, width, top or SINGLE_ROWS),
    ]


def _run(recommendation: Recommendation, mix: Mix, width: int) -> list[str]:
    """The command of each kind; all answer to one name, which the router passes on."""
    if mix.fleet is None:
        return []
    name = common_name(recommendation.model)
    return [
        line
        for part in mix.fleet.parts
        for line in run_lines(
            part.assessment, width, head=f"Run on {part.deployment.gpu.label}:", served_as=name
        )
    ]
