"""The Pareto set in a terminal: cost against accuracy, each deployment at its place by its row's number.

Drawn here and not by a library: what makes such a plot readable are the numbers that lead to the table above
it, and what is left (two axes, a grid of cells) is less than any library would ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.estimate_with_interval import Estimate
from advisor.display_text import deployment_text, number, span
from advisor.report.terminal.ranking_tables import PRICED, REFERENCE

if TYPE_CHECKING:
    from rich.text import Text

WIDEST = 100
NARROWEST = 40
HEIGHT = 14
MOST_NAMED = 12
"""Most of the Pareto set that the list under the plot names."""

COLOURS = {
    "bf16": "white",
    "fp16": "white",
    "fp8": "bright_blue",
    "int8": "green",
    "int4": "orange3",
    "fp8-w8a16": "cyan",
    "int8-w8a16": "chartreuse3",
    "nvfp4": "medium_purple",
    "mxfp4": "deep_pink2",
    "w4a8-fp8": "yellow",
}
OTHER_MARK = "·"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A ranked deployment on the plot."""

    place: int
    assessment: Assessment
    cost: Estimate
    """USD per million output tokens."""
    recovery: Estimate
    """Per cent."""
    on_front: bool
    """Whether it is in the Pareto set, or first: a tie may put the first before a slightly faster one."""


def pareto_lines(recommendation: Recommendation, *, width: int) -> list[Text]:
    """The plot and the list of its numbers; one line where there is nothing to draw."""
    from rich.text import Text

    points = pareto_points(recommendation)
    if not any(point.on_front for point in points):
        return [Text("Nothing to plot: no ranked deployment has both a known cost and a known accuracy.")]
    inner = max(NARROWEST, min(width, WIDEST)) - _margin(points) - 2
    return [*_plot(points, inner), Text(), *_list(points)]


def pareto_points(recommendation: Recommendation) -> list[Point]:
    """The ranked of which cost and recovery are known, in their order."""
    front = {id(a) for a in recommendation.pareto}
    return [
        Point(
            place=place,
            assessment=a,
            cost=a.usd_per_million_output_tokens,
            recovery=a.recovery.scaled(100),
            on_front=id(a) in front or place == 1,
        )
        for place, a in enumerate(recommendation.ranked, start=1)
        if a.usd_per_million_output_tokens is not None and a.recovery is not None
    ]


def _plot(points: Sequence[Point], inner: int) -> list[Text]:
    from rich.text import Text

    front = [point for point in points if point.on_front]
    x_of, x_ticks = _log_axis([p.cost.value for p in front], inner)
    y_of, y_ticks = _axis([p.recovery.value for p in front], HEIGHT)
    cells: dict[tuple[int, int], tuple[str, str]] = {}
    for point in points:
        # The frame is the Pareto set's: what loses far more accuracy would press all else together.
        if not (y_of.holds(point.recovery.value) and x_of.holds(point.cost.value)):
            continue
        cells[y_of(point.recovery.value), x_of(point.cost.value)] = (OTHER_MARK, _colour(point))
    # The best places are written last, over what stands in their way.
    for point in sorted(front, key=lambda p: -p.place):
        row, column = y_of(point.recovery.value), x_of(point.cost.value)
        label = str(point.place)
        start = min(column, inner - len(label))
        if point.place != 1 and any((row, start + i) in cells and cells[row, start + i][0] != OTHER_MARK
                                    for i in range(-1, len(label) + 1)):  # fmt: skip
            # No room for the number: the mark says that one is there, the list which.
            cells.setdefault((row, column), ("•", _colour(point)))
            continue
        for i, letter in enumerate(label):
            cells[row, start + i] = (letter, f"bold {_colour(point)}")
    margin = _margin(points)
    lines = [Text(f"{'recovery, %':>{margin + 8}}", style="dim")]
    for row in range(HEIGHT - 1, -1, -1):
        line = Text(f"{y_ticks.get(row, ''):>{margin}} ┤" if row in y_ticks else " " * (margin + 1) + "│")
        for column in range(inner):
            mark, style = cells.get((row, column), (" ", ""))
            line.append(mark, style=style)
        line.rstrip()
        lines.append(line)
    rule = "".join("┬" if column in x_ticks else "─" for column in range(inner))
    lines.append(Text(" " * (margin + 1) + "└" + rule))
    labels = [" "] * (inner + 8)
    for column, text in sorted(x_ticks.items()):
        start = max(0, column - len(text) // 2)
        if all(labels[i] == " " for i in range(max(0, start - 1), min(len(labels), start + len(text) + 1))):
            labels[start : start + len(text)] = text
    lines.append(Text((" " * (margin + 2) + "".join(labels)).rstrip()))
    lines.append(Text(" " * (margin + 2) + "USD per million output tokens (log)", style="dim"))
    return lines


def _list(points: Sequence[Point]) -> list[Text]:
    """The Pareto set by name, with unit, interval and basis."""
    from rich.text import Text

    front = [point for point in points if point.on_front]
    lines = []
    for point in front[:MOST_NAMED]:
        line = Text()
        line.append(f"{point.place:>4}  ", style=f"bold {_colour(point)}")
        line.append(
            f"{deployment_text(point.assessment.deployment)}: {span(point.cost)} USD "
            f"({_basis(point.cost, PRICED)}), "
            f"{span(point.recovery, digits=4)} % ({_basis(point.recovery, REFERENCE)})"
        )
        lines.append(line)
    if len(front) > MOST_NAMED:
        lines.append(Text(f"      and {len(front) - MOST_NAMED} more of the Pareto set"))
    others = len(points) - len(front)
    if others:
        lines.append(Text(f"   {OTHER_MARK}  {others:,} others that keep the limits", style="dim"))
    return lines


def _basis(estimate: Estimate, given: str) -> str:
    """What the figure rests on; `given` where it has no interval."""
    return given if estimate.low == estimate.high else estimate.basis


def _colour(point: Point) -> str:
    return COLOURS.get(point.assessment.deployment.format.name, "white")


def _margin(points: Sequence[Point]) -> int:
    _, ticks = _axis([p.recovery.value for p in points if p.on_front], HEIGHT)
    return max(len(text) for text in ticks.values())


class _Scale:
    """From a value to its cell."""

    def __init__(self, low: float, high: float, cells: int) -> None:
        self.low, self.high, self.cells = low, high, cells

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __call__(self, value: float) -> int:
        share = (value - self.low) / (self.high - self.low)
        return min(self.cells - 1, max(0, round(share * (self.cells - 1))))


def _axis(values: Sequence[float], cells: int) -> tuple[_Scale, dict[int, str]]:
    """A straight axis with round ticks."""
    low, high = min(values), max(values)
    spread = (high - low) or max(abs(high) * 0.02, 1e-9)
    step = _round_step(spread / 4)
    first, last = floor(low / step), ceil(high / step)
    if first == last:
        last += 1
    scale = _Scale(first * step, last * step, cells)
    digits = max(0, -floor(log10(step)))
    return scale, {scale(k * step): f"{k * step:.{digits}f}" for k in range(first, last + 1)}


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(least))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= least * (1 - 1e-9))


def _log_axis(values: Sequence[float], cells: int) -> tuple[_LogScale, dict[int, str]]:
    """A logarithmic axis with ticks at 1, 2 and 5 times the powers of ten."""
    low, high = min(values) / 1.08, max(values) * 1.08
    scale = _LogScale(low, high, cells)
    ticks = {}
    for power in range(floor(log10(low)), ceil(log10(high)) + 1):
        for m in (1.0, 2.0, 5.0):
            value = m * 10.0**power
            if low <= value <= high:
                ticks[scale(value)] = number(value)
    if len(ticks) < 2:
        ticks |= {scale(value): number(value) for value in (min(values), max(values))}
    return scale, ticks


class _LogScale:
    """From a value to its cell, by its logarithm."""

    def __init__(self, low: float, high: float, cells: int) -> None:
        self._scale = _Scale(log10(low), log10(high), cells)

    def holds(self, value: float) -> bool:
        return self._scale.holds(log10(value))

    def __call__(self, value: float) -> int:
        return self._scale(log10(value))
