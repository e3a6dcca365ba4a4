"""Prints the goals that the speed model is built to, what is reached of each, and what limits it.

    python -m benchmarks.bars [--errors HELD.npz]

Every figure is of rows that the fit had not seen. Errors are given twice: on all rows that ship, and on the
sources that the goals were set on. Intervals, ratios and choices are those of the shipped report. Below, for
TPOT and TTFT under load, predicted ÷ measured with the source and with the model left out, by source,
mixtures of experts and number of GPUs. A class that lies to one side keeps a figure from its goal; where two
sources of one class lie on either side, no model meets both. Takes a minute or two; `--errors` keeps the
held-out errors in a file, or takes them from it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from advisor.cost import fit_report
from advisor.cost.array_table import Bools, Floats
from advisor.cost.evaluation.error_metrics import errors_of
from advisor.cost.evaluation.held_out_errors import HeldOut
from advisor.cost.evaluation.interval_coverage import distances_without
from advisor.cost.fit_report import FitReport, IntervalFigures
from advisor.cost.learn_from_own_records import row_keys
from advisor.shipped_files import shipped
from benchmarks.replay_decisions import held_out

FIRST_SOURCES = frozenset(
    {"seed paper", "model cards", "AccelMark", "LLM-Inference-Bench", "dstack", "ROCm"}
    | {"InferenceX", "aiconfigurator", "GPUStack"}
)
"""Sources that were there when the goals were set."""
LATER_CARDS = ("L40", "DeepSeek-R1-Distill-Qwen-1.5B")
"""A GPU and a model of the cards' that came after them."""
COVERAGE = (0.87, 0.93)
FEWEST = 6
DENSE = "TPOT under load, dense models on V1"


@dataclass(frozen=True)
class Line:
    """One goal."""

    what: str
    left_out: str
    goal: str
    reached: str
    first: str
    """The same on the sources that the goal was set on; empty: not told apart."""
    met: bool
    limit: str = ""
    """What keeps the figure from its goal."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--errors", type=Path, help="keep the held-out errors in this file, or take them")
    held = held_out(parser.parse_args().errors)
    report = fit_report.read(shipped("measurements") / fit_report.NAME)
    lines = [*error_lines(held), *interval_lines(report, held), *format_lines(report)]
    print(f"{'what':<57}{'left out':<10}{'goal':>16}{'reached':>20}{'first sources':>20}  met  limited by")
    for line in lines:
        met = "yes" if line.met else "no"
        print(
            f"{line.what:<57}{line.left_out:<10}{line.goal:>16}{line.reached:>20}{line.first:>20}  {met:<5}"
            f"{line.limit}".rstrip()
        )
    for name in ("tpot", "ttft"):
        _print_classes(held, name)


def error_lines(held: HeldOut) -> list[Line]:
    """Goals for the centre of predictions."""
    kinds, loads = held.quantities, held.loads
    moe, v1 = np.array(held.moe), held.is_v1
    loaded = loads == "loaded"
    tokens, first_tokens = loaded & (kinds == "tpot"), loaded & (kinds == "ttft")
    alone = held.is_reference & (loads == "single")
    full = held.is_reference & (loads == "maximum") & (kinds == "throughput")
    first = _first(held)

    def line(what: str, left_out: str, chosen: Bools, **most: float) -> Line:
        errors = {"source": held.source, "model": held.model}[left_out]
        shown, met = [], True
        for rows in (chosen, chosen & first):
            figures = errors_of(errors[rows])
            shown.append(" / ".join(f"{getattr(figures, name):.1%}" for name in most))
            if rows is chosen:
                met = all(getattr(figures, name) <= goal for name, goal in most.items())
        goal = " / ".join(f"{one:.0%}" if one >= 0.04 else f"{one:.1%}" for one in most.values())
        groups = {"source": held.sources, "model": [row.model for row in held.seen.rows]}[left_out]
        limit = "" if met else _without_the_worst(errors[chosen], np.array(groups)[chosen], tuple(most))
        return Line(f"{what}, {' / '.join(most)}", left_out, f"≤ {goal}", shown[0], shown[1], met, limit)

    return [
        line("TPOT, dense on V1", "source", tokens & v1 & ~moe, median=0.05, mean=0.08),
        line("TTFT", "source", first_tokens, median=0.10),
        line("TPOT, mixtures of experts", "model", tokens & moe, median=0.09),
        line("single stream (paper's harness)", "model", alone, mean=0.035),
        line("maximum throughput (paper's harness)", "model", full, mean=0.08),
        _by_source(held, "TPOT", tokens & v1, first),
        _by_source(held, "TTFT", first_tokens & v1, first),
    ]


def _without_the_worst(errors: Floats, groups: np.ndarray, names: tuple[str, ...]) -> str:
    """The group without whose errors the last of the figures named is least, and all of them without it."""
    known = np.isfinite(errors)
    rest = {
        group: errors_of(errors[known & (groups != group)])
        for group in sorted(set(groups[known].tolist()))
        if (known & (groups != group)).any()
    }
    if not rest:
        return ""
    worst = min(rest, key=lambda group: float(getattr(rest[group], names[-1])))
    shown = " / ".join(f"{getattr(rest[worst], name):.1%}" for name in names)
    return f"{worst}: {shown} without it"


def _by_source(held: HeldOut, what: str, chosen: Bools, first: Bools) -> Line:
    """Predicted ÷ measured at 4 and 8 GPUs, by source: the range of the sources' medians.

    first: rows of the sources that the goal was set on.
    """
    gpus = np.array([row.num_gpus for row in held.seen.rows])
    sources, wide = np.array(held.sources), chosen & np.isin(gpus, (4, 8)) & np.isfinite(held.source)
    shown, met = [], True
    for rows in (wide, wide & first):
        medians = [
            float(np.exp(-np.median(held.source[here])))
            for name in sorted(set(sources[rows].tolist()))
            if (here := rows & (sources == name)).sum() >= FEWEST
        ]
        shown.append(f"{min(medians):.2f} to {max(medians):.2f}" if medians else "")
        if rows is wide:
            met = bool(medians) and min(medians) >= 0.93 and max(medians) <= 1.07
    name = f"{what} at TP 4 and 8, predicted ÷ measured by source"
    return Line(name, "source", "0.93 to 1.07", shown[0], shown[1], met)


def _first(held: HeldOut) -> Bools:
    """Rows of the sources that the goals were set on."""
    return np.array(
        [
            source in FIRST_SOURCES and row.gpu not in LATER_CARDS and row.model not in LATER_CARDS
            for source, row in zip(held.sources, held.seen.rows, strict=True)
        ]
    )


def interval_lines(report: FitReport, held: HeldOut) -> list[Line]:
    """Goals for the width of intervals."""
    found = {(row.left_out, row.quantity): row.intervals for row in report.by_fold}
    needed = _hindsight(held)
    known = "source, its deployments known"
    widths = [
        ("TPOT, dense on V1", known, DENSE, 1.4),
        ("TTFT", known, "TTFT under load", 2.0),
        *[("TPOT, dense on V1", far, DENSE, 1.5) for far in ("model", "GPU")],
        *[("TTFT", far, "TTFT under load", 2.4) for far in ("model", "GPU")],
    ]
    lines = [
        _width(what, "known" if far == known else far, found.get((far, of)), most, needed(what, far))
        for what, far, of, most in widths
    ]
    for what, most in (("TPOT", 0.7), ("TTFT", 1.1)):
        of = found.get(("model", f"{what} under load"))
        reached = "" if of is None else f"{of.score:.2f}"
        met = of is not None and of.score <= most
        lines.append(Line(f"{what}, interval score", "model", f"≤ {most}", reached, "", met))
    return lines


def _hindsight(held: HeldOut) -> Callable[[str, str], str]:
    """The width, from end to end, in which nine of ten errors of a quantity lie once they are known."""
    kinds, loads = held.quantities, held.loads
    moe, v1 = np.array(held.moe), held.is_v1
    keys = row_keys(held.seen)
    known = np.array([far == "seen" for far in distances_without(held, keys, held.sources)])

    def needed(what: str, far: str) -> str:
        chosen = loads == "loaded"
        chosen &= (kinds == "tpot") & v1 & ~moe if what.startswith("TPOT") else kinds == "ttft"
        errors = {"model": held.model, "GPU": held.gpu}.get(far, np.where(known, held.source, np.nan))[chosen]
        low, high = np.quantile(errors[np.isfinite(errors)], (0.05, 0.95))
        return f"scatter: ×{np.exp(high - low):.2f} with hindsight"

    return needed


def _width(what: str, left_out: str, of: IntervalFigures | None, most: float, limit: str = "") -> Line:
    if of is None:
        return Line(what, left_out, f"≤ ×{most}", "none", "", False)
    met = of.width <= most and COVERAGE[0] <= of.coverage <= COVERAGE[1]
    reached = f"×{of.width:.2f}, {of.coverage:.1%}"
    goal = f"≤ ×{most}, 90 %"
    return Line(f"{what}, width and coverage", left_out, goal, reached, "", met, "" if met else limit)


def format_lines(report: FitReport) -> list[Line]:
    """Goals for what is asked of two formats."""
    lines = [
        _width(
            f"ratio of formats, {row.quantity.removesuffix(', loaded')}, "
            + ("FP4" if row.kernels.startswith("FP4") else "no FP4"),
            row.left_out,
            row.intervals,
            1.25,
        )
        for row in report.ratios
        if row.left_out == "model" and row.quantity.endswith("loaded")
    ]
    for row in report.decisions:
        if (row.load, row.by) == ("maximum", "prediction, model left out"):
            met = row.near >= 0.96 and row.regret <= 0.008
            reached = f"{row.near:.1%} / {row.regret:.1%}"
            goal = "≥ 96% / ≤ 0.8%"
            lines.append(Line("format named first, within 2 % / regret", "model", goal, reached, "", met))
    return lines


def _print_classes(held: HeldOut, kind: str) -> None:
    kinds, loads = held.quantities, held.loads
    classes: dict[tuple[str, str, str, int], list[int]] = {}
    columns = zip(held.seen.rows, held.sources, held.generations, held.moe, strict=True)
    for i, (row, source, generation, moe) in enumerate(columns):
        if kinds[i] == kind and loads[i] == "loaded":
            classes.setdefault((generation, "MoE" if moe else "dense", source, row.num_gpus), []).append(i)
    print(f"\n{kind.upper()} under load: median of predicted ÷ measured, median error")
    print(f"{'engine':<8}{'model':<7}{'source':<22}{'GPUs':>5}{'rows':>6}{'source out':>18}{'model out':>18}")
    for (generation, model, source, gpus), at in sorted(classes.items()):
        if len(at) < FEWEST:
            continue
        shown = [_signed(errors[at]) for errors in (held.source, held.model)]
        print(f"{generation:<8}{model:<7}{source:<22}{gpus:>5}{len(at):>6}{shown[0]:>18}{shown[1]:>18}")


def _signed(errors: Floats) -> str:
    known = errors[np.isfinite(errors)]
    if not len(known):
        return "–"
    return f"×{np.exp(-np.median(known)):.2f}, {np.median(np.abs(np.expm1(-known))):.1%}"


if __name__ == "__main__":
    main()
