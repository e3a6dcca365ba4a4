"""What a run ends with: figures beside their predictions, failures, the decision before and now, the records.

The text goes to the terminal and into `report.md` of the run's folder, the same parts into `report.html`
(`page.py`). It is made of the ledger, so that a run that was resumed reports all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from advisor import atomic_files
from advisor.cli.measure.expected_vs_measured import comparison
from advisor.cli.measure.report.fit_changes import learnt
from advisor.measure.plan_and_results_as_text import (
    SCORES_NOTE,
    SPEED_NOTE,
    Part,
    quality_table,
    records_line,
    speed_table,
)

if TYPE_CHECKING:
    from advisor.cli.measure.expected_vs_measured import Expectation
    from advisor.measure.ledger_to_records import Records
    from advisor.measure.plan_progress import Planned
    from advisor.measure.plan_to_jobs import Prepared
    from advisor.measure.state.ledger import Ledger

NAME = "report.md"
LEARNT = "What the fit learnt"
"""Head of the section that a page draws, too."""
_DID = {  # a search is made of benchmarks
    "quantize": "making checkpoints",
    "serve": "servers that did not start",
    "bench": "benchmarks",
    "evaluate": "tasks",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the report under its head."""

    head: str
    body: tuple[Part, ...]
    brief: tuple[Part, ...] | None = None
    """For a terminal, where that is shorter; None = `body`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run that ended is reported by."""

    prepared: Prepared
    found: Records
    before: Expectation
    """By the fit without the run's records."""
    after: Expectation
    """By the fit with them."""
    ledger: Ledger
    rows: Sequence[Planned]
    advice: str
    """What is recommended now."""


def sections(run: Outcome) -> list[Section]:
    """The parts that there is something to say in, in their order."""
    prepared, found = run.prepared, run.found
    means = ("mean",)
    parts = [
        Section(head="Run", body=tuple(_run_lines(prepared, run.ledger, run.rows))),
        *_measured_sections(found),
        Section(head="Highest rates within the limits", body=found.rates),
        Section(
            head="Predicted before, and measured",
            body=comparison(prepared, found, run.before),
            brief=comparison(prepared, found, run.before, statistics=means),
        ),
        Section(
            head=LEARNT,
            body=learnt(prepared, found, run.before, run.after),
            brief=learnt(prepared, found, run.before, run.after, means),
        ),
        Section(
            head="Failed or not measured", body=tuple(_failed_lines(prepared, found, run.ledger, run.rows))
        ),
        Section(head="Decision", body=tuple(run.advice.splitlines())),
        Section(head="Records", body=(records_line(found, prepared.folder),)),
    ]
    return [part for part in parts if part.body]


def _measured_sections(found: Records) -> Iterator[Section]:
    """The figures, each table with what its columns are."""
    if found.speed:
        table, brief = (speed_table(found.speed, tails=tails) for tails in (True, False))
        note = f"{SPEED_NOTE} Of percentiles it stands in {NAME}."
        yield Section(head="Speed", body=(table, SPEED_NOTE), brief=(brief, note))
    if found.quality:
        yield Section(head="Accuracy", body=(quality_table(found.quality), SCORES_NOTE))


def text_of(parts: Sequence[Part]) -> str:
    """Tables and lines one below the other."""
    return "\n".join(part if isinstance(part, str) else part.text for part in parts)


def terminal_text(parts: Sequence[Section]) -> str:
    """The report for a terminal, which leaves the percentiles beside their predictions to the files."""
    shown = ((part.head, text_of(part.body if part.brief is None else part.brief)) for part in parts)
    return "\n\n".join(f"{head}\n{body}" for head, body in shown)


def title_of(prepared: Prepared) -> str:
    return f"{prepared.model_name} on {prepared.devices[0].name}"


def write(parts: Sequence[Section], prepared: Prepared) -> Path:
    """`report.md` in the run's folder: the same parts as Markdown, tables as they are on the terminal."""
    title = f"# {title_of(prepared)}".replace("`", "'")
    text = [title, *(f"## {part.head}\n\n{_fenced(text_of(part.body))}" for part in parts)]
    path = prepared.folder / NAME
    atomic_files.write(path, "\n\n".join(text) + "\n")
    return path


def _fenced(body: str) -> str:
    fence = "```"
    while fence in body:
        fence += "`"
    return f"{fence}text\n{body}\n{fence}"


def _run_lines(prepared: Prepared, ledger: Ledger, rows: Sequence[Planned]) -> Iterator[str]:
    """Model, GPU, engine, how much is done, how long it took."""
    from advisor.cli.measure.plan_cost import duration
    from advisor.measure.tools.made_by import made_by

    devices = ", ".join(sorted({f"{device.name} ({device.driver_name})" for device in prepared.devices}))
    running = prepared.running
    version = prepared.versions.vllm if running is None else running.version
    yield f"{prepared.model_name} on {devices}, vLLM {version or '(version unknown)'}"
    done = sum(row.state == "done" for row in rows)
    entries = list(ledger)
    dates = sorted(entry.date for entry in entries)
    when = f", from {dates[0]} to {dates[-1]}" if dates else ""
    yield f"{done} of {len(rows)} steps of the plan have a result{when}"
    spent = [
        f"{name} {duration(sum(entry.seconds for entry in entries if entry.kind == kind))}"
        for kind, name in _DID.items()
        if any(entry.kind == kind for entry in entries)
    ]
    if spent:
        yield f"time: {', '.join(spent)} (the starts of servers that came up are not in it)"
    by = made_by()
    if by:
        yield "measured by " + ", ".join(f"{name} {value}" for name, value in by.items())


def _failed_lines(
    prepared: Prepared, found: Records, ledger: Ledger, rows: Sequence[Planned]
) -> Iterator[str]:
    """Every failure with its reason and log, and what was left out because of it."""
    logs = {entry.title: entry.extra.get("log") for entry in ledger if entry.failure is not None}
    for row in found.failures:
        log = next((text for title, text in logs.items() if row.detail.startswith(f"{title}: ")), None)
        where = "" if log is None else f"; log: {prepared.folder / log}"
        yield f"failed: {row.format} {row.stage} ({row.reason}): {row.detail}{where}"
    yield from _broken_lines(prepared, ledger)
    left = [row.step.title for row in rows if row.state == "to do"]
    if left:
        yield f"not measured: {', '.join(left)}"


def _broken_lines(prepared: Prepared, ledger: Ledger) -> Iterator[str]:
    """Checkpoints whose scores show that they are broken, whether or not they were benchmarked."""
    from advisor.measure.steps import quality_gate

    for format in prepared.plan.formats:
        why = quality_gate.why_broken(list(ledger), prepared.model_name, format)
        if why is not None:
            kept = "no benchmarks" if prepared.plan.quality_gate else "benchmarked all the same"
            yield f"broken by its scores: {format}, {why}; {kept}"
