"""The answer in at most thirty lines: what to deploy, what to choose between, the ranked, why, how to run it.

All of it is text of a given width: columns are dropped until a table fits, and no cell ever breaks.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.display_text import (
    accuracy_text,
    bill_text,
    capitalized,
    chance,
    deployment_text,
    number,
    plus_minus,
    share,
    short_text,
)
from advisor.report.commands.serve_commands import commands_for, remarks
from advisor.report.terminal import cost_of_certainty, ranking_tables, why_first
from advisor.report.terminal.certainty_and_sensitivity_words import own_or_api_text
from advisor.report.terminal.deployment_in_detail import accuracy_lines
from advisor.report.terminal.question_and_evidence import counts_line, old_prices, rented_text, speed_line
from advisor.report.terminal.ranking_tables import shown_rows
from advisor.report.terminal.text_table import Column, fitting_table
from advisor.spec.workloads.workload import Lengths, Workload
from advisor.spec.workloads.workload_words import (
    asks_limits,
    conversation_text,
    limits_text,
    load_text,
    quality_text,
    unlimited_text,
)
from advisor.units import MS_PER_S

if TYPE_CHECKING:
    from advisor.advise.certainty_and_sensitivity import Decision

BAR = 8
"""Characters of the bar that shows how much of its tightest limit a deployment uses."""
ROWS = 8
"""Deployments in the table unless --top says otherwise."""
_UNIT = re.compile(r"(?<=\d) (?=%|USD|ms\b)")
"""Between a number and its unit, where no line ends."""
NARROW, WIDE = 90, 110
"""Columns from which the nearest limit is named, and accuracy has its interval."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the answer."""

    text: str = ""
    style: str = ""


def answer_lines(
    recommendation: Recommendation,
    decision: Decision | None,
    *,
    width: int,
    top: int | None = None,
    aside: str = "",
) -> list[Line]:
    """The answer for a person; empty where nothing keeps the limits. aside: a sentence after the picks."""
    first = recommendation.winner
    if first is None:
        return []
    return [
        *[Line(text, "bold") for text in wrapped(headline(first, recommendation.workload), width)],
        *plain(wrapped(question_text(recommendation), width)),
        *plain(wrapped(f"Rented: {rented}", width) if (rented := rented_text(first)) else ()),
        *plain(wrapped("; ".join(old), width) if (old := old_prices(recommendation)) else ()),
        *plain(part for note in recommendation.notes for part in wrapped(f"Note: {note}.", width, indent=6)),
        *pick_lines(recommendation, decision, width),
        *plain(wrapped(f"  {aside}", width, indent=4) if aside else []),
        Line(),
        *ranking_lines(recommendation, width, top or ROWS),
        Line(),
        *plain(part for text in _why(recommendation, first) for part in wrapped(text, width)),
        *plain(run_lines(first, width)),
        *plain(wrapped(more_line(recommendation, decision), width)),
    ]


def headline(first: Assessment, workload: Workload) -> str:
    """`fp8 on 2× H100 · 7.70 USD/h (5,600 a month) · keeps all limits 88 % · 99.8 % of BF16's accuracy`."""
    parts = [deployment_text(first.deployment), _cost(first)]
    parts.append(
        f"keeps all limits {chance(first.keeps_all_limits)}" if asks_limits(workload) else "no limits asked"
    )
    recovery = first.recovery
    parts.append(
        "accuracy not measured"
        if recovery is None
        else f"{number(100 * recovery.value, digits=3)} % of {accuracy_text(first.deployment.model)}"
    )
    return " · ".join(parts)


def question_text(recommendation: Recommendation) -> str:
    """Model, requests, load, limits and aim in one sentence."""
    workload = recommendation.workload
    load = workload.load
    limits = [limits_text(workload)]
    if workload.quality.min_recovery is not None:
        limits.append(quality_text(workload.quality))
    known = ", ".join(part for part in limits if part and part != "none") or unlimited_text(workload)
    conversation = conversation_text(load)
    prompt, talks = ("new prompt", f"{conversation}; ") if conversation else ("prompt", "")
    per_hour = load.arrival.kind == "rate" or workload.serves_given_clients
    aims = {
        # Clients without limits send more to a faster server: what counts is the price of a token.
        "cost": "cheapest first" if per_hour else "cheapest per token first",
        "latency": "fastest first",
        "throughput": "highest throughput first",
        "accuracy": "most accurate first",
    }
    aim, first = aims[workload.objective], recommendation.winner
    if workload.objective == "cost" and first is not None and first.cost is None:
        pricing = recommendation.choice.pricing if recommendation.choice is not None else "on-demand"
        price = "price" if pricing == "on-demand" else f"{pricing} price"
        aim = f"fewest GPUs first, for want of a {price} (--price {first.deployment.gpu.label}=USD)"
    return (
        f"{recommendation.model.name} for {workload.name}: {_mean(load.input_tokens)} {prompt} and "
        f"{_mean(load.output_tokens)} answer tokens, {load_text(load)}; {talks}{known}; "
        f"{_budget(recommendation)}{aim}"
    )


def _budget(recommendation: Recommendation) -> str:
    """`budget 100/month (0.137 USD/h); `, as it was typed; empty without one."""
    choice = recommendation.choice
    if choice is None or recommendation.budget is None:
        return ""
    usd = f"{number(recommendation.budget)} USD/h"
    return f"budget {choice.budget} ({usd}); " if "/" in choice.budget else f"budget {usd}; "


def _mean(lengths: Lengths) -> str:
    return number(lengths.mean, digits=6)


def _cost(assessment: Assessment) -> str:
    return bill_text(None if assessment.cost is None else assessment.cost.usd_per_hour)


def plain(texts: Iterable[str]) -> list[Line]:
    return [Line(text) for text in texts]


def wrapped(text: str, width: int, indent: int = 2) -> list[str]:
    glued = _UNIT.sub("\N{NO-BREAK SPACE}", text)
    lines = textwrap.wrap(
        glued, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def pick_lines(recommendation: Recommendation, decision: Decision | None, width: int) -> list[Line]:
    """What else to choose, what would settle it, and what certainty costs."""
    rows = cost_of_certainty.other_picks(recommendation)
    lines = fitting_table(
        (
            Column("", [row.role for row in rows], keep=True),
            Column("", [short_text(row.deployment) for row in rows], keep=True),
            Column("", [row.cost for row in rows], right=True, keep=True),
            Column("", [row.certainty for row in rows]),
        ),
        width - 2,
    )
    texts = [f"  {line}" for line in lines]
    if decision is not None and decision.settles is not None:
        settles = cost_of_certainty.settles_text(recommendation, decision.settles)
        texts += wrapped(f"  {capitalized(settles)}.", width, indent=4)
    frontier = cost_of_certainty.frontier_line(recommendation)
    texts += wrapped(f"  {frontier}", width, indent=4) if frontier else []
    if decision is not None and decision.own_or_api is not None:
        texts += wrapped(f"  {own_or_api_text(decision.own_or_api)}", width, indent=4)
    return [Line(text) for text in texts]


def ranking_lines(recommendation: Recommendation, width: int, top: int) -> list[Line]:
    rows = shown_rows(recommendation.ranked, top)
    counts = wrapped(counts_line(recommendation, len(rows)), width)
    table = table_lines(rows, recommendation.workload, width, budget=recommendation.budget)
    return [*table, *[Line(text, "dim") for text in counts]]


def table_lines(
    rows: Sequence[tuple[int, Assessment]], workload: Workload, width: int, *, budget: float | None = None
) -> list[Line]:
    """Deployments with their places, a line each under a head, in columns as the width has room for.

    budget: the most USD per hour, where one is set.
    """
    assessments = [assessment for _, assessment in rows]
    columns = [
        Column("", [str(place) for place, _ in rows], right=True, keep=True),
        Column("deployment", [short_text(a.deployment) for a in assessments], keep=True),
        Column("USD/h", [_usd(a) for a in assessments], right=True, keep=True),
        *_tightest(assessments, workload, narrow=width < NARROW, budget=budget),
        Column(
            "accuracy, %", [_recovery(a, narrow=width < WIDE) for a in assessments], right=True, keep=True
        ),
        *(
            [
                Column(
                    "all limits",
                    [chance(a.keeps_all_limits, workload.confidence) for a in assessments],
                    right=True,
                )
            ]
            if asks_limits(workload)
            else []
        ),
        *_throughput(assessments, workload),
        *[_latency(metric, assessments, workload) for metric in ("ttft", "tpot", "e2e")],
        Column("USD/M tokens", [_per_million(a) for a in assessments], right=True),
    ]
    head, *body = fitting_table(columns, width)
    return [Line(head, "bold"), *plain(body)]


def _usd(assessment: Assessment) -> str:
    return "" if assessment.cost is None else number(assessment.cost.usd_per_hour)


def _per_million(assessment: Assessment) -> str:
    estimate = assessment.usd_per_million_output_tokens
    return "" if estimate is None else number(estimate.value)


def _recovery(assessment: Assessment, *, narrow: bool) -> str:
    recovery = assessment.recovery
    if recovery is None:
        return "–"
    return number(100 * recovery.value) if narrow else plus_minus(recovery.scaled(100), points=True)


def _tightest(
    assessments: Sequence[Assessment], workload: Workload, *, narrow: bool, budget: float | None = None
) -> list[Column]:
    """How much of the limit with the least room each deployment uses, as a bar and in per cent.

    A least recovery alone has its column beside it.
    """
    limited = workload.limits or workload.goodput or workload.load.arrival.kind == "rate"
    if not limited and budget is None and not any(assessment.refusals for assessment in assessments):
        return []
    cells = []
    for assessment in assessments:
        used = ranking_tables.used_limits(assessment, workload, budget)
        if not used:
            cells.append("–")
            continue
        name, share_of = max(used.items(), key=lambda pair: pair[1])
        full = min(BAR, round(BAR * share_of))
        of = "" if narrow else f" of {name}"
        cells.append(f"{'█' * full}{'░' * (BAR - full)} {share(share_of):>6}{of}")
    return [Column("nearest limit", cells, keep=True)]


def _throughput(assessments: Sequence[Assessment], workload: Workload) -> list[Column]:
    """What is ranked by where throughput is the aim."""
    if workload.objective != "throughput":
        return []
    load = workload.load
    what = "capacity, " if ranking_tables.is_told_by_capacity(load) else ""
    served = [ranking_tables.served(a, load) for a in assessments]
    return [
        Column(f"{what}{unit}", ["–" if e is None else plus_minus(e.scaled(of)) for e in served], True, True)
        for unit, of in (("tokens/s", load.output_tokens.mean), ("requests/s", 1.0))
    ]


def _latency(metric: str, assessments: Sequence[Assessment], workload: Workload) -> Column:
    statistic = workload.statistic_of(metric)
    unit, factor = ("s", 1 / MS_PER_S) if metric == "e2e" else ("ms", 1.0)
    cells = []
    for assessment in assessments:
        estimate = assessment.estimate(metric, statistic)
        cells.append("–" if estimate is None else plus_minus(estimate.scaled(factor)))
    return Column(f"{metric.upper()} {statistic}, {unit}", cells, right=True)


def _why(recommendation: Recommendation, first: Assessment) -> list[str]:
    """Three short lines: against what it won, what binds it, what its accuracy rests on."""
    lines = [f"Why: {text}." for text in why_first.comparisons(recommendation, first)[:1]]
    prediction = first.prediction
    if prediction is None:
        return lines
    lines.append(speed_line(first, recommendation.fit.get("rows")))
    return lines + accuracy_lines(prediction)[:1]


def run_lines(first: Assessment, width: int, *, head: str = "Run:", served_as: str = "") -> list[str]:
    """The command, on as many lines as it takes; a shell takes them as they stand.

    served_as: the name that requests use, where several deployments must have the same.
    """
    if first.prediction is None:
        return []
    commands = commands_for(first.prediction)
    words = [*shlex.split(commands.serve), *(["--served-model-name", served_as] if served_as else [])]
    parts = [shlex.quote(word) for word in words]
    lines, indent = [f"{head} {parts[0]}"], " " * 7
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 3 <= width:
            lines[-1] += f" {part}"
        else:
            lines[-1] += " \\"
            lines.append(f"{indent}{part}")
    if commands.recipe is not None:
        lines.append(
            f"{indent}# {commands.checkpoint} has to be made first: --explain or --write has its recipe"
        )
    return [*lines, *(f"{indent}# {remark}" for remark in remarks(first.prediction, commands))]


def more_line(recommendation: Recommendation, decision: Decision | None) -> str:
    """One line that says what else there is, and how to see it."""
    parts = ["every figure with its interval and basis"]
    if decision is not None:
        parts.append("how sure the choice is and what would change it")
    if recommendation.refused:
        refused = len(recommendation.refused)
        parts.append("why 1 was refused" if refused == 1 else f"why {refused:,} were refused")
    rows = recommendation.fit.get("rows")
    parts.append(
        f"the {rows:,} measurements behind it" if isinstance(rows, int) else "the measurements behind it"
    )
    return f"More: --explain shows {', '.join(parts[:-1])} and {parts[-1]}."
