"""A comparison onto stdout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.display_text import number
from advisor.report.documents.comparison import comparison_document
from advisor.report.terminal.print_answer import console, print_document
from advisor.report.terminal.question_and_evidence import workload_lines

if TYPE_CHECKING:
    from advisor.advise.compare.deployments import Basis, Difference
    from advisor.spec.workloads.workload import Workload

RESTS_ON: dict[Basis, str] = {
    "prediction": "predictions, errors that both share left out",
    "repeats": "the scatter of the repeats in both",
    "stderr": "the standard errors in both files",
    "scatter": "one run of each: the scatter of published repeats (3.7 % of a mean, 8 % of a maximum, twice "
    "that in the tail); repeat both to be sure",
    "none": "nothing: no repeats and no standard errors; it cannot be judged",
}


def print_comparison(
    first: str,
    second: str,
    differences: Sequence[Difference],
    notes: Sequence[str],
    form: str,
    *,
    workload: Workload | None = None,
) -> None:
    """A row per figure; JSON and YAML have the same. workload: what two deployments are compared under."""
    if form != "table":
        print_document(comparison_document(first, second, differences, notes, workload), form)
        return
    from rich import box
    from rich.table import Table

    to = console()
    to.print(f"A  {first}")
    to.print(f"B  {second}")
    for line in [] if workload is None else workload_lines(workload):
        to.print(f"   {line}")
    to.print()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for head in ("", "A", "B", "B against A", "90 % interval", "significant"):
        table.add_column(head, justify="left" if head in ("", "significant") else "right", overflow="fold")
    for d in differences:
        table.add_row(
            _head(d), _value(d, d.first), _value(d, d.second), _change(d, d.change), _interval(d),
            _verdict(d),
        )  # fmt: skip
    to.print(table)
    for basis in dict.fromkeys(d.basis for d in differences if d.change is not None):
        to.print(f"Intervals rest on {RESTS_ON[basis]}.")
    for note in notes:
        to.print(f"Note: {note}.")


def _head(d: Difference) -> str:
    """The figure with its unit, where its name does not say it already."""
    said = not d.unit or d.unit in d.name or (d.unit == "1/s" and "per second" in d.name)
    return d.name if said else f"{d.name}, {d.unit}"


def _verdict(d: Difference) -> str:
    if d.significant is None:
        return "cannot be said"
    if d.basis == "scatter":
        return "likely, repeat to be sure" if d.significant else "not to be seen in one run"
    return "yes" if d.significant else "no"


def _value(d: Difference, value: float | None) -> str:
    return "none" if value is None else number(value, digits=3 if d.is_share else 4)


def _change(d: Difference, change: float | None) -> str:
    if change is None:
        return ""
    if not d.is_share:
        return f"{_signed(change)} points"
    return f"{_signed(100 * change)} %"


def _signed(value: float) -> str:
    if abs(value) < 0.05:
        return "0"
    return f"{'+' if value > 0 else '−'}{number(abs(value), digits=2)}"


def _interval(d: Difference) -> str:
    if d.low is None or d.high is None:
        return ""
    low, high = (d.low, d.high) if not d.is_share else (100 * d.low, 100 * d.high)
    return f"{_signed(low)} to {_signed(high)}"
