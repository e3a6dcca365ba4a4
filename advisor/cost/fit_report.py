"""What a fit's held-out errors are, in figures: by fold, load, format, GPU, source, beside baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from advisor.cost.decisions import (
    EIGHT_BITS,
    RULE_OF_THUMB,
    Block,
    DecisionScore,
    always,
    blocks,
    by_prediction,
    score,
)
from advisor.cost.features import Floats
from advisor.cost.fit import family
from advisor.cost.fit_file import shape_key
from advisor.cost.held_out import PAPER_HARNESS, HeldOut, Optimum, leave_groups_out, load_class, quantity
from advisor.cost.intervals import ALL, LOADS, build, key
from advisor.cost.learning_curve import learning_curve
from advisor.cost.roofline import predict_roofline
from advisor.spec.engine import defaults

Figures = Mapping[str, float | int | str]
_FEWEST = 5


def report(optimum: Optimum, held: HeldOut) -> dict[str, list[Figures]]:
    """Tables of figures by name; every error is |predicted ÷ measured − 1| on rows not trained on."""
    seen = held.seen
    kinds, loads = np.array(quantity(seen)), np.array(load_class(seen))
    shapes = [shape_key(d.model) for d in held.deployments]
    gpus = [d.gpu.name for d in held.deployments]
    sources = [family(row.source) for row in seen.rows]
    generations = [defaults(d.engine, d.gpu).generation for d in held.deployments]
    formats = [row.format for row in seen.rows]
    paper = leave_groups_out(optimum, [s if s == "seed paper" else None for s in sources])
    folds: dict[str, tuple[Floats, Sequence[str]]] = {
        "rows": (held.row, [str(i % 10) for i in range(len(shapes))]),
        "model": (held.model, shapes),
        "GPU": (held.gpu, gpus),
        "source": (held.source, sources),
        "seed paper": (paper, sources),
    }
    harness = np.isin(sources, PAPER_HARNESS)
    what = {
        "single-stream latency (paper's harness)": harness & (loads == "single"),
        "maximum throughput (paper's harness)": harness & (loads == "maximum") & (kinds == "throughput"),
        "TPOT, one stream (others)": ~harness & (loads == "single") & (kinds == "tpot"),
        "TTFT, one stream (others)": ~harness & (loads == "single") & (kinds == "ttft"),
        "TPOT under load": (loads == "loaded") & (kinds == "tpot"),
        "TTFT under load": (loads == "loaded") & (kinds == "ttft"),
        "throughput under load": (loads == "loaded") & (kinds == "throughput"),
        "static batches": loads == "batch",
    }
    classes = list(zip(kinds.tolist(), loads.tolist(), generations, strict=True))
    by_fold: list[Figures] = [
        {
            "left out": fold,
            "quantity": name,
            **_errors(errors[chosen]),
            **_coverage(errors, groups, classes, chosen),
        }
        for fold, (errors, groups) in folds.items()
        for name, chosen in what.items()
        if np.isfinite(errors[chosen]).sum() >= _FEWEST
    ]
    single, maximum = list(what.values())[:2]
    return {
        "by_fold": by_fold,
        "by_format": _split(held.model, formats, {"single": single, "maximum": maximum}),
        "by_gpu": _split(held.gpu, gpus, {kind: loads == kind for kind in LOADS}),
        "by_generation": _split(held.model, generations, {kind: loads == kind for kind in LOADS}),
        "by_source": _split(held.source, sources, {kind: loads == kind for kind in LOADS}),
        "baselines": _baselines(held, shapes, formats, what),
        "decisions": _decisions(optimum, held, paper),
        "learning": [*learning_curve(optimum, gpus, single)],
        "repeats": _repeats(held, shapes),
        "left_out_rows": _reasons(held),
    }


def _errors(log_errors: Floats) -> dict[str, float | int]:
    """rows, mean, median and p90 of the error."""
    known = log_errors[np.isfinite(log_errors)]
    errors = np.abs(np.exp(-known) - 1.0)
    return {
        "rows": len(errors),
        "mean": round(float(errors.mean()), 4),
        "median": round(float(np.median(errors)), 4),
        "p90": round(float(np.quantile(errors, 0.9)), 4),
    }


def _coverage(
    errors: Floats, groups: Sequence[str], classes: Sequence[tuple[str, str, str]], chosen: np.ndarray
) -> dict[str, float]:
    """Share of rows within 90 % intervals made from the other groups' errors, and the median width.

    A group's own errors never make its interval: this is the coverage that a new model (GPU, source)
    meets. Nothing is said where the other groups hold too little to make one.
    """
    labels = np.array(groups)
    kinds, loads, generations = zip(*classes, strict=True)
    inside: list[bool] = []
    widths: list[float] = []
    for group in sorted(set(labels[chosen])):
        mine = chosen & (labels == group) & np.isfinite(errors)
        others = np.where(labels == group, np.nan, errors)
        intervals = build(kinds, loads, generations, {"model": others})
        for i in np.flatnonzero(mine):
            named = [key(kinds[i], loads[i], engine, "model") for engine in (generations[i], ALL)]
            interval = next((intervals.table[k] for k in named if k in intervals.table), None)
            if interval is not None:
                inside.append(bool(interval.low <= errors[i] <= interval.high))
                widths.append(float(np.exp(interval.high) - np.exp(interval.low)) / 2)
    if len(inside) < _FEWEST:
        return {}
    return {
        "coverage": round(float(np.mean(inside)), 4),
        "half_width": round(float(np.median(widths)), 4),
    }


def _split(errors: Floats, labels: Sequence[str], parts: Mapping[str, np.ndarray]) -> list[Figures]:
    names = np.array(labels)
    return [
        {"of": label, "load": part, **_errors(errors[here])}
        for label in sorted(set(labels))
        for part, chosen in parts.items()
        if np.isfinite(errors[here := chosen & (names == label)]).sum() >= _FEWEST
    ]


def _baselines(
    held: HeldOut, shapes: Sequence[str], formats: Sequence[str], what: Mapping[str, np.ndarray]
) -> list[Figures]:
    """The same rows by simpler means: the data sheets alone, and these times a mean ratio per format."""
    seen = held.seen
    plain = seen.log_value - np.log(predict_roofline(seen))
    shape, fmt = np.array(shapes), np.array(formats)
    by_format = np.full(len(plain), np.nan)
    for chosen in what.values():
        for one in sorted(set(shape[chosen])):
            for f in sorted(set(fmt[chosen])):
                others = plain[chosen & (shape != one) & (fmt == f)]
                others = others[np.isfinite(others)]
                mine = chosen & (shape == one) & (fmt == f)
                if len(others):
                    by_format[mine] = plain[mine] - np.median(others)
    ways = {"pure roofline": plain, "roofline × format's ratio, model left out": by_format}
    return [
        {"baseline": way, "quantity": name, **_errors(errors[chosen])}
        for way, errors in ways.items()
        for name, chosen in what.items()
        if np.isfinite(errors[chosen]).sum() >= _FEWEST
    ]


def _decisions(optimum: Optimum, held: HeldOut, paper: Floats) -> list[Figures]:
    seen = held.seen
    measured = np.exp(seen.log_value)
    every = blocks(seen)
    own = [b for b in every if any(family(seen.rows[i].source) == "seed paper" for i in b.rows)]
    rows: list[Figures] = []

    def add(load: str, way: str, found: list[Block], choose: Callable[[Block], str]) -> None:
        if found:
            rows.append({"load": load, "by": way, **_score(score(seen, found, choose))})

    for load in ("single", "maximum"):
        found = [b for b in every if b.load == load]
        add(load, "prediction, model left out", found, by_prediction(seen, measured * np.exp(-held.model)))
        add(load, "always 8 bits", found, always(EIGHT_BITS))
        add(load, "the paper's rule of thumb", found, always(RULE_OF_THUMB))
        theirs = [b for b in own if b.load == load]
        add(load, "prediction, seed paper left out", theirs, by_prediction(seen, measured * np.exp(-paper)))
    return rows


def _score(found: DecisionScore) -> dict[str, float | int]:
    return {
        "blocks": found.blocks,
        "best": round(found.best, 4),
        "within 2 %": round(found.near, 4),
        "regret": round(found.regret, 4),
    }


def _repeats(held: HeldOut, shapes: Sequence[str]) -> list[Figures]:
    """How far two sources differ on the same cell of the same shape: no model can do better."""
    groups: dict[tuple[object, ...], dict[str, list[float]]] = {}
    for row, shape in zip(held.seen.rows, shapes, strict=True):
        if family(row.source) in PAPER_HARNESS and row.load in ("single", "maximum"):
            cell: tuple[object, ...] = (
                row.load,
                shape,
                row.format,
                row.gpu,
                row.num_gpus,
                row.input_tokens,
                row.output_tokens,
            )
            groups.setdefault(cell, {}).setdefault(row.source, []).append(row.value)
    found: dict[str, list[float]] = {}
    for cell, values in groups.items():
        means = [float(np.mean(v)) for v in values.values()]
        for i, first in enumerate(means):
            found.setdefault(str(cell[0]), []).extend(abs(first / other - 1.0) for other in means[i + 1 :])
    return [
        {
            "load": load,
            "pairs": len(gaps),
            "mean": round(float(np.mean(gaps)), 4),
            "median": round(float(np.median(gaps)), 4),
        }
        for load, gaps in sorted(found.items(), reverse=True)
        if gaps
    ]


def _reasons(held: HeldOut) -> list[Figures]:
    counts: dict[str, int] = {}
    for _, why in held.seen.left_out:
        counts[why] = counts.get(why, 0) + 1
    return [{"why": why, "rows": n} for why, n in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))]
