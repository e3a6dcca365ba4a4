"""The part of ACCURACY.md on recovery: held-out errors, and whether both intervals hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_TEXT = """## Held-out error of recovery

Whole base models left out, with all their kin. Errors and widths are in points of recovery (99 % predicted,
98 % measured is one point). A *checkpoint mean* is the mean over four benchmarks and more of one maker's
checkpoint of one model in one format. *Format mean*: the error of the mean of the format over the other
models. *Noise alone*: the mean error that the benchmarks' finite items cause; no prediction can be nearer
on average.

Two intervals, each meant to hold nine of ten, calibrated on folds of other base models. *New score*: where
another measurement falls. *True recovery*: the recovery without a benchmark's noise, by which limits are
judged. It cannot be seen; a measured score lies inside it less often than nine times in ten because it has
noise. *Inside true* is how often it does, *expected* how often it would were the interval right."""
_COLUMNS = {
    "figures": "figures",
    "error": "error",
    "median": "median",
    "format_mean": "format mean",
    "noise": "noise alone",
    "new_score_coverage": "inside new score",
    "true_coverage": "inside true",
    "true_expected": "expected",
    "true_width": "width of true",
}


_DECILES = """### Whether narrow intervals hold as often as wide ones

Models left out, by tenths of the stated width of a new score's interval. *Expected*: the share of noisy
scores inside the interval of the true recovery, were that right."""
_DECILE_COLUMNS = {
    "figures": "figures",
    "width": "width",
    "inside": "inside new score",
    "true_width": "width of true",
    "true_inside": "inside true",
    "true_expected": "expected",
}


def quality_markdown(about: Mapping[str, Any]) -> str:
    """The section for an accuracy fit, from what its file says of itself."""
    parts = (_TEXT, str(about["text"]), _table(about["report"]), _limits(about["limits"]), _DECILES)
    return "\n\n".join((*parts, _deciles(about["deciles"]))) + "\n"


def _limits(limits: Mapping[str, Any]) -> str:
    below, above = limits["below"], limits["above"]
    return (
        f"Judged against a floor of {100 * limits['floor']:.0f} % at confidence {limits['confidence']:g}: of "
        f"{below} checkpoints whose measured mean lies below the floor {limits['admitted']} are "
        f"admitted, of {above} above it {limits['refused']} are refused. Were every stated distribution "
        f"right, {limits['admitted_if_right']:g} and {limits['refused_if_right']:g} would be expected: the "
        f"scores themselves are noisy. A judge who knew each true recovery would have "
        f"{limits['admitted_by_luck']:g} and {limits['refused_by_luck']:g}; what is refused beyond that, "
        f"models of one size and format that differ."
    )


def _deciles(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    lines = [
        "| figures of models left out | tenth | " + " | ".join(_DECILE_COLUMNS.values()) + " |",
        "|---" + "|---:" * (len(_DECILE_COLUMNS) + 1) + "|",
    ]
    for name, rows in tables.items():
        for row in rows:
            cells = (_cell(column, row[column]) for column in _DECILE_COLUMNS)
            lines.append(f"| {name} | {row['decile']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    name = "figures of models left out"
    lines = ["| " + " | ".join((name, *_COLUMNS.values())) + " |", "|---" + "|---:" * len(_COLUMNS) + "|"]
    for row in rows:
        cells = (_cell(column, row[column]) for column in _COLUMNS)
        lines.append(f"| {row[name]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(column: str, value: float) -> str:
    if column == "figures":
        return f"{value:,}"
    share = any(word in column for word in ("coverage", "inside", "expected"))
    return f"{100 * value:.0f} %" if share else f"{value:.2f}"
