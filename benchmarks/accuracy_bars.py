"""Prints the goals that the accuracy model is built to, what is reached of each, and what limits it.

    python -m benchmarks.accuracy_bars

Figures are those that the shipped fit keeps of whole base models left out. What limits: the error that the
scores' own noise causes, under which no prediction goes; of a coverage that is missed, how many figures would
have to lie inside and which do not; of a floor, what a judge would do who knew each true recovery, and whom
this one admits or refuses against the score. The true recovery cannot be seen: of its interval the goal is
that it holds as many noisy scores as it would were it right, within what chance makes of so many figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor
from typing import Any

from advisor.cost.quality.quality_model import QualityModel

COVERAGE = (0.87, 0.93)
CHANCE = 1.645
"""Standard errors to either side that nine of ten counts lie within."""
MEANS = "checkpoint means"
KINDS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "": lambda of: True,
    "in fp8": lambda of: of["format"] == "fp8",
    "in int8": lambda of: of["format"] == "int8",
    "in int8-w8a16": lambda of: of["format"] == "int8-w8a16",
    "in int4": lambda of: of["format"] == "int4",
    "in nvfp4": lambda of: of["format"] == "nvfp4",
    "of dense models": lambda of: not of["sparse"],
    "of mixtures of experts": lambda of: bool(of["sparse"]),
}
OTHERS = ("single benchmarks", "benchmarks of long context")
NAME = "figures of models left out"


def main() -> None:
    about: Mapping[str, Any] = QualityModel.shipped().about
    rows: dict[str, Mapping[str, Any]] = {row[NAME]: row for row in about["report"]}
    means = rows[MEANS]
    better = 1.0 - means["error"] / means["format_mean"]
    _say(
        "error of checkpoint means",
        "at most 0.65 points",
        f"{means['error']:.2f}",
        met=means["error"] <= 0.65,
    )
    _say("under the format's mean", "at least 30 %", f"{100 * better:.0f} %", met=better >= 0.30)
    print(
        f"        By noise alone it would be {means['noise']:.2f} points: at most "
        f"{100 * (1 - means['noise'] / means['format_mean']):.0f} % under the format's mean."
    )
    named = {f"{MEANS} {kind}".strip(): belongs for kind, belongs in KINDS.items()}
    for name in (*named, *OTHERS):
        belongs = named.get(name)
        _new_scores(name, rows[name], [of for of in about["outside"] if belongs is not None and belongs(of)])
    for name in (*named, *OTHERS):
        _true_recovery(name, rows[name])
    _floor(about["limits"], about["misjudged"])
    _beside_noise(rows)


def _new_scores(name: str, row: Mapping[str, Any], outside: Sequence[Mapping[str, Any]]) -> None:
    share, count = row["new_score_coverage"], row["figures"]
    met = COVERAGE[0] <= share <= COVERAGE[1]
    error = (0.9 * 0.1 / count) ** 0.5
    _say(f"new scores inside, {name}", "87 to 93 %", f"{100 * share:.0f} % of {count}", met=met)
    if met:
        return
    least, most = ceil(COVERAGE[0] * count - 1e-9), floor(COVERAGE[1] * count + 1e-9)
    counts = f"{least} to {most}" if least < most else f"{least}" if least == most else "no number"
    print(
        f"        Of {count} only {counts} inside is 87 to 93 %, inside are {round(share * count)}; chance "
        f"alone moves the share by ± {100 * CHANCE * error:.0f} points."
    )
    _list(outside)


def _true_recovery(name: str, row: Mapping[str, Any]) -> None:
    share, expected, count = row["true_coverage"], row["true_expected"], row["figures"]
    chance = CHANCE * (expected * (1.0 - expected) / count) ** 0.5
    apart = share - expected
    reached = f"{100 * share:.0f} % of {count}, expected {100 * expected:.0f} ± {100 * chance:.0f}"
    _say(f"scores inside true recovery, {name}", "as expected", reached, met=abs(apart) <= chance)
    if apart > chance:
        print("        Wider than it need be: most errors are small, and a few far out make the width.")
    elif apart < -chance:
        print(
            "        Narrower than it should be, or noise is larger than stated: of both is a new score's "
            "interval, above."
        )


def _floor(limits: Mapping[str, Any], misjudged: Sequence[Mapping[str, Any]]) -> None:
    below, above = limits["below"], limits["above"]
    least = 100 * limits["floor"]
    admitted, refused = limits["admitted"], limits["refused"]
    _say(
        f"admitted below {least:.0f} %", "at most 2 %", f"{admitted} of {below}", met=admitted <= 0.02 * below
    )
    print(
        f"        2 % of {below} is none. Scores fall below the floor by noise, too: a judge who knew each "
        f"true recovery would admit {limits['admitted_by_luck']:g}; were every stated probability right, "
        f"{limits['admitted_if_right']:g}."
    )
    _list([of for of in misjudged if of["seen"] < least])
    _say(f"refused above {least:.0f} %", "at most 10 %", f"{refused} of {above}", met=refused <= 0.1 * above)
    print(
        f"        He would refuse {limits['refused_by_luck']:g}; were every stated probability right, "
        f"{limits['refused_if_right']:g}: these lie nearer to the floor than models of their size and format "
        "differ."
    )
    _list([of for of in misjudged if of["seen"] >= least])


def _list(figures: Sequence[Mapping[str, Any]]) -> None:
    for of in sorted(figures, key=lambda of: (of["format"], of["model"], of["recipe"])):
        print(
            f"          {of['model']:32s} {of['format']:10s} {of['recipe']:22s} scored {of['seen']:6.2f} %, "
            f"said {of['said']:6.2f}, a new score {of['low']:.2f} to {of['high']:.2f}, true from "
            f"{of['true_low']:.2f}"
        )


def _beside_noise(rows: Mapping[str, Mapping[str, Any]]) -> None:
    print("\nError beyond what noise alone causes, and that of the format's mean, in points:")
    for kind in KINDS:
        row = rows[f"{MEANS} {kind}".strip()]
        print(
            f"  {kind or 'all':24s} {row['figures']:3d} means  {row['error'] - row['noise']:+.2f} "
            f"({row['format_mean'] - row['noise']:+.2f})"
        )


def _say(what: str, goal: str, reached: str, *, met: bool) -> None:
    print(f"{'met   ' if met else 'MISSED'}  {what:70s} {goal:20s} {reached}")


if __name__ == "__main__":
    main()
