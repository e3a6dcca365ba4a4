"""Prints the goals that the accuracy model is built to, what is reached of each, and what limits it.

    python -m benchmarks.accuracy_bars

Figures are those that the shipped fit keeps of whole base models left out. A share of n figures has a
standard error: with 14 of a format, 87 to 93 % is 13 of them and nothing else. What limits: the error that
the scores' own noise causes, under which no prediction goes; of a floor, what a judge would do who knew each
true recovery; and for each format how far the error is from that of noise alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advisor.cost.quality.recovery import QualityModel

COVERAGE = (0.87, 0.93)
MEANS = "checkpoint means"
KINDS = ("in fp8", "in int8", "in int8-w8a16", "in int4", "in nvfp4", "of dense models")
MIXTURES, LONG = "of mixtures of experts", "benchmarks of long context"
NAME = "figures of models left out"


def main() -> None:
    about = QualityModel.shipped().about
    report: Any = about["report"]
    rows: dict[str, Mapping[str, Any]] = {row[NAME]: row for row in report}
    limits: Any = about["limits"]
    means = rows[MEANS]
    better = 1.0 - means["error"] / means["format_mean"]
    _say("error of checkpoint means", "at most 0.65 points", f"{means['error']:.2f}", means["error"] <= 0.65)
    _say("under the format's mean", "at least 30 %", f"{100 * better:.0f} %", better >= 0.30)
    for name in (MEANS, *(f"{MEANS} {kind}" for kind in (*KINDS, MIXTURES)), "single benchmarks", LONG):
        _coverage(name, rows[name])
    below, above = limits["below"], limits["above"]
    admitted, refused = limits["admitted"] / below, limits["refused"] / above
    _say(
        "admitted below a floor of 98 %", "at most 2 %", f"{limits['admitted']} of {below}", admitted <= 0.02
    )
    _say("refused above it", "at most 10 %", f"{limits['refused']} of {above}", refused <= 0.10)
    print(
        f"\nWhat limits. By noise alone the error of means would be {means['noise']:.2f}: at most "
        f"{100 * (1 - means['noise'] / means['format_mean']):.0f} % under the format's mean. A judge who "
        f"knew every true recovery would admit {limits['admitted_by_luck']:g} of {below} and refuse "
        f"{limits['refused_by_luck']:g} of {above}, as scores fall on the other side of the floor by chance; "
        f"were every stated probability right, {limits['admitted_if_right']:g} and "
        f"{limits['refused_if_right']:g}. By format, error − noise alone (the format's mean − noise alone):"
    )
    for kind in (*KINDS, MIXTURES):
        row = rows[f"{MEANS} {kind}"]
        print(
            f"  {kind:24s} {row['figures']:3d} means  {row['error'] - row['noise']:+.2f} "
            f"({row['format_mean'] - row['noise']:+.2f}) points"
        )


def _coverage(name: str, row: Mapping[str, Any]) -> None:
    """Both intervals: a new score's share, and the true recovery's against what noisy scores let expect."""
    share, count = row["new_score_coverage"], row["figures"]
    error = (0.9 * 0.1 / count) ** 0.5
    within = COVERAGE[0] <= share <= COVERAGE[1]
    _say(
        f"new scores inside, {name}",
        "87 to 93 %",
        f"{100 * share:.0f} % of {count} (± {100 * error:.0f}); true interval "
        f"{100 * row['true_coverage']:.0f} %, expected {100 * row['true_expected']:.0f}",
        within,
    )


def _say(what: str, goal: str, reached: str, met: bool) -> None:
    print(f"{'met   ' if met else 'MISSED'}  {what:58s} {goal:20s} {reached}")


if __name__ == "__main__":
    main()
