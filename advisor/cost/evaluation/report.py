"""What a fit's held-out errors are, in figures: by fold, load, format, GPU, source, beside baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.evaluation.coverage import Judged, distances_without, judged
from advisor.cost.evaluation.decisions import (
    EIGHT_BITS,
    RULE_OF_THUMB,
    Block,
    DecisionScore,
    always,
    blocks,
    by_prediction,
    named_by_another_source,
    score,
    score_choices,
)
from advisor.cost.evaluation.held_out import (
    HeldOut,
    Optimum,
    leave_groups_out,
    load_class,
    quantity,
)
from advisor.cost.evaluation.learning_curve import learning_curve
from advisor.cost.fitting.evidence import DeploymentKey, release
from advisor.cost.step.roofline import roofline
from advisor.cost.uncertainty.error_class import LOADS

Figures = Mapping[str, float | int | str]
_FEWEST = 5
_HARDEST = 2
ANOTHER = "what another source measured there"


def report(optimum: Optimum, held: HeldOut, keys: Sequence[DeploymentKey]) -> dict[str, list[Figures]]:
    """Tables of figures by name; every error is |predicted ÷ measured − 1| on rows not trained on."""
    seen = held.seen
    kinds, loads = np.array(quantity(seen)), np.array(load_class(seen))
    shapes, gpus, sources = held.shapes, held.gpus, held.sources
    generations, moe = held.generations, held.moe
    formats = [row.format for row in seen.rows]
    alone = {
        name: leave_groups_out(optimum, [s if s == name else None for s in sources])
        for name in seen.sources.left_out_alone
        if name in sources
    }
    tens = [str(i % 10) for i in range(len(shapes))]
    folds: dict[str, tuple[Floats, Sequence[str]]] = {
        "rows": (held.row, tens),
        "model": (held.model, shapes),
        "GPU": (held.gpu, gpus),
        "source": (held.source, sources),
        "source, its deployments known": (held.elsewhere, sources),
        **{name: (errors, sources) for name, errors in alone.items()},
    }
    holds = _holds(held, keys, tens)
    harness = np.array([seen.sources.is_reference(row.source) for row in seen.rows])
    dense = ~np.array(moe)
    new = np.array([g == "v1" for g in generations])
    loaded = loads == "loaded"
    what = {
        "single-stream latency (paper's harness)": harness & (loads == "single"),
        "maximum throughput (paper's harness)": harness & (loads == "maximum") & (kinds == "throughput"),
        "TPOT, one stream (others)": ~harness & (loads == "single") & (kinds == "tpot"),
        "TTFT, one stream (others)": ~harness & (loads == "single") & (kinds == "ttft"),
        "TPOT under load": loaded & (kinds == "tpot"),
        "TPOT under load, dense models on V1": loaded & (kinds == "tpot") & dense & new,
        "TTFT under load": loaded & (kinds == "ttft"),
        "throughput under load": loaded & (kinds == "throughput"),
        "throughput under load, dense models on V1": loaded & (kinds == "throughput") & dense & new,
        "maximum throughput (others)": ~harness & (loads == "maximum") & (kinds == "throughput"),
        "static batches": loads == "batch",
    }
    percentiles = {
        name: (loads != "batch") & (kinds == name) for name in sorted(set(kinds[[" " in k for k in kinds]]))
    }

    def by(parts: Mapping[str, np.ndarray], name: str) -> list[Figures]:
        return [
            {
                "left out": fold,
                name: part,
                **_errors(errors[chosen]),
                **(holds[fold].of(chosen) if fold in holds else {}),
                **({} if groups is tens else _spread_over(groups, chosen & np.isfinite(errors))),
            }
            for fold, (errors, groups) in folds.items()
            for part, chosen in parts.items()
            if np.isfinite(errors[chosen]).sum() >= _FEWEST
        ]

    single, maximum = list(what.values())[:2]
    return {
        "by_fold": by(what, "quantity"),
        "by_percentile": by(percentiles, "percentile"),
        "by_model": _split(
            held.model,
            [row.model for row in seen.rows],
            {"single": single, "maximum": maximum, "loaded": loaded},
        ),
        "by_format": _split(held.model, formats, {"single": single, "maximum": maximum, "loaded": loaded}),
        "by_gpu": _split(held.gpu, gpus, {kind: loads == kind for kind in LOADS}),
        "by_generation": _split(held.model, generations, {kind: loads == kind for kind in LOADS}),
        "by_release": _split(
            held.source, [f"vLLM {release(d)}" for d in held.deployments], {"loaded": loaded}
        ),
        "by_source": _split(held.source, sources, {kind: loads == kind for kind in LOADS}),
        "baselines": _baselines(held, shapes, formats, what),
        "decisions": _decisions(held, alone, shapes),
        "learning": [*learning_curve(optimum, gpus, single)],
        "repeats": _repeats(held, shapes),
        "hardest": _hardest(held, dict(list(what.items())[:2])),
        "left_out_rows": _reasons(held),
    }


def _holds(held: HeldOut, keys: Sequence[DeploymentKey], tens: Sequence[str]) -> dict[str, Judged]:
    """Errors beside intervals made without their group, by what was left out."""
    sources = held.sources
    distances = distances_without(held, keys, sources)
    # Where another source has measured the deployment, its own records correct the prediction as well.
    of_source = np.where(np.isfinite(held.elsewhere), held.elsewhere, held.source)
    return {
        "rows": judged(held, held.row, tens, "seen"),
        "model": judged(held, held.model, held.shapes, "model"),
        "GPU": judged(held, held.gpu, held.gpus, "gpu"),
        "source": judged(held, of_source, sources, distances),
        "source, its deployments known": judged(held, held.elsewhere, sources, "seen"),
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


def _spread_over(groups: Sequence[str], rows: np.ndarray) -> dict[str, float | int]:
    """How many groups were left out in turn, and the largest one's share of the rows (a mask)."""
    _, count = np.unique(np.array(groups)[rows], return_counts=True)
    return {"groups": len(count), "largest": round(float(count.max() / count.sum()), 4)}


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
    plain = seen.log_value - np.log(seen.predict(roofline(seen.arrays)))
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


def _decisions(held: HeldOut, alone: Mapping[str, Floats], shapes: Sequence[str]) -> list[Figures]:
    seen = held.seen
    measured = np.exp(seen.log_value)
    every = blocks(seen)
    rows: list[Figures] = []

    def add(load: str, way: str, found: list[Block], choose: Callable[[Block], str]) -> None:
        if found:
            rows.append({"load": load, "by": way, **_score(score(seen, found, choose))})

    for load, counted in (
        ("single", ("single",)),
        ("maximum", ("maximum",)),
        ("both", ("single", "maximum")),
    ):
        found = [b for b in every if b.load in counted]
        add(load, "prediction, model left out", found, by_prediction(seen, measured * np.exp(-held.model)))
        add(load, "always 8 bits", found, always(EIGHT_BITS))
        add(load, "the paper's rule of thumb", found, always(RULE_OF_THUMB))
        twice = named_by_another_source(seen, found, shapes)
        if twice:
            rows.append({"load": load, "by": ANOTHER, **_score(score_choices(seen, twice))})
        for name, errors in alone.items():
            theirs = [
                b for b in found if any(seen.sources.family(seen.rows[i].source) == name for i in b.rows)
            ]
            predicted = by_prediction(seen, measured * np.exp(-errors))
            add(load, f"prediction, {name} left out", theirs, predicted)
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
        if held.seen.sources.is_reference(row.source) and row.load in ("single", "maximum"):
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
            "mean of a perfect model": round(float(np.mean(gaps)) / 2**0.5, 4),
            "its median": round(float(np.median(gaps)) / 2**0.5, 4),
        }
        for load, gaps in sorted(found.items(), reverse=True)
        if gaps
    ]


def _hardest(held: HeldOut, what: Mapping[str, np.ndarray]) -> list[Figures]:
    """Errors with the model left out: of all models, and without those that are furthest off, one by one."""
    models = np.array([row.model for row in held.seen.rows])
    found: list[Figures] = []
    for name, chosen in what.items():
        known = chosen & np.isfinite(held.model)
        off = np.abs(np.exp(-held.model) - 1.0)
        total = {model: float(off[known & (models == model)].sum()) for model in sorted(set(models[known]))}
        worst = sorted(total, key=lambda model: -total[model])[:_HARDEST]
        for count in range(len(worst) + 1):
            rest = known & ~np.isin(models, worst[:count])
            if rest.any():
                without = f"without {' and '.join(worst[:count])}" if count else "all"
                found.append({"quantity": name, "models": without, **_errors(held.model[rest])})
    return found


def _reasons(held: HeldOut) -> list[Figures]:
    counts: dict[str, int] = {}
    for _, why in held.seen.left_out:
        counts[why] = counts.get(why, 0) + 1
    return [{"why": why, "rows": n} for why, n in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))]
