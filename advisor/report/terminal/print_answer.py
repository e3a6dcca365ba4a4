"""Answers onto stdout: a table for people, JSON, YAML or CSV for programs."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.report.terminal.answer import Line, answer_lines, wrapped
from advisor.report.terminal.text_table import Column, fitting_columns, fitting_table
from advisor.spec.reading.amounts import plain_number
from advisor.spec.workloads.workload import Workload

if TYPE_CHECKING:
    from rich.console import Console

    from advisor.advise.certainty_and_sensitivity import Decision
    from advisor.advise.measuring.best_measurements import Measurement
    from advisor.advise.mixed.fleet import Mix
    from advisor.advise.sensitivity.change_point import Flip
    from advisor.cost.predict.replayed_log import Replay

TABLE_ROWS = 10
"""Deployments in a table unless --top says otherwise."""
NATURAL_WIDTH = 10_000
"""Outside a terminal tables are not wrapped or cut: rich would otherwise take 80 columns."""
NARROWEST, WIDEST = 60, 160
"""No line of an answer is longer, however wide the terminal; outside one this is the width."""


def console(*, columns: int | None = None) -> Console:
    """stdout: as wide as the terminal; where there is none as `columns`, or as its content."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else columns or NATURAL_WIDTH
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def answer_width() -> int:
    """Columns of an answer: the terminal's; outside one COLUMNS, where that is set, else `WIDEST`."""
    if sys.stdout.isatty():
        return min(console().width, WIDEST)
    return min(_columns() or WIDEST, WIDEST)


def _columns() -> int | None:
    """COLUMNS, at least `NARROWEST`; None where it is not set to a number."""
    columns = plain_number(os.environ.get("COLUMNS", ""))
    return max(int(columns), NARROWEST) if columns is not None and 0 < columns < NATURAL_WIDTH else None


def print_recommendation(
    recommendation: Recommendation,
    *,
    top: int | None,
    explain: bool,
    decision: Decision | None = None,
    mix: Mix | None = None,
) -> None:
    """The answer for people, in at most thirty lines; `explain` adds every figure and what it rests on."""
    width = answer_width()
    if mix is None:
        lines = answer_lines(recommendation, decision, width=width, top=top)
    else:
        from advisor.report.terminal.mixed.answer import mix_lines

        lines = mix_lines(recommendation, mix, decision, width=width, top=top)
    if not lines:
        lines = _nothing_kept_lines(recommendation, decision, mix, top)
    _print_lines(lines)
    if not explain:
        return
    to = console()
    if mix is not None and mix.recommended:
        _kinds(to, mix)
        if not recommendation.ranked:
            to.print()
            _print_lines(_nothing_kept_lines(recommendation, decision, None, top))
    if not recommendation.ranked:
        _nothing_kept(to, recommendation, top, decision)
    print_explanation(to, recommendation, top=top or TABLE_ROWS, decision=decision)


def _nothing_kept_lines(
    recommendation: Recommendation, decision: Decision | None, mix: Mix | None, top: int | None
) -> list[Line]:
    from advisor.report.terminal.refused import nothing_kept_lines

    return nothing_kept_lines(recommendation, decision, mix, width=answer_width(), top=top)


def _print_lines(lines: Sequence[Line]) -> None:
    """Styled on a terminal; elsewhere the same text, without loading what would style it."""
    if not sys.stdout.isatty() and not {"FORCE_COLOR", "TTY_COMPATIBLE"} & set(os.environ):
        sys.stdout.writelines(f"{line.text}\n" for line in lines)
        return
    to = console()
    for line in lines:
        to.print(line.text, style=line.style or None, soft_wrap=True)


def _kinds(to: Console, mix: Mix) -> None:
    """Every figure of each kind of a fleet under its share of the load."""
    from advisor.display_text import deployment_text
    from advisor.report.terminal import ranking_tables
    from advisor.report.terminal.deployment_in_detail import command_lines
    from advisor.report.terminal.question_and_evidence import assessment_evidence

    for part in () if mix.fleet is None else mix.fleet.parts:
        to.print()
        to.print(deployment_text(part.deployment), style="bold")
        to.print(ranking_tables.estimates_table(part.assessment))
        for line in (*command_lines(part.assessment), *assessment_evidence(part.assessment)):
            to.print(f"  {line}")


def _nothing_kept(
    to: Console, recommendation: Recommendation, top: int | None, decision: Decision | None
) -> None:
    """Every figure of what comes nearest, why the rest was refused, and what the figures rest on."""
    from advisor.report.terminal import ranking_tables, refused
    from advisor.report.terminal.certainty_and_sensitivity_words import own_or_api_lines
    from advisor.report.terminal.question_and_evidence import evidence_lines

    if recommendation.closest is not None:
        to.print()
        to.print(ranking_tables.nearly_table(recommendation, top=top))
    if decision is not None and decision.own_or_api is not None:
        _section(to, "Own or API", own_or_api_lines(decision.own_or_api))
    _section(to, "Refused", refused.refused_lines(recommendation))
    _section(to, "What this rests on", evidence_lines(recommendation))


def print_explanation(
    to: Console, recommendation: Recommendation, *, top: int, decision: Decision | None
) -> None:
    """Every figure of the ranked, how sure the choice is, what would change it, what was refused, and what it
    all rests on."""
    from advisor.report.terminal import bottleneck_words, ranking_tables, refused
    from advisor.report.terminal.certainty_and_sensitivity_words import (
        change_lines,
        own_or_api_lines,
        sure_lines,
    )
    from advisor.report.terminal.deployment_in_detail import command_lines, memory_lines
    from advisor.report.terminal.question_and_evidence import evidence_lines, workload_lines

    first = recommendation.winner
    if first is not None:
        to.print()
        to.print("Asked", style="bold")
        for line in workload_lines(recommendation.workload):
            to.print(f"  {line}")
        _ranking(to, recommendation, top, None if decision is None else decision.settles)
    if decision is not None:
        _section(to, "How sure", sure_lines(recommendation, decision))
        _section(to, "What would change it", change_lines(recommendation, decision))
        if decision.own_or_api is not None and first is not None:
            _section(to, "Own or API", own_or_api_lines(decision.own_or_api))
        if decision.flips is not None and first is not None:
            _flips(to, first, decision.flips)
    if first is not None:
        to.print()
        to.print(ranking_tables.estimates_table(first))
        _section(to, "What binds it", bottleneck_words.number_lines(recommendation))
        _section(to, "Memory of one GPU", memory_lines(first))
        _section(to, "Run it", command_lines(first))
        _section(to, "Refused", refused.refused_lines(recommendation))
        _section(to, "What this rests on", evidence_lines(recommendation))


def print_pareto(recommendation: Recommendation) -> None:
    """The Pareto set as a plot; nothing where nothing is ranked."""
    from advisor.report.terminal.cost_of_certainty import frontier_bars
    from advisor.report.terminal.pareto_plot import WIDEST, pareto_lines

    if not recommendation.ranked:
        return
    to = console()
    bars = frontier_bars(recommendation)
    if bars:
        to.print()
        to.print("What certainty costs: the probability that all limits are kept", style="bold")
        for bar in bars:
            to.print(bar)
    to.print()
    head = "Cost against accuracy; numbered are rows not beaten in cost, latency and accuracy at once"
    to.print(head, style="bold", soft_wrap=True)
    for line in pareto_lines(recommendation, width=min(to.width, WIDEST)):
        to.print(line)


def _ranking(
    to: Console, recommendation: Recommendation, top: int, settles: Measurement | None = None
) -> None:
    """The best, and why the first is first."""
    from advisor.report.terminal import cost_of_certainty, ranking_tables, why_first
    from advisor.report.terminal.question_and_evidence import counts_line

    _section(to, "Choose between", cost_of_certainty.pick_lines(recommendation, settles))
    to.print()
    if line := cost_of_certainty.frontier_line(recommendation):
        to.print(line)
    to.print(ranking_tables.ranking_table(recommendation, top=top))
    rows = len(ranking_tables.shown_rows(recommendation.ranked, top))
    to.print(counts_line(recommendation, rows))
    _section(to, "Why", why_first.winner_lines(recommendation))


def print_assessment(assessment: Assessment, workload: Workload, *, explain: bool = False) -> None:
    """One deployment in full; explain: with its steps as sums of kernels."""
    from advisor.display_text import deployment_text, spread_text
    from advisor.report.terminal import ranking_tables
    from advisor.report.terminal.bottleneck_words import bottleneck_number_lines, kernel_lines
    from advisor.report.terminal.deployment_in_detail import accuracy_lines, command_lines, memory_lines
    from advisor.report.terminal.question_and_evidence import (
        assessment_evidence,
        overload_line,
        workload_lines,
    )
    from advisor.report.terminal.refused import limit_lines

    to = console()
    model = assessment.deployment.model.name
    if overload := overload_line(assessment):
        to.print(overload, style="bold")
    to.print(f"{model} for {workload.name}: {deployment_text(assessment.deployment)}", style="bold")
    for line in workload_lines(workload):
        to.print(f"  {line}")
    if spread := spread_text(assessment.deployment, workload.load):
        to.print(f"  spread  {spread}")
    to.print()
    to.print(ranking_tables.estimates_table(assessment))
    prediction = assessment.prediction
    if prediction is not None:
        _section(to, "What binds it", [f"{line}." for line in bottleneck_number_lines(prediction)])
        if explain:
            _section(to, "Kernels", kernel_lines(prediction))
        _section(to, "Memory of one GPU", memory_lines(assessment))
        _section(to, "Accuracy", accuracy_lines(prediction, head=""))
    _section(to, "Limits", limit_lines(assessment, workload))
    if assessment.serves:
        _section(to, "Run it", command_lines(assessment))
    _section(to, "What this rests on", assessment_evidence(assessment))


def print_replay(replayed: Replay, workload: Workload) -> None:
    """What each request of the log met, in a simulation of the log itself."""
    from advisor.report.terminal import replay_words

    _section(console(), "Replay of the log", replay_words.lines(replayed, workload))


def _flips(to: Console, first: Assessment, flips: Sequence[Flip]) -> None:
    from rich import box
    from rich.table import Table

    from advisor.report.terminal import change_point_words

    if not flips:
        _section(to, change_point_words.HEAD, [change_point_words.NONE])
        return
    table = Table(*change_point_words.HEADS, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for row in change_point_words.flip_rows(first.deployment, flips):
        table.add_row(*row)
    to.print()
    to.print(change_point_words.HEAD, style="bold")
    to.print(table)


def print_document(document: Mapping[str, Any], form: str) -> None:
    """JSON or YAML."""
    if form == "json":
        # allow_nan: a NaN is no JSON, and no estimate of ours.
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    else:
        import yaml

        dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        text = yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120).rstrip()
    sys.stdout.write(text + "\n")


def print_recommendation_csv(recommendation: Recommendation, *, top: int | None) -> None:
    """The ranked, one row each."""
    from advisor.report.documents.csv_rows import recommendation_columns, recommendation_rows

    rows = recommendation_rows(recommendation, top=top)
    print_rows(rows, columns=None if rows else recommendation_columns(recommendation))


def print_rows(rows: Sequence[Mapping[str, object]], columns: Iterable[str] | None = None) -> None:
    """CSV with a header; None is an empty cell."""
    names = list(columns) if columns is not None else list(rows[0]) if rows else []
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)


def print_cells(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """CSV of texts, written as they are."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)


def print_columns(columns: Sequence[Column], *, more: str) -> None:
    """A listing that fits the terminal: columns are left out from the last, and a line names them.

    more: how to see them. Outside a terminal of known width nothing is left out.
    """
    to = console()
    narrow = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    width = answer_width() if narrow else NATURAL_WIDTH
    shown = fitting_columns(columns, width)
    head, *rows = fitting_table(columns, width)
    to.print(head, style="bold", soft_wrap=True)
    for row in rows:
        to.print(row, soft_wrap=True)
    left = [c.head.partition(",")[0] for c in columns if c not in shown and not c.is_empty]
    if left:
        for line in wrapped(f"Left out for the width: {', '.join(left)}; {more}.", width):
            to.print(line, style="dim", soft_wrap=True)


def print_listing(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A plain list of facts; cells wrap where the terminal, or outside one COLUMNS, is narrower."""
    from rich import box
    from rich.table import Table

    table = Table(*heads, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console(columns=_columns()).print(table)


def _section(to: Console, head: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    to.print()
    to.print(head, style="bold")
    for line in lines:
        to.print(f"  {line}")
