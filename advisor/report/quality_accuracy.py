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


def quality_markdown(about: Mapping[str, Any]) -> str:
    """The section for an accuracy fit, from what its file says of itself."""
    limits = about["limits"]
    judged = (
        f"Judged against a floor of {100 * limits['floor']:.0f} % at confidence {limits['confidence']:g}: of "
        f"{limits['below']} checkpoints whose measured mean lies below the floor {limits['admitted']} are "
        f"admitted, of {limits['above']} above it {limits['refused']} are refused."
    )
    return "\n\n".join((_TEXT, str(about["text"]), _table(about["report"]), judged)) + "\n"


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
    return f"{100 * value:.0f} %" if "coverage" in column or "expected" in column else f"{value:.2f}"
