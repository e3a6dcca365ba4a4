"""Crossovers and suggestions onto stdout."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from advisor.advise.sensitivity.varied_load_property import UNITS
from advisor.display_text import amount_text, chance, deployment_text, gpus_text, rate_text, served_text
from advisor.report.terminal import certainty_and_sensitivity_words
from advisor.report.terminal.print_answer import answer_width, console, print_document
from advisor.spec.workloads.workload_words import not_weighed

if TYPE_CHECKING:
    from rich.table import Table

    from advisor.advise.choose.choice import Choice
    from advisor.advise.measuring.best_measurements import Suggestion
    from advisor.advise.sensitivity.crossover import Crossing, Crossover, Stretch
    from advisor.spec.workloads.workload import Workload


ROOMY = 100
"""Columns that a crossover's table needs to have all of its own."""


def print_crossover(choice: Choice, found: Crossover) -> None:
    """One row per stretch: what is best from where to where, and why it ends there."""
    from advisor.report.terminal.question_and_evidence import workload_lines

    to, width = console(), answer_width()
    unit = UNITS[found.axis.over]
    to.print(f"{choice.space.model.name} for {choice.workload.name}, over {unit}", style="bold")
    for line in workload_lines(choice.workload):
        if not (line.startswith("load") and found.axis.over in ("rate", "concurrency")):
            for part in wrap(line, width - 2, subsequent_indent=" " * 8):
                to.print(f"  {part}")
    to.print()
    to.print(_stretches(found, width), width=width)
    if found.here is not None:
        row = found.stretches.index(found.at(found.here)) + 1
        where = f", in row {row}" if len(found.stretches) > 1 else ""
        to.print(f"The workload stands at {amount_text(found.here, unit)}{where}.")
    to.print(
        f"Looked at {len(found.axis.levels)} levels and between those where the best changes; what comes and "
        "goes between two levels is not seen.",
        width=width,
    )
    for note in not_weighed(choice.workload):
        to.print(f"Note: {note}.", width=width)


def _stretches(found: Crossover, width: int) -> Table:
    """A row for each, with why it ends. Where there is no room cells wrap, and the basis is left out."""
    from rich import box
    from rich.table import Column, Table

    ends = ["why it ends there", "the change lies in", "basis"] if found.crossings else []
    if width < ROOMY:
        del ends[2:]
    table = Table(
        Column("from", no_wrap=True), Column("to", no_wrap=True), "best", *ends, box=box.SIMPLE_HEAD,
        show_edge=False, pad_edge=False,
    )  # fmt: skip
    for index, stretch in enumerate(found.stretches):
        cells = [
            certainty_and_sensitivity_words.level(stretch.first),
            certainty_and_sensitivity_words.level(stretch.last),
            _best(stretch),
        ]
        if index < len(found.crossings):
            crossing, following = found.crossings[index], found.stretches[index + 1]
            why = certainty_and_sensitivity_words.why_text(crossing, stretch, following)
            cells += [why, _interval(crossing), crossing.basis]
        table.add_row(*cells[: len(table.columns)])
    return table


def print_crossover_document(choice: Choice, found: Crossover, form: str) -> None:
    from advisor.report.documents.crossover_and_suggestion import crossover_answer

    print_document(crossover_answer(choice.space.model, choice.workload, found), form)


def print_suggestion(model: str, workload: Workload, found: Suggestion) -> None:
    """What to measure next, or why nothing."""
    to = console()
    to.print(f"{model} for {workload.name}: what to measure next", style="bold")
    for line in (*suggestion_lines(found), *(f"Note: {note}." for note in not_weighed(workload))):
        to.print(f"  {line}")


def suggestion_lines(found: Suggestion) -> list[str]:
    from advisor.display_text import number, share

    lines = [_stands(found)]
    if not found.measurements:
        return [*lines, f"Nothing to gain: {found.why_nothing}."]
    if found.usd_per_hour is not None and found.may_fall_to is not None:
        fall = f"from {number(found.usd_per_hour)} to {number(found.may_fall_to)} USD/h"
        lines.append(f"If the cheaper pick keeps the limits, the bill falls {fall}.")
    over = "of its cost on average" if found.kept else "of its cost on average over taking it unmeasured"
    lines.append(
        f"Knowing everything would save {share(found.loss)} {over}; these measurements "
        f"{share(min(found.gain, found.loss))}, in about {number(found.gpu_minutes, digits=2)} GPU-minutes:"
    )
    for m in found.measurements:
        what = "accuracy of " if m.what == "accuracy" else ""
        load = "" if m.what == "accuracy" else f" at {_load(m.arrival.kind, m.arrival.value)}"
        then = "" if m.sure_then is None else f"; then one is sure with {chance(m.sure_then)}"
        lines.append(
            f"  {what}{deployment_text(m.deployment)}{load}: saves {share(m.gain)} on average, "
            f"{number(m.gpu_minutes, digits=2)} GPU-minutes{then}"
        )
    return lines


def _stands(found: Suggestion) -> str:
    """How the choice stands now."""
    sure = found.sure
    if sure is None:
        return "Now: nothing keeps the limits; recommend says what is near, and by how much it misses them."
    kept = chance(sure.keeps_all)
    if not found.kept:
        return (
            f"Now: nothing keeps the limits for sure; the best bet is {deployment_text(sure.deployment)}, "
            f"which keeps every limit with {kept}."
        )
    return (
        f"Now: {deployment_text(sure.deployment)}. Probability that it keeps every limit: {kept}; that "
        f"nothing better does: {chance(sure.best)}."
    )


def _load(kind: str, value: float | None) -> str:
    if kind == "rate":
        return rate_text(value or 0.0)
    if kind == "concurrency":
        return f"{value:,.0f} concurrent requests"
    return {"single": "one request at a time", "maximum": "all queued at once"}[kind]


def print_suggestion_document(choice: Choice, found: Suggestion, form: str) -> None:
    from advisor.report.documents.crossover_and_suggestion import suggestion_answer

    print_document(suggestion_answer(choice.space.model, choice.workload, found), form)


def _best(stretch: Stretch) -> str:
    if stretch.best is None or stretch.until is None:
        return "nothing keeps the limits"
    if stretch.either:
        splits = {(d.gpu.name, d.tensor_parallel) for d in stretch.either}
        if len(splits) == 1:
            names = ", ".join(served_text(d) for d in stretch.either)
            several = f"either of {names} on {gpus_text(stretch.best)}"
        else:
            several = "either of " + ", ".join(deployment_text(d) for d in stretch.either)
        same = stretch.until.num_gpus == stretch.best.num_gpus
        return several if same else f"{several} → {gpus_text(stretch.until)}"
    first, last = deployment_text(stretch.best), deployment_text(stretch.until)
    return first if first == last else f"{first} → {last}"


def _interval(crossing: Crossing) -> str:
    """The levels between which the change lies."""
    low = "below the range" if crossing.low is None else certainty_and_sensitivity_words.level(crossing.low)
    high = (
        "beyond the range" if crossing.high is None else certainty_and_sensitivity_words.level(crossing.high)
    )
    return f"{low} to {high}"
