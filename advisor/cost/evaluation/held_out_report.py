"""The report of a fit's held-out errors: by fold, load, format, GPU and source, beside baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.evaluation.error_metrics import errors_of
from advisor.cost.evaluation.fit_without_rows import Optimum
from advisor.cost.evaluation.format_choice_score import (
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
from advisor.cost.evaluation.held_out_errors import HeldOut, leave_groups_out
from advisor.cost.evaluation.interval_coverage import Judged, distances_without, judged
from advisor.cost.evaluation.learning_curve import learning_curve
from advisor.cost.evaluation.uncertainty_calibration import (
    deciles,
    known_best,
    points,
    ratio_rows,
    reliability,
)
from advisor.cost.fit_report import (
    BaselineRow,
    DecisionRow,
    FitReport,
    FoldRow,
    HardestRow,
    ReasonRow,
    RepeatRow,
    SplitRow,
)
from advisor.cost.fitting.measured_deployments import DeploymentKey
from advisor.cost.step.roofline import roofline
from advisor.cost.uncertainty.error_class import LOADS

_FEWEST = 5
_HARDEST = 2
ANOTHER = "what another source measured there"
SINGLE, MAXIMUM = "single-stream latency (paper's harness)", "maximum throughput (paper's harness)"


def report(optimum: Optimum, held: HeldOut, keys: Sequence[DeploymentKey], text: str) -> FitReport:
    """Tables of figures; every error is |predicted ÷ measured − 1| on rows not trained on.

    keys: of each row's deployment. text: one sentence about the fit.
    """
    seen = held.seen
    loads, sources = held.loads, held.sources
    alone = {
        name: leave_groups_out(optimum, [s if s == name else None for s in sources])
        for name in seen.sources.left_out_alone
        if name in sources
    }
    holds = _holds(held, keys)
    what = _quantities(held)
    loaded = loads == "loaded"
    parts = {"single": what[SINGLE], "maximum": what[MAXIMUM], "loaded": loaded}
    every_load: dict[str, Bools] = {kind: loads == kind for kind in LOADS}
    formats = [row.format for row in seen.rows]
    return FitReport(
        text=text,
        noise=dict(sorted(optimum.problem.noise.items())),
        deployments=known_best(held, keys, holds["source"]),
        by_fold=_by_fold(held, alone, holds, what),
        by_percentile=_by_fold(held, alone, holds, _percentiles(held)),
        ratios=ratio_rows(held),
        deciles=deciles(held, holds["source"]),
        reliability=reliability(held, holds["source"]),
        points=points(held, holds["source"]),
        decisions=_decisions(held, alone),
        repeats=_repeats(held),
        hardest=_hardest(held, {name: what[name] for name in (SINGLE, MAXIMUM)}),
        learning=learning_curve(optimum, held.gpus, what[SINGLE]),
        baselines=_baselines(held, formats, what),
        by_model=_split(held.model, [row.model for row in seen.rows], parts),
        by_format=_split(held.model, formats, parts),
        by_gpu=_split(held.gpu, held.gpus, every_load),
        by_generation=_split(held.model, held.generations, every_load),
        by_release=_split(
            held.source, [f"vLLM {d.engine.release}" for d in held.deployments], {"loaded": loaded}
        ),
        by_source=_split(held.source, sources, every_load),
        left_out_rows=_reasons(held),
    )


def _quantities(held: HeldOut) -> dict[str, Bools]:
    """Rows of each quantity that is reported by itself."""
    kinds, loads = held.quantities, held.loads
    harness, dense = held.is_reference, ~np.array(held.moe) & held.is_v1
    loaded = loads == "loaded"
    return {
        SINGLE: harness & (loads == "single"),
        MAXIMUM: harness & (loads == "maximum") & (kinds == "throughput"),
        "TPOT, one stream (others)": ~harness & (loads == "single") & (kinds == "tpot"),
        "TTFT, one stream (others)": ~harness & (loads == "single") & (kinds == "ttft"),
        "TPOT under load": loaded & (kinds == "tpot"),
        "TPOT under load, dense models on V1": loaded & (kinds == "tpot") & dense,
        "TTFT under load": loaded & (kinds == "ttft"),
        "throughput under load": loaded & (kinds == "throughput"),
        "throughput under load, dense models on V1": loaded & (kinds == "throughput") & dense,
        "maximum throughput (others)": ~harness & (loads == "maximum") & (kinds == "throughput"),
        "static batches": loads == "batch",
    }


def _percentiles(held: HeldOut) -> dict[str, Bools]:
    kinds, loads = held.quantities, held.loads
    return {name: (loads != "batch") & (kinds == name) for name in sorted({k for k in kinds if " " in k})}


def _by_fold(
    held: HeldOut, alone: Mapping[str, Floats], holds: Mapping[str, Judged], what: Mapping[str, Bools]
) -> tuple[FoldRow, ...]:
    folds: dict[str, tuple[Floats, Sequence[str] | None]] = {
        "rows": (held.row, None),
        "model": (held.model, held.shapes),
        "GPU": (held.gpu, held.gpus),
        "source": (held.source, held.sources),
        "source, its deployments known": (held.elsewhere, held.sources),
        **{name: (errors, held.sources) for name, errors in alone.items()},
    }
    rows = []
    for fold, (errors, groups) in folds.items():
        for name, chosen in what.items():
            known = chosen & np.isfinite(errors)
            if known.sum() < _FEWEST:
                continue
            count = None if groups is None else np.unique(np.array(groups)[known], return_counts=True)[1]
            rows.append(
                FoldRow(
                    left_out=fold,
                    quantity=name,
                    errors=errors_of(errors[known]),
                    intervals=holds[fold].of(chosen) if fold in holds else None,
                    groups=None if count is None else len(count),
                    largest=None if count is None else round(float(count.max() / count.sum()), 4),
                )
            )
    return tuple(rows)


def _holds(held: HeldOut, keys: Sequence[DeploymentKey]) -> dict[str, Judged]:
    """Errors beside intervals made without their group, by what was left out."""
    sources, tens = held.sources, [str(i % 10) for i in range(len(keys))]
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


def _split(errors: Floats, labels: Sequence[str], parts: Mapping[str, Bools]) -> tuple[SplitRow, ...]:
    names = np.array(labels)
    return tuple(
        SplitRow(of=label, load=part, errors=errors_of(errors[here]))
        for label in sorted(set(labels))
        for part, chosen in parts.items()
        if np.isfinite(errors[here := chosen & (names == label)]).sum() >= _FEWEST
    )


def _baselines(held: HeldOut, formats: Sequence[str], what: Mapping[str, Bools]) -> tuple[BaselineRow, ...]:
    """Errors of simpler models on these rows: the data sheets alone, and these times a mean ratio per
    format.
    """
    seen = held.seen
    plain = seen.log_value - np.log(seen.predict(roofline(seen.arrays)))
    shape, fmt = np.array(held.shapes), np.array(formats)
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
    return tuple(
        BaselineRow(baseline=way, quantity=name, errors=errors_of(errors[chosen]))
        for way, errors in ways.items()
        for name, chosen in what.items()
        if np.isfinite(errors[chosen]).sum() >= _FEWEST
    )


def _decisions(held: HeldOut, alone: Mapping[str, Floats]) -> tuple[DecisionRow, ...]:
    seen = held.seen
    measured = np.exp(seen.log_value)
    every = blocks(seen)
    rows: list[DecisionRow] = []

    def add(load: str, way: str, found: list[Block], choose: Callable[[Block], str]) -> None:
        if found:
            rows.append(_decision(load, way, score(seen, found, choose)))

    for load, counted in (
        ("single", ("single",)),
        ("maximum", ("maximum",)),
        ("both", ("single", "maximum")),
    ):
        found = [b for b in every if b.load in counted]
        add(load, "prediction, model left out", found, by_prediction(seen, measured * np.exp(-held.model)))
        add(load, "always 8 bits", found, always(EIGHT_BITS))
        add(load, "the paper's rule of thumb", found, always(RULE_OF_THUMB))
        twice = named_by_another_source(seen, found, held.shapes)
        if twice:
            rows.append(_decision(load, ANOTHER, score_choices(seen, twice)))
        for name, errors in alone.items():
            theirs = [
                b for b in found if any(seen.sources.family(seen.rows[i].source) == name for i in b.rows)
            ]
            predicted = by_prediction(seen, measured * np.exp(-errors))
            add(load, f"prediction, {name} left out", theirs, predicted)
    return tuple(rows)


def _decision(load: str, by: str, found: DecisionScore) -> DecisionRow:
    return DecisionRow(
        load=load,
        by=by,
        blocks=found.blocks,
        best=round(found.best, 4),
        near=round(found.near, 4),
        regret=round(found.regret, 4),
    )


def _repeats(held: HeldOut) -> tuple[RepeatRow, ...]:
    """How far two sources differ on the same cell of the same shape: no model can do better."""
    groups: dict[tuple[object, ...], dict[str, list[float]]] = {}
    for row, shape in zip(held.seen.rows, held.shapes, strict=True):
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
    return tuple(
        RepeatRow(
            load=load,
            pairs=len(gaps),
            mean=round(float(np.mean(gaps)), 4),
            median=round(float(np.median(gaps)), 4),
        )
        for load, gaps in sorted(found.items(), reverse=True)
        if gaps
    )


def _hardest(held: HeldOut, what: Mapping[str, Bools]) -> tuple[HardestRow, ...]:
    """Errors with the model left out: of all models, and without those that are furthest off, one by one."""
    models = np.array([row.model for row in held.seen.rows])
    found: list[HardestRow] = []
    for name, chosen in what.items():
        known = chosen & np.isfinite(held.model)
        off = np.abs(np.exp(-held.model) - 1.0)
        total = {model: float(off[known & (models == model)].sum()) for model in sorted(set(models[known]))}
        worst = sorted(total, key=lambda model: -total[model])[:_HARDEST]
        for count in range(len(worst) + 1):
            rest = known & ~np.isin(models, worst[:count])
            if rest.any():
                without = f"without {' and '.join(worst[:count])}" if count else "all"
                found.append(HardestRow(quantity=name, models=without, errors=errors_of(held.model[rest])))
    return tuple(found)


def _reasons(held: HeldOut) -> tuple[ReasonRow, ...]:
    counts: dict[str, int] = {}
    for _, why in held.seen.left_out:
        counts[why] = counts.get(why, 0) + 1
    ordered = sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))
    return tuple(ReasonRow(why=why, rows=n) for why, n in ordered)
